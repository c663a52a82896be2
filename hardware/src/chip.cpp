#include "neurojoule/hardware/chip.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "chip_fields.hpp"

namespace nj {
namespace {

void check_time(const std::string& key, Picoseconds time, Picoseconds least = Picoseconds{0}) {
  if (time < least || time > max_chip_time) {
    refuse(key, fmt::format("expected {} to {}, got {}", to_string(least), to_string(max_chip_time),
                            to_string(time)));
  }
}

void check_memory(const std::string& key, const MemorySpec& memory, std::uint64_t limit) {
  if (memory.capacity.value() == 0) refuse(key + ".capacity", "a memory cannot be empty");
  if (memory.capacity.value() >= limit)
    refuse(key + ".capacity", fmt::format("expected less than {}", to_string(Bits{limit})));
  if (memory.word_bits == 0 || memory.word_bits > memory.capacity.value()) {
    refuse(key + ".word", "a word has at least 1 bit and fits the memory");
  }
  if (memory.ports == 0 || memory.ports > max_ports) {
    refuse(key + ".ports", fmt::format("expected 1..{}", max_ports));
  }
  if (memory.banks == 0 || memory.banks > max_banks ||
      std::uint64_t{memory.word_bits} * memory.banks > memory.capacity.value()) {
    refuse(key + ".banks", fmt::format("expected 1..{}, each with room for a word", max_banks));
  }
}

void check_kind(const CoreKindSpec& kind) {
  const std::string key = "core_kinds." + kind.name;
  if (kind.roles.empty()) refuse(key + ".role", "a core kind needs a role");
  if (kind.max_neurons == 0) refuse(key + ".max_neurons", "a core needs room for a neuron");
  if (kind.max_fan_in == 0U) refuse(key + ".max_fan_in", "a neuron needs a synapse");
  if (kind.max_spike_bits == 0U) refuse(key + ".max_spike_bits", "a spike has a bit");
  if (kind.max_axons == 0U) refuse(key + ".max_axons", "a core needs an axon");
  if (kind.max_slices == 0U) refuse(key + ".max_slices", "a core needs room for a slice");
  for (const MemoryUnit unit : memory_units) {
    const std::string memory_key = fmt::format("{}.{}", key, to_string(unit));
    if (const auto& memory = kind.memory(unit)) {
      check_memory(memory_key, *memory, capacity_limit);
    } else if (kind.needs(unit)) {
      refuse(memory_key, "this role needs it");
    }
  }
  if (kind.memory(MemoryUnit::axon_table) && !kind.takes_packets()) {
    refuse(key + ".axon_table", "only a core that takes packets has it");
  }
  if (kind.memory(MemoryUnit::frame_buffer) && !kind.encoder_unit) {
    refuse(key + ".frame_buffer", "only an encoder that reads frames has it");
  }
  if (kind.attention == ProductOrder::values_first && !kind.has(CoreRole::attention)) {
    refuse(key + ".attention", "only cores of the role attention have it");
  }
  if (kind.memory(MemoryUnit::score_memory) && !kind.needs(MemoryUnit::score_memory)) {
    refuse(key + ".score_memory", "only an attention core with `attention: values_first` has it");
  }
  if (kind.encoder_unit) {
    if (!kind.has(CoreRole::encoder)) refuse(key + ".input", "only the role encoder reads frames");
    if (kind.encoder_unit->lanes == 0 || kind.encoder_unit->lanes > max_encoder_lanes) {
      refuse(key + ".encoder_unit.lanes", fmt::format("expected 1..{}", max_encoder_lanes));
    }
  }
  for (const auto& [name, time] : core_times) {
    check_time(fmt::format("{}.times.{}", key, name), kind.times.*time);
  }
}

void check_tiles(const TopologySpec& topology, std::uint64_t tiles) {
  if (topology.tiles.empty()) return;
  if (!topology.tile.empty()) refuse("topology.tile", "tiles are all alike, or differ");
  std::uint64_t next = 0;
  for (const TileGroup& group : topology.tiles) {
    if (group.begin != next || group.end <= group.begin) {
      refuse("topology.tiles", fmt::format("tile {} is left out or given twice", next));
    }
    next = group.end;
  }
  if (next != tiles) {
    refuse("topology.tiles", fmt::format("they are {} of {} tiles", next, tiles));
  }
}

void check_topology(const TopologySpec& topology) {
  const std::uint64_t tiles = tile_count(topology);
  if (tiles == 0 || tiles > max_tiles) {
    refuse("topology", fmt::format("expected 1 to {} tiles, got {}", max_tiles, tiles));
  }
  const std::uint64_t cores = core_count(topology, tiles);
  if (cores == 0 || cores > max_cores) {
    refuse("topology.tile",
           fmt::format("expected 1 to {} cores on the chip, got {}", max_cores, cores));
  }
  check_tiles(topology, tiles);
  check_time("topology.within_tile.latency", topology.within_tile);
}

void check_datapath(const DatapathSpec& datapath) {
  const auto check = [](const char* key, const std::optional<std::uint32_t>& bits,
                        std::uint32_t most) {
    if (bits && (*bits == 0 || *bits > most)) {
      refuse(std::string("datapath.") + key,
             fmt::format("expected 1..{} bits, got {}", most, *bits));
    }
  };
  check("weight", datapath.weight_bits, 32);
  check("accumulator", datapath.accumulator_bits, 64);
  check("membrane", datapath.membrane_bits, 64);
}

void check_off_chip(const OffChipSpec& off_chip) {
  check_memory("off_chip", {off_chip.capacity, off_chip.word_bits}, off_chip_limit);
  check_time("off_chip.word_time", off_chip.word_time);
  check_time("off_chip.axon_out", off_chip.axon_out);
}

/// A chip with an array has one tile without cores.
ChipSpec validated_array(ChipSpec spec) {
  check_datapath(spec.datapath);
  validate(*spec.array);
  if (!spec.core_kinds.empty() || !spec.topology.tile.empty() || !spec.topology.tiles.empty()) {
    refuse("core_kinds", "a chip with an array has no other cores");
  }
  check_off_chip(spec.off_chip);
  const LinkSpec unused{64, Picoseconds{1}, Picoseconds{1}};
  spec.topology = TopologySpec{};
  spec.topology.network = NetworkSpec{GridShape{1, 1, false, unused, unused}, {}};
  return spec;
}

/// Phases of cores then overlap, so that no step of the network ends before the next begins.
void check_handshake(const ChipSpec& spec) {
  check_time("synchronisation.handshake", *spec.handshake, Picoseconds{1});
  if (spec.barrier != Picoseconds{} || spec.tick != Picoseconds{}) {
    refuse("synchronisation", "a chip with handshakes has neither barrier nor tick");
  }
  if (spec.topology.buffer_flits) {
    refuse("topology.buffer", "a chip with handshakes needs unbounded buffers");
  }
}

ChipSpec validated(ChipSpec spec) {
  if (spec.array) return validated_array(std::move(spec));
  std::set<std::string> names{"network", "off_chip", "chip", "io"};
  for (const CoreKindSpec& kind : spec.core_kinds) {
    if (kind.name.empty() || !names.insert(kind.name).second) {
      refuse("core_kinds", fmt::format("the name \"{}\" is empty, reserved or taken", kind.name));
    }
    check_kind(kind);
  }
  check_topology(spec.topology);
  check_time("synchronisation.barrier", spec.barrier);
  check_time("synchronisation.tick", spec.tick);
  if (spec.handshake) check_handshake(spec);
  check_off_chip(spec.off_chip);
  check_datapath(spec.datapath);
  return spec;
}

}  // namespace

std::string_view to_string(CoreRole role) {
  constexpr std::array<std::string_view, 3> names{"neuron", "attention", "encoder"};
  return names[static_cast<std::size_t>(role)];
}

std::string_view to_string(MemoryUnit unit) {
  constexpr std::array<std::string_view, memory_units.size()> names{
      "synapse_memory", "accumulator_memory", "membrane_memory", "spike_buffer",
      "frame_buffer",   "score_memory",       "axon_table"};
  return names[static_cast<std::size_t>(unit)];
}

std::uint32_t WeightFormats::max_bits(Scheme scheme) const {
  switch (scheme) {
    case Scheme::uniform:
    case Scheme::ternary:
    case Scheme::binary:
      return uniform_bits;
    case Scheme::power_of_two:
      return power_of_two_bits;
    case Scheme::additive_power_of_two:
    case Scheme::float32:
      break;
  }
  return 0;
}

bool WeightFormats::supports(const NumberFormat& format) const {
  return format.bits <= max_bits(format.scheme) && !format.zero_point &&
         format.granularity != Granularity::per_group;
}

bool CoreKindSpec::has(CoreRole role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

bool CoreKindSpec::needs(MemoryUnit unit) const {
  switch (unit) {
    case MemoryUnit::synapse_memory:
      return holds_weights();
    case MemoryUnit::accumulator_memory:
    case MemoryUnit::membrane_memory:
      return true;
    case MemoryUnit::spike_buffer:
      return takes_packets();
    case MemoryUnit::frame_buffer:
      return encoder_unit.has_value();
    case MemoryUnit::score_memory:
      return attention == ProductOrder::values_first;
    case MemoryUnit::axon_table:
      return false;
  }
  return false;
}

Chip::Chip(ChipSpec spec) : spec_(validated(std::move(spec))), topology_(spec_.topology) {
  const TopologySpec& topology = spec_.topology;
  if (topology.tiles.empty()) add_cores({0, topology_.tiles(), topology.tile});
  for (const TileGroup& group : topology.tiles) add_cores(group);
  const bool frames = reads_frames();
  for (const Core& core : cores_) {
    const CoreKindSpec& kind = spec_.core_kinds[core.kind];
    if (kind.has(CoreRole::encoder) && kind.encoder_unit.has_value() != frames) {
      refuse(fmt::format("core_kinds.{}.input", kind.name),
             "all encoders on a chip take packets, or all read frames");
    }
  }
}

void Chip::add_cores(const TileGroup& group) {
  std::vector<std::uint32_t> kinds;
  for (const std::string& name : group.cores) {
    const auto kind = std::find_if(spec_.core_kinds.begin(), spec_.core_kinds.end(),
                                   [&](const CoreKindSpec& k) { return k.name == name; });
    if (kind == spec_.core_kinds.end()) {
      refuse("topology.tile", fmt::format("unknown core kind \"{}\"", name));
    }
    kinds.push_back(static_cast<std::uint32_t>(kind - spec_.core_kinds.begin()));
  }
  for (std::uint32_t tile = group.begin; tile < group.end; ++tile) {
    for (const std::uint32_t kind : kinds) cores_.push_back({kind, tile});
  }
}

std::uint64_t Chip::cores_of_kind(std::uint32_t kind) const {
  return static_cast<std::uint64_t>(std::count_if(
      cores_.begin(), cores_.end(), [&](const Core& core) { return core.kind == kind; }));
}

std::uint64_t Chip::slices_of_kind(std::uint32_t kind) const {
  const std::uint64_t all = cores_of_kind(kind) * spec_.core_kinds[kind].max_slices;
  return std::min<std::uint64_t>(all, max_slices_of_kind);
}

bool Chip::has_encoders() const {
  return std::any_of(cores_.begin(), cores_.end(), [&](const Core& core) {
    return spec_.core_kinds[core.kind].has(CoreRole::encoder);
  });
}

bool Chip::reads_frames() const {
  return std::any_of(cores_.begin(), cores_.end(), [&](const Core& core) {
    return spec_.core_kinds[core.kind].encoder_unit.has_value();
  });
}

}  // namespace nj
