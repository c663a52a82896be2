#include "footprint.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/population_graph.hpp"

namespace nj {

std::uint64_t saturating_product(std::initializer_list<std::uint64_t> factors) {
  std::uint64_t product = 1;
  for (const std::uint64_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) {
      return std::numeric_limits<std::uint64_t>::max();
    }
  }
  return product;
}

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::uint64_t>::max() : sum;
}

std::uint64_t weights_per_channel(const Operator& op) {
  if (const auto* conv = std::get_if<Conv2d>(&op)) {
    return saturating_product({conv->in_channels, conv->kernel.y, conv->kernel.x});
  }
  const auto* head = std::get_if<ClassifierHead>(&op);
  return head != nullptr ? head->in_channels : 0;
}

namespace {

/// Input rows or columns that `outputs` neighbouring outputs see, of `all`.
std::uint64_t seen(std::uint32_t outputs, std::uint32_t kernel, std::uint32_t stride,
                   std::uint32_t all) {
  return std::min<std::uint64_t>(std::uint64_t{outputs - 1} * stride + kernel, all);
}

/// Of q, k and v on an attention core: q of its positions, k and v of all.
std::uint64_t operand_positions(const SliceNeeds& needs, const SliceSize& size) {
  return std::uint64_t{size.rows} * size.columns + 2 * needs.shape.positions();
}

void add_senders(const SliceNeeds& needs, const SliceSize& size, Footprint& use) {
  const std::uint64_t all = needs.input.neurons();
  if (const auto* conv = std::get_if<Conv2d>(needs.op)) {
    use.fan_in = saturating_product({conv->in_channels, conv->kernel.y, conv->kernel.x});
    use.axons = saturating_product(
        {conv->in_channels, seen(size.rows, conv->kernel.y, conv->stride.y, needs.input.height),
         seen(size.columns, conv->kernel.x, conv->stride.x, needs.input.width)});
  } else if (std::holds_alternative<ClassifierHead>(*needs.op)) {
    use.fan_in = all;
    use.axons = all;
  } else if (std::holds_alternative<SpikingSelfAttention>(*needs.op)) {
    use.axons = saturating_product({size.channels, operand_positions(needs, size)});
  } else {
    use.fan_in = needs.operands;
    use.axons = saturating_product({needs.operands, use.neurons});
  }
}

/// What a slice sees of the frame: whole rows, or where it has some columns what is under these.
std::uint64_t frame_bits(const SliceNeeds& needs, const SliceSize& size) {
  const auto* conv = std::get_if<Conv2d>(needs.op);
  const std::uint64_t rows =
      conv != nullptr ? seen(size.rows, conv->kernel.y, conv->stride.y, needs.input.height)
                      : needs.input.height;
  const std::uint64_t columns =
      conv != nullptr && size.columns < needs.shape.width
          ? seen(size.columns, conv->kernel.x, conv->stride.x, needs.input.width)
          : needs.input.width;
  return saturating_product({rows, columns, needs.input.channels, needs.spike_bits});
}

/// One limit of a core kind, and what a footprint needs of it.
struct Limit {
  std::string_view resource;
  std::string_view unit;
  std::uint64_t needed = 0;
  std::uint64_t available = 0;
  bool adds_up = true;  ///< over the slices of a core
};

std::array<Limit, 4 + memory_units.size()> limits(const Footprint& use, const CoreKindSpec& kind) {
  constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
  std::array<Limit, 4 + memory_units.size()> all{
      Limit{"neurons", "", use.neurons, kind.max_neurons},
      {"fan_in", "", use.fan_in, kind.max_fan_in ? *kind.max_fan_in : any, false},
      {"axons", "", use.axons, kind.max_axons ? *kind.max_axons : any},
      {"spike_bits", " bit", use.spike_bits, kind.max_spike_bits ? *kind.max_spike_bits : any,
       false}};
  for (std::size_t i = 0; i < memory_units.size(); ++i) {
    const auto& memory = kind.memory(memory_units[i]);
    // Of an attention layer; on a core that adds up scores first it needs none.
    const bool spared = memory_units[i] == MemoryUnit::score_memory && !memory;
    all[4 + i] = {to_string(memory_units[i]), " bit", use.bits(memory_units[i]),
                  memory ? memory->capacity.value() : (spared ? any : 0)};
  }
  return all;
}

}  // namespace

