#pragma once

#include <array>
#include <cstdint>

#include "neurojoule/core/action_counts.hpp"

#include "streamed/stream_plan.hpp"

namespace nj {

/// Memory accesses done for one layer.
struct MemoryTally {
  std::array<std::uint64_t, array_buffers.size()> reads{};   ///< words, indexed by ArrayBuffer
  std::array<std::uint64_t, array_buffers.size()> writes{};  ///< words
  std::uint64_t off_chip_read_bits = 0;
  std::uint64_t off_chip_write_bits = 0;

  void read(ArrayBuffer buffer, std::uint64_t words) {
    reads[static_cast<std::size_t>(buffer)] += words;
  }
  void write(ArrayBuffer buffer, std::uint64_t words) {
    writes[static_cast<std::size_t>(buffer)] += words;
  }
};

/// What one population did over a sample; see streamed.hpp.
struct LayerTally {
  MemoryTally lead;
  MemoryTally neurons;
  MemoryTally output;
  std::uint64_t operations = 0;  ///< accumulates
  std::uint64_t graded = 0;      ///< of those, of graded inputs
  std::uint64_t and_bits = 0;
  std::uint64_t active = 0;
  std::uint64_t inactive = 0;
  std::uint64_t pooled = 0;  ///< (spike, window) pairs
};

/// `tallies` by population.
ActionCounts array_counts(const StreamPlan& plan, std::span<const LayerTally> tallies,
                          Picoseconds latency);

}  // namespace nj
