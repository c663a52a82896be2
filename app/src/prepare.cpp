#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/run.hpp"
#include "neurojoule/core/plain_text.hpp"
#include "neurojoule/hardware/chip_file.hpp"

#include "located_file.hpp"
#include "scenario_chip.hpp"

// Everything that a scenario names, loaded and checked: its network, on its chip.
namespace nj {
namespace {

/// How many violations an error lists.
constexpr std::size_t listed_violations = 8;

std::vector<LayerWidths> widths_of(const QuantizedNetwork& quantized) {
  const Network& network = quantized.network();
  std::vector<LayerWidths> widths(network.size());
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerId id{i};
    const Operator& op = network.layer(id).op;
    LayerWidths& width = widths[i];
    if (has_weights(op)) {
      width.weights = quantized.weight_format(id);
      width.weight_integer_bits = integer_bits(width.weights);
    }
    if (const std::uint32_t bits = quantized.accumulator_bits(id); bits != 0) {
      width.accumulator_bits = bits;
    }
    if (std::holds_alternative<Lif>(op)) {
      width.membrane_bits = quantized.has_float_neurons(id) ? 32 : quantized.membrane().bits;
    }
    if (const auto largest = network.max_output(id)) {
      width.output_bits = static_cast<std::uint32_t>(std::bit_width(*largest));
    }
    if (const auto* input = std::get_if<Input>(&op); input && input->min_value < 0) {
      const auto most = std::max<int>(input->max_value, -input->min_value - 1);
      width.output_bits =
          static_cast<std::uint32_t>(std::bit_width(static_cast<unsigned>(most))) + 1;
    }
  }
  return widths;
}

std::string misfit_text(const std::vector<Violation>& violations) {
  std::string text = "the network does not fit the chip:";
  for (std::size_t i = 0; i < violations.size() && i < listed_violations; ++i) {
    text += "\n  " + violations[i].message;
  }
  if (violations.size() > listed_violations) {
    text += fmt::format("\n  and {} more", violations.size() - listed_violations);
  }
  return text;
}

/// The given mapping, or one that shows that the network fits.
Mapping first_mapping(const Scenario& scenario, const Network& network,
                      std::span<const Population> groups, const MappedChip& mapped) {
  const MappingChoice& choice = scenario.chip->mapping;
  if (mapped.chip.spec().array && choice.given()) {
    throw Error(ErrorKind::config,
                fmt::format("chip '{}' has an array and no cores to place slices on",
                            mapped.chip.spec().name),
                {.file = scenario.file.string(), .key = "mapping"});
  }
  if (choice.fixed) return resolve(*choice.fixed, network, groups, mapped.widths, mapped.chip);
  if (!choice.file.empty()) {
    const FixedMapping fixed = load_fixed_mapping(
        located_file(scenario.directory / choice.file, scenario.chip->mapping_location));
    return resolve(fixed, network, groups, mapped.widths, mapped.chip);
  }
  MappingResult result = map_network(network, groups, mapped.widths, mapped.chip);
  if (!result.feasible()) throw MisfitError(result.violations, scenario.chip->chip_location);
  return std::move(result.mapping);
}

/// What the scenario's names of a chip and of prices stand for.
struct ChipFiles {
  Chip chip;
  std::string text;  ///< the chip file with all that it builds on
  PriceTable prices;
};

ChipFiles load_chip_files(const Scenario& scenario) {
  const ChipRun& run = *scenario.chip;
  const YamlDocument document = load_chip_document(scenario);
  Chip chip = read_chip(document.root());
  document.finish();
  ChipFiles files{std::move(chip), chip_text(document),
                  load_price_table(located_data_file(DataKind::price_table, run.prices,
                                                     run.prices_location, scenario.directory),
                                   find_price_table)};
  if (files.chip.spec().only_events() && run.timing != TimingLevel::event) {
    Violation reason;
    reason.resource = "timing";
    reason.message = fmt::format(
        "a chip {} is not simulated at the level '{}'",
        files.chip.spec().array ? "with an array, which has no network," : "without barriers",
        to_string(run.timing));
    throw MisfitError(std::move(reason), run.timing_location);
  }
  return files;
}

MappedChip map_chip(const Scenario& scenario, ChipFiles files, const QuantizedNetwork& network,
                    std::span<const Population> groups) {
  MappedChip mapped{.chip = std::move(files.chip),
                    .chip_file = std::move(files.text),
                    .prices = std::move(files.prices),
                    .widths = {},
                    .mapping = {}};
  DatapathWidths on = widths_on(mapped.chip.spec(), network.network(), widths_of(network));
  if (!on.violations.empty()) throw MisfitError(on.violations, scenario.chip->chip_location);
  mapped.widths = std::move(on.widths);
  mapped.mapping = first_mapping(scenario, network.network(), groups, mapped);
  return mapped;
}

/// The chip without the memories of core kinds that hold no slice.
MachineDescription machine_in_use(const MappedChip& mapped) {
  MachineDescription machine = machine_description(mapped.chip);
  const auto& slices = mapped.mapping.slices;
  for (const CoreKindSpec& kind : mapped.chip.spec().core_kinds) {
    const bool used = std::any_of(slices.begin(), slices.end(), [&](const LayerSlice& slice) {
      return mapped.chip.kind_of(slice.core).name == kind.name;
    });
    if (used) continue;
    std::erase_if(machine.memories,
                  [&](const auto& memory) { return memory.first.starts_with(kind.name + "."); });
  }
  return machine;
}

ProcessMismatch mismatch_rule(const ChipRun& run) {
  return run.scale_prices ? ProcessMismatch::scale : ProcessMismatch::refuse;
}

}  // namespace

