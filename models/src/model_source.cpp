#include "neurojoule/models/model_source.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/models/checkpoint.hpp"
#include "neurojoule/models/model_file.hpp"

namespace nj {
namespace {

bool all_zero(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 0.0F; });
}

}  // namespace

ModelSource read_model_source(const YamlNode& node) {
  const auto file = node.find("file");
  if (!file) return read_family(node);
  if (const auto family = node.find("family")) {
    throw family->error("a model file says itself what network it holds: either family or file");
  }
  if (file->text().empty()) throw file->error("expected the path of a model file");
  return ModelFile{file->text()};
}

std::string to_yaml(const ModelSource& source, std::size_t indent) {
  if (const auto* spec = std::get_if<FamilySpec>(&source)) return to_yaml(*spec, indent);
  return fmt::format("{:{}}file: {}\n", "", indent, yaml_quoted(weights_path(source)));
}

const std::string& weights_path(const ModelSource& source) {
  if (const auto* spec = std::get_if<FamilySpec>(&source)) return spec->checkpoint;
  return std::get<ModelFile>(source).path;
}

ModelSource with_weights_path(ModelSource source, const std::string& path) {
  if (auto* spec = std::get_if<FamilySpec>(&source)) {
    spec->checkpoint = path;
  } else {
    std::get<ModelFile>(source).path = path;
  }
  return source;
}

Model load_model(const ModelSource& source, const std::filesystem::path& directory) {
  if (const auto* spec = std::get_if<FamilySpec>(&source)) return load_model(*spec, directory);
  return read_model_file(directory / weights_path(source));
}

bool has_classifier(const Model& model) {
  return std::ranges::any_of(model.network.weighted_layers(), [&](LayerId id) {
    const LayerWeights& weights = *model.weights[id.index];
    return std::holds_alternative<ClassifierHead>(model.network.layer(id).op) &&
           !(all_zero(weights.weight) && all_zero(weights.bias));
  });
}

}  // namespace nj
