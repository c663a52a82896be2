#include "neurojoule/core/yaml.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/leading_zero.hpp"
#include "neurojoule/core/plain_text.hpp"

#include "yaml_node.hpp"

namespace nj {
namespace {

/// A scalar as YAML flow text: plain when only harmless characters are in it, else double-quoted.
std::string quoted_if_needed(std::string_view scalar) {
  constexpr std::string_view harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+ ";
  const bool plain = !scalar.empty() && scalar != "null" && scalar.front() != ' ' &&
                     scalar.back() != ' ' && scalar.front() != '-' &&
                     scalar.find_first_not_of(harmless) == std::string_view::npos;
  const bool number = scalar.starts_with('-') && scalar.size() > 1 &&
                      scalar.find_first_not_of("0123456789.eE-+") == std::string_view::npos;
  if (plain || number) return std::string(scalar);
  std::string text = "\"";
  for (const char c : scalar) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace

std::optional<YamlNode> YamlNode::find(std::string_view key) const {
  if (node_->kind == Node::Kind::null) return std::nullopt;
  if (node_->kind != Node::Kind::map) throw error("expected a map of keys");
  node_->asked.emplace(key);
  for (const Node::Entry& entry : node_->entries) {
    if (entry.key != key) continue;
    entry.value->read = true;
    if (entry.value->kind == Node::Kind::null) return std::nullopt;
    return YamlNode(state_, entry.value);
  }
  return std::nullopt;
}

std::optional<YamlNode> YamlNode::peek(std::string_view key) const {
  for (const Node::Entry& entry : node_->entries) {
    if (entry.key != key) continue;
    if (entry.value->kind == Node::Kind::null) return std::nullopt;
    return YamlNode(state_, entry.value);
  }
  return std::nullopt;
}

YamlNode YamlNode::at(std::string_view key) const {
  if (auto node = find(key)) return *node;
  std::vector<std::string> present;
  for (const Node::Entry& entry : node_->entries) {
    if (entry.key == key) throw YamlNode(state_, entry.value).error("expected a value, got none");
    present.push_back(entry.key);
  }
  const std::string nearest = suggestion(key, present);
  throw error(fmt::format(
      "lacks the key '{}'{}", key,
      nearest.empty() ? "" : fmt::format(" ('{}' is there)", *did_you_mean(key, present))));
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::entries() const {
  if (node_->kind == Node::Kind::null) return {};
  if (node_->kind != Node::Kind::map) throw error("expected a map of keys");
  std::vector<std::pair<std::string, YamlNode>> result;
  for (const Node::Entry& entry : node_->entries) {
    entry.value->read = true;
    if (entry.value->kind == Node::Kind::null) continue;
    result.emplace_back(entry.key, YamlNode(state_, entry.value));
  }
  return result;
}

std::vector<YamlNode> YamlNode::elements() const {
  if (node_->kind != Node::Kind::sequence) throw error("expected a list");
  std::vector<YamlNode> result;
  for (const Node* element : node_->elements) {
    element->read = true;
    result.push_back(YamlNode(state_, element));
  }
  return result;
}

std::vector<YamlNode> YamlNode::one_or_more() const {
  if (!is_sequence()) return {*this};
  std::vector<YamlNode> result = elements();
  if (result.empty()) throw error("expected at least one value");
  return result;
}

bool YamlNode::is_map() const { return node_->kind == Node::Kind::map; }
bool YamlNode::is_sequence() const { return node_->kind == Node::Kind::sequence; }
bool YamlNode::is_scalar() const { return node_->kind == Node::Kind::scalar; }

std::string YamlNode::text() const {
  if (!is_scalar()) {
    throw error(node_->kind == Node::Kind::null ? "expected a value, got none"
                                                : "expected one value, got a list or map");
  }
  return node_->scalar;
}

std::string YamlNode::name() const {
  std::string word = text();
  if (word.empty()) throw error("expected a name");
  if (const auto flaw = name_flaw(word)) throw error(flaw->what);
  return word;
}

bool YamlNode::boolean() const {
  const std::string word = text();
  if (word == "true") return true;
  if (word == "false") return false;
  throw error(fmt::format("expected true or false, got '{}'", word));
}

std::int64_t YamlNode::integer(std::int64_t min, std::int64_t max) const {
  const std::string word = text();
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool out_of_range = code == std::errc::result_out_of_range;
  if ((code != std::errc{} && !out_of_range) || end != word.data() + word.size()) {
    throw error(fmt::format("expected a whole number, got '{}'", word));
  }
  if (has_leading_zero(word)) throw error(fmt::format("{}, got '{}'", leading_zero, word));
  if (out_of_range || value < min || value > max) {
    throw error(fmt::format("expected {}..{}, got {}", min, max, word));
  }
  return value;
}

double YamlNode::real(double min, double max) const {
  const std::string word = text();
  double value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size() || !std::isfinite(value)) {
    throw error(fmt::format("expected a number, got '{}'", word));
  }
  if (has_leading_zero(word)) throw error(fmt::format("{}, got '{}'", leading_zero, word));
  if (value < min || value > max)
    throw error(fmt::format("expected {}..{}, got {}", min, max, word));
  return value;
}

template <class Q>
Q YamlNode::quantity() const {
  try {
    const Q value = parse_quantity<Q>(text());
    if (value < Q{}) throw error(fmt::format("expected no negative value, got '{}'", text()));
    return value;
  } catch (const Error& failure) {
    if (failure.location().line || !failure.location().file.empty()) throw;
    throw error(failure.message());
  }
}

template Picojoules YamlNode::quantity<Picojoules>() const;
template Picoseconds YamlNode::quantity<Picoseconds>() const;
template Bits YamlNode::quantity<Bits>() const;
template Microwatts YamlNode::quantity<Microwatts>() const;
template Volts YamlNode::quantity<Volts>() const;
template Nanometres YamlNode::quantity<Nanometres>() const;
template SquareMillimetres YamlNode::quantity<SquareMillimetres>() const;
template Hertz YamlNode::quantity<Hertz>() const;

std::size_t YamlNode::index_of(const std::vector<std::string_view>& names) const {
  const std::string word = text();
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) {
    throw error(fmt::format("expected one of {}, got '{}'", fmt::join(names, ", "), word));
  }
  return static_cast<std::size_t>(found - names.begin());
}

std::string YamlNode::flow(Nulls nulls) const {
  node_->read = true;
  std::vector<std::string> parts;
  switch (node_->kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::scalar:
      return quoted_if_needed(node_->scalar);
    case Node::Kind::sequence:
      for (const YamlNode& element : elements()) parts.push_back(element.flow(nulls));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case Node::Kind::map:
      for (const Node::Entry& entry : node_->entries) {
        const std::string value = YamlNode(state_, entry.value).flow(nulls);
        if (nulls == Nulls::left_out && entry.value->kind == Node::Kind::null) continue;
        parts.push_back(fmt::format("{}: {}", quoted_if_needed(entry.key), value));
      }
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return "";
}

Location YamlNode::location() const { return node_->location; }

Error YamlNode::error(const std::string& message, ErrorKind kind) const {
  return {kind, message, node_->location};
}

}  // namespace nj
