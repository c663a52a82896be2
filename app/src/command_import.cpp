#include <fmt/format.h>

#include "neurojoule/app/model_exchange.hpp"
#include "neurojoule/models/model_file.hpp"

#include "commands.hpp"
#include "output_file.hpp"

namespace nj {
namespace {

/// Writes a model; what it cannot say in this form is the user's error, a full disk is not.
void write(const Model& model, const std::filesystem::path& out, std::optional<double> dt) {
  try {
    export_model(model, out, dt);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
    throw InputError(error.what());
  }
  std::uint64_t weights = 0;
  for (const LayerId id : model.network.weighted_layers()) {
    weights += model.weights[id.index]->weight.size();
  }
  fmt::print("{}: {} layers, {} weights, {} time steps\n", out.string(), model.network.size(),
             weights, model.timesteps);
}

}  // namespace

int ImportCommand::execute() const {
  const Model model = checked_input([&] {
    require_extension(out, "a model file", ".h5");
    return import_model(source, has_nir_options ? std::optional(nir) : std::nullopt);
  });
  write(model, out, std::nullopt);
  return exit_done;
}

int ExportCommand::execute() const {
  const Model model = checked_input([&] {
    require_extension(file, "a model file", ".h5");
    return read_model_file(file);
  });
  write(model, out, dt);
  return exit_done;
}

}  // namespace nj
