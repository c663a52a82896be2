#include "tally.hpp"

#include <array>
#include <numeric>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

/// Adds counts of one core kind.
class KindCounts {
 public:
  KindCounts(ActionCounts& counts, const CoreKindSpec& kind) : counts_(counts), kind_(kind) {}

  void unit(std::string_view unit, Action action, std::uint32_t width, LayerId layer,
            std::uint64_t count, std::uint32_t value_bits = 0) {
    counts_.add({kind_.name + "." + std::string(unit), action, width, layer, value_bits}, count);
  }
  void memory(MemoryUnit unit_of, Action action, LayerId layer, std::uint64_t count) {
    if (count == 0) return;
    unit(to_string(unit_of), action, kind_.memory(unit_of)->word_bits, layer, count);
  }

 private:
  ActionCounts& counts_;
  const CoreKindSpec& kind_;
};

/// Operations of a unit with weights, or of an add; of `graded` ones the input, of `value_bits`,
/// may exceed 1.
void count_operations(const Plan& plan, const SlicePlan& slice, std::string_view unit,
                      std::uint64_t operations, std::uint64_t graded, std::uint32_t value_bits,
                      KindCounts& kind) {
  const LayerId lead = plan.populations[slice.place.population].lead;
  const LayerWidths& widths = plan.width(lead);
  const bool weighted = has_weights(*slice.op);
  kind.unit(unit, Action::accumulate, widths.accumulator_bits, lead, operations);
  kind.unit(unit, Action::synaptic_operation, weighted ? widths.weights.bits : 1, lead, operations);
  if (!weighted) return;
  if (widths.weights.scheme == Scheme::power_of_two) {
    kind.unit(unit, Action::shift, widths.accumulator_bits, lead, operations);
  } else {
    kind.unit(unit, Action::multiply, widths.weight_integer_bits, lead, graded, value_bits);
  }
}

/// Receivers [first, last) of one producer, all of one population and core kind.
void count_deliveries(const Plan& plan, const Tally& tally, std::size_t first, std::size_t last,
                      ActionCounts& counts) {
  const Receiver& receiver = plan.receivers[first];
  const SlicePlan& slice = plan.slices[receiver.slice];
  const LayerId lead = plan.populations[slice.place.population].lead;
  const LayerId sender = plan.populations[receiver.producer].output();
  const bool attention = slice.attention();
  std::uint64_t delivered = 0;
  std::uint64_t operands = 0;
  std::uint64_t synapse_words = 0;
  std::uint64_t accumulator_words = 0;
  std::uint64_t operations = 0;
  for (std::size_t i = first; i < last; ++i) {
    const ReceiverTally& one = tally.receivers[i];
    const PositionWork& position = plan.slices[plan.receivers[i].slice].position;
    delivered += one.delivered;
    operands += one.operands;
    synapse_words += one.positions * position.synapse_words;
    accumulator_words += one.positions * position.accumulator_words;
    operations += one.positions * position.fan;
  }
  KindCounts kind(counts, *slice.kind);
  kind.unit("axon_in", Action::packet_deliver, plan.packet_bits(receiver.producer), sender,
            delivered);
  if (slice.kind->memory(MemoryUnit::axon_table)) {
    kind.memory(MemoryUnit::axon_table, Action::read_word, lead, delivered);
  }
  kind.memory(MemoryUnit::spike_buffer, Action::write_word, lead, attention ? operands : delivered);
  if (attention) return;
  kind.memory(MemoryUnit::spike_buffer, Action::read_word, lead, delivered);
  kind.memory(MemoryUnit::synapse_memory, Action::read_word, lead, synapse_words);
  for (const Action action : {Action::read_word, Action::write_word}) {
    kind.memory(MemoryUnit::accumulator_memory, action, lead, accumulator_words);
  }
  count_operations(plan, slice, "synapse_unit", operations, receiver.graded ? operations : 0,
                   plan.width(sender).output_bits, kind);
}

void count_frames(const Plan& plan, const SlicePlan& slice, const SliceTally& tally,
                  ActionCounts& counts) {
  if (!slice.frame) return;
  const FramePlan& frame = *slice.frame;
  const LayerId lead = plan.populations[slice.place.population].lead;
  counts.add({"off_chip.memory", Action::read_bit, 1, frame.input},
             tally.frames * frame.off_chip_bits);
  KindCounts kind(counts, *slice.kind);
  kind.memory(MemoryUnit::frame_buffer, Action::write_word, lead, tally.frames * frame.words);
  kind.memory(MemoryUnit::frame_buffer, Action::read_word, lead, tally.frame_words);
  kind.memory(MemoryUnit::synapse_memory, Action::read_word, lead,
              tally.frames * frame.weight_words);
  for (const Action action : {Action::read_word, Action::write_word}) {
    kind.memory(MemoryUnit::accumulator_memory, action, lead,
                tally.frames * slice.positions() * slice.position.accumulator_words);
  }
  const std::uint64_t operations = tally.frame_positions * slice.position.fan;
  count_operations(plan, slice, "encoder_unit", operations, frame.reach.graded ? operations : 0,
                   frame.bits, kind);
}

