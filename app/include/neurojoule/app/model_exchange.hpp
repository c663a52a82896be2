#pragma once

#include <filesystem>
#include <optional>

#include "neurojoule/models/model.hpp"
#include "neurojoule/models/nir_model.hpp"

namespace nj {

/// Reads a model of the form that the file's extension says: a NIR graph (`.nir`), or YAML: a
/// scenario or a `model:` block alone, whose checkpoint is read, or a list of layers.
///
/// `nir` are the options of NIR graphs; for other forms there must be none. Throws: Error with the
/// file: unsupported (another extension), config (a batch, no checkpoint, options); Error as
/// import_nir, read_scenario, load_model or read_model_yaml.
Model import_model(const std::filesystem::path& source, const std::optional<NirImportOptions>& nir);

/// Writes a model in the form of the file's extension: a model file (`.h5`), a NIR graph (`.nir`),
/// its weights (`.safetensors`), or a list of layers (`.yaml`) with the weights beside it under the
/// same name. `step_seconds` is a time step of a NIR graph; for other forms there must be none.
/// Throws: Error(unsupported) for another extension; Error as export_nir and the writers.
void export_model(const Model& model, const std::filesystem::path& file,
                  std::optional<double> step_seconds);

}  // namespace nj
