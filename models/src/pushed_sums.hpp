#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "convolution.hpp"

// Sums of a convolution that has far more output positions than events: each event adds its weight
// rows to the positions that see it, instead of each position looking for its events.
namespace nj {

/// What is pushed where: a group's events to the output positions [begin, end).
struct PushTarget {
  const ConvolutionWeights* weights = nullptr;
  const InputEvents* events = nullptr;
  const std::byte* lines = nullptr;  ///< of the group
  std::uint32_t group = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Whether pushing is faster: the events of an average position are few. Never where kernels
/// stride or are dilated, or lines are not of 16 bits.
bool pushing_is_faster(const ConvolutionWeights& weights, const InputEvents& events);

/// As `convolve` of convolution.hpp, the same bits, for one group.
void push_sums(const ConvolutionWeights& weights, const InputEvents& events, std::uint32_t group,
               std::size_t begin, std::size_t end, std::int16_t* sums,
               std::span<std::uint64_t> rows);

}  // namespace nj
