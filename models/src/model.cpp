#include "neurojoule/models/model.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

void check_values(const std::vector<float>& values, std::uint64_t expected, const char* what,
                  const std::string& layer) {
  Location location;
  location.key = layer;
  if (values.size() != expected) {
    throw Error(ErrorKind::shape,
                fmt::format("expected {} {} values, got {}", expected, what, values.size()),
                location);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      throw Error(ErrorKind::numeric, fmt::format("{} element {} is {}", what, i, values[i]),
                  location);
    }
  }
}

/// Integers of a file or caller: as many as weights, with scales, and such as their format has.
void check_integers(const QuantizedTensor& tensor, const WeightShape& shape,
                    const std::string& layer) {
  const auto refuse = [&](ErrorKind kind, const std::string& message) {
    throw Error(kind, message, {.key = layer});
  };
  validate(tensor.format);
  const bool one = tensor.format.granularity == Granularity::per_tensor;
  const std::size_t scales = one ? 1 : shape.out;
  if (tensor.format.scheme == Scheme::float32) refuse(ErrorKind::config, "float32 has no integers");
  if (tensor.integers.size() != shape.elements() || tensor.scales.size() != scales) {
    refuse(ErrorKind::shape,
           fmt::format("expected {} integers and {} scales, got {} and {}", shape.elements(),
                       scales, tensor.integers.size(), tensor.scales.size()));
  }
  const std::int32_t largest = largest_integer(tensor.format);
  for (std::size_t i = 0; i < tensor.integers.size(); ++i) {
    if (std::abs(tensor.integers[i]) <= largest) continue;
    refuse(ErrorKind::numeric, fmt::format("integer {} is {}, {} has up to {}", i,
                                           tensor.integers[i], to_string(tensor.format), largest));
  }
  for (std::size_t i = 0; i < scales; ++i) {
    if (std::isfinite(tensor.scales[i]) && tensor.scales[i] > 0.0) continue;
    refuse(ErrorKind::numeric, fmt::format("scale {} is {}", i, tensor.scales[i]));
  }
}

}  // namespace

std::optional<WeightShape> weight_shape(const Operator& op) {
  if (const auto* conv = std::get_if<Conv2d>(&op)) {
    return WeightShape{conv->out_channels, conv->in_channels / conv->groups, conv->kernel};
  }
  if (const auto* head = std::get_if<ClassifierHead>(&op)) {
    return WeightShape{head->classes, head->in_channels, 1};
  }
  return std::nullopt;
}

std::vector<float> represented_weights(const QuantizedTensor& tensor, std::size_t channels) {
  std::vector<float> weights(tensor.integers.size());
  const std::size_t fan_in = weights.size() / std::max<std::size_t>(channels, 1);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double scale = tensor.scales.size() == 1 ? tensor.scales[0] : tensor.scales[i / fan_in];
    weights[i] = static_cast<float>(tensor.integers[i] * scale);
  }
  return weights;
}

std::uint64_t dense_operations(const Network& network, LayerId id) {
  const Operator& op = network.layer(id).op;
  if (std::holds_alternative<Conv2d>(op)) {
    return network.output_shape(id).neurons() * weight_shape(op)->fan_in();
  }
  if (std::holds_alternative<ClassifierHead>(op)) return weight_shape(op)->elements();
  const auto input = [&] { return network.output_shape(network.operands(id)[0].source); };
  if (std::holds_alternative<SpikingSelfAttention>(op)) {
    return 2 * input().positions() * input().neurons();
  }
  return std::holds_alternative<SpikeSum>(op) ? input().neurons() : 0;
}

void validate(const Model& model) {
  if (model.timesteps < 1 || model.timesteps > 1024) {
    throw Error(ErrorKind::shape,
                fmt::format("expected 1..1024 time steps, got {}", model.timesteps));
  }
  if (model.weights.size() != model.network.size()) {
    throw Error(ErrorKind::shape, fmt::format("expected one weight entry for each of {} layers, "
                                              "got {}",
                                              model.network.size(), model.weights.size()));
  }
  for (std::uint32_t i = 0; i < model.network.size(); ++i) {
    const LayerSpec& layer = model.network.layer({i});
    const auto shape = weight_shape(layer.op);
    if (shape.has_value() != model.weights[i].has_value()) {
      Location location;
      location.key = layer.name;
      throw Error(ErrorKind::shape, shape ? "weights are missing" : "layer owns no weights",
                  location);
    }
    if (!shape) continue;
    check_values(model.weights[i]->weight, shape->elements(), "weight", layer.name);
    check_values(model.weights[i]->bias, shape->out, "bias", layer.name);
    if (const auto& integers = model.weights[i]->integers) {
      check_integers(*integers, *shape, layer.name);
    }
  }
}

}  // namespace nj
