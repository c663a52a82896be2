#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/models/family.hpp"
#include "neurojoule/models/model.hpp"

namespace nj {

/// A network in a model file (docs/model-file.md).
struct ModelFile {
  std::string path;  ///< relative to the scenario file
  friend bool operator==(const ModelFile&, const ModelFile&) = default;
};

/// A scenario's `model:` block: a family with its checkpoint, or a model file.
using ModelSource = std::variant<FamilySpec, ModelFile>;

/// Reads `{file: model.h5}`, or a block that read_family takes. Throws: Error(config) at the value
/// that is wrong; unknown keys are found by `YamlDocument::finish`.
ModelSource read_model_source(const YamlNode& node);

/// The block with every default written out, one key per line, each line after `indent` blanks.
std::string to_yaml(const ModelSource& source, std::size_t indent = 0);

/// The path of the checkpoint or model file as it is written; empty: a family without a checkpoint.
const std::string& weights_path(const ModelSource& source);
/// The same source with its weights elsewhere.
ModelSource with_weights_path(ModelSource source, const std::string& path);

/// Reads the network with its weights; paths start at `directory`.
/// Throws: as load_model of a family, or read_model_file.
Model load_model(const ModelSource& source, const std::filesystem::path& directory);

/// False where the logits say nothing: there is no head, or all its weights and biases are 0.
bool has_classifier(const Model& model);

}  // namespace nj
