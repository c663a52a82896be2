#include "general_neurons.hpp"

#include <algorithm>

#include "bit_writer.hpp"

namespace nj {
namespace {

/// Steps the neurons of all rows: `update(index, sum index, channel)` returns whether one fires.
template <class Update>
void for_each_neuron(const NeuronRows& rows, std::vector<std::uint32_t>& resting,
                     std::uint32_t refractory, std::span<std::uint64_t> spikes, Update&& update) {
  BitWriter writer(spikes.data());
  std::size_t n = 0;
  for (std::size_t p = 0; p < rows.positions; ++p) {
    for (std::size_t c = 0; c < rows.channels; ++c, ++n) {
      const bool rests = resting[n] > 0;
      const bool fires = update(n, p * rows.stride + c, c, rests);
      if (rests) --resting[n];
      if (fires) resting[n] = refractory;
      writer.append(fires ? 1 : 0, 1);
    }
  }
  writer.finish();
}

}  // namespace

GeneralNeurons::GeneralNeurons(const Neurons& neurons, const NeuronRows& rows)
    : neurons_(neurons), rows_(rows), resting_(rows.positions * rows.channels, 0) {
  if (neurons.is_float) {
    float_membranes_.assign(resting_.size(), 0.0F);
    float_synapses_.assign(resting_.size(), 0.0F);
  } else {
    membranes_.assign(resting_.size(), 0);
    synapses_.assign(resting_.size(), 0);
  }
}

std::uint64_t GeneralNeurons::step(const std::int32_t* sums, std::span<std::uint64_t> spikes) {
  const Lif& op = neurons_.op;
  const WideLif& wide = neurons_.wide;
  const std::int64_t half = wide.membrane.rounding == Rounding::nearest_half_up ? 1 << 15 : 0;
  const bool current_based = op.tau_synapse != 1.0;
  std::uint64_t saturations = 0;
  const auto saturated = [&](std::int64_t exact) {
    const std::int64_t word = std::clamp(exact, wide.membrane.min(), wide.membrane.max());
    saturations += word != exact ? 1 : 0;
    return word;
  };
  for_each_neuron(rows_, resting_, op.refractory, spikes,
                  [&](std::size_t n, std::size_t sum, std::size_t c, bool rests) {
                    std::int64_t j =
                        std::int64_t{sums[sum]} * (std::int64_t{1} << wide.membrane.fraction_bits) +
                        wide.bias[c];
                    if (current_based) {
                      const std::int64_t leak =
                          (synapses_[n] * std::int64_t{neurons_.synapse_leak_q16} + half) >> 16;
                      j = synapses_[n] = saturated(synapses_[n] - leak + j);
                    }
                    if (rests) return false;
                    const std::int64_t v = membranes_[n];
                    const std::int64_t leak = std::int64_t{wide.leak_q16};
                    const std::int64_t exact = op.decay_input ? v + (((j - v) * leak + half) >> 16)
                                                              : v - ((v * leak + half) >> 16) + j;
                    const std::int64_t h = saturated(exact);
                    const bool fires = op.firing == Firing::at_threshold ? h >= wide.threshold[c]
                                                                         : h > wide.threshold[c];
                    const std::int64_t after =
                        op.reset == Reset::to_zero ? 0 : h - wide.threshold[c];
                    membranes_[n] = fires ? after : h;
                    return fires;
                  });
  return saturations;
}

void GeneralNeurons::step(const float* sums, std::span<std::uint64_t> spikes) {
  const Lif& op = neurons_.op;
  const FloatLif& lif = neurons_.floating;
  const auto tau_synapse = static_cast<float>(op.tau_synapse);
  const bool current_based = op.tau_synapse != 1.0;
  for_each_neuron(rows_, resting_, op.refractory, spikes,
                  [&](std::size_t n, std::size_t sum, std::size_t c, bool rests) {
                    float j = sums[sum] + lif.bias[c];
                    if (current_based) {
                      j = float_synapses_[n] =
                          float_synapses_[n] - float_synapses_[n] / tau_synapse + j;
                    }
                    if (rests) return false;
                    const float v = float_membranes_[n];
                    const float h = op.decay_input ? v + (j - v) / lif.tau : v - v / lif.tau + j;
                    const bool fires =
                        op.firing == Firing::at_threshold ? h >= lif.threshold : h > lif.threshold;
                    const float after = op.reset == Reset::to_zero ? 0.0F : h - lif.threshold;
                    float_membranes_[n] = fires ? after : h;
                    return fires;
                  });
}

}  // namespace nj
