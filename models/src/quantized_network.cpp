#include "neurojoule/models/quantized_network.hpp"

#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/model.hpp"

namespace nj {

std::string_view to_string(SharedWord word) {
  constexpr std::array<std::string_view, 4> names{"membrane", "stream", "accumulator",
                                                  "attention_score"};
  return names[static_cast<std::size_t>(word)];
}

std::uint8_t QuantizedNetwork::Words::bits(SharedWord word) const {
  const std::array<std::uint8_t, 4> all{membrane.bits, stream.bits, accumulator.bits, score.bits};
  return all[static_cast<std::size_t>(word)];
}

QuantizedNetwork::QuantizedNetwork(Network network, std::uint32_t timesteps, const Words& words,
                                   std::vector<Layer> layers)
    : network_(std::move(network)),
      timesteps_(timesteps),
      words_(words),
      layers_(std::move(layers)) {}

const NumberFormat& QuantizedNetwork::weight_format(LayerId id) const {
  const auto& synapses = layer(id).synapses;
  if (!synapses) {
    throw Error(ErrorKind::config, "the layer owns no weights", {.key = network_.layer(id).name});
  }
  return synapses->format;
}

std::uint32_t QuantizedNetwork::accumulator_bits(LayerId id) const {
  return layer(id).accumulator_bits;
}

bool QuantizedNetwork::has_float_neurons(LayerId lif) const {
  const auto& neurons = layer(lif).neurons;
  return neurons && neurons->is_float;
}

std::uint64_t QuantizedNetwork::weight_storage_bits() const {
  std::uint64_t bits = 0;
  for (const LayerId id : network_.weighted_layers()) {
    const WeightShape shape = *weight_shape(network_.layer(id).op);
    bits += storage_bits(weight_format(id), shape.elements(), shape.out);
  }
  return bits;
}

}  // namespace nj
