#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/neuron_constants.hpp"

// Neurons of a block of positions over all time steps; membranes live only inside the call.
namespace nj {

/// Positions [begin, end) of a population. Sums of consecutive positions are padded(channels)
/// apart, those of consecutive time steps `step_stride`.
struct NeuronBlock {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t step_stride = 0;
};

/// The fewest positions whose spikes fill whole 64-bit words. Blocks of a multiple of it (the last
/// one may be shorter) write to different words, so they may run in parallel.
inline std::size_t block_unit(std::uint32_t channels) { return 64 / std::gcd(64U, channels); }

/// The words of step `t` that hold the spikes of a block.
inline std::span<std::uint64_t> words_of(SpikeTensor& spikes, std::uint32_t t,
                                         const NeuronBlock& block) {
  const std::size_t first = block.begin * spikes.shape().channels / 64;
  return spikes.step(t).subspan(first, (block.end * spikes.shape().channels + 63) / 64 - first);
}

/// Steps the neurons of a block through all time steps, from rest, and writes the block's words of
/// `spikes` ([T, H, W, C] of the whole population). Adds to `saturations[t]`
/// how many membranes step t clipped. `bound`: no |sum| exceeds it.
void lif_block(const NarrowLif& lif, const NeuronBlock& block, const std::int16_t* sums,
               std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations);
void lif_block(const NarrowLif& lif, const NeuronBlock& block, const std::int32_t* sums,
               std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations);
void lif_block_ref(const NarrowLif& lif, const NeuronBlock& block, const std::int32_t* sums,
                   SpikeTensor& spikes, std::span<std::uint64_t> saturations);
/// The float32 form; nothing saturates.
void lif_block(const FloatLif& lif, const NeuronBlock& block, const float* sums,
               SpikeTensor& spikes);
void lif_block_ref(const FloatLif& lif, const NeuronBlock& block, const float* sums,
                   SpikeTensor& spikes);

}  // namespace nj
