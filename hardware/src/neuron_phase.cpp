#include "neuron_phase.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "attention_rows.hpp"
#include "trains.hpp"

namespace nj {
namespace {

/// Adds work of attention to the tally; returns the time it takes.
Picoseconds count(const AttentionTokenWork& work, const SlicePlan& slice, SliceTally& tally) {
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

/// The clock of a neuron unit that works through the neurons of a slice in address order. A word of
/// accumulator or membrane memory is read and written back when its first neuron comes.
class UnitClock {
 public:
  UnitClock(Picoseconds start, const SlicePlan& slice, std::uint32_t accumulator_bits,
            std::uint32_t membrane_bits)
      : now_(start) {
    add(slice, MemoryUnit::accumulator_memory, slice.kind->times.accumulator_word,
        accumulator_bits);
    add(slice, MemoryUnit::membrane_memory, slice.kind->times.membrane_word, membrane_bits);
  }
  /// The next neurons, and the time that each takes beside the words.
  void pass(std::uint64_t neurons, Picoseconds each) {
    now_ += times(each, neurons);
    neurons_ += neurons;
  }
  /// Something else takes its time.
  void wait(Picoseconds time) { now_ += time; }
  void set(Picoseconds now) { now_ = now; }
  [[nodiscard]] Picoseconds now() {
    for (std::size_t i = 0; i < count_; ++i) {
      Memory& memory = memories_[i];
      const std::uint64_t words =
          (neurons_ * memory.neuron_bits + memory.spec->word_bits - 1) / memory.spec->word_bits;
      const std::uint64_t rounds = memory.spec->rounds(2 * words);
      now_ += times(memory.time, rounds - memory.rounds);
      memory.rounds = rounds;
    }
    return now_;
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

  Picoseconds now_;
  std::array<Memory, 2> memories_;
  std::size_t count_ = 0;
  std::uint64_t neurons_ = 0;
};

}  // namespace

NeuronPhase::NeuronPhase(const Plan& plan, const SpikeTrace& trace, SentMaps& sent, Tally& tally,
                         Packing packing)
    : plan_(plan),
      trace_(trace),
      tally_(tally),
      sender_(plan, sent, tally, packing),
      timesteps_(check_trains(plan.network, plan.populations, trace)),
      pooling_(plan.populations.size()) {
  for (std::size_t p = 0; p < pooling_.size(); ++p) {
    const Population& population = plan.populations[p];
    if (!population.pool) continue;
    const auto& window = std::get<MaxPool2d>(plan.network.layer(*population.pool).op);
    const FeatureShape& from = neuron_shape(plan.network, population);
    const FeatureShape& to = plan.fans[p].shape;
    for (std::uint32_t y = 0; y < from.height; ++y) {
      pooling_[p].rows.push_back(
          reached(y, window.kernel.y, window.stride.y, window.padding.y, {0, to.height}));
    }
    for (std::uint32_t x = 0; x < from.width; ++x) {
      pooling_[p].columns.push_back(
          reached(x, window.kernel.x, window.stride.x, window.padding.x, {0, to.width}));
    }
    pooling_[p].sent = Marks(to.neurons());
  }
}

template <class Train>
const Train& NeuronPhase::train(LayerId layer) const {
  return std::get<Train>(*trace_[layer.index]);
}

NeuronPhase::Done NeuronPhase::run_slice(std::uint32_t slice, std::uint32_t step, Picoseconds start,
                                         std::span<const std::uint8_t> reached, Outbox& outbox) {
  const SlicePlan& plan = plan_.slices[slice];
  const Population& population = plan_.populations[plan.place.population];
  sender_.begin_slice(slice, step, outbox);
  const std::uint32_t t = step % timesteps_;
  Done done;
  if (population.lif) {
    done.idle = run_neurons(slice, t, start, reached);
  } else if (std::holds_alternative<ResidualAdd>(*plan.op)) {
    done.idle = run_adds(slice, t, start);
  } else {
    done.idle = run_head(slice, t, start);
  }
  done.packets = sender_.finish();
  tally_.slices[slice].injected += done.packets;
  return done;
}

Picoseconds NeuronPhase::run_neurons(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                                     std::span<const std::uint8_t> reached) {
  const SlicePlan& plan = plan_.slices[slice];
  const Population& population = plan_.populations[plan.place.population];
  const CoreTimes& core = plan.kind->times;
  const auto& spikes = train<SpikeTensor>(*population.lif);
  SliceTally& tally = tally_.slices[slice];
  ++tally.phases;
  UnitClock clock(start, plan, plan_.width(population.lead).accumulator_bits,
                  plan_.width(*population.lif).membrane_bits);
  std::optional<AttentionRows> attention;
  if (plan.attention()) {
    const auto operands = plan_.network.operands(population.lead);  // query, key, value
    attention.emplace(plan, train<SpikeTensor>(operands[0].source),
                      train<SpikeTensor>(operands[1].source),
                      train<SpikeTensor>(operands[2].source), t);
    clock.wait(count(attention->prepare(), plan, tally));
  }
  if (population.pool) start_pooling(plan);
  const auto pass = [&](std::uint64_t active, std::uint64_t inactive) {
    tally.active += active;
    tally.inactive += inactive;
    clock.pass(active, core.neuron_update_active);
    clock.pass(inactive, core.neuron_update_inactive);
  };
  std::size_t place = 0;  // of the slice
  for (std::uint32_t y = plan.place.row_begin; y < plan.place.row_end; ++y) {
    for (std::uint32_t x = plan.columns().begin; x < plan.columns().end; ++x, ++place) {
      const std::uint32_t position = y * plan.shape.width + x;
      const std::uint64_t origin = std::uint64_t{position} * plan.shape.channels;
      std::uint32_t next = plan.place.channel_begin;  // channel
      if (attention) clock.wait(count(attention->token(position), plan, tally));
      const auto rest_until = [&](std::uint32_t channel) {
        const std::uint32_t rest = channel - next;
        const std::uint32_t active = attention
                                         ? attention->reached(next - plan.place.channel_begin,
                                                              channel - plan.place.channel_begin)
                                         : (reached[place] != 0 ? rest : 0);
        pass(active, rest - active);
        next = channel + 1;
      };
      spikes.for_each_in(t, origin + next, origin + plan.place.channel_end,
                         [&](std::uint64_t address, std::int16_t) {
                           const auto channel = static_cast<std::uint32_t>(address - origin);
                           rest_until(channel);
                           pass(1, 0);
                           clock.set(population.pool
                                         ? pool(slice, y, x, channel, clock.now())
                                         : sender_.send(position, channel, 1, clock.now()));
                         });
      rest_until(plan.place.channel_end);
    }
  }
  return clock.now();
}

Picoseconds NeuronPhase::run_adds(std::uint32_t slice, std::uint32_t t, Picoseconds start) {
  const SlicePlan& plan = plan_.slices[slice];
  const LayerId lead = plan_.populations[plan.place.population].lead;
  const CoreTimes& core = plan.kind->times;
  SliceTally& tally = tally_.slices[slice];
  ++tally.phases;
  UnitClock clock(start, plan, plan_.width(lead).accumulator_bits, 0);
  const auto rest = [&](std::uint64_t neurons) {
    tally.inactive += neurons;
    clock.pass(neurons, core.neuron_update_inactive);
  };
  const auto send_sums = [&](const auto& sums) {
    for (std::uint32_t y = plan.place.row_begin; y < plan.place.row_end; ++y) {
      for (std::uint32_t x = plan.columns().begin; x < plan.columns().end; ++x) {
        const std::uint32_t position = y * plan.shape.width + x;
        const std::uint64_t origin = std::uint64_t{position} * plan.shape.channels;
        std::uint64_t next = origin + plan.place.channel_begin;
        const std::uint64_t end = origin + plan.place.channel_end;
        sums.for_each_in(t, next, end, [&](std::uint64_t address, std::int16_t value) {
          rest(address - next);
          ++tally.active;
          clock.pass(1, core.neuron_update_active);
          clock.set(sender_.send(position, static_cast<std::uint32_t>(address - origin), value,
                                 clock.now()));
          next = address + 1;
        });
        rest(end - next);
      }
    }
  };
  std::visit(send_sums, *trace_[lead.index]);
  return clock.now();
}

Picoseconds NeuronPhase::run_head(std::uint32_t slice, std::uint32_t t, Picoseconds start) {
  if (t + 1 != timesteps_) return start;
  const SlicePlan& plan = plan_.slices[slice];
  const LayerId lead = plan_.populations[plan.place.population].lead;
  ++tally_.slices[slice].phases;
  tally_.slices[slice].active += plan.neurons();
  UnitClock clock(start, plan, plan_.width(lead).accumulator_bits, 0);
  clock.pass(plan.neurons(), plan.kind->times.neuron_update_active);
  return clock.now();
}

NeuronPhase::Done NeuronPhase::run_input(std::uint32_t population, std::uint32_t step,
                                         Picoseconds start, Outbox& outbox) {
  const OffChipSpec& off_chip = plan_.chip.spec().off_chip;
  const LayerId lead = plan_.populations[population].lead;
  const FeatureShape& shape = plan_.network.output_shape(lead);
  const std::uint64_t bits = plan_.width(lead).output_bits;
  const auto read_until = [&](std::uint64_t values) {
    const std::uint64_t words_read = (values * bits + off_chip.word_bits - 1) / off_chip.word_bits;
    return start + times(off_chip.word_time, words_read);
  };
  sender_.begin_input(population, step, outbox);
  Picoseconds clock = start;
  for_each(*trace_[lead.index], step % timesteps_, [&](std::uint64_t address, std::int16_t value) {
    clock = sender_.send(static_cast<std::uint32_t>(address / shape.channels),
                         static_cast<std::uint32_t>(address % shape.channels), value,
                         std::max(clock, read_until(address + 1)));
  });
  const std::uint64_t packets = sender_.finish();
  ++tally_.inputs[population].frames;
  tally_.inputs[population].injected += packets;
  return {std::max(clock, read_until(shape.neurons())), packets};
}

/// Nothing that the slice may send is sent.
void NeuronPhase::start_pooling(const SlicePlan& slice) {
  const LayerSlice& place = slice.place;
  Pooling& pooling = pooling_[place.population];
  const FeatureShape& to = plan_.fans[place.population].shape;
  const std::size_t row = std::size_t{to.width} * to.channels;
  for (std::uint32_t y = place.row_begin; y < place.row_end; ++y) {
    const Range rows = pooling.rows[y];
    if (!rows.empty()) pooling.sent.clear(rows.begin * row, rows.end * row);
  }
}

/// Ors a spike into its windows; the first of a window in this slice and step is sent.
Picoseconds NeuronPhase::pool(std::uint32_t slice, std::uint32_t y, std::uint32_t x,
                              std::uint32_t channel, Picoseconds clock) {
  const std::uint32_t population = plan_.slices[slice].place.population;
  Pooling& pooling = pooling_[population];
  const FeatureShape& shape = plan_.fans[population].shape;
  const Range rows = pooling.rows[y];
  const Range columns = pooling.columns[x];
  tally_.slices[slice].pooled += std::uint64_t{rows.size()} * columns.size();
  for (std::uint32_t to_y = rows.begin; to_y < rows.end; ++to_y) {
    for (std::uint32_t to_x = columns.begin; to_x < columns.end; ++to_x) {
      const std::uint32_t position = to_y * shape.width + to_x;
      if (!pooling.sent.mark(std::size_t{position} * shape.channels + channel)) continue;
      clock = sender_.send(position, channel, 1, clock);
    }
  }
  return clock;
}

}  // namespace nj