/// Slices [first, last) of one population on one core kind.
void count_neuron_phases(const Plan& plan, const Tally& tally, std::size_t first, std::size_t last,
                         ActionCounts& counts) {
  const SlicePlan& slice = plan.slices[first];
  const Population& population = plan.populations[slice.place.population];
  const LayerId layer = population.lif.value_or(population.lead);
  const std::uint32_t accumulator_bits = plan.width(population.lead).accumulator_bits;
  const std::uint32_t bits = population.lif ? plan.width(layer).membrane_bits : accumulator_bits;
  SliceTally sum;
  std::uint64_t accumulator_words = 0;
  std::uint64_t membrane_words = 0;
  for (std::size_t i = first; i < last; ++i) {
    const SliceTally& one = tally.slices[i];
    const std::uint64_t neurons = plan.slices[i].neurons();
    sum.active += one.active;
    sum.inactive += one.inactive;
    sum.pooled += one.pooled;
    sum.injected += one.injected;
    accumulator_words +=
        one.phases * words(*slice.kind, MemoryUnit::accumulator_memory, neurons * accumulator_bits);
    if (!population.lif) continue;
    membrane_words += one.phases * words(*slice.kind, MemoryUnit::membrane_memory, neurons * bits);
  }
  const std::uint64_t updates = sum.active + sum.inactive;
  KindCounts kind(counts, *slice.kind);
  for (const Action action : {Action::read_word, Action::write_word}) {
    kind.memory(MemoryUnit::accumulator_memory, action, layer, accumulator_words);
    kind.memory(MemoryUnit::membrane_memory, action, layer, membrane_words);
  }
  if (population.lif) {
    kind.unit("neuron_unit", Action::accumulate, bits, layer, 3 * updates);
    kind.unit("neuron_unit", Action::shift, bits, layer, updates);
    kind.unit("neuron_unit", Action::compare, bits, layer, updates);
  } else if (std::holds_alternative<ClassifierHead>(*slice.op)) {
    kind.unit("neuron_unit", Action::accumulate, bits, layer, updates);
  }
  kind.unit("neuron_unit", Action::neuron_update_active, bits, layer, sum.active);
  kind.unit("neuron_unit", Action::neuron_update_inactive, bits, layer, sum.inactive);
  if (population.pool) {
    kind.unit("neuron_unit", Action::or_bit, 1, *population.pool, sum.pooled);
  }
  kind.unit("axon_out", Action::packet_inject, plan.packet_bits(slice.place.population),
            population.output(), sum.injected);
}

void count_attention(const Plan& plan, const SlicePlan& slice, const SliceTally& tally,
                     ActionCounts& counts) {
  if (!slice.attention()) return;
  const LayerId lead = plan.populations[slice.place.population].lead;
  const std::uint32_t accumulator_bits = plan.width(lead).accumulator_bits;
  KindCounts kind(counts, *slice.kind);
  kind.memory(MemoryUnit::spike_buffer, Action::read_word, lead, tally.row_words);
  kind.memory(MemoryUnit::score_memory, Action::read_word, lead,
              tally.product_reads * slice.score_row_words);
  kind.memory(MemoryUnit::score_memory, Action::write_word, lead,
              tally.product_writes * slice.score_row_words);
  kind.unit("attention_unit", Action::and_bit, 1, lead, tally.and_bits);
  kind.unit("attention_unit", Action::accumulate,
            slice.score_bits == 0 ? accumulator_bits : slice.score_bits, lead, tally.coincidences);
  kind.unit("attention_unit", Action::accumulate, accumulator_bits, lead, tally.score_additions);
  kind.unit("attention_unit", Action::synaptic_operation, 1, lead,
            tally.coincidences + tally.score_additions);
}

/// Sources [first, last), all of one population, in the network.
void count_routers(const Plan& plan, const Tally& tally, std::uint32_t population,
                   std::size_t first, std::size_t last, ActionCounts& counts) {
  std::uint64_t within_tile = 0;
  std::array<std::uint64_t, hop_actions.size()> hops{};
  for (std::size_t i = plan.first_tree[first]; i < plan.first_tree[last]; ++i) {
    const std::uint64_t packets = tally.packets[i];
    if (packets == 0) continue;
    const RouteTrees::Tree& tree = plan.routes.trees.tree(plan.trees[i]);
    const RouteTrees::Node& start = plan.routes.trees.node(tree.start);
    within_tile += packets * (start.here_last - start.here_first);
    for (std::size_t d = 0; d < hops.size(); ++d) hops[d] += packets * tree.hops[d];
  }
  const auto add = [&](Action action, std::uint64_t count) {
    counts.add({"network.router", action, plan.packet_bits(population),
                plan.populations[population].output()},
               count);
  };
  add(Action::spike_within_tile, within_tile);
  for (std::size_t d = 0; d < hops.size(); ++d) add(hop_actions[d], hops[d]);
}

