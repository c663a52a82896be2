#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/aligned_vector.hpp"

namespace nj {

/// What spiking self-attention does in one step, summed over heads.
struct AttentionCounts {
  /// Product order (Q K^T) V: (n, m, j) with q[n, j] = k[m, j] = 1, and for each (n, m) with at
  /// least one of these, the spikes of v[m].
  std::uint64_t coincidences = 0;
  std::uint64_t score_additions = 0;
  /// Product order Q (K^T V): (m, i, j) with k[m, i] = v[m, j] = 1, and for each spike of q a row
  /// of the head's channels.
  std::uint64_t key_value_coincidences = 0;
  std::uint64_t query_additions = 0;
  friend bool operator==(const AttentionCounts&, const AttentionCounts&) = default;
};

/// Buffers of `attend`; one per thread, reused from call to call.
struct AttentionScratch {
  std::vector<std::uint64_t> query;  ///< [token, word] of one head
  std::vector<std::uint64_t> key;
  std::vector<std::uint64_t> value;
  std::vector<std::uint64_t> query_columns;  ///< [channel of the head, word of tokens]
  std::vector<std::uint64_t> key_columns;
  std::vector<std::uint64_t> seen;         ///< queries that meet one key
  AlignedVector<std::int16_t> value_rows;  ///< [token, head size rounded up to 16]
  AlignedVector<std::int16_t> products;    ///< K^T V: [channel, head size rounded up to 16]
  AlignedVector<std::byte> tokens;
};

/// sums[n * padded(channels) + c] = sum over tokens m and channels j of the head of c of
/// q[n, j] k[m, j] v[m, c], in step `t`; channel c belongs to head c / (channels / heads). Returns
/// the exact counts of both product orders; the sums are one and the same, so they are computed in
/// the cheaper order, Q (K^T V). At most 32767 tokens. Padding is unspecified.
AttentionCounts attend(std::uint32_t heads, const SpikeTensor& query, const SpikeTensor& key,
                       const SpikeTensor& value, std::uint32_t t, AttentionScratch& scratch,
                       std::int32_t* sums);
/// The same, one product at a time.
AttentionCounts attend_ref(std::uint32_t heads, const SpikeTensor& query, const SpikeTensor& key,
                           const SpikeTensor& value, std::uint32_t t, std::int32_t* sums);

}  // namespace nj
