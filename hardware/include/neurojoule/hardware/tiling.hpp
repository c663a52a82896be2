#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/hardware/array.hpp"

namespace nj {

/// How one population is cut into tiles for the array: output channels x rows x columns. Tiles have
/// equal sizes but for the last ones.
struct LayerTiling {
  std::uint32_t population = 0;
  std::uint32_t tile_channels = 0;
  std::uint32_t tile_rows = 0;
  std::uint32_t tile_columns = 0;
  std::uint32_t channel_tiles = 0;
  std::uint32_t row_tiles = 0;
  std::uint32_t column_tiles = 0;
  bool membranes_spill = false;  ///< kept off-chip between time steps
  [[nodiscard]] std::uint64_t position_tiles() const {
    return std::uint64_t{row_tiles} * column_tiles;
  }
  [[nodiscard]] std::uint64_t tiles() const { return channel_tiles * position_tiles(); }
  friend bool operator==(const LayerTiling&, const LayerTiling&) = default;
};

/// Bits by ArrayBuffer.
using BufferBits = std::array<std::uint64_t, array_buffers.size()>;

/// A buffer that keeps a population from being cut into fewer tiles.
struct TileLimit {
  std::string axis;          ///< `channels`, `rows` or `columns`: what one tile fewer would be of
  std::string resource;      ///< the buffer's name
  std::uint64_t needed = 0;  ///< bits, by the largest tile of one tile fewer
  std::uint64_t available = 0;
  friend bool operator==(const TileLimit&, const TileLimit&) = default;
};

/// Why a population is cut as it is, and how well the array is used.
struct TilingReport {
  LayerTiling tiling;
  /// Taken by the largest tile, double buffers twice. The spike buffer has none: what it holds
  /// depends on the number of time steps.
  BufferBits bits{};
  std::vector<TileLimit> limits;
  std::uint64_t neurons = 0;   ///< of the population
  std::uint64_t pe_slots = 0;  ///< rows x columns of all blocks that hold them; utilisation =
                               ///< neurons / pe_slots
};

}  // namespace nj
