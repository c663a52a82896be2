#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "convolution.hpp"

namespace nj {

/// The lines that the windows of a block add, for all tiles of one group of output channels.
struct LineCall {
  const std::byte* lines = nullptr;  ///< tile 0, line of weight row 0
  std::size_t tile_bytes = 0;        ///< from tile to tile
  ConvolutionWeights::Kind kind = ConvolutionWeights::Kind::byte_lines;
  std::int32_t bias = 0;                   ///< what even bytes have too much
  std::size_t byte_block = 1;              ///< additions that an 8-bit sum is sure to hold
  std::size_t word_block = 1;              ///< additions that a 16-bit sum is sure to hold
  const std::uint32_t* offsets = nullptr;  ///< byte offsets of the lines, by window
  const std::int16_t* values = nullptr;    ///< nullptr for binary events
  std::span<const Window> windows;
  std::size_t stride = 0;    ///< of the sums
  std::size_t channels = 0;  ///< of the group
};

/// sums[window.row * stride + c] for all windows and the group's channels.
void sum_lines(const LineCall& call, std::int16_t* sums);
void sum_lines(const LineCall& call, std::int32_t* sums);
void sum_lines(const LineCall& call, float* sums);

}  // namespace nj
