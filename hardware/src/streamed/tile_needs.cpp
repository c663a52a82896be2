#include "streamed/tile_needs.hpp"

#include <algorithm>
#include <variant>

#include "footprint.hpp"

namespace nj {
namespace {

/// The most windows of a pool, of `size`, that `inputs` neighbours fall into.
std::uint64_t most_windows(std::uint32_t inputs, std::uint32_t size, std::uint32_t kernel,
                           std::uint32_t stride) {
  return std::min<std::uint64_t>(size, (std::uint64_t{inputs} + kernel - 2) / stride + 1);
}

/// The most inputs, of `size`, that the windows of `outputs` neighbours see.
std::uint64_t most_seen(std::uint32_t outputs, std::uint32_t size, std::uint32_t kernel,
                        std::uint32_t stride) {
  return std::min<std::uint64_t>(size, (std::uint64_t{outputs} - 1) * stride + kernel);
}

std::uint64_t largest_input(const TileNeeds& needs, const TileShape& tile) {
  std::uint64_t bits = 0;
  const auto add = [&](std::uint64_t more) { bits = saturating_sum(bits, more); };
  for (const OperandNeeds& operand : needs.operands) {
    const FeatureShape& from = operand.shape;
    if (needs.is_head()) {
      add(saturating_product({from.channels, tile.rows, tile.columns, operand.bits}));
    } else if (needs.is_add() || needs.is_attention()) {
      if (&operand != needs.operands.data() && needs.is_attention()) break;  // keys and values
      add(saturating_product({tile.channels, tile.rows, tile.columns, operand.bits}));
    } else {
      add(saturating_product(
          {from.channels, most_seen(tile.rows, from.height, needs.kernel.y, needs.stride.y),
           most_seen(tile.columns, from.width, needs.kernel.x, needs.stride.x), operand.bits}));
    }
  }
  return bits;
}

std::uint64_t largest_output(const TileNeeds& needs, const TileShape& tile) {
  if (needs.is_head()) return saturating_product({tile.channels, needs.lead.accumulator_bits});
  if (!needs.pool) {
    return saturating_product({tile.channels, tile.rows, tile.columns, needs.output_bits});
  }
  const MaxPool2d& pool = *needs.pool;
  return saturating_product(
      {tile.channels, most_windows(tile.rows, needs.sent.height, pool.kernel.y, pool.stride.y),
       most_windows(tile.columns, needs.sent.width, pool.kernel.x, pool.stride.x),
       needs.output_bits});
}

/// Sums, and scores or K^T V of attention.
std::uint64_t accumulators(const TileNeeds& needs, const ArraySpec& array, const TileShape& tile) {
  const std::uint64_t positions = needs.is_head() ? 1 : std::uint64_t{tile.rows} * tile.columns;
  std::uint64_t values = saturating_product({positions, tile.channels});
  if (needs.is_attention()) {
    values = saturating_sum(values, array.attention == ProductOrder::scores_first
                                        ? saturating_product({positions, needs.shape.positions()})
                                        : saturating_product({tile.channels, needs.channel_unit}));
  }
  return saturating_product({values, needs.lead.accumulator_bits});
}

/// Membranes that a tile keeps in the buffer by itself: those of its steps in work.
std::uint64_t membranes(const TileNeeds& needs, const ArraySpec& array, const TileShape& tile,
                        bool spill) {
  const bool stay = array.weights == WeightLoads::per_step && !spill;
  const std::uint64_t copies = spill ? 2 : (stay ? 0 : 1);
  const bool all_positions = needs.is_attention() && !spill;
  const std::uint64_t positions =
      all_positions ? needs.shape.positions() : std::uint64_t{tile.rows} * tile.columns;
  return saturating_product({copies, tile.channels, positions, needs.membrane_bits});
}

}  // namespace

TileNeeds tile_needs(const Network& network, const Population& population,
                     std::span<const LayerWidths> widths) {
  TileNeeds needs;
  needs.op = &network.layer(population.lead).op;
  needs.shape = neuron_shape(network, population);
  needs.lead = widths[population.lead.index];
  if (population.lif) needs.membrane_bits = widths[population.lif->index].membrane_bits;
  needs.output_bits = widths[population.output().index].output_bits;
  needs.sent = network.output_shape(population.output());
  for (const Operand& operand : network.operands(population.lead)) {
    needs.operands.push_back({operand.source, network.output_shape(operand.source),
                              widths[operand.source.index].output_bits,
                              !network.is_binary(operand.source)});
  }
  if (population.pool) {
    needs.pool = std::get<MaxPool2d>(network.layer(*population.pool).op);
  }
  needs.map = needs.shape;
  if (needs.is_head()) {
    const FeatureShape& input = needs.operands[0].shape;
    needs.map = {needs.shape.channels, input.height, input.width};
  }
  needs.weights_per_channel = weights_per_channel(*needs.op);
  if (const auto* conv = std::get_if<Conv2d>(needs.op)) {
    needs.kernel = conv->kernel;
    needs.stride = conv->stride;
    needs.padding = conv->padding;
  } else if (const auto* attention = std::get_if<SpikingSelfAttention>(needs.op)) {
    needs.channel_unit = needs.shape.channels / attention->heads;
  }
  return needs;
}

std::uint64_t weight_bits(const TileNeeds& needs, std::uint32_t channels) {
  if (needs.weights_per_channel == 0) return 0;
  const std::uint64_t elements = saturating_product({needs.weights_per_channel, channels});
  const bool countable = elements < std::numeric_limits<std::uint64_t>::max() / 64;
  return countable ? storage_bits(needs.lead.weights, elements, channels) : elements;
}

BufferBits tile_bits(const TileNeeds& needs, const ArraySpec& array, const TileShape& tile,
                     bool membranes_spill) {
  BufferBits bits{};
  const auto set = [&](ArrayBuffer buffer, std::uint64_t value) {
    bits[static_cast<std::size_t>(buffer)] = value;
  };
  set(ArrayBuffer::input_buffer, saturating_product({2, largest_input(needs, tile)}));
  set(ArrayBuffer::weight_buffer,
      needs.is_attention() ? saturating_product({2, 2, tile.channels, needs.shape.positions()})
                           : saturating_product({2, weight_bits(needs, tile.channels)}));
  const bool keeps_sums = needs.is_head() && array.weights == WeightLoads::per_step;
  set(ArrayBuffer::accumulator_buffer, keeps_sums ? 0 : accumulators(needs, array, tile));
  set(ArrayBuffer::membrane_buffer, membranes(needs, array, tile, membranes_spill));
  set(ArrayBuffer::output_buffer, saturating_product({2, largest_output(needs, tile)}));
  return bits;
}

Range seen(Range outputs, std::uint32_t size, std::uint32_t kernel, std::uint32_t stride,
           std::uint32_t padding) {
  const std::uint64_t first = std::uint64_t{outputs.begin} * stride;
  const std::uint64_t last = (std::uint64_t{outputs.end} - 1) * stride + kernel;
  const std::uint64_t begin = first > padding ? first - padding : 0;
  const std::uint64_t end = std::min<std::uint64_t>(size, last > padding ? last - padding : 0);
  if (begin >= end) return {};
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

Range windows(Range inputs, std::uint32_t size, std::uint32_t kernel, std::uint32_t stride,
              std::uint32_t padding) {
  Range all;
  for (std::uint32_t i = inputs.begin; i < inputs.end; ++i) {
    const Range one = reached(i, kernel, stride, padding, {0, size});
    if (one.empty()) continue;
    all = all.empty() ? one : Range{all.begin, std::max(all.end, one.end)};
  }
  return all;
}

std::uint64_t input_bits(const TileNeeds& needs, const OperandNeeds& operand, Range channels,
                         Range rows, Range columns) {
  const FeatureShape& from = operand.shape;
  if (needs.is_head()) {
    return std::uint64_t{from.channels} * rows.size() * columns.size() * operand.bits;
  }
  if (needs.is_add() || needs.is_attention()) {
    return std::uint64_t{channels.size()} * rows.size() * columns.size() * operand.bits;
  }
  const Range y = seen(rows, from.height, needs.kernel.y, needs.stride.y, needs.padding.y);
  const Range x = seen(columns, from.width, needs.kernel.x, needs.stride.x, needs.padding.x);
  return std::uint64_t{from.channels} * y.size() * x.size() * operand.bits;
}

}  // namespace nj
