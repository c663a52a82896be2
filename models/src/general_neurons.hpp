#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/models/quantized_network.hpp"

#include "neurons.hpp"

namespace nj {

/// Neurons of a block of positions with any option of Lif, and membranes of any width; the fast
/// kernels of neurons.hpp know membranes only.
class GeneralNeurons {
 public:
  /// At rest.
  GeneralNeurons(const Neurons& neurons, const NeuronBlock& block, std::uint32_t channels);

  /// Steps the neurons through all time steps, and sets the bits of `spikes` (the block's bits must
  /// be zero). Adds to `saturations[t]` how many synaptic currents and membranes step t clipped;
  /// float32 neurons clip nothing.
  void run(const std::int32_t* sums, SpikeTensor& spikes, std::span<std::uint64_t> saturations);
  void run(const float* sums, SpikeTensor& spikes, std::span<std::uint64_t> saturations);

 private:
  template <class Update>
  void step(std::uint32_t t, SpikeTensor& spikes, Update&& update);
  bool update(std::size_t n, std::size_t channel, std::int32_t sum, std::uint64_t& saturations);
  bool update(std::size_t n, std::size_t channel, float sum);

  const Neurons& neurons_;
  NeuronBlock block_;
  std::size_t channels_;
  std::vector<std::int64_t> membranes_;
  std::vector<std::int64_t> synapses_;
  std::vector<float> float_membranes_;
  std::vector<float> float_synapses_;
  std::vector<std::uint32_t> resting_;  ///< steps that a neuron still rests
};

}  // namespace nj
