#include "neurojoule/app/model_exchange.hpp"

#include <fmt/format.h>

#include "neurojoule/app/scenario.hpp"
#include "neurojoule/models/layer_list.hpp"
#include "neurojoule/models/model_file.hpp"
#include "neurojoule/models/nir_file.hpp"
#include "neurojoule/models/safetensors.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// An error of a conversion, which knows the node or layer, gets the file.
template <class Convert>
auto in_file(const fs::path& file, Convert&& convert) {
  try {
    return convert();
  } catch (const Error& error) {
    Location location = error.location();
    if (location.file.empty()) location.file = file.string();
    throw Error(error.kind(), error.message(), location);
  }
}

Model load(const ModelSource& source, const fs::path& file) {
  if (weights_path(source).empty()) {
    throw Error(ErrorKind::config, "names no checkpoint, so there are no weights to import",
                {.file = file.string(), .key = "model"});
  }
  return load_model(source, file.parent_path());
}

Model import_scenario(const fs::path& file) {
  if (const auto lone = read_lone_model(file)) return load(lone->source, file);
  const Batch batch = read_batch(file, {});
  if (batch.is_batch) {
    throw Error(ErrorKind::config, "a model is imported of a single scenario, not of a batch",
                {.file = file.string()});
  }
  return load(batch.points.front().scenario.model, file);
}

Model import_yaml(const fs::path& file) {
  if (YamlDocument::load(file).root().find("layers")) return read_model_yaml(file);
  return import_scenario(file);
}

[[noreturn]] void refuse_source(const fs::path& source, const std::string& extension) {
  std::string message = "expected a .nir file, or a .yaml file with a model or its layers";
  if (extension == ".safetensors") {
    message +=
        "; a checkpoint alone does not say what network it is of: import the scenario that names "
        "it";
  } else if (extension == ".h5") {
    message += "; a model file needs no import";
  } else if (extension == ".pt" || extension == ".pth" || extension == ".ckpt") {
    message +=
        "; tools/export_checkpoint.py takes the weights out of a PyTorch checkpoint, and a "
        "scenario names them";
  }
  throw Error(ErrorKind::unsupported, message, {.file = source.string()});
}

}  // namespace

Model import_model(const fs::path& source, const std::optional<NirImportOptions>& nir) {
  const std::string extension = source.extension().string();
  if (extension == ".nir") {
    return in_file(source,
                   [&] { return import_nir(read_nir(source), nir.value_or(NirImportOptions{})); });
  }
  if (extension != ".yaml" && extension != ".yml") refuse_source(source, extension);
  if (nir) {
    throw Error(ErrorKind::config, "time steps, dt, step, reset and input values are for NIR only",
                {.file = source.string()});
  }
  return import_yaml(source);
}

void export_model(const Model& model, const fs::path& file, std::optional<double> step_seconds) {
  const std::string extension = file.extension().string();
  if (extension == ".nir") {
    NirExportOptions options;
    options.dt = step_seconds.value_or(options.dt);
    write_nir(file, in_file(file, [&] { return export_nir(model, options); }));
    return;
  }
  if (step_seconds) {
    throw Error(ErrorKind::config, "dt is for NIR only", {.file = file.string()});
  }
  if (extension == ".h5") {
    in_file(file, [&] { write_model_file(model, file); });
  } else if (extension == ".safetensors") {
    write_safetensors(file, weight_tensors(model));
  } else if (extension == ".yaml" || extension == ".yml") {
    in_file(file, [&] { write_model_yaml(model, file); });
  } else {
    throw Error(ErrorKind::unsupported, "expected .h5, .nir, .safetensors or .yaml",
                {.file = file.string()});
  }
}

}  // namespace nj
