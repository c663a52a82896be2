#include "streamed/block_work.hpp"

#include <variant>

namespace nj {
namespace {

/// Positions of a tile in row-major order.
std::vector<Place> places_of(Range rows, Range columns) {
  std::vector<Place> places;
  places.reserve(std::size_t{rows.size()} * columns.size());
  for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
    for (std::uint32_t x = columns.begin; x < columns.end; ++x) places.push_back({y, x});
  }
  return places;
}

}  // namespace

BlockWork::BlockWork(const StreamPlan& plan, const LayerPlan& layer, const SpikeTrace& trace,
                     Steps turn, LayerTally& tally)
    : plan_(plan), layer_(layer), trace_(trace), turn_(turn), tally_(tally) {
  for (const OperandNeeds& operand : layer.needs.operands) {
    for (std::uint32_t t = turn.begin; t < turn.end; ++t) {
      operands_.emplace_back(*trace[operand.source.index], t, operand.shape.channels);
    }
  }
  united_.resize(operands_[0].row_words());
}

std::vector<BlockRows> BlockWork::rows(Range rows, Range columns, std::uint32_t t) {
  if (layer_.needs.is_head()) return {head_rows(rows, columns, t)};
  const std::vector<Place> places = places_of(rows, columns);
  std::vector<BlockRows> blocks;
  for (std::size_t first = 0; first < places.size(); first += plan_.array.rows) {
    const std::size_t count = std::min<std::size_t>(plan_.array.rows, places.size() - first);
    const auto block = std::span(places).subspan(first, count);
    blocks.push_back(layer_.needs.is_add() ? addition_rows(block, t) : convolution_rows(block, t));
  }
  return blocks;
}

void BlockWork::count_operations(std::size_t operand, std::uint64_t events,
                                 std::uint64_t channels) {
  tally_.operations += events * channels;
  if (layer_.needs.operands[operand].graded) tally_.graded += events * channels;
}

BlockRows BlockWork::convolution_rows(std::span<const Place> block, std::uint32_t t) {
  const TileNeeds& needs = layer_.needs;
  const OperandNeeds& from = needs.operands[0];
  const BitRows& input = operand(0, t);
  const std::uint64_t words =
      plan_.words(ArrayBuffer::input_buffer, std::uint64_t{from.shape.channels} * from.bits);
  BlockRows work{static_cast<std::uint32_t>(block.size()), 0, 0};
  std::vector<std::uint64_t> events(block.size(), 0);
  for (std::uint32_t ky = 0; ky < needs.kernel.y; ++ky) {
    for (std::uint32_t kx = 0; kx < needs.kernel.x; ++kx) {
      std::fill(united_.begin(), united_.end(), 0);
      bool on_map = false;
      for (std::size_t r = 0; r < block.size(); ++r) {
        // Beyond the map's upper or left border these wrap around to large numbers.
        const std::uint32_t y = block[r].y * needs.stride.y + ky - needs.padding.y;
        const std::uint32_t x = block[r].x * needs.stride.x + kx - needs.padding.x;
        if (y >= from.shape.height || x >= from.shape.width) continue;
        const auto row = input.row(std::uint64_t{y} * from.shape.width + x);
        on_map = true;
        work.input_words += words;
        events[r] += count_bits(row);
        add_bits(row, united_);
      }
      if (!on_map) continue;
      work.steps += plan_.array.skips_zero ? count_bits(united_) : from.shape.channels;
    }
  }
  const auto& spikes =
      std::get<SpikeTensor>(*trace_[plan_.populations[layer_.population].lif->index]);
  for (std::size_t r = 0; r < block.size(); ++r) {
    count_operations(0, events[r], needs.shape.channels);
    const std::uint64_t fired = count_run(
        spikes.step(t), needs.shape.address(0, block[r].y, block[r].x), needs.shape.channels);
    const std::uint64_t active = events[r] != 0 ? needs.shape.channels : fired;
    tally_.active += active;
    tally_.inactive += needs.shape.channels - active;
    count_pooling(needs, block[r], fired, tally_);
  }
  return work;
}

