#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/app/check.hpp"
#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/report.hpp"
#include "neurojoule/datasets/event_stream.hpp"
#include "neurojoule/datasets/nmnist.hpp"
#include "neurojoule/models/layer_list.hpp"
#include "neurojoule/models/model_file.hpp"
#include "neurojoule/models/safetensors.hpp"

#include "chip_text.hpp"
#include "commands.hpp"
#include "file_kind.hpp"
#include "limits_text.hpp"
#include "text_table.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

std::string describe_checkpoint(const fs::path& file) {
  const SafetensorsFile checkpoint = read_safetensors(file);
  TextTable table({"tensor", "shape", "values"}, 2);
  std::uint64_t values = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    table.add({name, to_string(tensor.shape), fmt::format("{}", tensor.values.size())});
    values += tensor.values.size();
  }
  std::string text;
  for (const auto& [key, value] : checkpoint.metadata) text += fmt::format("{}: {}\n", key, value);
  text += table.render() + fmt::format("{} tensors, {} values", checkpoint.tensors.size(), values);
  if (!checkpoint.integers.empty()) {
    text += fmt::format(", and {} tensors of integers", checkpoint.integers.size());
  }
  return text + "\n";
}

std::string describe_events(const EventStream& stream) {
  const EventSummary summary = summarize(stream);
  return fmt::format(
      "sensor     {} x {} pixels\nevents     {} ({} ON, {} OFF)\ntime       {} .. {} us\n",
      stream.width, stream.height, summary.count, summary.on, summary.count - summary.on,
      summary.first_us, summary.last_us);
}

/// One row per layer; formats where the network is quantized.
std::string layer_table(const Network& network, const QuantizedNetwork* quantized) {
  std::vector<std::string> header = {"layer", "kind", "output", "weights", "dense ops"};
  if (quantized != nullptr) header.emplace_back("format");
  TextTable table(header, 2);
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerSpec& layer = network.layer({i});
    const auto shape = weight_shape(layer.op);
    const std::uint64_t operations = dense_operations(network, {i});
    std::vector<std::string> cells = {layer.name, std::string(kind_name(layer.op)),
                                      to_string(network.output_shape({i})),
                                      shape ? fmt::format("{}", shape->elements()) : "",
                                      operations != 0 ? fmt::format("{}", operations) : ""};
    if (quantized != nullptr && shape) cells.push_back(to_string(quantized->weight_format({i})));
    table.add(std::move(cells));
  }
  return table.render();
}

/// The operands that are read a time step late, the first few by name.
std::string late_operands(const Network& network) {
  constexpr std::size_t listed = 8;
  std::vector<std::string> names;
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    for (const Operand& operand : network.operands({i})) {
      if (operand.delay == 0 || ++count > listed) continue;
      names.push_back(
          fmt::format("{} of {}", network.layer({i}).name, network.layer(operand.source).name));
    }
  }
  if (count == 0) return "";
  return fmt::format("read a time step late: {}{}\n", fmt::join(names, ", "),
                     count > listed ? fmt::format(", .. ({} in all)", count) : "");
}

/// The layers, and what they cost a dense implementation.
std::string describe_layers(const Network& network, const QuantizedNetwork* quantized) {
  std::uint64_t operations = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) operations += dense_operations(network, {i});
  return fmt::format("{}{}{} dense operations per time step\n", layer_table(network, quantized),
                     late_operands(network), operations);
}

std::string describe_family(const std::string& name, const FamilySpec& spec,
                            const QuantizedNetwork* quantized) {
  const ParameterCount count = parameter_count(spec.parameters);
  return fmt::format(
      "{}: {}, form {}, {} time steps\n{}{} parameters in the state dict, {} with BatchNorm "
      "folded\n",
      name, to_string(spec.parameters.family), to_string(spec.parameters.form), spec.timesteps,
      describe_layers(build_network(spec.parameters), quantized), count.state_dict, count.folded);
}

/// A network that is not one of a family.
std::string describe_network(const std::string& name, const Network& network,
                             std::uint32_t timesteps, const QuantizedNetwork* quantized) {
  std::uint64_t parameters = 0;
  for (const LayerId id : network.weighted_layers()) {
    const WeightShape shape = *weight_shape(network.layer(id).op);
    parameters += shape.elements() + shape.out;
  }
  return fmt::format("{}: {} layers, {} time steps\n{}{} weights and biases\n", name,
                     network.size(), timesteps, describe_layers(network, quantized), parameters);
}

std::string describe_model(const std::string& name, const Model& model) {
  return describe_network(name, model.network, model.timesteps, nullptr);
}

