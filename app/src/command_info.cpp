#include <fmt/format.h>

#include "neurojoule/app/report.hpp"
#include "neurojoule/app/run.hpp"
#include "neurojoule/datasets/event_stream.hpp"
#include "neurojoule/datasets/nmnist.hpp"
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
  return text + table.render() +
         fmt::format("{} tensors, {} float32 values\n", checkpoint.tensors.size(), values);
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

std::string describe_scenario(const fs::path& file) {
  const Batch batch = read_batch(file, {});
  const PreparedRun prepared = prepare(batch.points.front().scenario);
  const Network& network = prepared.network.network();
  TextTable table({"layer", "kind", "output", "weights", "format"}, 2);
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerSpec& layer = network.layer({i});
    const auto shape = weight_shape(layer.op);
    table.add({layer.name, std::string(kind_name(layer.op)), to_string(network.output_shape({i})),
               shape ? fmt::format("{}", shape->elements()) : "",
               shape ? to_string(prepared.network.weight_format({i})) : ""});
    if (shape) total += shape->elements();
  }
  std::string text = fmt::format("{}: {} time steps\n{}", prepared.scenario.name,
                                 prepared.network.timesteps(), table.render());
  text += fmt::format("{} weights, {} of storage, {:.3f} effective bits each\n", total,
                      to_string(Bits(prepared.network.weight_storage_bits())),
                      mean_effective_bits(prepared.network));
  if (prepared.chip) {
    text += fmt::format("fits {}: {} of {} cores\n", prepared.chip->chip.spec().name,
                        prepared.chip->mapping.slices.size(), prepared.chip->chip.cores().size());
  }
  if (batch.is_batch) text += fmt::format("the first of {} points\n", batch.points.size());
  return text;
}

std::string describe_yaml(const fs::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  if (document.root().find("topology")) return describe_chip(load_chip(file));
  if (document.root().find("entries")) {
    const PriceTable table = load_price_table(file);
    return fmt::format("{}: {} entries for {}\n", table.name, table.entries.size(),
                       to_string(table.process));
  }
  return describe_scenario(file);
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