void check_widths(const Network& network, std::span<const LayerWidths> widths) {
  if (widths.size() != network.size()) {
    throw Error(ErrorKind::shape, fmt::format("expected one set of widths per layer ({}), got {}",
                                              network.size(), widths.size()));
  }
  for (std::uint32_t i = 0; i < widths.size(); ++i) {
    const LayerWidths& w = widths[i];
    const auto in = [](std::uint32_t bits, std::uint32_t most) {
      return bits >= 1 && bits <= most;
    };
    const bool input = std::holds_alternative<Input>(network.layer(LayerId{i}).op);
    if (in(w.weight_integer_bits, 64) && in(w.accumulator_bits, 64) && in(w.membrane_bits, 64) &&
        in(w.output_bits, input ? 8 : 32) && in(w.weights.bits, 32)) {
      continue;
    }
    Location where;
    where.key = network.layer(LayerId{i}).name;
    throw Error(
        ErrorKind::config,
        fmt::format(
            "widths must be 1..64 bits (weights and outputs 1..32, inputs 1..8), got weights "
            "{}, integers {}, accumulator {}, membrane {}, output {}",
            w.weights.bits, w.weight_integer_bits, w.accumulator_bits, w.membrane_bits,
            w.output_bits),
        where);
  }
}

SliceNeeds slice_needs(const Network& network, const Population& population,
                       std::span<const LayerWidths> widths, std::uint32_t slots, const Chip& chip) {
  SliceNeeds needs;
  needs.op = &network.layer(population.lead).op;
  needs.shape = neuron_shape(network, population);
  needs.lead = widths[population.lead.index];
  if (population.lif) needs.membrane_bits = widths[population.lif->index].membrane_bits;
  const auto operands = network.operands(population.lead);
  needs.operands = static_cast<std::uint32_t>(operands.size());
  if (!operands.empty()) needs.input = network.output_shape(operands[0].source);
  for (const Operand& operand : operands) {
    needs.spike_bits = std::max(needs.spike_bits, widths[operand.source.index].output_bits);
    needs.sees_input =
        needs.sees_input || std::holds_alternative<Input>(network.layer(operand.source).op);
  }
  needs.reads_frames = needs.sees_input && has_weights(*needs.op) && chip.reads_frames();
  needs.slots = slots;
  if (const auto* attention = std::get_if<SpikingSelfAttention>(needs.op)) {
    needs.channel_unit = needs.shape.channels / attention->heads;
  }
  return needs;
}

SliceSize size_of(const LayerSlice& slice, const FeatureShape& shape) {
  return {slice.channel_end - slice.channel_begin, slice.row_end - slice.row_begin,
          std::min(slice.column_end, shape.width) - slice.column_begin};
}

Footprint footprint(const SliceNeeds& needs, const SliceSize& size, const CoreKindSpec& kind) {
  Footprint use;
  const auto set = [&](MemoryUnit unit, std::uint64_t bits) {
    use.memory_bits[static_cast<std::size_t>(unit)] = bits;
  };
  use.neurons = saturating_product({size.channels, size.rows, size.columns});
  use.spike_bits = needs.spike_bits;
  add_senders(needs, size, use);
  if (needs.reads_frames) {
    set(MemoryUnit::frame_buffer, frame_bits(needs, size));
    use.axons = 0;
  }
  if (const std::uint64_t weights = weights_per_channel(*needs.op); weights != 0) {
    const std::uint64_t elements = saturating_product({weights, size.channels});
    const bool countable = elements < std::numeric_limits<std::uint64_t>::max() / 64;
    set(MemoryUnit::synapse_memory,
        countable ? storage_bits(needs.lead.weights, elements, size.channels) : elements);
  }
  if (const auto& table = kind.memory(MemoryUnit::axon_table)) {
    set(MemoryUnit::axon_table, saturating_product({use.axons, table->word_bits}));
  }
  const bool attention = std::holds_alternative<SpikingSelfAttention>(*needs.op);
  set(MemoryUnit::accumulator_memory,
      saturating_product({use.neurons, needs.lead.accumulator_bits, attention ? 1 : needs.slots}));
  set(MemoryUnit::membrane_memory, saturating_product({use.neurons, needs.membrane_bits}));
  if (attention) {
    set(MemoryUnit::spike_buffer,
        saturating_product({size.channels, operand_positions(needs, size), needs.slots}));
    set(MemoryUnit::score_memory, saturating_product({size.channels, needs.channel_unit,
                                                      score_bits(needs.shape.positions())}));
  }
  return use;
}

