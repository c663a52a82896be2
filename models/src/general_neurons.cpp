#include "general_neurons.hpp"

#include <algorithm>

namespace nj {

GeneralNeurons::GeneralNeurons(const Neurons& neurons, const NeuronBlock& block,
                               std::uint32_t channels)
    : neurons_(neurons),
      block_(block),
      channels_(channels),
      resting_((block.end - block.begin) * channels, 0) {
  if (neurons.is_float) {
    float_membranes_.assign(resting_.size(), 0.0F);
    float_synapses_.assign(resting_.size(), 0.0F);
  } else {
    membranes_.assign(resting_.size(), 0);
    synapses_.assign(resting_.size(), 0);
  }
}

/// One step of all neurons: `update(n, index of the sum, channel)` tells whether one fires.
template <class Update>
void GeneralNeurons::step(std::uint32_t t, SpikeTensor& spikes, Update&& update) {
  const auto words = words_of(spikes, t, block_);
  std::fill(words.begin(), words.end(), std::uint64_t{0});
  std::size_t n = 0;
  for (std::size_t p = block_.begin; p < block_.end; ++p) {
    const std::size_t row = t * block_.step_stride + (p - block_.begin) * padded(channels_);
    for (std::size_t c = 0; c < channels_; ++c, ++n) {
      const bool rests = resting_[n] > 0;
      const bool fires = update(n, row + c, c);  // a resting neuron does not fire
      if (rests) --resting_[n];
      if (!fires) continue;
      resting_[n] = neurons_.op.refractory;
      spikes.set(t, p * channels_ + c);
    }
  }
}

void GeneralNeurons::run(const std::int32_t* sums, SpikeTensor& spikes,
                         std::span<std::uint64_t> saturations) {
  for (std::uint32_t t = 0; t < spikes.timesteps(); ++t) {
    step(t, spikes, [&](std::size_t n, std::size_t sum, std::size_t channel) {
      return update(n, channel, sums[sum], saturations[t]);
    });
  }
}

void GeneralNeurons::run(const float* sums, SpikeTensor& spikes, std::span<std::uint64_t>) {
  for (std::uint32_t t = 0; t < spikes.timesteps(); ++t) {
    step(t, spikes, [&](std::size_t n, std::size_t sum, std::size_t channel) {
      return update(n, channel, sums[sum]);
    });
  }
}

bool GeneralNeurons::update(std::size_t n, std::size_t channel, std::int32_t sum,
                            std::uint64_t& saturations) {
  const Lif& op = neurons_.op;
  const WideLif& wide = neurons_.wide;
  const std::int64_t half = wide.membrane.rounding == Rounding::nearest_half_up ? 1 << 15 : 0;
  const auto saturated = [&](std::int64_t exact) {
    const std::int64_t word = std::clamp(exact, wide.membrane.min(), wide.membrane.max());
    saturations += word != exact ? 1 : 0;
    return word;
  };
  std::int64_t j =
      std::int64_t{sum} * (std::int64_t{1} << wide.membrane.fraction_bits) + wide.bias[channel];
  if (op.tau_synapse != 1.0) {
    const std::int64_t leak = (synapses_[n] * std::int64_t{neurons_.synapse_leak_q16} + half) >> 16;
    j = synapses_[n] = saturated(synapses_[n] - leak + j);
  }
  if (resting_[n] > 0) return false;
  const std::int64_t v = membranes_[n];
  const auto leak = std::int64_t{wide.leak_q16};
  const std::int64_t h = saturated(op.decay_input ? v + (((j - v) * leak + half) >> 16)
                                                  : v - ((v * leak + half) >> 16) + j);
  const std::int64_t threshold = wide.threshold[channel];
  const bool fires = op.firing == Firing::at_threshold ? h >= threshold : h > threshold;
  const std::int64_t after = op.reset == Reset::to_zero ? 0 : h - threshold;
  membranes_[n] = fires ? after : h;
  return fires;
}

bool GeneralNeurons::update(std::size_t n, std::size_t channel, float sum) {
  const Lif& op = neurons_.op;
  const FloatLif& lif = neurons_.floating;
  float j = sum + lif.bias[channel];
  if (op.tau_synapse != 1.0) {
    const auto tau = static_cast<float>(op.tau_synapse);
    j = float_synapses_[n] = float_synapses_[n] - float_synapses_[n] / tau + j;
  }
  if (resting_[n] > 0) return false;
  const float v = float_membranes_[n];
  const float h = op.decay_input ? v + (j - v) / lif.tau : v - v / lif.tau + j;
  const bool fires = op.firing == Firing::at_threshold ? h >= lif.threshold : h > lif.threshold;
  const float after = op.reset == Reset::to_zero ? 0.0F : h - lif.threshold;
  float_membranes_[n] = fires ? after : h;
  return fires;
}

}  // namespace nj
