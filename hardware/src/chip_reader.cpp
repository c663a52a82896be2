#include <algorithm>
#include <limits>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/chip.hpp"

#include "chip_fields.hpp"

namespace nj {
namespace {

/// A time that a core kind may leave out; `needed` makes it a must.
Picoseconds read_time(const YamlNode& map, std::string_view key, bool needed) {
  if (needed) return read_time(map.at(key));
  const auto node = map.find(key);
  return node ? read_time(*node) : Picoseconds{0};
}

std::uint32_t read_limit(const YamlNode& node) {
  return static_cast<std::uint32_t>(node.integer(1, std::numeric_limits<std::int32_t>::max()));
}

MemorySpec read_memory(const YamlNode& node, std::uint64_t limit) {
  MemorySpec memory;
  memory.capacity = read_capacity(node.at("capacity"), limit);
  memory.word_bits = read_width(node.at("word"));
  if (memory.word_bits > memory.capacity.value()) {
    throw node.at("word").error(fmt::format("a word of {} bit does not fit a memory of {}",
                                            memory.word_bits, to_string(memory.capacity)));
  }
  return memory;
}

MemorySpec read_core_memory(const YamlNode& node) {
  MemorySpec memory = read_memory(node, capacity_limit);
  const auto limit = [](std::uint32_t most, const YamlNode& value) {
    return static_cast<std::uint32_t>(value.integer(1, most));
  };
  if (const auto ports = node.find("ports")) memory.ports = limit(max_ports, *ports);
  if (const auto banks = node.find("banks")) memory.banks = limit(max_banks, *banks);
  if (std::uint64_t{memory.word_bits} * memory.banks > memory.capacity.value()) {
    throw node.at("word").error(fmt::format("{} banks with a word of {} bit do not fit {}",
                                            memory.banks, memory.word_bits,
                                            to_string(memory.capacity)));
  }
  return memory;
}

std::vector<CoreRole> read_roles(const YamlNode& node) {
  if (node.is_scalar() && node.text() == "array") {
    throw node.error("an array needs `schedule: streamed` in the chip file");
  }
  const std::vector<std::pair<std::string_view, CoreRole>> words{{"neuron", CoreRole::neuron},
                                                                 {"attention", CoreRole::attention},
                                                                 {"encoder", CoreRole::encoder}};
  if (!node.is_sequence()) return {node.one_of(words)};
  std::vector<CoreRole> roles;
  for (const YamlNode& element : node.elements()) {
    const CoreRole role = element.one_of(words);
    if (std::find(roles.begin(), roles.end(), role) != roles.end()) {
      throw element.error("this role is listed twice");
    }
    roles.push_back(role);
  }
  if (roles.empty()) throw node.error("a core kind needs a role: neuron, attention, encoder");
  return roles;
}

EncoderUnitSpec read_encoder_unit(const YamlNode& node) {
  EncoderUnitSpec unit;
  unit.lanes = static_cast<std::uint32_t>(node.at("lanes").integer(1, max_encoder_lanes));
  unit.skips_zero = node.at("skips_zero").boolean();
  return unit;
}

/// What an encoder needs to read frames itself; nothing for cores that take packets.
std::optional<EncoderUnitSpec> read_input(const YamlNode& kind, bool encoder) {
  const auto input = kind.find("input");
  if (input && !encoder) throw input->error("only cores of the role encoder have it");
  if (input && input->one_of<bool>({{"packets", false}, {"frames", true}})) {
    return read_encoder_unit(kind.at("encoder_unit"));
  }
  for (const std::string_view key : {"frame_buffer", "encoder_unit"}) {
    if (const auto node = kind.find(key)) {
      throw node->error("only an encoder with `input: frames` has it");
    }
  }
  return std::nullopt;
}

ProductOrder read_attention(const YamlNode& kind, bool attention) {
  const auto order = kind.find("attention");
  if (order && !attention) throw order->error("only cores of the role attention have it");
  const ProductOrder products = order ? read_product_order(*order) : ProductOrder::scores_first;
  const auto memory = kind.find(to_string(MemoryUnit::score_memory));
  if (memory && products == ProductOrder::scores_first) {
    throw memory->error("only an attention core with `attention: values_first` has it");
  }
  return products;
}

/// Whether a chip file has to give that time for the kind.
bool is_required(Picoseconds CoreTimes::*time, const CoreKindSpec& kind) {
  if (time == &CoreTimes::axon_in) return kind.takes_packets();
  if (time == &CoreTimes::coincidence_word || time == &CoreTimes::score_word) {
    return kind.has(CoreRole::attention);
  }
  return time == &CoreTimes::neuron_update_active || time == &CoreTimes::neuron_update_inactive ||
         time == &CoreTimes::axon_out || time == &CoreTimes::multiply_accumulate;
}

CoreTimes read_core_times(const YamlNode& node, const CoreKindSpec& kind) {
  CoreTimes times;
  for (const auto& [name, time] : core_times) {
    const bool of_frames =
        time == &CoreTimes::frame_word || time == &CoreTimes::multiply_accumulate;
    if (of_frames && !kind.encoder_unit) continue;
    times.*time = read_time(node, name, is_required(time, kind));
  }
  if (kind.holds_weights() && kind.takes_packets() && !node.find("synapse_word") &&
      !node.find("synaptic_operation")) {
    throw node.error("a core with weights needs a synapse_word or a synaptic_operation time");
  }
  return times;
}

CoreKindSpec read_kind(const std::string& name, const YamlNode& node) {
  if (name == "network" || name == "off_chip" || name == "chip" || name == "io") {
    throw node.error(fmt::format("\"{}\" is reserved for a component of the chip", name));
  }
  CoreKindSpec kind;
  kind.name = name;
  kind.roles = read_roles(node.at("role"));
  kind.max_neurons = read_limit(node.at("max_neurons"));
  if (const auto most = node.find("max_fan_in")) kind.max_fan_in = read_limit(*most);
  if (const auto most = node.find("max_axons")) kind.max_axons = read_limit(*most);
  if (const auto most = node.find("max_spike_bits")) kind.max_spike_bits = read_width(*most, 8);
  if (const auto most = node.find("max_slices")) kind.max_slices = read_limit(*most);
  if (const auto last = node.find("last_resort")) kind.last_resort = last->boolean();
  kind.encoder_unit = read_input(node, kind.has(CoreRole::encoder));
  kind.attention = read_attention(node, kind.has(CoreRole::attention));
  for (const MemoryUnit unit : memory_units) {
    const auto memory =
        kind.needs(unit) ? std::optional(node.at(to_string(unit))) : node.find(to_string(unit));
    if (memory) kind.memories[static_cast<std::size_t>(unit)] = read_core_memory(*memory);
  }
  if (kind.holds_weights()) kind.weight_formats = read_weight_formats(node.at("weight_formats"));
  kind.times = read_core_times(node.at("times"), kind);
  return kind;
}

OffChipSpec read_off_chip(const YamlNode& node, bool sends_packets) {
  OffChipSpec off_chip;
  const MemorySpec memory = read_memory(node, off_chip_limit);
  off_chip.capacity = memory.capacity;
  off_chip.word_bits = memory.word_bits;
  off_chip.word_time = read_time(node.at("word_time"));
  if (sends_packets) off_chip.axon_out = read_time(node.at("axon_out"));
  return off_chip;
}

DatapathSpec read_datapath(const YamlNode& node) {
  DatapathSpec datapath;
  const auto read = [&](std::string_view key, std::uint64_t most) -> std::optional<std::uint32_t> {
    const auto width = node.find(key);
    return width ? std::optional(read_width(*width, most)) : std::nullopt;
  };
  datapath.weight_bits = read("weight", 32);
  datapath.accumulator_bits = read("accumulator", 64);
  datapath.membrane_bits = read("membrane", 64);
  return datapath;
}

void read_synchronisation(const YamlNode& node, ChipSpec& spec) {
  if (const auto handshake = node.find("handshake")) {
    spec.handshake = read_time(*handshake, Picoseconds{1});
    for (const char* key : {"barrier", "tick"}) {
      if (const auto other = node.find(key)) {
        throw other->error("a chip with handshakes has neither barrier nor tick");
      }
    }
    return;
  }
  spec.barrier = read_time(node.at("barrier"));
  if (const auto tick = node.find("tick")) spec.tick = read_time(*tick);
}

/// Core kinds, network and synchronisation of a chip whose layers are spread over cores.
void read_resident(const YamlNode& node, ChipSpec& spec) {
  for (const auto& [name, kind] : node.at("core_kinds").entries()) {
    spec.core_kinds.push_back(read_kind(name, kind));
  }
  if (spec.core_kinds.empty()) throw node.at("core_kinds").error("a chip needs a core kind");
  spec.topology = read_topology(node.at("topology"), spec.core_kinds);
  read_synchronisation(node.at("synchronisation"), spec);
}

/// Adds the place of the nearest key that the file has to an error about `topology...`.
[[noreturn]] void rethrow_at(const YamlNode& root, const Error& error) {
  std::string_view path = error.location().key;
  YamlNode node = root;
  while (!path.empty()) {
    const std::string_view key = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), key.size() + 1));
    const auto child = node.is_map() ? node.find(key) : std::nullopt;
    if (!child) break;
    node = *child;
  }
  throw node.error(error.message(), error.kind());
}

}  // namespace

