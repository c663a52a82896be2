#include "neurojoule/models/checkpoint.hpp"

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "family_draft.hpp"

namespace nj {
namespace {

constexpr double batch_norm_eps = 1e-5;  // torch.nn.BatchNorm default, never changed by the authors

/// Tensors by their name without `module.`; marks the ones that were asked for.
class StateDict {
 public:
  explicit StateDict(const SafetensorsFile& file) : file_(file) {
    for (const auto& [name, tensor] : file.tensors) add(name, {&tensor, tensor.byte_offset});
    for (const auto& [name, tensor] : file.integers) add(name, {nullptr, tensor.byte_offset});
  }

  [[nodiscard]] bool has(const std::string& name) const { return by_name_.contains(name); }

  /// A tensor that may be there and is not read.
  void ignore(const std::string& name) { expected_.insert(name); }

  /// A tensor of exactly this shape; for 1 x 1 kernels trailing extents of 1 may be missing.
  const std::vector<float>& take(const std::string& name, const std::vector<std::uint64_t>& shape) {
    expected_.insert(name);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      throw error(
          name, fmt::format("missing tensor, expected shape {}{}", to_string(shape), advice(name)));
    }
    const Tensor* tensor = found->second.tensor;
    if (tensor == nullptr) throw error(name, "expected floating-point values, found integers");
    std::vector<std::uint64_t> given = tensor->shape;
    const auto trim = [](std::vector<std::uint64_t>& extents) {
      while (extents.size() > 2 && extents.back() == 1) extents.pop_back();
    };
    trim(given);
    std::vector<std::uint64_t> wanted = shape;
    trim(wanted);
    if (given != wanted) {
      throw error(name, fmt::format("expected shape {}, found {}", to_string(shape),
                                    to_string(tensor->shape)));
    }
    return tensor->values;
  }

  /// Refuses tensors that were neither taken nor ignored.
  void finish() const {
    for (const auto& [name, entry] : by_name_) {
      if (expected_.contains(name)) continue;
      const auto near = did_you_mean(name, {expected_.begin(), expected_.end()});
      throw error(name, near ? fmt::format("unknown tensor, did you mean '{}'?", *near)
                             : std::string("unknown tensor"));
    }
  }

  /// An error at a tensor, with the place of its data where it has one.
  [[nodiscard]] Error error(const std::string& name, const std::string& message) const {
    Location location;
    location.file = file_.file;
    location.key = name;
    const auto found = by_name_.find(name);
    if (found != by_name_.end()) location.byte_offset = found->second.byte_offset;
    return {ErrorKind::shape, message, location};
  }

 private:
  struct Entry {
    const Tensor* tensor;  ///< null for integers
    std::uint64_t byte_offset;
  };

  void add(const std::string& full_name, Entry entry) {
    const std::string name = full_name.starts_with("module.") ? full_name.substr(7) : full_name;
    if (!by_name_.emplace(name, entry).second) {
      throw error(name, "appears with and without the prefix 'module.'");
    }
  }

  /// What may explain that a tensor is missing.
  [[nodiscard]] std::string advice(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& entry : by_name_) {
      if (!expected_.contains(entry.first)) names.push_back(entry.first);
    }
    if (const auto near = did_you_mean(name, names)) {
      return fmt::format("; the nearest name is '{}'", *near);
    }
    return name == "head.weight" && !has("head.bias")
               ? "; for a checkpoint without classifier say 'classifier: absent'"
               : "";
  }

  const SafetensorsFile& file_;
  std::map<std::string, Entry> by_name_;
  std::set<std::string> expected_;
};

/// w' = w g, b' = (b - mean) g + beta, with g = gamma / sqrt(var + eps).
void fold_batch_norm(StateDict& state, const std::string& prefix, const WeightShape& shape,
                     LayerWeights& layer) {
  const std::vector<std::uint64_t> extents{shape.out};
  const auto& gamma = state.take(prefix + ".weight", extents);
  const auto& beta = state.take(prefix + ".bias", extents);
  const auto& mean = state.take(prefix + ".running_mean", extents);
  const auto& variance = state.take(prefix + ".running_var", extents);
  for (std::size_t o = 0; o < shape.out; ++o) {
    const double gain = double{gamma[o]} / std::sqrt(double{variance[o]} + batch_norm_eps);
    for (std::size_t i = 0; i < shape.fan_in(); ++i) {
      float& weight = layer.weight[o * shape.fan_in() + i];
      weight = static_cast<float>(double{weight} * gain);
    }
    layer.bias[o] =
        static_cast<float>((double{layer.bias[o]} - double{mean[o]}) * gain + double{beta[o]});
  }
}

LayerWeights import_convolution(StateDict& state, const std::string& name,
                                const WeightShape& shape) {
  LayerWeights layer;
  layer.weight =
      state.take(name + ".weight", {shape.out, shape.in, shape.kernel.y, shape.kernel.x});
  const std::string norm = sibling(name, "bn");
  state.ignore(norm + ".num_batches_tracked");
  const bool fold = state.has(norm + ".weight");
  if (!fold || state.has(name + ".bias")) {
    layer.bias = state.take(name + ".bias", {shape.out});
  } else {
    layer.bias.assign(shape.out, 0.0F);
  }
  if (fold) fold_batch_norm(state, norm, shape, layer);
  return layer;
}

LayerWeights import_head(StateDict& state, const std::string& name, const WeightShape& shape,
                         bool has_classifier) {
  if (has_classifier) {
    return {state.take(name + ".weight", {shape.out, shape.in}),
            state.take(name + ".bias", {shape.out})};
  }
  for (const char* const part : {".weight", ".bias"}) {
    const std::string tensor = name + part;
    if (state.has(tensor)) throw state.error(tensor, "is there, but the model says it is absent");
  }
  return {std::vector<float>(shape.elements(), 0.0F), std::vector<float>(shape.out, 0.0F)};
}

}  // namespace

Model import_checkpoint(const SafetensorsFile& file, const FamilySpec& spec) {
  const FamilyLayout layout = lay_out(spec.parameters);
  Model model{layout.network, {}, spec.timesteps};
  model.weights.resize(model.network.size());
  StateDict state(file);
  for (const UnusedTensor& tensor : layout.unused) state.ignore(tensor.name);
  for (const LayerId id : model.network.weighted_layers()) {
    const LayerSpec& layer = model.network.layer(id);
    const WeightShape shape = *weight_shape(layer.op);
    model.weights[id.index] = std::holds_alternative<ClassifierHead>(layer.op)
                                  ? import_head(state, layer.name, shape, spec.has_classifier)
                                  : import_convolution(state, layer.name, shape);
  }
  state.finish();
  validate(model);
  return model;
}

Model load_model(const FamilySpec& spec, const std::filesystem::path& directory) {
  if (spec.checkpoint.empty()) {
    throw Error(ErrorKind::config, "needs a checkpoint to run", {.key = "model"});
  }
  return import_checkpoint(read_safetensors(directory / spec.checkpoint), spec);
}

}  // namespace nj
