#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "neurojoule/core/quantity.hpp"

// What papers call the energy of a spiking network: operations times two prices, no chip and, but
// for one, no memory. Each convention is a rule for what counts. None of them is ours; they are
// here so that a published number can be reproduced and compared with what a chip would need.
namespace nj {

/// What a convention that prices memories asks of a weighted layer, in elements of one time step.
struct LayerExtents {
  bool fully_connected = false;  ///< else a convolution; 1 x 1 where it is linear on tokens
  bool spiking = true;           ///< false: works once, on values
  bool leaks = false;            ///< drives neurons that leak
  double timesteps = 1;
  double inputs = 0, in_channels = 0;  ///< inputs: channels x height x width
  double outputs = 0, out_channels = 0;
  double kernel = 1;          ///< positions: height x width
  double strided_kernel = 1;  ///< ceil(height / stride) x ceil(width / stride)
  double weights = 0, biases = 0;
  /// Spikes per input and step, where inputs are spikes or sums of them: n counts as n spikes.
  std::optional<double> spike_rate{};
  double output_rate =
      0;  ///< spikes per neuron and step of the neurons that it drives itself, or 0
};

/// A layer with weights, over all time steps of one inference.
struct WeightedWork {
  double dense = 0;          ///< multiply-accumulates of a dense execution, borders included
  double input_rate = 1;     ///< inputs that are not zero, 0..1; 1 where they are no spikes
  bool binary = false;       ///< inputs are 0 or 1
  bool reads_input = false;  ///< the network's input: the "first layer"
  double weight_bits = 32;
  LayerExtents extents{};
};

/// Spiking self-attention, over all time steps.
struct AttentionWork {
  double timesteps = 0;
  double tokens = 0;
  double channels = 0;  ///< of all heads
  double heads = 1;
  double query_rate = 0, key_rate = 0, value_rate = 0;  ///< 0..1
};

/// Neurons: updates of all time steps.
struct NeuronWork {
  double updates = 0;
};

/// Pooling of spikes: inputs of all time steps.
struct PoolingWork {
  double inputs = 0;
  double input_rate = 1;
  bool binary = false;
};

struct LayerWork {
  std::string name;
  std::variant<WeightedWork, AttentionWork, NeuronWork, PoolingWork> work;
};

/// With T steps, N tokens, C channels in H heads of d = C / H, and rates r; a MAC is 4.6 pJ, an AC
/// 0.9 pJ. What has no rule is not counted.
///
/// * spikformer. Weighted layers: MAC dense of the first, AC r dense of all others. Attention: AC
///   mean(r_q, r_k, r_v) 2 T N^2 C.
/// * spikingformer. Weighted layers: AC r dense where inputs are binary, else MAC dense. Attention:
///   AC T H N d^2 (min(r_k, r_v) + r_q).
/// * syops. Weighted layers as spikingformer. Neurons: AC updates. Pooling: AC r inputs where they
///   are binary, else MAC inputs.
/// * linear_bits. Weighted layers: AC r dense bits / 32.
/// * lemaire. Weighted layers: operations, addresses and memory accesses. An addition is 0.1 pJ, a
///   multiplication 3.1 pJ (8-bit weights: 0.03 and 0.2 pJ), an access to a memory of n words
///   13.2 pJ + 1.09e-5 pJ n bits, where every word has the bits of a weight; queues of spikes have
///   n = 0. Spikes in, s = spike_rate T inputs, and out, o = output_rate T outputs; F = outputs
///   where fully connected, else out_channels kernel; F' with the strided kernel. One MAC is a
///   multiplication and an addition.
///   - Spikes: AC s F' + T outputs + o; MAC T outputs with leak. Addresses: MAC 2 s and AC s
///   kernel;
///     fully connected AC spike_rate T outputs. Accesses: queues s + o, weights s F, biases T
///     outputs, potentials 2 (s F + T outputs).
///   - Other inputs ("hybrid"): one step, r in place of spike_rate T, but for biases and
///     potentials. MAC r dense; AC outputs + o; with leak `outputs` multiplications (here MACs,
///     without their addition's price).
///   - Not spiking: MAC dense, AC outputs. Addresses: AC inputs + outputs + out_channels kernel;
///     fully connected inputs outputs. Accesses: inputs (fully connected once, else dense), weights
///     dense, biases and outputs once.
///
/// BatchNorm is folded into the weights everywhere; syops-counter, which sees it as a layer, counts
/// it too. Sources: Zhou et al., Spikformer, ICLR 2023, eq. 21-24 ("rate of the input spike train":
/// for attention, whose inputs are three, the mean is our reading); Zhou et al., Spikingformer,
/// 2023, and the energy_consumption_calculation of its repository; Chen et al., syops-counter 0.2;
/// linear_bits: the ratios of SpikeHQ (arXiv 2412.05505), which equal those of stored bits;
/// lemaire: Lemaire et al., ICONIP 2022 (arXiv 2210.13107) as computed by
/// postprocessing/EnergyEstimationMetric.py of qualia-plugin-snn 2.6.0.
enum class Convention : std::uint8_t { spikformer, spikingformer, syops, linear_bits, lemaire };
inline constexpr std::array<Convention, 5> all_conventions{
    Convention::spikformer, Convention::spikingformer, Convention::syops, Convention::linear_bits,
    Convention::lemaire};
/// The name in files: `spikformer`, `spikingformer`, `syops`, `linear-bits`, `lemaire`.
std::string_view to_string(Convention convention);
/// One line that says what it counts.
std::string_view describe(Convention convention);

/// Energy of a multiply-accumulate and of an accumulate of float32 at 45 nm.
/// Source: Horowitz, ISSCC 2014: 3.7 + 0.9 pJ, 0.9 pJ.
inline constexpr Picojoules mac_energy{4.6};
inline constexpr Picojoules ac_energy{0.9};

/// Operations of one inference, and what the convention says that they cost.
struct ConventionCost {
  double macs = 0;
  double acs = 0;
  double memory_accesses = 0;
  Picojoules operations{}, memory{};
  [[nodiscard]] Picojoules energy() const { return operations + memory; }
  ConventionCost& operator+=(const ConventionCost& other);
};

/// Operations at mac_energy and ac_energy.
ConventionCost float_operations(double macs, double acs);
/// What one layer costs by a convention.
ConventionCost cost(Convention convention, const LayerWork& layer);
/// The sum over layers, in their order.
ConventionCost cost(Convention convention, std::span<const LayerWork> layers);

}  // namespace nj
