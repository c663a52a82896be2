#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "csv_field.hpp"
#include "layers_on.hpp"
#include "limits_text.hpp"
#include "mapping_json.hpp"

namespace nj {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t capacity(const CoreKindSpec& kind, MemoryUnit unit) {
  const auto& memory = kind.memory(unit);
  return memory ? memory->capacity.value() : 0;
}

/// All memories, of some kinds only where the chip has them.
std::vector<MemoryUnit> units_of(const Chip& chip) {
  std::vector<MemoryUnit> units;
  for (const MemoryUnit unit : memory_units) {
    const auto& kinds = chip.spec().core_kinds;
    const bool rare = unit == MemoryUnit::frame_buffer || unit == MemoryUnit::score_memory;
    if (!rare || std::any_of(kinds.begin(), kinds.end(),
                             [&](const CoreKindSpec& kind) { return kind.needs(unit); })) {
      units.push_back(unit);
    }
  }
  return units;
}

/// Cores of one kind, and what the ones with a slice use of what they have.
Json kind_json(const PreparedRun& prepared, const ChipResult& result, std::uint32_t index) {
  const Chip& chip = prepared.chip->chip;
  const CoreKindSpec& kind = chip.spec().core_kinds[index];
  const std::vector<UsedCore> cores = used_cores(result.mapping);
  const auto used = static_cast<std::uint64_t>(
      std::count_if(cores.begin(), cores.end(),
                    [&](const UsedCore& core) { return chip.core(core.core).kind == index; }));
  Footprint sum;
  for (const SlicePlacement& placement : result.placements) {
    if (chip.core(placement.slice.core).kind != index) continue;
    sum.neurons += placement.use.neurons;
    for (const MemoryUnit unit : memory_units) {
      sum.memory_bits[static_cast<std::size_t>(unit)] += placement.use.bits(unit);
    }
  }
  Json json = {{"cores", chip.cores_of_kind(index)},
               {"cores_used", used},
               {"neurons", {{"used", sum.neurons}, {"available", used * kind.max_neurons}}}};
  for (const MemoryUnit unit : memory_units) {
    if (!kind.memory(unit)) continue;
    json[fmt::format("{}_bits", to_string(unit))] = {{"used", sum.bits(unit)},
                                                     {"available", used * capacity(kind, unit)}};
  }
  return json;
}

/// Tiles and use of an array.
Json array_json(const PreparedRun& prepared, const ChipResult& result) {
  const ArraySpec& array = *prepared.chip->chip.spec().array;
  std::uint64_t tiles = 0;
  BufferBits largest{};
  for (const TilingReport& report : result.tilings) {
    tiles += report.tiling.tiles();
    for (std::size_t b = 0; b < largest.size(); ++b) {
      largest[b] = std::max(largest[b], report.bits[b]);
    }
  }
  Json json = {{"placement", "array"},
               {"tiles", tiles},
               {"pe_utilisation", array_utilisation(result.tilings)}};
  for (const ArrayBuffer which : array_buffers) {
    if (which == ArrayBuffer::spike_buffer) continue;  // what it holds changes with the turns
    json["core_kinds"][array.name][fmt::format("{}_bits", to_string(which))] = {
        {"used", largest[static_cast<std::size_t>(which)]}, {"available", array.capacity(which)}};
  }
  return json;
}

std::string tiling_csv(const PreparedRun& prepared, const RunResult& result) {
  const ArraySpec& array = *prepared.chip->chip.spec().array;
  std::string text =
      "layer,tile_channels,tile_rows,tile_columns,channel_tiles,row_tiles,column_tiles,"
      "membranes_spill,neurons,pe_slots";
  for (const ArrayBuffer which : array_buffers) {
    if (which == ArrayBuffer::spike_buffer) continue;
    text += fmt::format(",{0}_bits,{0}_bits_available", to_string(which));
  }
  text += ",limits\n";
  for (const TilingReport& report : result.chip->tilings) {
    const LayerTiling& tiling = report.tiling;
    const LayerId lead = prepared.populations[tiling.population].lead;
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{},{}",
                    csv_field(prepared.network.network().layer(lead).name), tiling.tile_channels,
                    tiling.tile_rows, tiling.tile_columns, tiling.channel_tiles, tiling.row_tiles,
                    tiling.column_tiles, tiling.membranes_spill, report.neurons, report.pe_slots);
    for (const ArrayBuffer which : array_buffers) {
      if (which == ArrayBuffer::spike_buffer) continue;
      text += fmt::format(",{},{}", report.bits[static_cast<std::size_t>(which)],
                          array.capacity(which));
    }
    text += fmt::format(",{}\n", csv_field(limits_text(report.limits)));
  }
  return text;
}