void count_input(const Plan& plan, std::uint32_t population, const InputTally& tally,
                 ActionCounts& counts) {
  const LayerId layer = plan.populations[population].output();
  counts.add({"io.axon_out", Action::packet_inject, plan.packet_bits(population), layer},
             tally.injected);
  const std::uint64_t frame_bits =
      plan.network.output_shape(layer).neurons() * plan.width(layer).output_bits;
  counts.add({"off_chip.memory", Action::read_bit, 1, layer}, tally.frames * frame_bits);
}

void count_chip(const Chip& chip, std::uint64_t steps, Picoseconds latency, ActionCounts& counts) {
  counts.add({"chip.synchronisation", Action::barrier, 0, chip_overhead}, steps);
  for (std::uint32_t k = 0; k < chip.spec().core_kinds.size(); ++k) {
    std::uint64_t cycles = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(latency.value()), chip.cores_of_kind(k),
                               &cycles)) {
      throw Error(ErrorKind::numeric, fmt::format("all cores together leak for more than 2^64 ps: "
                                                  "{} cores for {}",
                                                  chip.cores_of_kind(k), to_string(latency)));
    }
    KindCounts kind(counts, chip.spec().core_kinds[k]);
    for (const MemoryUnit unit : memory_units) {
      const auto& memory = chip.spec().core_kinds[k].memory(unit);
      if (!memory) continue;
      kind.unit(to_string(unit), Action::leak_cycle,
                static_cast<std::uint32_t>(memory->capacity.value()), chip_overhead, cycles);
    }
  }
}

}  // namespace

std::uint64_t Tally::merged() const {
  std::uint64_t sum = 0;
  for (const ReceiverTally& receiver : receivers) sum += receiver.merged;
  return sum;
}

std::uint64_t Tally::sent() const {
  return std::accumulate(packets.begin(), packets.end(), std::uint64_t{0});
}

void add_synapse_work(const Plan& plan, const Tally& tally, std::vector<UnitTimes>& slices) {
  for (std::size_t r = 0; r < plan.receivers.size(); ++r) {
    const std::uint32_t s = plan.receivers[r].slice;
    const SlicePlan& slice = plan.slices[s];
    const ReceiverTally& got = tally.receivers[r];
    slices[s].synapse_unit +=
        times(slice.kind->times.axon_in, got.delivered) + times(slice.position.time, got.positions);
  }
}

ActionCounts action_counts(const Plan& plan, const Tally& tally, std::uint64_t steps,
                           Picoseconds latency) {
  ActionCounts counts;
  const auto kind_of = [&](std::uint32_t slice) {
    return std::pair(plan.slices[slice].place.population, plan.slices[slice].kind);
  };
  for (std::size_t first = 0, last = 0; first < plan.receivers.size(); first = last) {
    const auto key = [&](std::size_t r) {
      return std::pair(plan.receivers[r].producer, kind_of(plan.receivers[r].slice));
    };
    while (last < plan.receivers.size() && key(last) == key(first)) ++last;
    count_deliveries(plan, tally, first, last, counts);
  }
  for (std::uint32_t first = 0, last = 0; first < plan.slices.size(); first = last) {
    while (last < plan.slices.size() && kind_of(last) == kind_of(first)) ++last;
    count_neuron_phases(plan, tally, first, last, counts);
    count_routers(plan, tally, plan.slices[first].place.population, first, last, counts);
  }
  for (std::size_t s = 0; s < plan.slices.size(); ++s) {
    count_frames(plan, plan.slices[s], tally.slices[s], counts);
    count_attention(plan, plan.slices[s], tally.slices[s], counts);
  }
  for (std::uint32_t p = 0; p < plan.populations.size(); ++p) {
    count_input(plan, p, tally.inputs[p], counts);
    const std::size_t port = plan.slices.size() + p;
    count_routers(plan, tally, p, port, port + 1, counts);
  }
  count_chip(plan.chip, steps, latency, counts);
  return counts;
}

std::uint64_t hops(const ActionCounts& counts) {
  std::uint64_t sum = 0;
  for (const Action hop : hop_actions) sum += counts.total(hop);
  return sum;
}

}  // namespace nj
