#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/model_file.hpp"

#include "layer_text.hpp"
#include "model_file_layout.hpp"

namespace nj {
namespace model_file {
namespace {

/// Writes what layers say as attributes of a group.
struct AttributeSink {
  Hdf5Writer& writer;
  std::string path;

  void text(std::string_view name, const std::string& value) const {
    writer.attribute(path, std::string(name), value);
  }
  void word(std::string_view name, std::string_view value) const { text(name, std::string(value)); }
  void integers(std::string_view name, const std::vector<std::int64_t>& values) const {
    if (values.size() == 1) {
      writer.attribute(path, std::string(name), values[0]);
    } else {
      writer.attribute(path, std::string(name), values);
    }
  }
  void real(std::string_view name, double value) const {
    if (value == std::numeric_limits<double>::infinity()) return word(name, "none");
    writer.attribute(path, std::string(name), value);
  }
};

void check_size(const Model& model) {
  std::uint64_t values = 0;
  for (const auto& layer : model.weights) {
    if (layer) values += layer->weight.size() + layer->bias.size();
  }
  if (model.network.size() > max_model_layers || values > max_model_weights) {
    throw Error(ErrorKind::capacity,
                fmt::format("a model file holds up to {} layers and {} weights, got {} and {}",
                            max_model_layers, max_model_weights, model.network.size(), values));
  }
}

}  // namespace

std::string layer_path(std::size_t index) { return fmt::format("/layers/{:05}", index); }

std::vector<std::uint64_t> weight_extents(const WeightShape& shape) {
  return {shape.out, shape.in, shape.kernel.y, shape.kernel.x};
}

std::map<std::string, std::string> units() {
  std::map<std::string, std::string> units{{"timesteps", std::string(fields::time_step)},
                                           {"weight", std::string(fields::no_unit)},
                                           {"bias", std::string(fields::no_unit)}};
  const auto collect = [&](const fields::Field& field, const auto&) {
    if (!field.unit.empty()) units.emplace(field.name, field.unit);
  };
  for (const Operator& op : fields::all_operators()) {
    std::visit([&](const auto& parameters) { fields::visit_fields(parameters, collect); }, op);
  }
  return units;
}

}  // namespace model_file

void write_model_file(const Model& model, const std::filesystem::path& file) {
  validate(model);
  model_file::check_size(model);
  Hdf5Writer writer(file);
  writer.attribute("/", "format", std::string(model_file::format));
  const bool quantized =
      std::any_of(model.weights.begin(), model.weights.end(),
                  [](const auto& weights) { return weights && weights->integers; });
  writer.attribute("/", "version", quantized ? quantized_model_file_version : model_file_version);
  writer.attribute("/", "timesteps", std::int64_t{model.timesteps});
  for (const auto& [name, unit] : model_file::units()) writer.attribute("/units", name, unit);
  for (std::uint32_t i = 0; i < model.network.size(); ++i) {
    model_file::AttributeSink sink{writer, model_file::layer_path(i)};
    fields::write_layer(model.network, {i}, sink);
    if (!model.weights[i]) continue;
    const WeightShape shape = *weight_shape(model.network.layer({i}).op);
    if (const auto& tensor = model.weights[i]->integers) {
      sink.text("format", to_string(tensor->format));
      writer.write<std::int16_t>(sink.path + "/integers", tensor->integers,
                                 model_file::weight_extents(shape));
      writer.write<double>(sink.path + "/scales", tensor->scales, {tensor->scales.size()});
    } else {
      writer.write<float>(sink.path + "/weight", model.weights[i]->weight,
                          model_file::weight_extents(shape));
    }
    writer.write<float>(sink.path + "/bias", model.weights[i]->bias, {shape.out});
  }
  writer.commit();
}

}  // namespace nj
