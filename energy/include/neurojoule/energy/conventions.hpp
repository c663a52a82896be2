#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "neurojoule/core/quantity.hpp"

// What papers call the energy of a spiking network: operations times two prices, no chip, no
// memory. Each convention is a rule for which operations count. None of them is ours; they are here
// so that a published number can be reproduced and compared with what a chip would need.
namespace nj {

/// A layer with weights, over all time steps of one inference.
struct WeightedWork {
  double dense = 0;          ///< multiply-accumulates of a dense execution, borders included
  double input_rate = 1;     ///< inputs that are not zero, 0..1; 1 where they are no spikes
  bool binary = false;       ///< inputs are 0 or 1
  bool reads_input = false;  ///< the network's input: the "first layer"
  double weight_bits = 32;
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
///
/// BatchNorm is folded into the weights everywhere; syops-counter, which sees it as a layer, counts
/// it too. Sources: Zhou et al., Spikformer, ICLR 2023, eq. 21-24 ("rate of the input spike train":
/// for attention, whose inputs are three, the mean is our reading); Zhou et al., Spikingformer,
/// 2023, and the energy_consumption_calculation of its repository; Chen et al., syops-counter 0.2;
/// linear_bits: the ratios of SpikeHQ (arXiv 2412.05505), which equal those of stored bits.
enum class Convention : std::uint8_t { spikformer, spikingformer, syops, linear_bits };
inline constexpr std::array<Convention, 4> all_conventions{
    Convention::spikformer, Convention::spikingformer, Convention::syops, Convention::linear_bits};
/// The name in files: `spikformer`, `spikingformer`, `syops`, `linear-bits`.
std::string_view to_string(Convention convention);
/// One line that says what it counts.
std::string_view describe(Convention convention);

/// Energy of a multiply-accumulate and of an accumulate of float32 at 45 nm.
/// Source: Horowitz, ISSCC 2014: 3.7 + 0.9 pJ, 0.9 pJ.
inline constexpr Picojoules mac_energy{4.6};
inline constexpr Picojoules ac_energy{0.9};

/// Operations of one inference.
struct ConventionCost {
  double macs = 0;
  double acs = 0;
  [[nodiscard]] Picojoules energy() const {
    return Picojoules{macs * mac_energy.value() + acs * ac_energy.value()};
  }
  ConventionCost& operator+=(const ConventionCost& other);
};

/// What one layer costs by a convention.
ConventionCost cost(Convention convention, const LayerWork& layer);
/// The sum over layers, in their order.
ConventionCost cost(Convention convention, std::span<const LayerWork> layers);

}  // namespace nj
