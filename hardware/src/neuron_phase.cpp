#include "neuron_phase.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "attention_rows.hpp"
#include "trains.hpp"

namespace nj {
namespace {

Picoseconds times(Picoseconds time, std::uint64_t count) {
  return time * static_cast<std::int64_t>(count);
}

/// Adds work of attention to the tally; returns the time it takes.
Picoseconds count(const AttentionWork& work, const SlicePlan& slice, SliceTally& tally) {
  const CoreTimes& core = slice.kind->times;
  const std::uint64_t row = slice.spike_row_words;
  const std::uint64_t row_rounds = rounds(*slice.kind, MemoryUnit::spike_buffer, row);
  tally.row_words += (work.coincidence_rows + work.score_rows) * row;
  tally.and_bits += work.and_bits;
  tally.coincidences += work.coincidences;
  tally.score_additions += work.score_additions;
  tally.product_reads += work.product_reads;
  tally.product_writes += work.product_writes;
  const std::uint64_t product_rounds =
      slice.score_bits == 0 ? 0
                            : rounds(*slice.kind, MemoryUnit::score_memory, slice.score_row_words);
  return times(core.coincidence_word, work.coincidence_rows * row_rounds) +
         times(core.score_word, work.score_rows * row_rounds +
                                    (work.product_reads + work.product_writes) * product_rounds) +
         times(core.synaptic_operation, work.coincidences + work.score_additions);
}

/// Time of the memory words that a slice's neurons have needed so far, in address order: a word is
/// read and written back when its first neuron comes.
class PhaseWords {
 public:
  PhaseWords(const SlicePlan& slice, std::uint32_t accumulator_bits, std::uint32_t membrane_bits) {
    add(slice, MemoryUnit::accumulator_memory, slice.kind->times.accumulator_word,
        accumulator_bits);
    add(slice, MemoryUnit::membrane_memory, slice.kind->times.membrane_word, membrane_bits);
  }
  /// The time that the next neurons add.
  Picoseconds next(std::uint64_t neurons = 1) {
    if (count_ == 0) return Picoseconds{0};
    neurons_ += neurons;
    Picoseconds added{0};
    for (std::size_t i = 0; i < count_; ++i) {
      Memory& memory = memories_[i];
      const std::uint64_t words =
          (neurons_ * memory.neuron_bits + memory.spec->word_bits - 1) / memory.spec->word_bits;
      const std::uint64_t rounds = memory.spec->rounds(2 * words);
      added += times(memory.time, rounds - memory.rounds);
      memory.rounds = rounds;
    }
    return added;
  }

 private:
  struct Memory {
    const MemorySpec* spec = nullptr;
    Picoseconds time;
    std::uint64_t neuron_bits = 0;
    std::uint64_t rounds = 0;
  };
  void add(const SlicePlan& slice, MemoryUnit unit, Picoseconds time, std::uint32_t bits) {
    if (time.value() == 0 || bits == 0) return;
    memories_[count_++] = {&*slice.kind->memory(unit), time, bits, 0};
  }