/// A placement strategy, or `fixed`.
std::string_view placed_by_of(const MappingChoice& choice) {
  return choice.given() ? "fixed" : to_string(choice.placement.strategy);
}

/// Rows of units.csv.
class UnitRows {
 public:
  explicit UnitRows(const ChipResult& chip) : samples_(static_cast<std::int64_t>(chip.samples)) {
    for (const Picoseconds latency : chip.latencies) {
      whole_ += static_cast<double>(latency.value());
    }
  }

  /// `place` is the columns core, from, to, tile and layer, `load` flits and most_packets.
  void add(std::string_view unit, std::string_view place, Picoseconds busy, Picoseconds stalled,
           std::string_view load = ",") {
    text += fmt::format("{},{},{},{},{},{},{}\n", unit, place, busy.value() / samples_,
                        stalled.value() / samples_, part(busy), part(stalled), load);
  }

  std::string text =
      "unit,core,from,to,tile,layer,busy_ps,stalled_ps,busy_fraction,stalled_fraction,flits,"
      "most_packets\n";

 private:
  [[nodiscard]] double part(Picoseconds time) const {
    return whole_ > 0 ? static_cast<double>(time.value()) / whole_ : 0;
  }

  std::int64_t samples_;
  double whole_ = 0;
};

/// The array and its ports, by layer.
void add_array_units(const PreparedRun& prepared, const ChipResult& chip, UnitRows& rows) {
  std::map<std::uint32_t, ArrayStep> layers;  // by population, in the order of turns
  for (const ArrayStep& step : chip.array) {
    ArrayStep& sum = layers[step.population];
    sum.computing += step.computing;
    sum.waiting_for_loads += step.waiting_for_loads + step.waiting_for_stores;
    sum.off_chip += step.off_chip;
    sum.off_chip_stalled += step.off_chip_stalled;
    sum.spike_buffer += step.spike_buffer;
    sum.spike_buffer_stalled += step.spike_buffer_stalled;
  }
  for (const auto& [population, sum] : layers) {
    const LayerId lead = prepared.populations[population].lead;
    const std::string place =
        fmt::format(",,,,{}", csv_field(prepared.network.network().layer(lead).name));
    rows.add("array", place, sum.computing, sum.waiting_for_loads);
    rows.add("off_chip_port", place, sum.off_chip, sum.off_chip_stalled);
    if (!prepared.chip->chip.spec().array->buffer(ArrayBuffer::spike_buffer)) continue;
    rows.add("spike_buffer_port", place, sum.spike_buffer, sum.spike_buffer_stalled);
  }
}

}  // namespace

Json mapping_json(const PreparedRun& prepared, const ChipResult& chip) {
  if (prepared.chip->chip.spec().array) return array_json(prepared, chip);
  const MappingChoice& choice = prepared.scenario.chip->mapping;
  Json json;
  json["placement"] = placed_by_of(choice);
  if (!choice.given()) {
    json["slices"] = to_string(choice.slices);
    json["seed"] = choice.placement.seed;
    json["effort"] = choice.placement.effort;
    json["chip_link"] = choice.placement.chip_link;
  }
  json["expected_packet_hops"] = chip.expected_packet_hops;
  const auto& kinds = prepared.chip->chip.spec().core_kinds;
  for (std::uint32_t k = 0; k < kinds.size(); ++k) {
    json["core_kinds"][kinds[k].name] = kind_json(prepared, chip, k);
  }
  return json;
}