Bits read_capacity(const YamlNode& node, std::uint64_t limit) {
  const auto capacity = node.quantity<Bits>();
  if (capacity.value() == 0 || capacity.value() >= limit) {
    throw node.error(fmt::format("expected a capacity above 0 bit and below {}, got {}",
                                 to_string(Bits{limit}), to_string(capacity)));
  }
  return capacity;
}

Picoseconds read_time(const YamlNode& node, Picoseconds least) {
  const auto time = node.quantity<Picoseconds>();
  if (time < least || time > max_chip_time) {
    throw node.error(fmt::format("expected {} to {}, got {}", to_string(least),
                                 to_string(max_chip_time), to_string(time)));
  }
  return time;
}

std::uint32_t read_width(const YamlNode& node, std::uint64_t most) {
  const auto bits = node.quantity<Bits>().value();
  if (bits == 0 || bits > most) {
    throw node.error(fmt::format("expected 1 bit to {} bit, got {} bit", most, bits));
  }
  return static_cast<std::uint32_t>(bits);
}

bool is_streamed(const YamlNode& chip) {
  const auto schedule = chip.find("schedule");
  return schedule && schedule->one_of<bool>({{"resident", false}, {"streamed", true}});
}

WeightFormats read_weight_formats(const YamlNode& node) {
  WeightFormats formats;
  const auto read = [&](std::string_view key, std::uint32_t& bits) {
    const auto format = node.find(key);
    if (format && format->text() != "none") bits = read_width(*format, 16);
  };
  read("uniform", formats.uniform_bits);
  read("power_of_two", formats.power_of_two_bits);
  if (formats.uniform_bits == 0 && formats.power_of_two_bits == 0) {
    throw node.error("a core needs a weight format: uniform, power_of_two");
  }
  return formats;
}

Chip read_chip(const YamlNode& node) {
  ChipSpec spec;
  spec.name = node.at("name").name();
  spec.description = node.at("description").text();
  const YamlNode technology = node.at("technology");
  spec.node = technology.at("node").quantity<Nanometres>();
  spec.voltage = technology.at("voltage").quantity<Volts>();
  if (!(spec.node > Nanometres{0})) throw technology.at("node").error("expected more than 0 nm");
  if (!(spec.voltage > Volts{0}) || spec.voltage > Volts{100}) {
    throw technology.at("voltage").error("expected more than 0 V, and 100 V at most");
  }
  const bool streamed = is_streamed(node);
  if (streamed) {
    spec.array = read_array(node.at("core_kinds"));
  } else {
    read_resident(node, spec);
  }
  spec.off_chip = read_off_chip(node.at("off_chip"), !streamed);
  if (const auto datapath = node.find("datapath")) spec.datapath = read_datapath(*datapath);
  try {
    return Chip(std::move(spec));
  } catch (const Error& error) {
    rethrow_at(node, error);
  }
}

}  // namespace nj
