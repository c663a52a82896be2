#include <algorithm>
#include <vector>

#include "neurons.hpp"

namespace nj {
namespace {

/// Calls `update(t, sum index, channel, membrane)` for all neurons in time order; it returns
/// whether the neuron fires.
template <class Membrane, class Update>
void for_each_neuron(const NeuronBlock& block, SpikeTensor& spikes, Update&& update) {
  const std::uint32_t channels = spikes.shape().channels;
  std::vector<Membrane> membranes((block.end - block.begin) * channels, Membrane{0});
  for (std::uint32_t t = 0; t < spikes.timesteps(); ++t) {
    for (std::size_t p = block.begin; p < block.end; ++p) {
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t row = p - block.begin;
        const std::size_t sum = t * block.step_stride + row * padded(channels) + c;
        if (update(t, sum, c, membranes[row * channels + c])) spikes.set(t, p * channels + c);
      }
    }
  }
}

}  // namespace

void lif_block_ref(const NarrowLif& lif, const NeuronBlock& block, const std::int32_t* sums,
                   SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  const std::int64_t leak =
      lif.leak_shift < 0 ? std::int64_t{lif.leak_q16} : std::int64_t{65536} >> lif.leak_shift;
  const std::int64_t half = lif.rounding == Rounding::nearest_half_up ? 1 << 15 : 0;
  for_each_neuron<std::int64_t>(
      block, spikes, [&](std::uint32_t t, std::size_t sum, std::size_t c, std::int64_t& v) {
        const std::int64_t x =
            sums[sum] * (std::int64_t{1} << lif.fraction_bits) + std::int64_t{lif.bias[c]};
        const std::int64_t exact = lif.decay_input ? v + (((x - v) * leak + half) >> 16)
                                                   : v - ((v * leak + half) >> 16) + x;
        const std::int64_t h = std::clamp<std::int64_t>(exact, lif.min, lif.max);
        saturations[t] += h != exact ? 1 : 0;
        const std::int64_t threshold = lif.threshold[c];
        const bool fires = lif.firing == Firing::at_threshold ? h >= threshold : h > threshold;
        v = !fires ? h : lif.reset == Reset::to_zero ? 0 : h - threshold;
        return fires;
      });
}

void lif_block_ref(const FloatLif& lif, const NeuronBlock& block, const float* sums,
                   SpikeTensor& spikes) {
  for_each_neuron<float>(
      block, spikes, [&](std::uint32_t, std::size_t sum, std::size_t c, float& v) {
        const float x = sums[sum] + lif.bias[c];
        const float h = lif.decay_input ? v + (x - v) / lif.tau : v - v / lif.tau + x;
        const bool fires =
            lif.firing == Firing::at_threshold ? h >= lif.threshold : h > lif.threshold;
        v = !fires ? h : lif.reset == Reset::to_zero ? 0.0F : h - lif.threshold;
        return fires;
      });
}

}  // namespace nj
