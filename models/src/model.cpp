#include "neurojoule/models/model.hpp"

#include <cmath>

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
  }
}

}  // namespace nj
