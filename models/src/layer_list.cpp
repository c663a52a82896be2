#include "neurojoule/models/layer_list.hpp"

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/core/plain_text.hpp"
#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/models/model_file.hpp"

#include "layer_text.hpp"

namespace nj {
namespace {

/// What a layer says as a map of YAML. A source of layer_text.hpp.
class LayerNode {
 public:
  explicit LayerNode(const YamlNode& node) : node_(node) {}

  [[nodiscard]] std::string text(std::string_view name) const { return node_.at(name).text(); }

  [[nodiscard]] std::vector<std::int64_t> integers(const fields::Field& field, std::size_t least,
                                                   std::size_t most) const {
    const auto value = find(field);
    if (!value) return {};
    const auto min = static_cast<std::int64_t>(field.min);
    const auto max = static_cast<std::int64_t>(field.max);
    if (least == 1 && !value->is_sequence()) return {value->integer(min, max)};
    std::vector<std::int64_t> numbers;
    for (const YamlNode& element : value->elements()) numbers.push_back(element.integer(min, max));
    if (numbers.size() != most) {
      throw value->error(fmt::format("expected {} numbers, got {}", most, numbers.size()));
    }
    return numbers;
  }

  [[nodiscard]] std::optional<double> real(const fields::Field& field) const {
    const auto value = find(field);
    if (!value) return std::nullopt;
    if (field.none && value->text() == "none") return std::numeric_limits<double>::infinity();
    return value->real(field.min, field.max);
  }

  [[nodiscard]] std::optional<std::size_t> word(const fields::Field& field,
                                                const std::vector<std::string_view>& words) const {
    const auto value = find(field);
    if (!value) return std::nullopt;
    std::vector<std::pair<std::string_view, std::size_t>> choices;
    for (std::size_t i = 0; i < words.size(); ++i) choices.emplace_back(words[i], i);
    return value->one_of(choices);
  }

 private:
  [[nodiscard]] std::optional<YamlNode> find(const fields::Field& field) const {
    return field.required ? node_.at(field.name) : node_.find(field.name);
  }

  const YamlNode& node_;
};

/// Writes what a layer says as a map of YAML on one line.
struct FlowSink {
  std::vector<std::string> entries;

  void text(std::string_view name, const std::string& value) { word(name, yaml_quoted(value)); }
  void word(std::string_view name, std::string_view value) {
    entries.push_back(fmt::format("{}: {}", name, value));
  }
  void integers(std::string_view name, const std::vector<std::int64_t>& values) {
    const bool one = values.size() == 1 || (values.size() == 2 && values[0] == values[1]);
    word(name, one ? fmt::format("{}", values[0]) : fmt::format("[{}]", fmt::join(values, ", ")));
  }
  void real(std::string_view name, double value) {
    const bool infinite = value == std::numeric_limits<double>::infinity();
    word(name, infinite ? "none" : fmt::format("{}", value));
  }
};

Network::Draft read_draft(const YamlNode& node) {
  LayerNode source(node);
  Network::Draft draft = fields::read_layer(source);
  try {
    fields::check_name(draft.name);
  } catch (const Error& error) {
    throw node.at("name").error(error.message(), error.kind());
  }
  return draft;
}

}  // namespace

Network read_network_yaml(const YamlNode& layers) {
  const std::vector<YamlNode> nodes = layers.elements();
  if (nodes.size() > max_model_layers) {
    throw layers.error(fmt::format("more than {} layers", max_model_layers), ErrorKind::capacity);
  }
  std::vector<Network::Draft> drafts;
  std::map<std::string, const YamlNode*> places;
  for (const YamlNode& node : nodes) {
    drafts.push_back(read_draft(node));
    places[drafts.back().name] = &node;
  }
  try {
    return Network::build(std::move(drafts));
  } catch (const Error& error) {
    const auto place = places.find(error.location().key);
    if (place == places.end()) throw layers.error(error.message(), error.kind());
    throw place->second->error(fmt::format("layer '{}': {}", place->first, error.message()),
                               error.kind());
  }
}

std::string to_yaml(const Network& network, std::size_t indent) {
  std::string text = fmt::format("{:{}}layers:\n", "", indent);
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    FlowSink sink;
    fields::write_layer(network, {i}, sink);
    text += fmt::format("{:{}}- {{{}}}\n", "", indent + 2, fmt::join(sink.entries, ", "));
  }
  return text;
}

Model read_model_yaml(const std::filesystem::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  const YamlNode root = document.root();
  const auto timesteps = static_cast<std::uint32_t>(root.at("timesteps").integer(1, 1024));
  const std::string weights = root.at("weights").text();
  Network network = read_network_yaml(root.at("layers"));
  document.finish();
  return attach_weights(std::move(network), read_safetensors(file.parent_path() / weights),
                        timesteps);
}

void write_model_yaml(const Model& model, const std::filesystem::path& file) {
  validate(model);
  if (const auto flaw = text_flaw(file.filename().string())) {
    throw Error(ErrorKind::config, fmt::format("a YAML file cannot hold this name: {}", flaw->what),
                {.file = file.string()});
  }
  const std::string layers = to_yaml(model.network);
  const std::filesystem::path weights =
      std::filesystem::path(file).replace_extension(".safetensors");
  write_safetensors(weights, weight_tensors(model));
  write_file_atomically(file, fmt::format("timesteps: {}\nweights: {}\n{}", model.timesteps,
                                          yaml_quoted(weights.filename().string()), layers));
}

}  // namespace nj
