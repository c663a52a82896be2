#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/number_format.hpp"
#include "neurojoule/core/operators.hpp"
#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/aligned_vector.hpp"

#include "row_bands.hpp"

// Operators on spike trains, one time step or one train at a time.
namespace nj {

/// Sums over windows; adds the operations to `operations[t]`.
GradedTensor average_pool(const AveragePool2d& pool, const SpikeTrain& in,
                          const FeatureShape& out_shape, std::vector<std::uint64_t>& operations);

/// Coincidences of a train and a gate (see SpikeAnd).
SpikeTensor spike_and(const SpikeTensor& in, const SpikeTensor& gate);

/// Counts of one step (see SpikeSum): rows of stride padded(out channels).
void spike_sum(const SpikeSum& sum, const SpikeTensor& in, std::uint32_t t,
               const FeatureShape& out_shape, std::int32_t* sums);

/// Attention whose scores Q K^T are read as words (see `attend` for the rest): overwrites `sums`
/// and returns how many scores did not fit.
std::uint64_t attend_words(std::uint32_t heads, const AccumulatorFormat& score,
                           const SpikeTensor& query, const SpikeTensor& key,
                           const SpikeTensor& value, std::uint32_t t, std::int32_t* sums);

/// Maximum over (token, channel within the head) windows of 3 x 3.
SpikeTensor token_channel_max(const TokenChannelMax& max, const SpikeTensor& in);

/// The train in C order, as one position.
SpikeTrain flatten(const SpikeTrain& in);

/// Element-wise sum of rows of one step of two trains of equal shape, one of its bands.
void add(const SpikeTrain& a, const SpikeTrain& b, std::uint32_t t, const RowBand& band,
         GradedTensor& sum);

/// Sum over time and positions per channel.
std::vector<std::int64_t> channel_sums(const SpikeTrain& train);

}  // namespace nj
