#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/operators.hpp"
#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/kernels.hpp"

// Operators on spike trains, one time step or one train at a time.
namespace nj {

/// Buffers of `attend`: query, key and value bits gathered by head.
struct AttentionBuffers {
  std::vector<std::uint64_t> query;  ///< [head, token, word]
  std::vector<std::uint64_t> key;
  std::vector<std::uint64_t> value;
};

/// Attention currents of one step, rows of stride padded(channels), in units of the attention's
/// scale. Adds coincidences and accumulates to `counts`.
void attend(const SpikingSelfAttention& attention, const SpikeTensor& query, const SpikeTensor& key,
            const SpikeTensor& value, std::uint32_t t, AttentionBuffers& buffers,
            std::int32_t* sums, StepCounts& counts);

/// OR over windows.
SpikeTensor pool(const MaxPool2d& pool, const SpikeTensor& in, const FeatureShape& out_shape);

/// Sums over windows; adds the operations to `operations[t]`.
GradedTensor average_pool(const AveragePool2d& pool, const SpikeTrain& in,
                          const FeatureShape& out_shape, std::vector<std::uint64_t>& operations);

/// Coincidences of a train and a gate (see SpikeAnd).
SpikeTensor spike_and(const SpikeTensor& in, const SpikeTensor& gate);

/// Counts of one step (see SpikeSum): rows of stride padded(out channels).
void spike_sum(const SpikeSum& sum, const SpikeTensor& in, std::uint32_t t,
               const FeatureShape& out_shape, std::int32_t* sums);

/// Maximum over (token, channel within the head) windows of 3 x 3.
SpikeTensor token_channel_max(const TokenChannelMax& max, const SpikeTensor& in);

/// The train in C order, as one position.
SpikeTrain flatten(const SpikeTrain& in);

/// Element-wise sum of two trains of equal shape.
GradedTensor add(const SpikeTrain& a, const SpikeTrain& b);

/// Sum over time and positions per channel.
std::vector<std::int64_t> channel_sums(const SpikeTrain& train);

}  // namespace nj
