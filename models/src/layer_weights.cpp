#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/layer_list.hpp"

namespace nj {
namespace {

using Extents = std::vector<std::uint64_t>;

/// The shapes that mean the same weights, the one that is written first.
std::vector<Extents> weight_shapes(const Operator& op, const WeightShape& shape) {
  if (std::holds_alternative<ClassifierHead>(op)) return {{shape.out, shape.in}};
  std::vector<Extents> shapes{{shape.out, shape.in, shape.kernel.y, shape.kernel.x}};
  if (shape.kernel.y == 1) shapes.push_back({shape.out, shape.in, shape.kernel.x});
  if (shape.kernel == Extent(1)) shapes.push_back({shape.out, shape.in});
  return shapes;
}

/// The tensors of a file, which must belong to the layers of a network.
class LayerTensors {
 public:
  LayerTensors(const SafetensorsFile& file, const Network& network) : file_(file) {
    for (const LayerId id : network.weighted_layers()) {
      for (const char* kind : {".weight", ".bias"}) known_.insert(network.layer(id).name + kind);
    }
    for (const auto& [name, tensor] : file_.tensors) {
      if (!known_.contains(name)) unknown_.push_back(name);
    }
  }

  /// Null when the file has no tensor of this name.
  [[nodiscard]] const Tensor* find(const std::string& name) const {
    const auto found = file_.tensors.find(name);
    return found == file_.tensors.end() ? nullptr : &found->second;
  }

  [[nodiscard]] const Tensor& take(const std::string& name, const Extents& expected) const {
    if (const Tensor* tensor = find(name)) return *tensor;
    const auto nearest = did_you_mean(name, unknown_);
    throw error(name, fmt::format("missing tensor, expected shape {}{}", to_string(expected),
                                  nearest ? fmt::format("; '{}' is there", *nearest) : ""));
  }

  /// Throws when the file has a tensor that belongs to no layer.
  void require_known() const {
    if (unknown_.empty()) return;
    const auto nearest = did_you_mean(unknown_.front(), {known_.begin(), known_.end()});
    throw error(
        unknown_.front(),
        "belongs to no layer" + (nearest ? fmt::format(", did you mean '{}'?", *nearest) : ""));
  }

  [[nodiscard]] Error error(const std::string& name, const std::string& message) const {
    Location location{.file = file_.file, .key = name};
    if (const Tensor* tensor = find(name)) location.byte_offset = tensor->byte_offset;
    return {ErrorKind::shape, message, location};
  }

 private:
  const SafetensorsFile& file_;
  std::set<std::string> known_;
  std::vector<std::string> unknown_;
};

LayerWeights take_weights(const LayerTensors& tensors, const LayerSpec& layer,
                          const WeightShape& shape) {
  const std::vector<Extents> shapes = weight_shapes(layer.op, shape);
  const std::string name = layer.name + ".weight";
  const Tensor& weight = tensors.take(name, shapes.front());
  if (std::find(shapes.begin(), shapes.end(), weight.shape) == shapes.end()) {
    throw tensors.error(name, fmt::format("expected shape {}, found {}", to_string(shapes.front()),
                                          to_string(weight.shape)));
  }
  const std::string bias_name = layer.name + ".bias";
  const Tensor* bias = tensors.find(bias_name);
  if (bias == nullptr) return {weight.values, std::vector<float>(shape.out, 0.0F)};
  const Extents expected{shape.out};
  if (bias->shape != expected) {
    throw tensors.error(bias_name, fmt::format("expected shape {}, found {}", to_string(expected),
                                               to_string(bias->shape)));
  }
  return {weight.values, bias->values};
}

}  // namespace

Model attach_weights(Network network, const SafetensorsFile& weights, std::uint32_t timesteps) {
  Model model{std::move(network), {}, timesteps};
  model.weights.resize(model.network.size());
  const LayerTensors tensors(weights, model.network);
  for (const LayerId id : model.network.weighted_layers()) {
    const LayerSpec& layer = model.network.layer(id);
    model.weights[id.index] = take_weights(tensors, layer, *weight_shape(layer.op));
  }
  tensors.require_known();
  validate(model);
  return model;
}

std::map<std::string, Tensor> weight_tensors(const Model& model) {
  std::map<std::string, Tensor> tensors;
  for (const LayerId id : model.network.weighted_layers()) {
    const LayerSpec& layer = model.network.layer(id);
    const WeightShape shape = *weight_shape(layer.op);
    const LayerWeights& weights = *model.weights[id.index];
    tensors[layer.name + ".weight"] = {weight_shapes(layer.op, shape).front(), weights.weight};
    tensors[layer.name + ".bias"] = {{shape.out}, weights.bias};
  }
  return tensors;
}

}  // namespace nj
