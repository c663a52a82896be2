#include <fmt/format.h>

#include "neurojoule/app/report.hpp"
#include "neurojoule/app/run.hpp"
#include "neurojoule/datasets/event_stream.hpp"
#include "neurojoule/datasets/nmnist.hpp"
#include "neurojoule/models/family.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/safetensors.hpp"

#include "commands.hpp"
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

std::string describe_chip(const Chip& chip) {
  const ChipSpec& spec = chip.spec();
  std::string text = fmt::format(
      "{}: {}\n{}\nmesh of {} x {} tiles, {} cores, barrier {}\n", spec.name, spec.description,
      to_string(Process{spec.node, spec.voltage}), spec.topology.width, spec.topology.height,
      chip.cores().size(), to_string(spec.barrier));
  TextTable table({"core kind", "memory", "cores", "neurons", "capacity", "word"}, 2);
  for (std::uint32_t kind = 0; kind < spec.core_kinds.size(); ++kind) {
    const CoreKindSpec& core = spec.core_kinds[kind];
    for (const MemoryUnit unit : memory_units) {
      if (const auto& memory = core.memory(unit)) {
        table.add({core.name, std::string(to_string(unit)),
                   fmt::format("{}", chip.cores_of_kind(kind)), fmt::format("{}", core.max_neurons),
                   to_string(memory->capacity), fmt::format("{} bit", memory->word_bits)});
      }
    }
  }
  return text + table.render();
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

std::string describe_model(const std::string& name, const FamilySpec& spec,
                           const QuantizedNetwork* quantized) {
  const Network network = build_network(spec.parameters);
  std::uint64_t operations = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) operations += dense_operations(network, {i});
  const ParameterCount count = parameter_count(spec.parameters);
  return fmt::format(
      "{}: {}, form {}, {} time steps\n{}{} dense operations per time step\n{} parameters in the "
      "state dict, {} with BatchNorm folded\n",
      name, to_string(spec.parameters.family), to_string(spec.parameters.form), spec.timesteps,
      layer_table(network, quantized), operations, count.state_dict, count.folded);
}

std::string describe_scenario(const fs::path& file) {
  const Batch batch = read_batch(file, {});
  const Scenario& scenario = batch.points.front().scenario;
  if (scenario.model.checkpoint.empty()) {
    return describe_model(scenario.name, scenario.model, nullptr) +
           "no checkpoint, so it cannot be run\n";
  }
  const PreparedRun prepared = prepare(scenario);
  std::string text = describe_model(scenario.name, scenario.model, &prepared.network);
  text += fmt::format("weights take {}, {:.3f} effective bits each\n",
                      to_string(Bits(prepared.network.weight_storage_bits())),
                      mean_effective_bits(prepared.network));
  if (prepared.chip) {
    text += fmt::format("fits {}: {} of {} cores\n", prepared.chip->chip.spec().name,
                        prepared.chip->mapping.slices.size(), prepared.chip->chip.cores().size());
  }
  if (batch.is_batch) text += fmt::format("the first of {} points\n", batch.points.size());
  return text;
}

/// Whether a file holds a `model:` block alone.
bool is_model(const YamlNode& root) {
  bool found = false;
  for (const auto& [key, value] : root.entries()) {
    if (key != "name" && key != "model") return false;
    found = found || key == "model";
  }
  return found;
}

std::string describe_model_file(const fs::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  const auto name = document.root().find("name");
  const FamilySpec spec = read_family(document.root().at("model"));
  document.finish();
  return describe_model(name ? name->text() : file.stem().string(), spec, nullptr);
}

std::string describe_yaml(const fs::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  if (document.root().find("topology")) return describe_chip(load_chip(file));
  if (document.root().find("entries")) {
    const PriceTable table = load_price_table(file);
    return fmt::format("{}: {} entries for {}\n", table.name, table.entries.size(),
                       to_string(table.process));
  }
  return is_model(document.root()) ? describe_model_file(file) : describe_scenario(file);
}

std::string describe(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".yaml" || extension == ".yml") return describe_yaml(file);
  if (extension == ".safetensors") return describe_checkpoint(file);
  if (extension == ".h5") return describe_events(load_events(file));
  if (extension == ".bin") return describe_events(read_nmnist(file));
  throw Error(ErrorKind::unsupported,
              "expected a .yaml, .safetensors, .h5 (events) or .bin (N-MNIST) file",
              {.file = file.string()});
}

}  // namespace

int InfoCommand::execute() const {
  fmt::print("{}", checked_input([&] { return describe(file); }));
  return exit_done;
}

}  // namespace nj