std::string describe_quantized(const Scenario& scenario, const PreparedRun& prepared) {
  const QuantizedNetwork& quantized = prepared.network;
  if (const auto* spec = std::get_if<FamilySpec>(&scenario.model)) {
    return describe_family(scenario.name, *spec, &quantized);
  }
  return describe_network(scenario.name, quantized.network(), quantized.timesteps(), &quantized);
}

/// How a network is tiled for an array, one row per layer.
std::string tiling_table(const PreparedRun& prepared) {
  const MappedChip& mapped = *prepared.chip;
  const Network& network = prepared.network.network();
  TextTable table({"layer on the array", "tiles", "tile [C, H, W]", "PEs used", "limits"}, 3);
  for (const TilingReport& report :
       explain_tiling(network, prepared.populations, mapped.widths, mapped.chip, mapped.mapping)) {
    const LayerTiling& tiling = report.tiling;
    table.add(
        {network.layer(prepared.populations[tiling.population].lead).name,
         fmt::format("{} x {} x {}", tiling.channel_tiles, tiling.row_tiles, tiling.column_tiles),
         fmt::format("[{}, {}, {}]", tiling.tile_channels, tiling.tile_rows, tiling.tile_columns),
         fmt::format("{:.1f} %", 100.0 * static_cast<double>(report.neurons) /
                                     static_cast<double>(report.pe_slots)),
         limits_text(report.limits)});
  }
  return table.render();
}

/// The network of a scenario, and how it lies on its chip.
std::string describe_prepared(const Scenario& scenario, const PreparedRun& prepared) {
  std::string text = describe_quantized(scenario, prepared);
  text += fmt::format("weights take {}, {:.3f} effective bits each\n",
                      to_string(Bits(prepared.network.weight_storage_bits())),
                      mean_effective_bits(prepared.network));
  if (prepared.chip) {
    text += fit_line(prepared) + "\n";
    if (prepared.chip->chip.spec().array) text += tiling_table(prepared);
  }
  return text;
}

std::string describe_scenario(const fs::path& file) {
  const Batch batch = read_batch(file, {});
  const Scenario& scenario = batch.points.front().scenario;
  if (weights_path(scenario.model).empty()) {
    return describe_family(scenario.name, std::get<FamilySpec>(scenario.model), nullptr) +
           "no checkpoint, so it cannot be run\n";
  }
  const CheckedScenario checked = check(scenario);
  std::string text = describe_prepared(scenario, checked.prepared);
  if (batch.is_batch) text += fmt::format("the first of {} points\n", batch.points.size());
  return text + absent_lines(checked.absent);
}

std::string describe_search(const fs::path& file) {
  const SearchScenario search = read_search(file, {});
  const CheckedSearch checked = check(search);
  return fmt::format("{}search of {}\n{}",
                     describe_prepared(search.scenario, checked.scenario.prepared),
                     to_string(checked.size), absent_lines(checked.scenario.absent));
}

std::string describe_lone_model(const LoneModel& model, const fs::path& directory) {
  if (const auto* spec = std::get_if<FamilySpec>(&model.source)) {
    return describe_family(model.name, *spec, nullptr);
  }
  return describe_model(model.name, load_model(model.source, directory));
}

std::string describe_yaml(const fs::path& file) {
  switch (file_kind(file)) {
    case FileKind::price_table: {
      const PriceTable table = load_price_table(file, find_price_table);
      return fmt::format("{}: {} entries for {}\n", full_name(table), table.entries.size(),
                         to_string(table.process));
    }
    case FileKind::chip:
      return describe_chip(load_chip(file, find_chip));
    case FileKind::search:
      return describe_search(file);
    case FileKind::layers:
      return describe_model(file.stem(), read_model_yaml(file));
    case FileKind::scenario:
      break;
  }
  const auto model = read_lone_model(file);
  return model ? describe_lone_model(*model, file.parent_path()) : describe_scenario(file);
}

std::string describe(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".yaml" || extension == ".yml") return describe_yaml(file);
  if (extension == ".safetensors") return describe_checkpoint(file);
  if (extension == ".h5") {
    if (!is_model_file(file)) return describe_events(load_events(file));
    return describe_model(file.stem(), read_model_file(file));
  }
  if (extension == ".bin") return describe_events(read_nmnist(file));
  throw Error(ErrorKind::unsupported,
              "expected a .yaml, .safetensors, .h5 (model, events) or .bin (N-MNIST) file",
              {.file = file.string()});
}

}  // namespace

int InfoCommand::execute() const {
  fmt::print("{}", checked_input([&] { return describe(file); }));
  return exit_done;
}

}  // namespace nj