MisfitError::MisfitError(const std::vector<Violation>& violations, const Location& location)
    : Error(ErrorKind::capacity, misfit_text(violations), location) {
  for (const Violation& violation : violations) {
    const bool known = std::any_of(reasons_.begin(), reasons_.end(), [&](const Violation& v) {
      return v.resource == violation.resource;
    });
    if (!known) reasons_.push_back(violation);
  }
}

MisfitError::MisfitError(Violation reason, const Location& location)
    : Error(ErrorKind::config, reason.message, location), reasons_{std::move(reason)} {}

namespace {

QuantizedNetwork calibrated(const Scenario& scenario, const Model& model, const Dataset& samples) {
  Calibrator calibrator(model, frames_of(samples, 0), scenario.calibration->spec, 0);
  return calibrator.quantize(resolve(scenario.quantization, model),
                             words_of(scenario.quantization));
}

}  // namespace

PreparedRun prepare_on(const Scenario& scenario, std::shared_ptr<const Dataset> dataset,
                       const Dataset* calibration) {
  const Model model =
      dataset ? load_fitting_model(scenario, *dataset) : load_fitting_model(scenario);
  QuantizedNetwork network = calibration != nullptr ? calibrated(scenario, model, *calibration)
                                                    : quantize(model, scenario.quantization);
  std::vector<Population> groups = populations(network.network());
  std::optional<MappedChip> chip;
  if (scenario.chip) {
    chip = map_chip(scenario, load_chip_files(scenario), network, groups);
    // A table that cannot price this chip's process or memories is refused before any work.
    (void)price({}, machine_description(chip->chip), chip->prices, mismatch_rule(*scenario.chip));
    check_memories(machine_in_use(*chip), chip->prices);
  }
  if (const auto flaw = text_flaw(to_yaml(scenario))) {
    throw Error(ErrorKind::config, fmt::format("results cannot hold its paths: {}", flaw->what),
                {.file = scenario.file.string()});
  }
  std::string hash = dataset ? scenario_hash(scenario, *dataset, calibration) : "";
  return {.scenario = scenario,
          .hash = std::move(hash),
          .dataset = std::move(dataset),
          .network = std::move(network),
          .populations = std::move(groups),
          .chip = std::move(chip),
          .has_classifier = has_classifier(model)};
}

