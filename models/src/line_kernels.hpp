#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "convolution.hpp"

namespace nj {

/// One tile of output channels: the lines that its windows add.
struct LineCall {
  const std::byte* lines = nullptr;  ///< the tile's line of weight row 0
  ConvolutionWeights::Kind kind = ConvolutionWeights::Kind::byte_lines;
  bool biased = false;                     ///< see ConvolutionWeights::biased
  std::size_t byte_block = 1;              ///< additions that an 8-bit sum is sure to hold
  std::size_t word_block = 1;              ///< additions that a 16-bit sum is sure to hold
  const std::uint32_t* offsets = nullptr;  ///< byte offsets of the lines, by window
  const std::int16_t* values = nullptr;    ///< nullptr for binary events
  std::span<const Window> windows;
  std::size_t stride = 0;    ///< of the sums
  std::size_t channels = 0;  ///< of the tile that exist
};

/// sums[window.row * stride + c] for all windows and the tile's channels.
void sum_lines(const LineCall& call, std::int16_t* sums);
void sum_lines(const LineCall& call, std::int32_t* sums);
void sum_lines(const LineCall& call, float* sums);

}  // namespace nj
