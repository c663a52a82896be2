#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "neurojoule/hardware/sanafe_architecture.hpp"

// Network files of SANA-FE: groups of neurons, edges between them, and the core of each neuron.
// Convolutions and dense edges stay as their weights; nothing is expanded per synapse.
namespace nj::sanafe {

inline constexpr std::uint32_t no_index = 0xffffffff;

enum class ResetMode : std::uint8_t { none, soft, hard, saturate };

/// What the models of a neuron read; the defaults are theirs. Only the bias is kept apart, because
/// inputs are often coded in it.
///
/// leaky_integrate_fire, in doubles and in this order: v = trunc(64 * v * leak_decay) / 64; in the
/// `refractory_delay` - 1 steps after a spike that is all, and the input is lost; else v = (v +
/// bias) + input; a spike when v > threshold, and v is reset: hard -> reset, soft -> v - threshold,
/// none and saturate -> as it is; then, when v < reverse_threshold, hard -> reverse_reset, soft ->
/// v
/// - reverse_threshold, saturate -> reverse_threshold.
///
/// truenorth: with leak_towards_zero, v moves by `leak` towards (or past) zero unless it is zero;
/// else v = v + leak. v = (v + bias) + input. A spike when v + noise >= threshold: hard -> reset,
/// soft -> v - threshold, saturate -> threshold; else reverse when v + noise <= reverse_threshold:
/// hard -> reverse_reset, soft -> v + reverse_threshold, saturate -> reverse_threshold. Noise: C's
/// rand() of glibc, & random_mask.
///
/// input: spikes when its spike train says so, or every floor(1 / rate) steps, or when a random
/// number is below `poisson`.
struct NeuronParameters {
  double threshold = 0;
  double reset = 0;
  double reverse_threshold = 0;
  double reverse_reset = 0;
  double leak_decay = 1;
  double leak = 0;
  double rate = 0;     ///< 0..1
  double poisson = 0;  ///< 0..1
  std::uint32_t random_mask = 0;
  std::uint32_t refractory_delay = 0;
  std::uint32_t spike_train = no_index;  ///< index in Network::spike_trains
  std::uint32_t dendrite = no_index;     ///< index in Network::dendrites
  ResetMode reset_mode = ResetMode::hard;
  ResetMode reverse_reset_mode = ResetMode::none;
  bool leak_towards_zero = true;
  bool force_update = false;  ///< counted as updated in every step
  friend auto operator<=>(const NeuronParameters&, const NeuronParameters&) = default;
};

/// An RC line of N compartments. In a step each compartment i becomes v[i] * time_constants[i]
/// plus, from each neighbour j, (v[j] - v[i]) * the space constant between them.
struct TapsParameters {
  std::vector<double> time_constants;   ///< [N]
  std::vector<double> space_constants;  ///< [N - 1]
  friend auto operator<=>(const TapsParameters&, const TapsParameters&) = default;
};

/// Where a neuron lives: a core and its units.
struct Placement {
  std::uint32_t core = no_index;
  std::uint16_t synapse = 0;  ///< indices in the lists of the core's kind
  std::uint16_t dendrite = 0;
  std::uint16_t soma = 0;
  std::uint32_t dendrite_instance = 0;  ///< which copy of a replicated unit
  std::uint32_t soma_instance = 0;
};

struct Group {
  std::string name;
  std::uint32_t first = 0;  ///< neuron ids run through all groups in the order of the file
  std::uint32_t size = 0;
};

/// One synapse that the file names by itself.
struct Synapse {
  std::uint32_t source = 0;  ///< neuron
  std::uint32_t target = 0;  ///< neuron
  double weight = 0;
  std::uint8_t delay = 0;
  std::uint32_t tap = 0;
};

/// Single edges and sparse lists, in the order of the file.
struct SparseEdge {
  std::vector<Synapse> synapses;
};

/// All pairs: the weight of i -> j is weight[i * target size + j].
struct DenseEdge {
  std::uint32_t source = 0;  ///< group
  std::uint32_t target = 0;  ///< group
  std::vector<double> weight;
  std::vector<std::uint8_t> delay;  ///< empty: 0
  std::vector<std::uint32_t> tap;   ///< empty: 0
};

/// A convolution without padding; neurons of both groups are ordered [channel][y][x], weights
/// [kernel y][kernel x][input channel][output channel].
struct ConvolutionEdge {
  std::uint32_t source = 0;  ///< group
  std::uint32_t target = 0;  ///< group
  std::uint32_t input_width = 0, input_height = 0, input_channels = 0;
  std::uint32_t kernel_width = 0, kernel_height = 0, kernel_count = 0;
  std::uint32_t stride_width = 1, stride_height = 1;
  std::vector<double> weight;
  std::vector<std::uint8_t> delay;  ///< as weight; empty: 0
  std::vector<std::uint32_t> tap;   ///< as weight; empty: 0

  [[nodiscard]] std::uint32_t output_width() const {
    return (input_width - kernel_width) / stride_width + 1;
  }
  [[nodiscard]] std::uint32_t output_height() const {
    return (input_height - kernel_height) / stride_height + 1;
  }
};

using Edge = std::variant<SparseEdge, DenseEdge, ConvolutionEdge>;

/// A network placed on a chip.
struct Network {
  std::string name;
  std::vector<Group> groups;
  std::vector<std::uint32_t> parameters_of;  ///< [neuron]: index in `parameters`
  std::vector<double> bias;                  ///< [neuron]
  std::vector<NeuronParameters> parameters;  ///< distinct ones
  std::vector<std::vector<std::uint8_t>> spike_trains;
  std::vector<TapsParameters> dendrites;
  std::vector<Edge> edges;            ///< in the order of the file
  std::vector<Placement> placements;  ///< [neuron]
  std::vector<std::uint32_t> order;   ///< neurons in the order of the mappings

  [[nodiscard]] std::uint32_t neurons() const {
    return static_cast<std::uint32_t>(parameters_of.size());
  }
  [[nodiscard]] std::string neuron_name(std::uint32_t neuron) const;
};

/// Reads a network file and checks it against its chip. Throws: Error(io); Error(config) with the
/// place of what is wrong; Error(unsupported) with the place of an attribute that SANA-FE has and
/// we refuse; Error(capacity) when a core gets more neurons than it holds.
Network load_network(const std::filesystem::path& file, const Architecture& chip);
/// As `load_network`, of a text; errors name `name` as their file.
Network read_network(std::string_view text, std::string_view name, const Architecture& chip);

}  // namespace nj::sanafe