PreparedRun prepare(const Scenario& scenario) {
  std::shared_ptr<const Dataset> dataset =
      open_samples(scenario.dataset, scenario.seed, scenario.dataset_location);
  const std::unique_ptr<const Dataset> calibration =
      scenario.calibration ? open_samples(scenario.calibration->dataset, scenario.seed,
                                          scenario.calibration_location)
                           : nullptr;
  return prepare_on(scenario, std::move(dataset), calibration.get());
}

/// A network of other widths on the chip.
struct ChipCosts::Mapped {
  Mapped(const Scenario& scenario, const ChipFiles& files, const QuantizedNetwork& quantized)
      : network(quantized.network()),
        groups(populations(network)),
        mapped(map_chip(scenario, files, quantized, groups)) {}
  const Network& network;
  std::vector<Population> groups;
  MappedChip mapped;

  /// With slices as the scenario wants them for these spikes.
  [[nodiscard]] Simulator simulator(const Scenario& scenario, const SpikeTrace& spikes) {
    if (scenario.chip->mapping.slices == Slicing::fastest) {
      mapped.mapping = faster_slices(network, groups, mapped.widths, mapped.chip,
                                     std::move(mapped.mapping), spikes);
    }
    return {network, groups, mapped.widths, mapped.chip, mapped.mapping};
  }
  /// `seen(kind, unit, bits)` of each memory that a core has and its slices take bits of.
  template <class Seen>
  void for_memories(const Seen& seen) const {
    const std::vector<Footprint> uses =
        core_footprints(mapped.chip, mapped.mapping,
                        footprints(network, groups, mapped.widths, mapped.chip, mapped.mapping));
    const std::vector<UsedCore> cores = used_cores(mapped.mapping);
    for (std::size_t i = 0; i < uses.size(); ++i) {
      const CoreKindSpec& kind = mapped.chip.kind_of(cores[i].core);
      for (const MemoryUnit unit : memory_units) {
        const Bits bits(uses[i].bits(unit));
        if (kind.memory(unit) && bits > Bits{}) seen(kind, unit, bits);
      }
    }
  }
};

struct ChipCosts::Files {
  Scenario scenario;
  ChipFiles files;
};

namespace {

void check_cores(const Chip& chip, const Location& location) {
  if (!chip.spec().array) return;
  throw Error(ErrorKind::config, "a chip with an array has no cores whose memories could be added",
              location);
}

/// Of so many bits in a memory's banks.
SquareMillimetres area_of(const PriceTable& prices, const CoreKindSpec& kind, MemoryUnit unit,
                          Bits bits) {
  const MemorySpec& memory = *kind.memory(unit);
  const MemoryGeometry bank{Bits((bits.value() + memory.banks - 1) / memory.banks),
                            Bits(memory.word_bits)};
  return memory_area(prices, fmt::format("{}.{}", kind.name, to_string(unit)), bank) *
         static_cast<double>(memory.banks);
}

}  // namespace

ChipCosts::ChipCosts(const Scenario& scenario)
    : files_(std::make_unique<const Files>(Files{scenario, load_chip_files(scenario)})) {}
ChipCosts::~ChipCosts() = default;

Picojoules ChipCosts::energy(const QuantizedNetwork& network,
                             std::span<const SpikeTrace> traces) const {
  Mapped on(files_->scenario, files_->files, network);
  const Simulator simulator = on.simulator(files_->scenario, traces.front());
  const TimingLevel level = files_->scenario.chip->timing;
  ActionCounts actions;
  for (const SpikeTrace& trace : traces) actions += simulator.run(trace, {.timing = level}).actions;
  const Ledger ledger = price(actions, machine_description(on.mapped.chip), on.mapped.prices,
                              mismatch_rule(*files_->scenario.chip));
  return Picojoules(ledger.total().value() / static_cast<double>(traces.size()));
}

