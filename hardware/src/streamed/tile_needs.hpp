#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/array.hpp"
#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/tiling.hpp"

#include "plan.hpp"

namespace nj {

/// What a population reads through one operand.
struct OperandNeeds {
  LayerId source;
  FeatureShape shape;
  std::uint32_t bits = 1;  ///< per value
  bool graded = false;
};

/// Everything that decides how much of an array a tile of one population needs.
struct TileNeeds {
  const Operator* op = nullptr;  ///< the lead
  FeatureShape shape;            ///< [C, H, W] of the neurons
  FeatureShape map;              ///< what tiles cut: the neurons; of a head, classes x its input
  std::vector<OperandNeeds> operands;
  Extent kernel = 1;
  Extent stride = 1;
  Extent padding = 0;
  LayerWidths lead;
  std::uint64_t weights_per_channel = 0;
  std::uint32_t membrane_bits = 0;  ///< 0 without a Lif
  std::uint32_t output_bits = 1;
  std::optional<MaxPool2d> pool;
  FeatureShape sent;               ///< what is stored: pooled, where there is a pool
  std::uint32_t channel_unit = 1;  ///< channels that stay together: a head's in attention

  [[nodiscard]] bool is_attention() const {
    return std::holds_alternative<SpikingSelfAttention>(*op);
  }
  [[nodiscard]] bool is_head() const { return std::holds_alternative<ClassifierHead>(*op); }
  [[nodiscard]] bool is_add() const { return std::holds_alternative<ResidualAdd>(*op); }
};

TileNeeds tile_needs(const Network& network, const Population& population,
                     std::span<const LayerWidths> widths);

struct TileShape {
  std::uint32_t channels = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

/// The most that a tile of a shape takes, double buffers twice; saturates instead of overflowing.
BufferBits tile_bits(const TileNeeds& needs, const ArraySpec& array, const TileShape& tile,
                     bool membranes_spill);

/// Part `i` of [0, total) cut into parts of `size`.
inline Range part(std::uint32_t total, std::uint32_t size, std::uint32_t i) {
  const std::uint64_t begin = std::uint64_t{size} * i;
  return {static_cast<std::uint32_t>(begin),
          static_cast<std::uint32_t>(std::min<std::uint64_t>(total, begin + size))};
}

/// Inputs, of `size`, that the windows of `outputs` see.
Range seen(Range outputs, std::uint32_t size, std::uint32_t kernel, std::uint32_t stride,
           std::uint32_t padding);

/// Bits of one operand that a tile reads in one time step.
std::uint64_t input_bits(const TileNeeds& needs, const OperandNeeds& operand, Range channels,
                         Range rows, Range columns);

/// Windows of a pool, of `size`, that the inputs fall into.
Range windows(Range inputs, std::uint32_t size, std::uint32_t kernel, std::uint32_t stride,
              std::uint32_t padding);

/// Words of a buffer that hold `bits`.
inline std::uint64_t words(const BufferSpec& buffer, std::uint64_t bits) {
  return bits / buffer.word_bits + (bits % buffer.word_bits != 0 ? 1 : 0);
}

/// Bits of the weights, and scales, of that many output channels.
std::uint64_t weight_bits(const TileNeeds& needs, std::uint32_t channels);

/// `map_network` for an array.
MappingResult map_tiles(const Network& network, std::span<const Population> populations,
                        std::span<const LayerWidths> widths, const Chip& chip);

/// `check_mapping` for an array.
std::vector<Violation> check_tiles(const Network& network, std::span<const Population> populations,
                                   std::span<const LayerWidths> widths, const Chip& chip,
                                   const Mapping& mapping);

}  // namespace nj