std::string mapping_csv(const PreparedRun& prepared, const RunResult& result) {
  if (prepared.chip->chip.spec().array) return tiling_csv(prepared, result);
  std::string text =
      "layer,first_channel,last_channel,first_row,last_row,first_column,last_column,core,tile,core_"
      "kind,neurons,"
      "neurons_available";
  const std::vector<MemoryUnit> units = units_of(prepared.chip->chip);
  for (const MemoryUnit unit : units) {
    text += fmt::format(",{0}_bits,{0}_bits_available", to_string(unit));
  }
  text +=
      ",packets,packet_hops,placed_by,packet_hops_both_ways,best_other_core,"
      "best_other_packet_hops,limits\n";
  const std::string_view placed_by = placed_by_of(prepared.scenario.chip->mapping);
  const Chip& chip = prepared.chip->chip;
  const Network& network = prepared.network.network();
  for (const SlicePlacement& placement : result.chip->placements) {
    const LayerSlice& slice = placement.slice;
    const CoreKindSpec& kind = chip.kind_of(slice.core);
    const std::string& name = network.layer(prepared.populations[slice.population].lead).name;
    const FeatureShape& shape = neuron_shape(network, prepared.populations[slice.population]);
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}", csv_field(name), slice.channel_begin,
                        slice.channel_end - 1, slice.row_begin, slice.row_end - 1,
                        slice.column_begin, std::min(slice.column_end, shape.width) - 1,
                        slice.core.index, chip.core(slice.core).tile, csv_field(kind.name),
                        placement.use.neurons, kind.max_neurons);
    for (const MemoryUnit unit : units) {
      text += fmt::format(",{},{}", placement.use.bits(unit), capacity(kind, unit));
    }
    const std::string other =
        placement.best_other
            ? fmt::format("{},{}", placement.best_other->index, placement.best_other_hops)
            : ",";
    text += fmt::format(",{},{},{},{},{},{}\n", placement.packets, placement.packet_hops, placed_by,
                        placement.hops_both_ways, other, csv_field(limits_text(placement.limits)));
  }
  return text;
}

std::string array_csv(const PreparedRun& prepared, const RunResult& result) {
  std::string text =
      "layer,step,jobs,computing_ps,waiting_for_loads_ps,waiting_for_stores_ps,off_chip_ps,"
      "off_chip_stalled_ps,spike_buffer_ps,spike_buffer_stalled_ps,ended_ps\n";
  const auto samples = static_cast<std::int64_t>(result.chip->samples);
  for (const ArrayStep& step : result.chip->array) {
    const LayerId lead = prepared.populations[step.population].lead;
    text += fmt::format("{},{},{}", csv_field(prepared.network.network().layer(lead).name),
                        step.step, step.jobs / result.chip->samples);
    for (const Picoseconds time :
         {step.computing, step.waiting_for_loads, step.waiting_for_stores, step.off_chip,
          step.off_chip_stalled, step.spike_buffer, step.spike_buffer_stalled, step.ended}) {
      text += fmt::format(",{}", time.value() / samples);
    }
    text += '\n';
  }
  return text;
}

std::string units_csv(const PreparedRun& prepared, const RunResult& result) {
  const ChipResult& of = *result.chip;
  const Chip& chip = prepared.chip->chip;
  UnitRows rows(of);
  if (chip.spec().array) {
    add_array_units(prepared, of, rows);
    return rows.text;
  }
  rows.add("io_port", ",,,,", of.io_port, {});
  for (const UsedCore& used : used_cores(of.mapping)) {
    const std::uint32_t core = used.core.index;
    const std::string place = fmt::format("{},,,{},{}", core, chip.core(used.core).tile,
                                          csv_field(layers_on(prepared, of.mapping, used)));
    const CoreKindSpec& kind = chip.kind_of(used.core);
    const UnitTimes& busy = of.cores[core];
    const UnitTimes& stalled = of.stalled[core];
    rows.add("neuron_unit", place, busy.neuron_unit, stalled.neuron_unit);
    if (kind.takes_packets()) {
      rows.add("synapse_unit", place, busy.synapse_unit, stalled.synapse_unit,
               fmt::format(",{}", of.most_waiting[core]));
    }
    if (kind.encoder_unit) {
      rows.add("encoder_unit", place, busy.encoder_unit, stalled.encoder_unit);
    }
  }
  const Topology& topology = chip.topology();
  for (std::size_t i = 0; i < of.links.size(); ++i) {
    const Link& link = topology.links()[i];
    const LinkLoad& load = of.links[i];
    rows.add("link",
             fmt::format(",{},{},,", csv_field(topology.router_name(link.from)),
                         csv_field(topology.router_name(link.to))),
             load.busy, load.stalled, fmt::format("{},{}", load.flits, load.max_queue));
  }
  return rows.text;
}

std::string mapping_yaml(const PreparedRun& prepared, const RunResult& result) {
  return "fixed:\n" + to_yaml(fixed_mapping(prepared.network.network(), prepared.populations,
                                            result.chip->mapping),
                              2);
}

}  // namespace nj
