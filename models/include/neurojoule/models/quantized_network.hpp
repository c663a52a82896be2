#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/core/number_format.hpp"
#include "neurojoule/models/kernels.hpp"

namespace nj {

/// The weights of one layer as the hardware stores and as the executor adds them.
struct Synapses {
  NumberFormat format;
  QuantizedTensor tensor;           ///< [out, in, k, k]; empty for float32
  std::vector<float> float_weight;  ///< [out, in, k, k]; float32 only
  WeightRows<std::int16_t> rows;    ///< integers as rows; empty for float32 and for the head
  WeightRows<float> float_rows;     ///< float32 only; empty for the head
  std::int32_t max_weight = 0;      ///< largest |integer|
};

/// The neurons of one Lif layer.
struct Neurons {
  WideLif wide;                     ///< integer neurons: bias and thresholds of any width
  std::optional<NarrowLif> narrow;  ///< the same for the fast kernel, where all values fit 31 bits
  FloatLif floating;                ///< float32 neurons
  bool is_float = false;
  float current_scale = 1.0F;  ///< float32: current per accumulator unit (attention scale)
};

/// The classifier head: logits[o] = (sum of weight * channel sum + bias[o]) * unit.
struct HeadConstants {
  std::vector<std::int64_t> bias;  ///< [classes], in units of `unit`
  std::vector<float> float_bias;   ///< [classes]; float32 only
  double unit = 1.0;               ///< scale / (T * positions)
};

/// A network with integer weights, biases and thresholds, ready to be executed.
class QuantizedNetwork {
 public:
  /// What `quantize` computes, by LayerId.
  struct Layer {
    std::optional<Synapses> synapses;   ///< Conv2d, ClassifierHead
    std::optional<Neurons> neurons;     ///< Lif
    std::optional<HeadConstants> head;  ///< ClassifierHead
    std::uint32_t accumulator_bits = 0;
  };
  QuantizedNetwork(Network network, std::uint32_t timesteps, FixedPointFormat membrane,
                   std::vector<Layer> layers);

  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }
  /// The word of all integer membranes.
  [[nodiscard]] const FixedPointFormat& membrane() const { return membrane_; }
  [[nodiscard]] const Layer& layer(LayerId id) const { return layers_.at(id.index); }
  /// Format of a layer's weights. Throws: Error(config) when it owns none.
  [[nodiscard]] const NumberFormat& weight_format(LayerId id) const;
  /// Bits of the adder that a layer's partial sums need: 1 + ceil(log2(bound + 1)), at most 32,
  /// where bound is, for Conv2d and head, fan-in * largest integer of the format * largest input;
  /// for attention, tokens * channels of a head; for ResidualAdd its largest output. 32 for float32
  /// weights, 0 for layers that do not add.
  [[nodiscard]] std::uint32_t accumulator_bits(LayerId id) const;
  /// Whether the neurons of a Lif layer are computed in float32.
  [[nodiscard]] bool has_float_neurons(LayerId lif) const;
  /// Bits that all weights occupy, scales included.
  [[nodiscard]] std::uint64_t weight_storage_bits() const;

 private:
  Network network_;
  std::uint32_t timesteps_ = 0;
  FixedPointFormat membrane_;
  std::vector<Layer> layers_;
};

}  // namespace nj
