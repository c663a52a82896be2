#pragma once

#include <cstdint>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/core/rng.hpp"

// Spike trains without a meaning, for questions about traffic only.
namespace nj {

/// Parts of values that are not zero, 0..1, in steps of 1/10,000.
struct TraceDensity {
  double spikes = 0;  ///< of neurons
  double inputs = 0;  ///< of input frames
};

/// Independent spikes of that density. Throws: Error(config) for one outside 0..1.
SpikeTensor random_spikes(std::uint32_t timesteps, const FeatureShape& shape, double density,
                          const RandomKey& key);

/// Random spikes of the neurons and values 1..3 of the inputs of a network that chips can run; what
/// pools and residual sums send is computed from them. Equal arguments give equal traces.
SpikeTrace random_trace(const Network& network, std::uint32_t timesteps,
                        const TraceDensity& density, std::uint64_t seed);

}  // namespace nj