Picoseconds ChipCosts::latency(const QuantizedNetwork& network,
                               std::span<const SpikeTrace> traces) const {
  Mapped on(files_->scenario, files_->files, network);
  const Simulator simulator = on.simulator(files_->scenario, traces.front());
  Picoseconds sum;
  for (const SpikeTrace& trace : traces) {
    const SimulationOptions options{.timing = files_->scenario.chip->timing};
    sum += simulator.run(trace, options).timeline.latency();
  }
  return Picoseconds(sum.value() / static_cast<std::int64_t>(traces.size()));
}

Bits ChipCosts::memory(const QuantizedNetwork& network) const {
  check_cores(files_->files.chip, files_->scenario.chip->chip_location);
  Bits sum;
  Mapped(files_->scenario, files_->files, network)
      .for_memories([&](const CoreKindSpec&, MemoryUnit, Bits bits) { sum += bits; });
  return sum;
}

SquareMillimetres ChipCosts::area(const QuantizedNetwork& network) const {
  check_cores(files_->files.chip, files_->scenario.chip->chip_location);
  const Mapped on(files_->scenario, files_->files, network);
  SquareMillimetres sum;
  on.for_memories([&](const CoreKindSpec& kind, MemoryUnit unit, Bits bits) {
    sum += area_of(on.mapped.prices, kind, unit, bits);
  });
  return sum;
}

void ChipCosts::check_area(const Location& wanted) const {
  const auto& [chip, text, prices] = files_->files;
  const ChipSpec& spec = chip.spec();
  const Location& at = files_->scenario.chip->chip_location;
  check_cores(chip, at);
  if (!prices.areas) {
    throw Error(ErrorKind::config,
                fmt::format("area needs a price table that says what memories cover; '{}' does not",
                            prices.name),
                wanted);
  }
  if (prices.process.node != spec.node) {
    throw Error(ErrorKind::config,
                fmt::format("areas are not scaled: '{}' is for {} nm, and '{}' has {} nm",
                            prices.name, prices.process.node.value(), spec.name, spec.node.value()),
                wanted);
  }
  for (const CoreKindSpec& kind : spec.core_kinds) {
    for (const MemoryUnit unit : memory_units) {
      const auto& memory = kind.memory(unit);
      if (!memory) continue;
      if (memory->ports > 1) {
        throw Error(ErrorKind::config,
                    fmt::format("{}.{} has {} ports, and areas are of memories with one", kind.name,
                                to_string(unit), memory->ports),
                    at);
      }
      (void)area_of(prices, kind, unit, memory->capacity);
    }
  }
}

Ledger price(const PreparedRun& prepared, const ActionCounts& actions) {
  const MappedChip& mapped = *prepared.chip;
  return price(actions, machine_description(mapped.chip), mapped.prices,
               mismatch_rule(*prepared.scenario.chip));
}

std::string fit_line(const PreparedRun& prepared) {
  if (!prepared.chip) return "";
  const MappedChip& mapped = *prepared.chip;
  const std::string& name = mapped.chip.spec().name;
  if (!mapped.chip.spec().array) {
    return fmt::format("fits {}: {} of {} cores", name, used_cores(mapped.mapping).size(),
                       mapped.chip.cores().size());
  }
  std::uint64_t tiles = 0;
  for (const LayerTiling& tiling : mapped.mapping.tilings) tiles += tiling.tiles();
  const auto reports = explain_tiling(prepared.network.network(), prepared.populations,
                                      mapped.widths, mapped.chip, mapped.mapping);
  return fmt::format("fits {}: {} tiles, {:.1f} % of the PEs in them used", name, tiles,
                     100 * array_utilisation(reports));
}

}  // namespace nj
