#include "streamed/stream_jobs.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "streamed/stream_attention.hpp"

namespace nj {
namespace {

/// The two halves of a double buffer: what is loaded next waits until the last but one is used up.
class DoubleBuffer {
 public:
  /// The next load is of something new; returns how many jobs must be through before.
  std::uint64_t load() { return std::exchange(before_, user_); }
  /// A job works with what was loaded last.
  void use(std::uint64_t job) { user_ = job + 1; }

 private:
  std::uint64_t user_ = 0;    ///< jobs up to the last one that uses the latest load
  std::uint64_t before_ = 0;  ///< and the load before it
};

/// One tile of one population in one time step.
struct TileStep {
  std::uint32_t channel_tile = 0;
  std::uint32_t row_tile = 0;
  std::uint32_t column_tile = 0;
  std::uint32_t t = 0;
};

class JobMaker {
 public:
  JobMaker(const StreamPlan& plan, const SpikeTrace& trace) : plan_(plan), trace_(trace) {
    made_.tallies.resize(plan.layers.size());
    stored_.resize(plan.layers.size(), 0);
  }

  StreamJobs make() {
    for (std::uint32_t t = 0; t < plan_.timesteps; t += plan_.steps_per_turn) {
      for (const auto& layer : plan_.layers) {
        if (layer) turn(*layer, {t, t + plan_.steps_per_turn});
      }
    }
    return std::move(made_);
  }

 private:
  void turn(const LayerPlan& layer, Steps steps);
  void weighted_turn(Steps steps);
  void attention_turn(Steps steps);
  void job(const TileStep& at, std::uint64_t cycles);
  void load_weights(StreamJob& job, const TileStep& at);
  void load_inputs(StreamJob& job, const TileStep& at);
  void load_membranes(StreamJob& job, const TileStep& at);
  void store_outputs(StreamJob& job, const TileStep& at);
  [[nodiscard]] std::uint64_t neuron_cycles(const TileStep& at);
  [[nodiscard]] std::uint64_t output_bits(const TileStep& at) const;
  [[nodiscard]] std::uint64_t shared_windows(const TileStep& at) const;

  [[nodiscard]] StreamTransfer from_off_chip(MemoryTally& tally, std::uint64_t bits) const;
  [[nodiscard]] StreamTransfer to_off_chip(MemoryTally& tally, std::uint64_t bits) const;
  [[nodiscard]] StreamTransfer read_train(MemoryTally& tally, TrainPlace place,
                                          std::uint64_t bits) const;
  [[nodiscard]] StreamTransfer write_train(MemoryTally& tally, TrainPlace place,
                                           std::uint64_t bits) const;
  [[nodiscard]] StreamTransfer spike_transfer(std::uint64_t words) const;

  [[nodiscard]] Range channels(const TileStep& at) const {
    return part(needs().shape.channels, layer_->tiling.tile_channels, at.channel_tile);
  }
  [[nodiscard]] Range rows(const TileStep& at) const {
    return part(needs().map.height, layer_->tiling.tile_rows, at.row_tile);
  }
  [[nodiscard]] Range columns(const TileStep& at) const {
    return part(needs().map.width, layer_->tiling.tile_columns, at.column_tile);
  }
  /// Positions of the tile's neurons.
  [[nodiscard]] std::uint64_t positions(const TileStep& at) const {
    return needs().is_head() ? 1 : std::uint64_t{rows(at).size()} * columns(at).size();
  }
  /// Whether the sums of a job become neurons' inputs: a head's do with its last one.
  [[nodiscard]] bool ends_sums(const TileStep& at) const {
    const LayerTiling& tiling = layer_->tiling;
    return !needs().is_head() ||
           (at.t + 1 == plan_.timesteps && at.row_tile + 1 == tiling.row_tiles &&
            at.column_tile + 1 == tiling.column_tiles);
  }
  [[nodiscard]] bool adds_to_sums(const TileStep& at) const {
    return needs().is_head() && (at.t > 0 || at.row_tile > 0 || at.column_tile > 0);
  }
  [[nodiscard]] const TileNeeds& needs() const { return layer_->needs; }
  [[nodiscard]] LayerTally& tally() { return made_.tallies[layer_->population]; }

