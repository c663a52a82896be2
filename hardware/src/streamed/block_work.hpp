#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "streamed/bit_rows.hpp"
#include "streamed/layer_tally.hpp"

namespace nj {

/// What the rows of PEs do in one block, whatever its columns.
struct BlockRows {
  std::uint32_t rows = 0;
  std::uint64_t steps = 0;
  std::uint64_t input_words = 0;  ///< read per block; of an add they depend on the columns
};

/// A position of a map.
struct Place {
  std::uint32_t y = 0;
  std::uint32_t x = 0;
};

/// A run of time steps.
struct Steps {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// Cycles that a stage takes: the greatest of what its units need.
class Cycles {
 public:
  explicit Cycles(const StreamPlan& plan) : plan_(plan) {}
  void units(std::uint64_t cycles) { most_ = std::max(most_, cycles); }
  /// Words through a buffer: as many as it has banks in each cycle.
  void words(ArrayBuffer buffer, std::uint64_t words) {
    const std::uint64_t banks = plan_.buffer(buffer).banks;
    units((words + banks - 1) / banks);
  }
  [[nodiscard]] std::uint64_t count() const { return most_; }

 private:
  const StreamPlan& plan_;
  std::uint64_t most_ = 0;
};

/// The PEs at work on one population that is not attention, in one turn. Operations and neuron
/// updates are counted with the rows of each position tile and step, whatever the channel tiles.
class BlockWork {
 public:
  BlockWork(const StreamPlan& plan, const LayerPlan& layer, const SpikeTrace& trace, Steps turn,
            LayerTally& tally);

  /// The blocks of a position tile in a step.
  [[nodiscard]] std::vector<BlockRows> rows(Range rows, Range columns, std::uint32_t t);
  /// Cycles of the blocks of so many channels; counts their words. `adds_to_sums`: those of earlier
  /// jobs are read first.
  [[nodiscard]] std::uint64_t compute(const std::vector<BlockRows>& blocks, std::uint32_t channels,
                                      bool adds_to_sums);

 private:
  [[nodiscard]] const BitRows& operand(std::size_t i, std::uint32_t t) const {
    return operands_[i * (turn_.end - turn_.begin) + (t - turn_.begin)];
  }
  void count_operations(std::size_t operand, std::uint64_t events, std::uint64_t channels);
  BlockRows convolution_rows(std::span<const Place> block, std::uint32_t t);
  BlockRows addition_rows(std::span<const Place> block, std::uint32_t t);
  BlockRows head_rows(Range rows, Range columns, std::uint32_t t);
  [[nodiscard]] std::uint64_t block_cycles(const BlockRows& block, std::uint32_t columns,
                                           bool adds_to_sums);

  const StreamPlan& plan_;
  const LayerPlan& layer_;
  const SpikeTrace& trace_;
  Steps turn_;
  LayerTally& tally_;
  std::vector<BitRows> operands_;      ///< by operand, then step
  std::vector<std::uint64_t> united_;  ///< inputs of a window position in any row
};

/// Counts the pooling of `spikes` spikes at a position.
void count_pooling(const TileNeeds& needs, Place place, std::uint64_t spikes, LayerTally& tally);

}  // namespace nj
