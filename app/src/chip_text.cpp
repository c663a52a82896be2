#include "chip_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/energy/process.hpp"

#include "text_table.hpp"

namespace nj {
namespace {

std::string describe_name(const ChipSpec& spec) {
  return fmt::format("{}: {}\n{}\n", spec.name, spec.description,
                     to_string(Process{spec.node, spec.voltage}));
}

std::string describe_off_chip(const OffChipSpec& memory) {
  return fmt::format("off-chip memory of {}, words of {} bit in {}\n", to_string(memory.capacity),
                     memory.word_bits, to_string(memory.word_time));
}

std::string describe_datapath(const DatapathSpec& datapath) {
  std::vector<std::string> parts;
  const auto add = [&](std::string_view what, const std::optional<std::uint32_t>& bits) {
    if (bits) parts.push_back(fmt::format("{} of {} bit", what, *bits));
  };
  add("weights", datapath.weight_bits);
  add("sums", datapath.accumulator_bits);
  add("membranes", datapath.membrane_bits);
  return parts.empty() ? "" : fmt::format("datapath: {}\n", fmt::join(parts, ", "));
}

std::string describe_array(const ChipSpec& spec) {
  const ArraySpec& array = *spec.array;
  std::string text =
      describe_name(spec) +
      fmt::format("streamed: {} x {} PEs, cycle {}, weights {}, zeros {}, attention {}\n",
                  array.rows, array.columns, to_string(array.cycle), to_string(array.weights),
                  array.skips_zero ? "skipped" : "not skipped", to_string(array.attention)) +
      fmt::format("{} neuron updates per cycle\n", array.neuron_lanes) +
      describe_off_chip(spec.off_chip) + describe_datapath(spec.datapath);
  TextTable table({"core kind", "buffer", "capacity", "word", "banks"}, 2);
  for (const ArrayBuffer which : array_buffers) {
    if (const auto& buffer = array.buffer(which)) {
      table.add({array.name, std::string(to_string(which)), to_string(buffer->capacity),
                 fmt::format("{} bit", buffer->word_bits), fmt::format("{}", buffer->banks)});
    }
  }
  return text + "\n" + table.render();
}

/// Packets and what becomes of them between cores.
std::string describe_packets(const TopologySpec& topology) {
  return fmt::format("{} packets of {} bit{}, flits of {} bit, {}, {} within a tile\n",
                     topology.multicast ? "multicast" : "unicast", topology.packet_bits,
                     topology.value_added ? " and the value's" : "", topology.flit_bits,
                     topology.buffer_flits
                         ? fmt::format("buffers of {} flits", *topology.buffer_flits)
                         : "unbounded buffers",
                     to_string(topology.within_tile));
}

std::string describe_steps(const ChipSpec& spec) {
  if (spec.handshake) return fmt::format("no barriers, handshake {}", to_string(*spec.handshake));
  if (spec.tick == Picoseconds{0}) return fmt::format("barrier {}", to_string(spec.barrier));
  return fmt::format("barrier {}, tick {}", to_string(spec.barrier), to_string(spec.tick));
}

/// Links that are alike in one row; the first of an edge list where they all differ.
std::string link_table(const Topology& topology) {
  constexpr std::size_t most = 16;
  struct Alike {
    Direction direction;
    LinkSpec spec;
    std::uint64_t count;
  };
  std::vector<Alike> rows;
  std::uint64_t others = 0;
  for (const Link& link : topology.links()) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Alike& alike) {
      return alike.direction == link.direction && alike.spec == link.spec;
    });
    if (row != rows.end()) {
      ++row->count;
    } else if (rows.size() < most) {
      rows.push_back({link.direction, link.spec, 1});
    } else {
      ++others;
    }
  }
  TextTable table({"link", "links", "width", "cycle", "latency"}, 1);
  for (const Alike& row : rows) {
    table.add({std::string(to_string(hop_actions[static_cast<std::size_t>(row.direction)])),
               fmt::format("{}", row.count), fmt::format("{} bit", row.spec.width_bits),
               to_string(row.spec.cycle), to_string(row.spec.latency)});
  }
  if (rows.empty()) return "";
  return "\n" + table.render() +
         (others != 0 ? fmt::format("and {} links that differ from these\n", others) : "");
}

