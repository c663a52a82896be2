#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/models/quantized_network.hpp"

namespace nj {

/// Neurons with any option of Lif, one time step after the other; the fast kernels of kernels.hpp
/// know tau and threshold only.
class GeneralNeurons {
 public:
  /// At rest. `rows` are the positions that the caller steps.
  GeneralNeurons(const Neurons& neurons, const NeuronRows& rows);

  /// Updates all neurons from their accumulators, writes their spikes as packed bits (whole words)
  /// and returns how many synaptic currents and membranes saturated.
  std::uint64_t step(const std::int32_t* sums, std::span<std::uint64_t> spikes);
  /// The float32 form; nothing saturates.
  void step(const float* sums, std::span<std::uint64_t> spikes);

 private:
  const Neurons& neurons_;
  NeuronRows rows_;
  std::vector<std::int64_t> membranes_;
  std::vector<std::int64_t> synapses_;
  std::vector<float> float_membranes_;
  std::vector<float> float_synapses_;
  std::vector<std::uint32_t> resting_;  ///< steps that a neuron still rests
};

}  // namespace nj