  const StreamPlan& plan_;
  const SpikeTrace& trace_;
  StreamJobs made_;
  std::vector<std::uint64_t> stored_;  ///< by population: jobs until its train is there
  DoubleBuffer weights_, inputs_, membranes_;
  // Of the turn in work:
  const LayerPlan* layer_ = nullptr;
  Steps steps_;
  std::size_t first_part_ = 0;
  bool input_loaded_ = false;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> weights_loaded_;  ///< tile, and k and v: t
};

void JobMaker::turn(const LayerPlan& layer, Steps steps) {
  layer_ = &layer;
  steps_ = steps;
  input_loaded_ = false;
  weights_loaded_.reset();
  first_part_ = made_.parts.size();
  for (std::uint32_t t = steps.begin; t < steps.end; ++t) {
    made_.parts.push_back({layer.population, t, layer.tiling.tiles()});
  }
  if (needs().is_attention()) {
    attention_turn(steps);
  } else {
    weighted_turn(steps);
  }
  stored_[layer.population] = made_.jobs.size();
}

void JobMaker::weighted_turn(Steps steps) {
  const LayerTiling& tiling = layer_->tiling;
  BlockWork work(plan_, *layer_, trace_, steps, tally());
  std::vector<std::vector<BlockRows>> rows_of;  ///< by position tile, then step
  for (std::uint32_t r = 0; r < tiling.row_tiles; ++r) {
    for (std::uint32_t c = 0; c < tiling.column_tiles; ++c) {
      const TileStep at{0, r, c, 0};
      for (std::uint32_t t = steps.begin; t < steps.end; ++t) {
        rows_of.push_back(work.rows(rows(at), columns(at), t));
      }
    }
  }
  for (std::uint32_t k = 0; k < tiling.channel_tiles; ++k) {
    std::size_t next = 0;
    for (std::uint32_t r = 0; r < tiling.row_tiles; ++r) {
      for (std::uint32_t c = 0; c < tiling.column_tiles; ++c) {
        for (std::uint32_t t = steps.begin; t < steps.end; ++t) {
          const TileStep at{k, r, c, t};
          job(at, work.compute(rows_of[next++], channels(at).size(), adds_to_sums(at)));
        }
      }
    }
  }
}

void JobMaker::attention_turn(Steps steps) {
  const LayerTiling& tiling = layer_->tiling;
  StreamAttention work(plan_, *layer_, trace_, tally());
  for (std::uint32_t k = 0; k < tiling.channel_tiles; ++k) {
    for (std::uint32_t t = steps.begin; t < steps.end; ++t) {
      for (std::uint32_t r = 0; r < tiling.row_tiles; ++r) {
        for (std::uint32_t c = 0; c < tiling.column_tiles; ++c) {
          const TileStep at{k, r, c, t};
          job(at, work.compute(channels(at), rows(at), columns(at), t, r == 0 && c == 0));
        }
      }
    }
  }
}

void JobMaker::job(const TileStep& at, std::uint64_t cycles) {
  StreamJob job;
  job.part = static_cast<std::uint32_t>(first_part_ + (at.t - steps_.begin));
  load_weights(job, at);
  load_membranes(job, at);
  load_inputs(job, at);
  job.compute = plan_.array.cycle * static_cast<std::int64_t>(cycles + neuron_cycles(at));
  store_outputs(job, at);
  const std::uint64_t number = made_.jobs.size();
  if (!needs().is_add()) weights_.use(number);
  inputs_.use(number);
  if (layer_->tiling.membranes_spill) membranes_.use(number);
  made_.jobs.push_back(std::move(job));
}

void JobMaker::load_weights(StreamJob& job, const TileStep& at) {
  if (needs().is_add()) return;
  const std::pair key{at.channel_tile, needs().is_attention() ? at.t : steps_.begin};
  if (weights_loaded_ == key) return;
  weights_loaded_ = key;
  MemoryTally& lead = tally().lead;
  const std::uint64_t computed = weights_.load();
  const auto into_buffer = [&](std::uint64_t bits) {
    lead.write(ArrayBuffer::weight_buffer, plan_.words(ArrayBuffer::weight_buffer, bits));
  };
  if (!needs().is_attention()) {
    const std::uint64_t bits = weight_bits(needs(), channels(at).size());
    into_buffer(bits);
    job.loads.push_back({from_off_chip(lead, bits), computed, 0});
    return;
  }
  const std::uint64_t bits = channels(at).size() * needs().shape.positions();
  for (std::size_t i = 1; i < layer_->producers.size(); ++i) {  // keys and values
    const std::uint32_t producer = layer_->producers[i];
    into_buffer(bits);
    job.loads.push_back(
        {read_train(lead, plan_.place_of(producer), bits), computed, stored_[producer]});
  }
}

void JobMaker::load_inputs(StreamJob& job, const TileStep& at) {
  if (layer_->input_kept && input_loaded_) return;
  input_loaded_ = true;
  const std::uint64_t computed = inputs_.load();
  MemoryTally& lead = tally().lead;
  for (std::size_t i = 0; i < needs().operands.size(); ++i) {
    if (needs().is_attention() && i > 0) break;  // keys and values are weights
    const OperandNeeds& operand = needs().operands[i];
    const std::uint32_t producer = layer_->producers[i];
    const std::uint64_t bits =
        layer_->input_kept ? operand.shape.neurons() * operand.bits * plan_.steps_per_turn
                           : input_bits(needs(), operand, channels(at), rows(at), columns(at));
    if (bits == 0) continue;  // its windows see no position of the map
    lead.write(ArrayBuffer::input_buffer, plan_.words(ArrayBuffer::input_buffer, bits));
    job.loads.push_back(
        {read_train(lead, plan_.place_of(producer), bits), computed, stored_[producer]});
  }
}

void JobMaker::load_membranes(StreamJob& job, const TileStep& at) {
  if (!layer_->tiling.membranes_spill) return;
  const std::uint64_t stored = membranes_.load();
  if (at.t == 0) return;  // they are zero
  const std::uint64_t bits = positions(at) * channels(at).size() * needs().membrane_bits;
  MemoryTally& neurons = tally().neurons;
  neurons.write(ArrayBuffer::membrane_buffer, plan_.words(ArrayBuffer::membrane_buffer, bits));
  // Two tiles or more spill in each step, so that those of this tile have been stored by then too.
  job.loads.push_back({from_off_chip(neurons, bits), 0, stored});
}

std::uint64_t JobMaker::neuron_cycles(const TileStep& at) {
  if (!ends_sums(at)) return 0;
  const std::uint64_t neurons = positions(at) * channels(at).size();
  MemoryTally& tally_of = tally().neurons;
  Cycles cycles(plan_);
  cycles.units((neurons + plan_.array.neuron_lanes - 1) / plan_.array.neuron_lanes);
  const std::uint32_t unit =
      needs().is_attention() ? needs().channel_unit : channels(at).size();  // blocks end with heads
  const std::uint64_t sum_bits = needs().lead.accumulator_bits;
  const auto sums = [&](std::uint64_t width) {
    return plan_.words(ArrayBuffer::accumulator_buffer, width * sum_bits);
  };
  const std::uint64_t sum_words =
      positions(at) * (channels(at).size() / unit) *
      (unit / plan_.array.columns * sums(plan_.array.columns) + sums(unit % plan_.array.columns));
  tally_of.read(ArrayBuffer::accumulator_buffer, sum_words);
  cycles.words(ArrayBuffer::accumulator_buffer, sum_words);
  if (needs().membrane_bits != 0) {
    const std::uint64_t words =
        plan_.words(ArrayBuffer::membrane_buffer, neurons * needs().membrane_bits);
    tally_of.read(ArrayBuffer::membrane_buffer, words);
    tally_of.write(ArrayBuffer::membrane_buffer, words);
    cycles.words(ArrayBuffer::membrane_buffer, 2 * words);
  }
  const std::uint64_t output_words = plan_.words(ArrayBuffer::output_buffer, output_bits(at));
  tally_of.write(ArrayBuffer::output_buffer, output_words);
  cycles.words(ArrayBuffer::output_buffer, output_words);
  return cycles.count();
}

/// What a tile stores: spikes, pooled where there is a pool, or the sums of a head.
std::uint64_t JobMaker::output_bits(const TileStep& at) const {
  const std::uint64_t size = channels(at).size();
  if (needs().is_head()) return size * needs().lead.accumulator_bits;
  if (!needs().pool) return size * positions(at) * needs().output_bits;
  const MaxPool2d& pool = *needs().pool;
  const Range y =
      windows(rows(at), needs().sent.height, pool.kernel.y, pool.stride.y, pool.padding.y);
  const Range x =
      windows(columns(at), needs().sent.width, pool.kernel.x, pool.stride.x, pool.padding.x);
  return size * y.size() * x.size() * needs().output_bits;
}

/// Bits of pooled positions that an earlier position tile has stored already.
std::uint64_t JobMaker::shared_windows(const TileStep& at) const {
  if (!needs().pool) return 0;
  const MaxPool2d& pool = *needs().pool;
  const auto fresh = [](Range own, Range before) {
    return before.empty() ? own.size() : Range{std::max(own.begin, before.end), own.end}.size();
  };
  const auto window_rows = [&](const TileStep& tile) {
    return windows(rows(tile), needs().sent.height, pool.kernel.y, pool.stride.y, pool.padding.y);
  };
  const auto window_columns = [&](const TileStep& tile) {
    return windows(columns(tile), needs().sent.width, pool.kernel.x, pool.stride.x, pool.padding.x);
  };
  Range rows_before;
  Range columns_before;
  for (TileStep tile = at; tile.row_tile-- > 0;) {
    rows_before = window_rows(tile);
    if (!rows_before.empty()) break;
  }
  for (TileStep tile = at; tile.column_tile-- > 0;) {
    columns_before = window_columns(tile);
    if (!columns_before.empty()) break;
  }
  const Range y = window_rows(at);
  const Range x = window_columns(at);
  const std::uint64_t all = std::uint64_t{y.size()} * x.size();
  const std::uint64_t new_ones = std::uint64_t{fresh(y, rows_before)} * fresh(x, columns_before);
  return (all - new_ones) * channels(at).size() * needs().output_bits;
}

void JobMaker::store_outputs(StreamJob& job, const TileStep& at) {
  const bool last = at.t + 1 == plan_.timesteps;
  if (layer_->tiling.membranes_spill && !last) {
    const std::uint64_t bits = positions(at) * channels(at).size() * needs().membrane_bits;
    MemoryTally& neurons = tally().neurons;
    neurons.read(ArrayBuffer::membrane_buffer, plan_.words(ArrayBuffer::membrane_buffer, bits));
    job.stores.push_back(to_off_chip(neurons, bits));
  }
  const std::uint64_t bits = output_bits(at);
  if (bits == 0 || !ends_sums(at)) return;
  MemoryTally& output = tally().output;
  output.read(ArrayBuffer::output_buffer, plan_.words(ArrayBuffer::output_buffer, bits));
  if (const std::uint64_t shared = shared_windows(at)) {
    output.write(ArrayBuffer::output_buffer, plan_.words(ArrayBuffer::output_buffer, shared));
    job.stores.push_back(read_train(output, layer_->output, shared));
  }
  job.stores.push_back(write_train(output, layer_->output, bits));
}

StreamTransfer JobMaker::from_off_chip(MemoryTally& tally, std::uint64_t bits) const {
  const OffChipSpec& off_chip = plan_.chip.spec().off_chip;
  const std::uint64_t count = (bits + off_chip.word_bits - 1) / off_chip.word_bits;
  tally.off_chip_read_bits += count * off_chip.word_bits;
  return {StreamPort::off_chip, off_chip.word_time * static_cast<std::int64_t>(count)};
}

StreamTransfer JobMaker::to_off_chip(MemoryTally& tally, std::uint64_t bits) const {
  MemoryTally written;
  const StreamTransfer transfer = from_off_chip(written, bits);
  tally.off_chip_write_bits += written.off_chip_read_bits;
  return transfer;
}

StreamTransfer JobMaker::spike_transfer(std::uint64_t words) const {
  Cycles cycles(plan_);
  cycles.words(ArrayBuffer::spike_buffer, words);
  return {StreamPort::spike_buffer, plan_.array.cycle * static_cast<std::int64_t>(cycles.count())};
}

StreamTransfer JobMaker::read_train(MemoryTally& tally, TrainPlace place,
                                    std::uint64_t bits) const {
  if (place == TrainPlace::off_chip) return from_off_chip(tally, bits);
  const std::uint64_t words = plan_.words(ArrayBuffer::spike_buffer, bits);
  tally.read(ArrayBuffer::spike_buffer, words);
  return spike_transfer(words);
}

StreamTransfer JobMaker::write_train(MemoryTally& tally, TrainPlace place,
                                     std::uint64_t bits) const {
  if (place == TrainPlace::off_chip) return to_off_chip(tally, bits);
  const std::uint64_t words = plan_.words(ArrayBuffer::spike_buffer, bits);
  tally.write(ArrayBuffer::spike_buffer, words);
  return spike_transfer(words);
}

}  // namespace

StreamJobs make_stream_jobs(const StreamPlan& plan, const SpikeTrace& trace) {
  return JobMaker(plan, trace).make();
}

}  // namespace nj