std::string memory_table(const std::vector<CoreKindSpec>& kinds) {
  TextTable table({"core kind", "memory", "capacity", "word", "at once"}, 2);
  for (const CoreKindSpec& kind : kinds) {
    for (const MemoryUnit unit : memory_units) {
      if (const auto& memory = kind.memory(unit)) {
        table.add({kind.name, std::string(to_string(unit)), to_string(memory->capacity),
                   fmt::format("{} bit", memory->word_bits),
                   fmt::format("{}", memory->banks * memory->ports)});
      }
    }
  }
  return "\n" + table.render();
}

/// A column per core kind; times that are zero on all are left out.
std::string time_table(const std::vector<CoreKindSpec>& kinds) {
  std::vector<std::string> header{"time"};
  for (const CoreKindSpec& kind : kinds) header.push_back(kind.name);
  TextTable table(std::move(header), 1);
  for (const auto& [name, time] : core_times) {
    std::vector<std::string> row{std::string(name)};
    bool any = false;
    for (const CoreKindSpec& kind : kinds) {
      any = any || kind.times.*time > Picoseconds{0};
      row.push_back(to_string(kind.times.*time));
    }
    if (any) table.add(std::move(row));
  }
  return "\n" + table.render();
}

/// What a core kind takes, beside memories.
std::string describe_kind(const CoreKindSpec& kind, std::uint64_t cores) {
  std::vector<std::string_view> roles;
  for (const CoreRole role : kind.roles) roles.push_back(to_string(role));
  std::vector<std::string> parts{fmt::format("{} cores ({})", cores, fmt::join(roles, ", ")),
                                 fmt::format("{} neurons each", kind.max_neurons)};
  const auto add = [&](std::string_view what, std::uint32_t most, std::string_view unit) {
    if (most != 0) parts.push_back(fmt::format("{} {}{}", what, most, unit));
  };
  add("uniform weights to", kind.weight_formats.uniform_bits, " bit");
  add("power-of-two weights to", kind.weight_formats.power_of_two_bits, " bit");
  add("fan-in to", kind.max_fan_in.value_or(0), "");
  add("axons to", kind.max_axons.value_or(0), "");
  add("slices to", kind.max_slices > 1 ? kind.max_slices : 0, "");
  add("spikes to", kind.max_spike_bits.value_or(0), " bit");
  if (kind.last_resort) parts.emplace_back("for what no others take");
  if (kind.has(CoreRole::attention)) {
    parts.push_back(fmt::format("attention {}", to_string(kind.attention)));
  }
  if (const auto& unit = kind.encoder_unit) {
    parts.push_back(fmt::format("reads frames, {} products at once, zeros {}", unit->lanes,
                                unit->skips_zero ? "skipped" : "not skipped"));
  }
  return fmt::format("{}: {}\n", kind.name, fmt::join(parts, ", "));
}

}  // namespace

std::string describe_chip(const Chip& chip) {
  const ChipSpec& spec = chip.spec();
  if (spec.array) return describe_array(spec);
  std::string text = describe_name(spec) +
                     fmt::format("{}, {} cores, {}\n", to_string(spec.topology),
                                 chip.cores().size(), describe_steps(spec)) +
                     describe_packets(spec.topology) + describe_off_chip(spec.off_chip) +
                     describe_datapath(spec.datapath);
  for (std::uint32_t kind = 0; kind < spec.core_kinds.size(); ++kind) {
    text += describe_kind(spec.core_kinds[kind], chip.cores_of_kind(kind));
  }
  return text + memory_table(spec.core_kinds) + time_table(spec.core_kinds) +
         link_table(chip.topology());
}

}  // namespace nj
