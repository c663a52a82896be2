#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "streamed/block_work.hpp"

namespace nj {

/// The PEs at work on one attention, one head tile and time step after another.
class StreamAttention {
 public:
  StreamAttention(const StreamPlan& plan, const LayerPlan& layer, const SpikeTrace& trace,
                  LayerTally& tally);

  /// Cycles of `channels`, whole heads, for the query tokens of a tile in time step t; with values
  /// first also those of K^T V when this is the `first` tile of its heads and step.
  [[nodiscard]] std::uint64_t compute(Range channels, Range rows, Range columns, std::uint32_t t,
                                      bool first);

 private:
  /// What the blocks of one product read.
  struct Product {
    std::uint64_t steps = 0;
    std::uint64_t input_words = 0;  ///< of the input buffer, per block
    std::uint64_t score_words = 0;  ///< of the accumulator buffer, per block
    std::uint64_t row_bits = 0;     ///< of the weight buffer, per step, for the rows
    bool columns_are_sums = false;  ///< weights are in the accumulator buffer, else bits
  };
  void read_trains(std::uint32_t t);
  void find_scores(std::uint32_t head, std::span<const std::uint64_t> tokens);
  /// Channels that any of the query tokens has; all where zeros are not skipped.
  [[nodiscard]] std::uint64_t united_queries(std::uint32_t head,
                                             std::span<const std::uint64_t> tokens) const;
  std::uint64_t scores(std::uint32_t head, std::span<const std::uint64_t> tokens);
  std::uint64_t key_values(std::uint32_t head);
  std::uint64_t query_values(std::uint32_t head, std::span<const std::uint64_t> tokens);
  std::uint64_t blocks(const Product& product, std::uint32_t rows, std::uint64_t columns);
  std::uint64_t block_cycles(const Product& product, std::uint32_t rows, std::uint64_t columns);
  void count_updates(std::uint32_t head, std::span<const std::uint64_t> tokens);

  const StreamPlan& plan_;
  const LayerPlan& layer_;
  const SpikeTrace& trace_;
  LayerTally& tally_;
  std::uint32_t head_channels_ = 0;
  std::uint64_t tokens_ = 0;
  std::uint64_t token_words_ = 0;         ///< 64-bit words for a bit per token
  std::optional<std::uint32_t> read_;     ///< the step whose trains are here
  std::vector<BitRows> trains_;           ///< query, key, value, output
  std::vector<std::uint64_t> has_score_;  ///< of a block: [rows, token_words]
  std::vector<std::uint64_t> reached_;    ///< of a block: [rows, row words]
  std::uint64_t coincidences_ = 0;        ///< of a block
  std::uint64_t score_additions_ = 0;     ///< of a block
};

}  // namespace nj
