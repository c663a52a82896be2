#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/core/number_format.hpp"

namespace nj {

/// Weights of one layer, BatchNorm folded in.
struct LayerWeights {
  std::vector<float> weight;  ///< [out, in, ky, kx]; the head's is [classes, in]
  std::vector<float> bias;    ///< [out]
  /// Of a layer that is quantized already: `weight` is what they represent, rounded to float32.
  std::optional<QuantizedTensor> integers{};
};

/// The weights that integers represent: integer * scale of the channel.
std::vector<float> represented_weights(const QuantizedTensor& tensor, std::size_t channels);

/// Extents of a weighted layer's tensor.
struct WeightShape {
  std::uint32_t out = 0;
  std::uint32_t in = 0;  ///< of a group
  Extent kernel;
  [[nodiscard]] std::uint64_t fan_in() const { return std::uint64_t{in} * kernel.y * kernel.x; }
  [[nodiscard]] std::uint64_t elements() const { return fan_in() * out; }
};

/// Extents of the weights that an operator owns; nullopt when it owns none.
std::optional<WeightShape> weight_shape(const Operator& op);

/// Multiply-accumulates of a dense implementation in one time step: of a Conv2d fan-in per output
/// (the border included), of an attention 2 N^2 C for N tokens and C channels (Q K^T, then V), of a
/// head one per weight, of a SpikeSum one addition per input; 0 for what has neither weights nor
/// sums over tokens or channels.
std::uint64_t dense_operations(const Network& network, LayerId id);

/// A network with its trained weights.
struct Model {
  Network network;
  std::vector<std::optional<LayerWeights>> weights;  ///< by LayerId; set where has_weights()
  std::uint32_t timesteps = 0;                       ///< time steps that it was trained for
};

/// Checks that every weighted layer has weights of its extents, all finite, and that the number of
/// time steps is 1..1024. Throws: Error(shape, numeric) with the layer's name as key.
void validate(const Model& model);

}  // namespace nj