BlockRows BlockWork::addition_rows(std::span<const Place> block, std::uint32_t t) {
  const TileNeeds& needs = layer_.needs;
  const SpikeTrain& sums = *trace_[plan_.populations[layer_.population].lead.index];
  for (const Place place : block) {
    const std::uint64_t position = std::uint64_t{place.y} * needs.shape.width + place.x;
    for (std::size_t i = 0; i < needs.operands.size(); ++i) {
      count_operations(i, count_bits(operand(i, t).row(position)), 1);
    }
    std::uint64_t active = 0;
    if (const auto* spikes = std::get_if<SpikeTensor>(&sums)) {
      active = count_run(spikes->step(t), position * needs.shape.channels, needs.shape.channels);
    } else {
      const auto values = std::get<GradedTensor>(sums).step(t).subspan(
          position * needs.shape.channels, needs.shape.channels);
      active = static_cast<std::uint64_t>(
          std::count_if(values.begin(), values.end(), [](std::int16_t v) { return v != 0; }));
    }
    tally_.active += active;
    tally_.inactive += needs.shape.channels - active;
  }
  return {static_cast<std::uint32_t>(block.size()), needs.operands.size(), 0};
}

BlockRows BlockWork::head_rows(Range rows, Range columns, std::uint32_t t) {
  const TileNeeds& needs = layer_.needs;
  const OperandNeeds& from = needs.operands[0];
  const std::vector<Place> places = places_of(rows, columns);
  std::uint64_t events = 0;
  for (const Place place : places) {
    events += count_bits(operand(0, t).row(std::uint64_t{place.y} * from.shape.width + place.x));
  }
  count_operations(0, events, needs.shape.channels);
  const bool last_tile = rows.end == needs.map.height && columns.end == needs.map.width;
  if (last_tile && t + 1 == plan_.timesteps) tally_.active += needs.shape.channels;
  const std::uint64_t words =
      plan_.words(ArrayBuffer::input_buffer, std::uint64_t{from.shape.channels} * from.bits);
  return {1, plan_.array.skips_zero ? events : places.size() * from.shape.channels,
          places.size() * words};
}

std::uint64_t BlockWork::compute(const std::vector<BlockRows>& blocks, std::uint32_t channels,
                                 bool adds_to_sums) {
  const std::uint32_t whole = channels / plan_.array.columns;
  const std::uint32_t rest = channels % plan_.array.columns;
  std::uint64_t cycles = 0;
  for (const BlockRows& block : blocks) {
    for (std::uint32_t i = 0; i < whole; ++i) {
      cycles += block_cycles(block, plan_.array.columns, adds_to_sums);
    }
    if (rest != 0) cycles += block_cycles(block, rest, adds_to_sums);
  }
  return cycles;
}

std::uint64_t BlockWork::block_cycles(const BlockRows& block, std::uint32_t columns,
                                      bool adds_to_sums) {
  const TileNeeds& needs = layer_.needs;
  Cycles cycles(plan_);
  cycles.units(block.steps);
  std::uint64_t input_words = block.input_words;
  if (needs.is_add()) {
    for (const OperandNeeds& operand : needs.operands) {
      input_words += block.rows *
                     plan_.words(ArrayBuffer::input_buffer, std::uint64_t{columns} * operand.bits);
    }
  } else {
    const std::uint64_t weight_words =
        block.steps *
        plan_.words(ArrayBuffer::weight_buffer, std::uint64_t{columns} * needs.lead.weights.bits);
    tally_.lead.read(ArrayBuffer::weight_buffer, weight_words);
    cycles.words(ArrayBuffer::weight_buffer, weight_words);
  }
  tally_.lead.read(ArrayBuffer::input_buffer, input_words);
  cycles.words(ArrayBuffer::input_buffer, input_words);
  const std::uint64_t sum_words =
      block.rows * plan_.words(ArrayBuffer::accumulator_buffer,
                               std::uint64_t{columns} * needs.lead.accumulator_bits);
  tally_.lead.write(ArrayBuffer::accumulator_buffer, sum_words);
  if (adds_to_sums) tally_.lead.read(ArrayBuffer::accumulator_buffer, sum_words);
  cycles.words(ArrayBuffer::accumulator_buffer, adds_to_sums ? 2 * sum_words : sum_words);
  return cycles.count();
}

void count_pooling(const TileNeeds& needs, Place place, std::uint64_t spikes, LayerTally& tally) {
  if (!needs.pool || spikes == 0) return;
  const MaxPool2d& pool = *needs.pool;
  const Range rows =
      reached(place.y, pool.kernel.y, pool.stride.y, pool.padding.y, {0, needs.sent.height});
  const Range columns =
      reached(place.x, pool.kernel.x, pool.stride.x, pool.padding.x, {0, needs.sent.width});
  tally.pooled += spikes * rows.size() * columns.size();
}

}  // namespace nj
