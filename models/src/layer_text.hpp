#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "layer_fields.hpp"

// Layers to and from what a file can hold: lists of integers, real numbers, words and texts. Model
// files and layer lists each give a source and a sink of these.
namespace nj::fields {

/// Checks that files can hold a layer's name: 1..256 bytes without control characters.
/// Throws: Error(config), key = the name.
void check_name(const std::string& name);
/// Checks that a parameter is in its range. Throws: Error(config), key = layer name.
void check_range(const Field& field, double value, const std::string& layer);

/// Reads parameters from a source. Where a field is optional and left out, the source gives nothing
/// and the parameter keeps its default. A source has
///   std::vector<std::int64_t> integers(field, least, most): empty, or least..most numbers in range
///   std::optional<double> real(field): in range, or infinity
///   std::optional<std::size_t> word(field, words): the index of the word
///   std::string text(name): of a name that must be there
template <class Source>
struct Reader {
  Source& source;

  template <std::integral T>
  requires(!Choice<T>) void operator()(const Field& field, T& value) const {
    const auto numbers = source.integers(field, 1, 1);
    if (!numbers.empty()) value = static_cast<T>(numbers[0]);
  }
  void operator()(const Field& field, Extent& value) const {
    const auto numbers = source.integers(field, 1, 2);
    if (!numbers.empty()) {
      value = {static_cast<std::uint32_t>(numbers.front()),
               static_cast<std::uint32_t>(numbers.back())};
    }
  }
  void operator()(const Field& field, FeatureShape& value) const {
    const auto numbers = source.integers(field, 3, 3);
    if (!numbers.empty()) {
      value = {static_cast<std::uint32_t>(numbers[0]), static_cast<std::uint32_t>(numbers[1]),
               static_cast<std::uint32_t>(numbers[2])};
    }
  }
  void operator()(const Field& field, double& value) const {
    if (const auto number = source.real(field)) value = *number;
  }
  template <Choice T>
  void operator()(const Field& field, T& value) const {
    const auto words = words_of(value);
    if (const auto index = source.word(field, {words.begin(), words.end()})) {
      value = static_cast<T>(*index);
    }
  }
};

/// Reads one layer: name, kind, operands, parameters.
template <class Source>
Network::Draft read_layer(Source& source) {
  Network::Draft draft;
  draft.name = source.text("name");
  draft.op = all_operators()[*source.word(Field{"kind", true}, kind_words())];
  for (const Port port : operand_ports(draft.op)) {
    draft.operands.push_back({source.text(to_string(port)), port});
    const auto delay = source.integers(delay_steps(port), 1, 1);
    if (!delay.empty()) draft.operands.back().delay = static_cast<std::uint32_t>(delay[0]);
  }
  std::visit([&](auto& op) { visit_fields(op, Reader<Source>{source}); }, draft.op);
  return draft;
}

/// Writes parameters to a sink, which has
///   void integers(name, std::vector<std::int64_t>), void real(name, double), void word(name, word)
///   and void text(name, std::string)
template <class Sink>
struct Writer {
  Sink& sink;
  const std::string& layer;

  template <std::integral T>
  requires(!Choice<T>) void operator()(const Field& field, T value) const {
    integers(field, {std::int64_t{value}});
  }
  void operator()(const Field& field, const Extent& value) const {
    integers(field, {value.y, value.x});
  }
  void operator()(const Field& field, const FeatureShape& value) const {
    integers(field, {value.channels, value.height, value.width});
  }
  void operator()(const Field& field, double value) const {
    if (!field.none || value != std::numeric_limits<double>::infinity()) {
      check_range(field, value, layer);
    }
    sink.real(field.name, value);
  }
  template <Choice T>
  void operator()(const Field& field, T value) const {
    sink.word(field.name, words_of(value)[static_cast<std::size_t>(value)]);
  }

 private:
  void integers(const Field& field, const std::vector<std::int64_t>& values) const {
    for (const std::int64_t value : values) {
      check_range(field, static_cast<double>(value), layer);
    }
    sink.integers(field.name, values);
  }
};

/// Writes one layer, every parameter included; of delays those that are.
template <class Sink>
void write_layer(const Network& network, LayerId id, Sink& sink) {
  const LayerSpec& layer = network.layer(id);
  check_name(layer.name);
  sink.text("name", layer.name);
  sink.word("kind", kind_word(layer.op));
  for (const Operand& operand : network.operands(id)) {
    sink.text(to_string(operand.port), network.layer(operand.source).name);
    if (operand.delay != 0) sink.integers(delay_steps(operand.port).name, {operand.delay});
  }
  const Writer<Sink> writer{sink, layer.name};
  std::visit([&](const auto& op) { visit_fields(op, writer); }, layer.op);
}

}  // namespace nj::fields
