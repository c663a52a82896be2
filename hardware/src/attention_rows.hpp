#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

#include "plan.hpp"

namespace nj {

/// What the attention unit does for one query token of a slice, or before the first one.
struct AttentionTokenWork {
  std::uint64_t coincidence_rows = 0;  ///< q and k rows read
  std::uint64_t score_rows = 0;        ///< v rows read
  std::uint64_t and_bits = 0;
  std::uint64_t coincidences = 0;     ///< additions to scores, or to K^T V
  std::uint64_t score_additions = 0;  ///< to currents
  std::uint64_t product_reads = 0;    ///< rows of K^T V
  std::uint64_t product_writes = 0;
};

/// The q, k, v bits of one attention slice in one time step, by head and token.
class AttentionRows {
 public:
  AttentionRows(const SlicePlan& slice, const SpikeTensor& query, const SpikeTensor& key,
                const SpikeTensor& value, std::uint32_t t);

  /// Before the first token: adds up K^T V where the core does that first.
  AttentionTokenWork prepare();
  /// The products of one token of the whole map.
  AttentionTokenWork token(std::uint64_t n);
  /// How many of the last token's sums at channels [first, last), from the slice's first, got a
  /// score.
  [[nodiscard]] std::uint32_t reached(std::uint32_t first, std::uint32_t last) const;

 private:
  [[nodiscard]] std::size_t row(std::uint32_t head, std::uint64_t token) const {
    return (head * tokens_ + token) * row_words_;
  }
  void count_keys_and_values();
  void scores_first(std::uint32_t head, std::uint64_t n, AttentionTokenWork& work);
  void values_first(std::uint32_t head, std::uint64_t n, AttentionTokenWork& work);
  [[nodiscard]] std::size_t product_row(std::uint32_t head, std::uint32_t channel) const {
    return (head * head_channels_ + channel) * row_words_;
  }

  ProductOrder order_;
  std::uint32_t head_channels_ = 0;
  std::uint32_t heads_ = 0;  ///< of the slice
  std::uint64_t tokens_ = 0;
  std::size_t row_words_ = 0;                       ///< 64-bit words per row here, not on the chip
  std::vector<std::uint64_t> query_, key_, value_;  ///< [heads, tokens, row_words]
  std::vector<std::uint64_t> reached_;              ///< [heads, row_words]
  std::vector<std::uint32_t> key_tokens_;    ///< tokens whose k has a spike: [heads, head channels]
  std::vector<std::uint32_t> value_spikes_;  ///< spikes of v: [heads, tokens]
  std::vector<std::uint64_t> product_;       ///< K^T V is not 0: [heads, head channels, row_words]
};

}  // namespace nj