CoreRole role_of(const SliceNeeds& needs, const Chip& chip) {
  if (std::holds_alternative<SpikingSelfAttention>(*needs.op)) return CoreRole::attention;
  const bool encodes = needs.sees_input && has_weights(*needs.op) && chip.has_encoders();
  return encodes ? CoreRole::encoder : CoreRole::neuron;
}

std::optional<Violation> too_long_packets(const Network& network, const Population& population,
                                          std::span<const LayerWidths> widths, const Chip& chip) {
  const TopologySpec& topology = chip.spec().topology;
  const LayerId sends = population.output();
  const std::uint32_t flits = topology.packet_flits(widths[sends.index].output_bits);
  if (!topology.buffer_flits || flits <= *topology.buffer_flits) return std::nullopt;
  return Violation{
      network.layer(population.lead).name, "buffer", flits, *topology.buffer_flits,
      fmt::format("layer \"{}\" sends packets of {} flits, a buffer of the network has "
                  "{}",
                  network.layer(population.lead).name, flits, *topology.buffer_flits)};
}

bool fits(const Footprint& use, const CoreKindSpec& kind) {
  const auto all = limits(use, kind);
  return std::all_of(all.begin(), all.end(),
                     [](const Limit& limit) { return limit.needed <= limit.available; });
}

Footprint together(const Footprint& others, const Footprint& one, const CoreKindSpec& kind) {
  Footprint sum;
  sum.neurons = saturating_sum(others.neurons, one.neurons);
  sum.axons = saturating_sum(others.axons, one.axons);
  sum.fan_in = std::max(others.fan_in, one.fan_in);
  sum.spike_bits = std::max(others.spike_bits, one.spike_bits);
  for (std::size_t i = 0; i < memory_units.size(); ++i) {
    const auto& memory = kind.memory(memory_units[i]);
    const std::uint64_t word = memory ? memory->word_bits : 1;
    const std::uint64_t words = others.memory_bits[i] / word + (others.memory_bits[i] % word != 0);
    sum.memory_bits[i] = saturating_sum(saturating_product({words, word}), one.memory_bits[i]);
  }
  return sum;
}

double filled(const Footprint& use, const CoreKindSpec& kind) {
  double most = 0;
  for (const Limit& limit : limits(use, kind)) {
    if (!limit.adds_up || limit.needed == 0) continue;
    most = std::max(most, static_cast<double>(limit.needed) / static_cast<double>(limit.available));
  }
  return most;
}

std::vector<Violation> exceeded(const Footprint& use, const CoreKindSpec& kind,
                                const std::string& layer) {
  std::vector<Violation> violations;
  for (const Limit& limit : limits(use, kind)) {
    if (limit.needed <= limit.available) continue;
    violations.push_back(
        {layer, std::string(limit.resource), limit.needed, limit.available,
         fmt::format(R"(layer "{}" needs {}{} of {} on a "{}" core, which has {}{})", layer,
                     limit.needed, limit.unit, limit.resource, kind.name, limit.available,
                     limit.unit)});
  }
  return violations;
}

std::vector<Footprint> footprints(const Network& network, std::span<const Population> populations,
                                  std::span<const LayerWidths> widths, const Chip& chip,
                                  const Mapping& mapping) {
  check_widths(network, widths);
  const PopulationGraph graph = population_graph(network, populations, chip.reads_frames());
  std::vector<Footprint> result;
  for (const LayerSlice& slice : mapping.slices) {
    if (slice.core.index >= chip.cores().size()) {
      throw Error(ErrorKind::shape,
                  fmt::format("a slice is on core {}, and chip '{}' has {}", slice.core.index,
                              chip.spec().name, chip.cores().size()));
    }
    const SliceNeeds needs = slice_needs(network, populations[slice.population], widths,
                                         graph.slots[slice.population], chip);
    result.push_back(footprint(needs, size_of(slice, needs.shape), chip.kind_of(slice.core)));
  }
  return result;
}

}  // namespace nj
