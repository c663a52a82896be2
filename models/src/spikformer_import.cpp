#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/spikformer.hpp"

namespace nj {
namespace {

constexpr double batch_norm_eps = 1e-5;  // torch.nn.BatchNorm default, never changed by the authors

/// Tensors by their name without `module.`; marks the ones that were taken.
class StateDict {
 public:
  explicit StateDict(const SafetensorsFile& file) : file_(file) {
    for (const auto& [full_name, tensor] : file.tensors) {
      const std::string name = full_name.starts_with("module.") ? full_name.substr(7) : full_name;
      if (!by_name_.emplace(name, &tensor).second) {
        throw error(name, "appears with and without the prefix 'module.'", tensor.byte_offset);
      }
    }
  }

  [[nodiscard]] bool has(const std::string& name) const { return by_name_.contains(name); }

  /// A tensor of exactly this shape; for 1 x 1 kernels trailing extents of 1 may be missing.
  const std::vector<float>& take(const std::string& name, const std::vector<std::uint64_t>& shape) {
    expected_.insert(name);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      throw error(name,
                  fmt::format("missing tensor, expected shape {}{}", to_string(shape),
                              nearest_in_file(name)),
                  std::nullopt);
    }
    const Tensor& tensor = *found->second;
    std::vector<std::uint64_t> given = tensor.shape;
    const auto trim = [](std::vector<std::uint64_t>& extents) {
      while (extents.size() > 2 && extents.back() == 1) extents.pop_back();
    };
    trim(given);
    std::vector<std::uint64_t> wanted = shape;
    trim(wanted);
    if (given != wanted) {
      throw error(
          name,
          fmt::format("expected shape {}, found {}", to_string(shape), to_string(tensor.shape)),
          tensor.byte_offset);
    }
    return tensor.values;
  }

  /// Refuses tensors that were neither taken nor are known to be unused.
  void finish() const {
    for (const auto& [name, tensor] : by_name_) {
      if (expected_.contains(name) || known_unused(name)) continue;
      const auto near = did_you_mean(name, {expected_.begin(), expected_.end()});
      throw error(name,
                  near ? fmt::format("unknown tensor, did you mean '{}'?", *near)
                       : std::string("unknown tensor"),
                  tensor->byte_offset);
    }
  }

 private:
  static bool known_unused(std::string_view name) {
    if (name == "pos_embed" || name == "norm.weight" || name == "norm.bias") return true;
    if (name.ends_with(".num_batches_tracked")) return true;
    if (!name.starts_with("block.")) return false;
    const std::size_t dot = name.find('.', 6);
    if (dot == std::string_view::npos) return false;
    const std::string_view rest = name.substr(dot + 1);
    return rest == "norm1.weight" || rest == "norm1.bias" || rest == "norm2.weight" ||
           rest == "norm2.bias";
  }

  [[nodiscard]] std::string nearest_in_file(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& entry : by_name_) {
      if (!expected_.contains(entry.first)) names.push_back(entry.first);
    }
    const auto near = did_you_mean(name, names);
    return near ? fmt::format("; the nearest name is '{}'", *near) : std::string();
  }

  [[nodiscard]] Error error(const std::string& tensor, const std::string& message,
                            std::optional<std::uint64_t> byte) const {
    Location location;
    location.file = file_.file;
    location.byte_offset = byte;
    location.key = tensor;
    return {ErrorKind::shape, message, location};
  }

  const SafetensorsFile& file_;
  std::map<std::string, const Tensor*> by_name_;
  std::set<std::string> expected_;
};

/// `patch_embed.proj_conv1` -> `patch_embed.proj_bn1`.
std::string batch_norm_name(const std::string& layer) {
  std::string name = layer;
  const std::size_t at = name.rfind("_conv");
  if (at != std::string::npos) name.replace(at, 5, "_bn");
  return name;
}

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

LayerWeights import_layer(StateDict& state, const LayerSpec& spec, const WeightShape& shape) {
  LayerWeights layer;
  const bool head = std::holds_alternative<ClassifierHead>(spec.op);
  const std::vector<std::uint64_t> extents =
      head ? std::vector<std::uint64_t>{shape.out, shape.in}
           : std::vector<std::uint64_t>{shape.out, shape.in, shape.kernel.y, shape.kernel.x};
  layer.weight = state.take(spec.name + ".weight", extents);
  const std::string norm = batch_norm_name(spec.name);
  const bool fold = norm != spec.name && state.has(norm + ".weight");
  if (!fold || state.has(spec.name + ".bias")) {
    layer.bias = state.take(spec.name + ".bias", {shape.out});
  } else {
    layer.bias.assign(shape.out, 0.0F);
  }
  if (fold) fold_batch_norm(state, norm, shape, layer);
  return layer;
}

}  // namespace

Model import_spikformer(const SafetensorsFile& file, const SpikformerParameters& parameters,
                        std::uint32_t timesteps) {
  Model model{build_spikformer(parameters), {}, timesteps};
  model.weights.resize(model.network.size());
  StateDict state(file);
  for (const LayerId id : model.network.weighted_layers()) {
    const LayerSpec& spec = model.network.layer(id);
    model.weights[id.index] = import_layer(state, spec, *weight_shape(spec.op));
  }
  state.finish();
  validate(model);
  return model;
}

}  // namespace nj