  std::array<Memory, 2> memories_;
  std::size_t count_ = 0;
  std::uint64_t neurons_ = 0;
};

}  // namespace

NeuronPhase::NeuronPhase(const Plan& plan, const SpikeTrace& trace, Touched& touched, Tally& tally)
    : plan_(plan),
      trace_(trace),
      touched_(touched),
      tally_(tally),
      multicast_(plan.chip.spec().topology.multicast),
      pooled_(plan.populations.size()) {
  timesteps_ = check_trains(plan.network, plan.populations, trace);
  for (std::size_t p = 0; p < pooled_.size(); ++p) {
    if (plan.populations[p].pool) pooled_[p].assign(plan.fans[p].shape.neurons(), 0);
  }
}

template <class Train>
const Train& NeuronPhase::train(LayerId layer) const {
  return std::get<Train>(*trace_[layer.index]);
}

Picoseconds NeuronPhase::run_slice(std::uint32_t slice, std::uint32_t step, Picoseconds start,
                                   Outbox& outbox) {
  const SlicePlan& plan = plan_.slices[slice];
  const Population& population = plan_.populations[plan.place.population];
  Unit unit{plan.place.population, start, plan.kind->times.axon_out, 0, outbox};
  ++visit_;
  Picoseconds end = start;
  if (population.lif) {
    end = run_neurons(slice, step, unit);
  } else if (std::holds_alternative<ResidualAdd>(*plan.op)) {
    end = run_adds(slice, step % timesteps_, unit);
  } else {
    end = run_head(slice, step % timesteps_, unit);
  }
  tally_.slices[slice].injected += unit.sent;
  return end;
}

Picoseconds NeuronPhase::run_neurons(std::uint32_t slice, std::uint32_t step, Unit& unit) {
  const std::uint32_t t = step % timesteps_;
  const SlicePlan& plan = plan_.slices[slice];
  const Population& population = plan_.populations[unit.population];
  const CoreTimes& core = plan.kind->times;
  const auto& spikes = train<SpikeTensor>(*population.lif);
  SliceTally& tally = tally_.slices[slice];
  ++tally.phases;
  const auto touched = touched_.slot(slice, step);
  std::optional<AttentionRows> attention;
  if (std::holds_alternative<SpikingSelfAttention>(*plan.op)) {
    const auto operands = plan_.network.operands(population.lead);  // query, key, value
    attention.emplace(plan, train<SpikeTensor>(operands[0].source),
                      train<SpikeTensor>(operands[1].source),
                      train<SpikeTensor>(operands[2].source), t);
    unit.clock += count(attention->prepare(), plan, tally);
  }
  PhaseWords words(plan, plan_.width(population.lead).accumulator_bits,
                   plan_.width(*population.lif).membrane_bits);
  const auto pass = [&](std::uint64_t neurons, bool active) {
    (active ? tally.active : tally.inactive) += neurons;
    unit.clock += words.next(neurons);
    unit.clock += times(active ? core.neuron_update_active : core.neuron_update_inactive, neurons);
  };
  const auto fire = [&](const Place& place) {
    pass(1, true);
    if (population.pool) {
      pool(unit, slice, place);
    } else {
      send(unit, place, 1);
    }
  };
  std::size_t position = 0;
  for (std::uint32_t y = plan.place.row_begin; y < plan.place.row_end; ++y) {
    for (std::uint32_t x = 0; x < plan.shape.width; ++x, ++position) {
      const std::uint64_t origin = plan.shape.address(0, y, x);
      std::uint32_t next = plan.place.channel_begin;  // channel
      if (attention) {
        const auto work = attention->token(std::uint64_t{y} * plan.shape.width + x);
        unit.clock += count(work, plan, tally);
      }
      const auto rest_until = [&](std::uint32_t channel) {
        if (!attention) {
          pass(channel - next, touched[position] != 0);
        } else {
          for (std::uint32_t c = next; c < channel; ++c) {
            pass(1, attention->reached(c - plan.place.channel_begin));
          }
        }
        next = channel + 1;
      };
      spikes.for_each_in(t, origin + next, origin + plan.place.channel_end,
                         [&](std::uint64_t address, std::int16_t) {
                           const auto channel = static_cast<std::uint32_t>(address - origin);
                           rest_until(channel);
                           fire({y, x, channel});
                         });
      rest_until(plan.place.channel_end);
    }
  }
  std::fill(touched.begin(), touched.end(), std::uint8_t{0});
  return unit.clock;
}

Picoseconds NeuronPhase::run_adds(std::uint32_t slice, std::uint32_t t, Unit& unit) {
  const SlicePlan& plan = plan_.slices[slice];
  const CoreTimes& core = plan.kind->times;
  SliceTally& tally = tally_.slices[slice];
  ++tally.phases;
  PhaseWords words(plan, plan_.width(plan_.populations[unit.population].lead).accumulator_bits, 0);
  const auto rest = [&](std::uint64_t neurons) {
    tally.inactive += neurons;
    unit.clock += words.next(neurons) + times(core.neuron_update_inactive, neurons);
  };
  const auto send_sums = [&](const auto& sums) {
    for (std::uint32_t y = plan.place.row_begin; y < plan.place.row_end; ++y) {
      for (std::uint32_t x = 0; x < plan.shape.width; ++x) {
        const std::uint64_t origin = plan.shape.address(0, y, x);
        std::uint64_t next = origin + plan.place.channel_begin;
        const std::uint64_t end = origin + plan.place.channel_end;
        sums.for_each_in(t, next, end, [&](std::uint64_t address, std::int16_t value) {
          rest(address - next);
          ++tally.active;
          unit.clock += words.next() + core.neuron_update_active;
          send(unit, {y, x, static_cast<std::uint32_t>(address - origin)}, value);
          next = address + 1;
        });
        rest(end - next);
      }
    }
  };
  std::visit(send_sums, *trace_[plan_.populations[unit.population].lead.index]);
  return unit.clock;
}

Picoseconds NeuronPhase::run_head(std::uint32_t slice, std::uint32_t t, Unit& unit) {
  if (t + 1 != timesteps_) return unit.clock;
  const SlicePlan& plan = plan_.slices[slice];
  ++tally_.slices[slice].phases;
  tally_.slices[slice].active += plan.neurons();
  PhaseWords words(plan, plan_.width(plan_.populations[unit.population].lead).accumulator_bits, 0);
  for (std::uint64_t n = 0; n < plan.neurons(); ++n) {
    unit.clock += words.next() + plan.kind->times.neuron_update_active;
  }
  return unit.clock;
}

Picoseconds NeuronPhase::run_input(std::uint32_t population, std::uint32_t step, Picoseconds start,
                                   Outbox& outbox) {
  const OffChipSpec& off_chip = plan_.chip.spec().off_chip;
  const LayerId lead = plan_.populations[population].lead;
  const FeatureShape& shape = plan_.network.output_shape(lead);
  const std::uint64_t bits = plan_.width(lead).output_bits;
  const auto read_until = [&](std::uint64_t values) {
    const std::uint64_t words_read = (values * bits + off_chip.word_bits - 1) / off_chip.word_bits;
    return start + times(off_chip.word_time, words_read);
  };
  Unit unit{population, start, off_chip.axon_out, 0, outbox};
  for_each(*trace_[lead.index], step % timesteps_, [&](std::uint64_t address, std::int16_t value) {
    const std::uint64_t position = address / shape.channels;
    unit.clock = std::max(unit.clock, read_until(address + 1));
    send(unit,
         {static_cast<std::uint32_t>(position / shape.width),
          static_cast<std::uint32_t>(position % shape.width),
          static_cast<std::uint32_t>(address % shape.channels)},
         value);
  });
  ++tally_.senders[population].frames;
  tally_.senders[population].input_packets += unit.sent;
  return std::max(unit.clock, read_until(shape.neurons()));
}

/// One packet to every slice that the spike reaches, or one to all of them.
void NeuronPhase::send(Unit& unit, Place place, std::int16_t value) const {
  const Fan& fan = plan_.fans[unit.population];
  auto& [packets, targets] = unit.outbox;
  bool sent = false;
  for (const std::uint32_t r : fan.at(std::uint64_t{place.y} * fan.shape.width + place.x)) {
    const auto& ports = plan_.receivers[r].ports;
    const bool accepted = std::any_of(ports.begin(), ports.end(), [&](const PortReach& port) {
      return port.accepts(place.y, place.x, place.channel);
    });
    if (!accepted) continue;
    if (!sent || !multicast_) {
      unit.clock += unit.axon_out;
      packets.push_back({unit.clock, static_cast<std::uint32_t>(targets.size()), place.channel,
                         place.y, place.x, value});
      ++unit.sent;
      sent = true;
    }
    targets.push_back({r, static_cast<std::uint32_t>(packets.size() - 1)});
  }
}

/// Ors a spike into its windows; the first of a window in this slice and step is sent.
void NeuronPhase::pool(Unit& unit, std::uint32_t slice, Place place) {
  const LayerId layer = *plan_.populations[unit.population].pool;
  const auto& window = std::get<MaxPool2d>(plan_.network.layer(layer).op);
  const FeatureShape& shape = plan_.fans[unit.population].shape;
  const Range rows =
      reached(place.y, window.kernel.y, window.stride.y, window.padding.y, {0, shape.height});
  const Range columns =
      reached(place.x, window.kernel.x, window.stride.x, window.padding.x, {0, shape.width});
  for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
    for (std::uint32_t x = columns.begin; x < columns.end; ++x) {
      ++tally_.slices[slice].pooled;
      std::uint64_t& seen = pooled_[unit.population][shape.address(place.channel, y, x)];
      if (seen == visit_) continue;
      seen = visit_;
      send(unit, {y, x, place.channel}, 1);
    }
  }
}

}  // namespace nj
