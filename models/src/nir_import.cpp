#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/nir_model.hpp"

#include "nir_fields.hpp"
#include "nir_lif.hpp"
#include "nir_plan.hpp"

namespace nj {
namespace {

using nir::fail;
using nir::is_neuron;
using nir::lif_layer;
using nir::LifLayer;
using nir::Plan;
using nir::PlanNode;
using nir::Shape;

constexpr std::uint64_t max_counted_outputs = 4096;  ///< classes of a head that counts
constexpr std::int64_t max_timesteps = 1024;
constexpr double no_factor = 1e-12;  ///< distance from 1 below which a factor is none

/// Weights while they are scaled; rounded to float32 at the end.
struct WideWeights {
  std::vector<double> weight;
  std::vector<double> bias;
};

/// What a node gives: the output of a layer, times `gain`.
struct Value {
  std::string layer;
  Shape shape;  ///< as NIR has it: [n], [C, N] or [C, H, W]
  double gain = 1.0;
  bool spikes = true;
  std::uint32_t delay = 0;            ///< steps that readers read it late
  std::vector<std::string> makers{};  ///< layers whose weights make this current
};

class NirImporter {
 public:
  NirImporter(const NirGraph& graph, const NirImportOptions& options)
      : graph_(graph),
        options_(options),
        timesteps_(timesteps_of(graph, options)),
        dt_(step_seconds(graph, options)),
        plan_(nir::make_plan(graph, dt_)),
        values_(plan_.nodes.size()) {
    nir::name_versions(plan_);
    readers_.assign(plan_.nodes.size(), 0);
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const PlanNode& node = plan_.nodes[i];
      for (const nir::Source& source : node.sources) ++readers_[source.node];
      if (nir::becomes_neurons(node)) values_[i] = {node.name, node.out};  // others may wait for it
    }
  }

  Model import() {
    if (plan_.inputs.size() != 1) {
      fail(ErrorKind::unsupported, "",
           fmt::format("the graph has {} Input nodes, expected one", plan_.inputs.size()));
    }
    for (const std::size_t index : nir::layer_order(plan_)) {
      const PlanNode& node = plan_.nodes[index];
      if (nir::elements_of(node.out) == 0) fail(ErrorKind::shape, node.name, "has no elements");
      values_[index] = std::visit([&](const auto& op) { return add(op, node); }, *node.op);
    }
    for (const std::size_t index : plan_.outputs) add_head(index);
    Model model{Network::build(std::move(drafts_)), {}, timesteps_};
    model.weights.resize(model.network.size());
    for (const LayerId id : model.network.weighted_layers()) {
      const WideWeights& wide = weights_.at(model.network.layer(id).name);
      model.weights[id.index] = LayerWeights{{wide.weight.begin(), wide.weight.end()},
                                             {wide.bias.begin(), wide.bias.end()}};
    }
    validate(model);
    return model;
  }

 private:
  /// A number of a graph's or a node's metadata.
  static std::optional<double> number_in(const NirMetadata& metadata, const char* key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    const auto* array = std::get_if<NirArray>(&found->second);
    if (array == nullptr || array->values.size() != 1) return std::nullopt;
    return array->values[0];
  }

  /// `given`, or else a whole number of the metadata. Throws when it is not within the limits.
  static std::int64_t whole_number(std::optional<std::int64_t> given, const NirMetadata& metadata,
                                   const char* key, std::int64_t otherwise, std::int64_t least,
                                   std::int64_t most) {
    const double number = given ? static_cast<double>(*given)
                                : number_in(metadata, key).value_or(static_cast<double>(otherwise));
    if (!(number >= static_cast<double>(least)) || !(number <= static_cast<double>(most)) ||
        std::trunc(number) != number) {
      fail(ErrorKind::config, "",
           fmt::format("{}: expected {}..{}, got {}", key, least, most, number));
    }
    return static_cast<std::int64_t>(number);
  }

  static std::uint32_t timesteps_of(const NirGraph& graph, const NirImportOptions& options) {
    validate(graph);
    if (!options.timesteps && !number_in(graph.metadata, "timesteps")) {
      fail(ErrorKind::config, "",
           "timesteps: the graph does not say how many time steps a sample has");
    }
    return static_cast<std::uint32_t>(
        whole_number(options.timesteps, graph.metadata, "timesteps", 0, 1, max_timesteps));
  }

  static double step_seconds(const NirGraph& graph, const NirImportOptions& options) {
    if (options.step == NirStep::continuous) {
      fail(ErrorKind::unsupported, "", "step: the executor does not run in continuous time");
    }
    const std::optional<double> dt = options.dt ? options.dt : number_in(graph.metadata, "dt");
    if (!dt) fail(ErrorKind::config, "", "dt: the graph does not say how long a time step is");
    if (!(*dt > 0.0) || !std::isfinite(*dt)) {
      fail(ErrorKind::config, "", fmt::format("dt: expected seconds above 0, got {}", *dt));
    }
    return *dt;
  }

  static FeatureShape feature_shape(const Shape& shape, const std::string& node) {
    const auto extent = [&](std::size_t i) { return static_cast<std::uint32_t>(shape[i]); };
    if (shape.size() == 1) return {extent(0), 1, 1};
    if (shape.size() == 2) return {extent(0), 1, extent(1)};
    if (shape.size() == 3) return {extent(0), extent(1), extent(2)};
    fail(ErrorKind::unsupported, node,
         fmt::format("a layer has the shape [n], [C, N] or [C, H, W], not [{}]",
                     fmt::join(shape, ", ")));
  }

  void add_layer(const std::string& name, const Operator& op, const std::vector<Value>& sources) {
    Network::Draft draft{name, op, {}};
    for (const Value& source : sources) {
      const Port port = draft.operands.empty() ? Port::input : Port::residual;
      draft.operands.push_back({source.layer, port, source.delay});
    }
    drafts_.push_back(std::move(draft));
  }

  /// What a node reads, by source.
  [[nodiscard]] std::vector<Value> values_into(const PlanNode& node) const {
    std::vector<Value> values;
    for (const nir::Source& source : node.sources) {
      values.push_back(values_[source.node]);
      if (source.previous) values.back().delay = 1;  // of neurons
    }
    return values;
  }

  static bool alike(const std::vector<Value>& values) {
    return std::all_of(values.begin(), values.end(), [&](const Value& value) {
      return value.gain == values[0].gain && value.spikes == values[0].spikes;
    });
  }

  /// The sum of what a node reads.
  Value sum_of(const PlanNode& node, const std::vector<Value>& values) {
    if (!alike(values)) {
      fail(ErrorKind::unsupported, node.name,
           "adds values of different kinds or scales, which no layer does");
    }
    Value sum = values[0];
    for (std::size_t i = 1; i < values.size(); ++i) {
      const std::string name = node.name + ".sum" + (i == 1 ? std::string() : std::to_string(i));
      add_layer(name, ResidualAdd{}, {sum, values[i]});
      sum.layer = name;
      sum.delay = 0;
      sum.makers.insert(sum.makers.end(), values[i].makers.begin(), values[i].makers.end());
    }
    return sum;
  }
  Value input_of(const PlanNode& node) { return sum_of(node, values_into(node)); }

  /// The current that drives a node's neurons; spikes become one by weights of 1, each by weights
  /// of its own where they are added to a current.
  Value current_into(const PlanNode& node) {
    std::vector<Value> values = values_into(node);
    if (!alike(values)) {
      std::size_t count = 0;
      for (Value& value : values) {
        if (value.spikes) value = unit_weights(node, value, ++count);
      }
    }
    const Value sum = sum_of(node, values);
    return sum.spikes ? unit_weights(node, sum, 1) : sum;
  }

  Value spikes_into(const PlanNode& node) {
    Value value = input_of(node);
    if (!value.spikes) {
      fail(ErrorKind::unsupported, node.name,
           fmt::format("reads the current of '{}'; the executor has neurons between", value.layer));
    }
    return value;
  }

  Value add(const NirInput& op, const PlanNode& node) {
    if (!node.sources.empty()) return input_of(node);
    Input input{feature_shape(op.shape, node.name)};
    const NirMetadata& metadata = graph_.find(node.name)->metadata;
    input.max_value = static_cast<std::int16_t>(
        whole_number(options_.max_input, metadata, "max_value", 1, 1, INT16_MAX));
    input.min_value = static_cast<std::int16_t>(
        whole_number(options_.min_input, metadata, "min_value", 0, INT16_MIN, 0));
    input.scale =
        options_.input_scale ? *options_.input_scale : number_in(metadata, "scale").value_or(1.0);
    add_layer(node.name, input, {});
    return {node.name, op.shape};
  }

  Value add(const NirOutput&, const PlanNode& node) { return input_of(node); }

  Value add_convolution(const PlanNode& node, const Conv2d& conv, const Value& input,
                        const NirArray& weight, std::vector<double> bias) {
    add_layer(node.name, conv, {input});
    WideWeights wide{weight.values, std::move(bias)};
    for (double& w : wide.weight) w *= input.gain;
    weights_[node.name] = std::move(wide);
    return {node.name, node.out, 1.0, false, 0, {node.name}};
  }

  Value add_product(const PlanNode& node, const NirArray& weight, std::vector<double> bias) {
    const Value input = spikes_into(node);
    if (weight.shape.size() != 2 || input.shape.size() != 1) {
      fail(ErrorKind::unsupported, node.name,
           fmt::format("a product of [{}] with [{}]; a Flatten in front would make it one position",
                       fmt::join(weight.shape, ", "), fmt::join(input.shape, ", ")));
    }
    Conv2d conv;
    conv.in_channels = static_cast<std::uint32_t>(weight.shape[1]);
    conv.out_channels = static_cast<std::uint32_t>(weight.shape[0]);
    return add_convolution(node, conv, input, weight, std::move(bias));
  }

  Value add(const NirAffine& op, const PlanNode& node) {
    return add_product(node, op.weight, op.bias.values);
  }
  Value add(const NirLinear& op, const PlanNode& node) {
    return add_product(node, op.weight, std::vector<double>(op.weight.shape[0], 0.0));
  }

  /// Padding on both sides of one dimension.
  template <class Padding>
  static std::uint32_t padding_of(const PlanNode& node, const Padding& padding, std::size_t i,
                                  std::uint64_t kernel, std::uint64_t dilation) {
    const auto* mode = std::get_if<NirPaddingMode>(&padding);
    if (mode == nullptr) return static_cast<std::uint32_t>(std::get<0>(padding)[i]);
    if (*mode == NirPaddingMode::valid) return 0;
    const std::uint64_t both = dilation * (kernel - 1);
    if (both % 2 != 0) {
      fail(ErrorKind::unsupported, node.name, "'same' padding that is odd, more on one side");
    }
    return static_cast<std::uint32_t>(both / 2);
  }

  Value add(const NirConv1d& op, const PlanNode& node) {
    const Value input = spikes_into(node);
    const auto number = [](std::uint64_t n) { return static_cast<std::uint32_t>(n); };
    Conv2d conv;
    conv.in_channels = number(node.in[0]);
    conv.out_channels = number(op.weight.shape[0]);
    conv.kernel = {1, number(op.weight.shape[2])};
    conv.stride = {1, number(op.stride)};
    conv.dilation = {1, number(op.dilation)};
    conv.padding = {0, padding_of(node, op.padding, 0, op.weight.shape[2], op.dilation)};
    conv.groups = number(op.groups);
    return add_convolution(node, conv, input, op.weight, op.bias.values);
  }

  Value add(const NirConv2d& op, const PlanNode& node) {
    const Value input = spikes_into(node);
    const auto number = [](std::uint64_t n) { return static_cast<std::uint32_t>(n); };
    const auto both = [&](const std::array<std::uint64_t, 2>& n) {
      return Extent(number(n[0]), number(n[1]));
    };
    Conv2d conv;
    conv.in_channels = number(node.in[0]);
    conv.out_channels = number(op.weight.shape[0]);
    conv.kernel = {number(op.weight.shape[2]), number(op.weight.shape[3])};
    conv.stride = both(op.stride);
    conv.dilation = both(op.dilation);
    conv.padding = {padding_of(node, op.padding, 0, op.weight.shape[2], op.dilation[0]),
                    padding_of(node, op.padding, 1, op.weight.shape[3], op.dilation[1])};
    conv.groups = number(op.groups);
    return add_convolution(node, conv, input, op.weight, op.bias.values);
  }

  template <class Pool>
  Value add_pool(const Pool& op, const PlanNode& node, double gain) {
    Value input = spikes_into(node);
    const auto both = [](const std::array<std::uint64_t, 2>& n) {
      return Extent(static_cast<std::uint32_t>(n[0]), static_cast<std::uint32_t>(n[1]));
    };
    add_layer(node.name, AveragePool2d{both(op.kernel_size), both(op.stride), both(op.padding)},
              {input});
    return {node.name, node.out, input.gain * gain};
  }
  Value add(const NirAvgPool2d& op, const PlanNode& node) { return add_pool(op, node, 1.0); }
  Value add(const NirSumPool2d& op, const PlanNode& node) {
    return add_pool(op, node, static_cast<double>(op.kernel_size[0] * op.kernel_size[1]));
  }

  Value add(const NirFlatten&, const PlanNode& node) {
    Value value = spikes_into(node);
    if (node.out == value.shape) return value;
    if (node.out.size() != 1) {
      fail(ErrorKind::unsupported, node.name, "flattens some dimensions only");
    }
    add_layer(node.name, Flatten{}, {value});
    return {node.name, node.out, value.gain};
  }

  Value add(const NirScale& op, const PlanNode& node) {
    Value value = input_of(node);
    if (!value.spikes) {
      scale_current(node, value, op.scale.values, std::vector<double>(op.scale.values.size(), 0.0));
      return value;
    }
    const auto& scale = op.scale.values;
    if (!std::all_of(scale.begin(), scale.end(), [&](double s) { return s == scale[0]; })) {
      fail(ErrorKind::unsupported, node.name, "scales spikes by different factors");
    }
    value.gain *= scale[0];
    return value;
  }

  /// One number for each channel. Throws when they differ within a channel.
  static std::vector<double> by_channel(const PlanNode& node, const std::vector<double>& values,
                                        const Shape& shape, const char* what) {
    const std::uint64_t positions = nir::elements_of(shape) / shape[0];
    std::vector<double> result(shape[0]);
    for (std::size_t c = 0; c < result.size(); ++c) {
      result[c] = values[c * positions];
      for (std::uint64_t p = 1; p < positions; ++p) {
        if (values[c * positions + p] == result[c]) continue;
        fail(ErrorKind::unsupported, node.name,
             fmt::format("its {} differ within channel {}", what, c));
      }
    }
    return result;
  }

  /// Scales a current by the weights that make it, and shifts it by one of their biases.
  void scale_current(const PlanNode& node, const Value& value, const std::vector<double>& scale,
                     const std::vector<double>& shift) {
    const std::vector<double> factor = by_channel(node, scale, value.shape, "factors");
    const std::vector<double> offset = by_channel(node, shift, value.shape, "leak potentials");
    const bool changes = std::any_of(factor.begin(), factor.end(),
                                     [](double f) { return std::abs(f - 1.0) > no_factor; }) ||
                         std::any_of(offset.begin(), offset.end(), [](double o) { return o != 0; });
    if (!changes) return;
    for (const nir::Source& source : node.sources) {
      if (readers_[source.node] == 1 || values_[source.node].spikes) continue;
      fail(ErrorKind::unsupported, node.name,
           fmt::format("scales the current of '{}', which others read too",
                       plan_.nodes[source.node].name));
    }
    for (const std::string& maker : value.makers) {
      WideWeights& wide = weights_.at(maker);
      const std::size_t fan_in = wide.weight.size() / factor.size();
      for (std::size_t i = 0; i < wide.weight.size(); ++i) wide.weight[i] *= factor[i / fan_in];
      for (std::size_t c = 0; c < factor.size(); ++c) {
        wide.bias[c] *= factor[c];
        if (maker == value.makers.front()) wide.bias[c] += offset[c];
      }
    }
  }

  template <class Op>
  requires(is_neuron<Op> || std::is_same_v<Op, NirThreshold>) Value
      add(const Op& op, const PlanNode& node) {
    const Value input = current_into(node);
    LifLayer layer = lif_layer(node.name, op, dt_, options_.step);
    if constexpr (!std::is_same_v<Op, NirThreshold>) layer.lif.reset = reset_of(node);
    scale_current(node, input, layer.scale, layer.shift);
    add_layer(node.name, layer.lif, {input});
    return {node.name, node.out};
  }

  [[nodiscard]] Reset reset_of(const PlanNode& node) const {
    const NirReset reset =
        options_.reset ? *options_.reset : node.reset.value_or(NirReset::to_value);
    return reset == NirReset::subtract ? Reset::by_subtraction : Reset::to_zero;
  }

  Value add(const NirDelay&, const PlanNode& node) {
    Value value = input_of(node);
    const std::uint64_t steps = node.delay_steps.empty() ? 0 : node.delay_steps[0];
    if (std::any_of(node.delay_steps.begin(), node.delay_steps.end(),
                    [&](std::uint64_t s) { return s != steps; })) {
      fail(ErrorKind::unsupported, node.name, "delays its elements by different times");
    }
    if (steps == 0) return value;
    if (!value.spikes) {
      fail(ErrorKind::unsupported, node.name,
           fmt::format("delays the current of '{}'; only spikes can wait", value.layer));
    }
    if (value.delay + steps > 1) {
      fail(ErrorKind::unsupported, node.name,
           fmt::format("delays by {} time steps; a layer reads what was sent up to one step before",
                       value.delay + steps));
    }
    value.delay = 1;
    return value;
  }
  Value add(const NirGraph&, const PlanNode& node) { refuse_kind(node); }
  [[noreturn]] static void refuse_kind(const PlanNode& node) {
    fail(ErrorKind::unsupported, node.name,
         fmt::format("the executor has no layer for a {}", nir_type_name(*node.op)));
  }

  /// One weight of 1 for each channel, in front of neurons that have none.
  Value unit_weights(const PlanNode& node, const Value& input, std::size_t number) {
    const std::string name =
        node.name + ".input" + (number == 1 ? std::string() : std::to_string(number));
    const auto channels = feature_shape(input.shape, node.name).channels;
    Conv2d conv;
    conv.in_channels = conv.out_channels = conv.groups = channels;
    add_layer(name, conv, {input});
    weights_[name] = {std::vector<double>(channels, input.gain),
                      std::vector<double>(channels, 0.0)};
    return {name, input.shape, 1.0, false, 0, {name}};
  }

  /// What an Output of the root reads: a last product becomes the head, spikes are counted by one.
  void add_head(std::size_t index) {
    const Value& value = values_[index];
    if (!value.spikes) {
      const bool direct = value.makers.size() == 1 && value.layer == value.makers[0];
      const auto draft = std::find_if(drafts_.begin(), drafts_.end(),
                                      [&](const auto& d) { return d.name == value.layer; });
      if (plan_.outputs.size() != 1 || !direct || value.shape.size() != 1) {
        fail(ErrorKind::unsupported, plan_.nodes[index].name,
             "a current leaves the graph, and is not one Affine or Linear on [n]");
      }
      const auto classes = static_cast<std::uint32_t>(value.shape[0]);
      draft->op = ClassifierHead{std::get<Conv2d>(draft->op).in_channels, classes};
      return;
    }
    if (plan_.outputs.size() != 1 || value.shape.size() != 1) return;
    if (value.shape[0] > max_counted_outputs) return;
    const auto n = static_cast<std::uint32_t>(value.shape[0]);
    WideWeights wide{std::vector<double>(std::size_t{n} * n, 0.0), std::vector<double>(n, 0.0)};
    for (std::size_t i = 0; i < n; ++i) wide.weight[i * n + i] = value.gain;
    const std::string& name = plan_.nodes[index].name;
    add_layer(name, ClassifierHead{n, n}, {value});
    weights_[name] = std::move(wide);
  }

  const NirGraph& graph_;
  NirImportOptions options_;
  std::uint32_t timesteps_;
  double dt_;
  Plan plan_;
  std::vector<Value> values_;
  std::vector<std::size_t> readers_;
  std::map<std::string, WideWeights> weights_;
  std::vector<Network::Draft> drafts_;
};

}  // namespace

Model import_nir(const NirGraph& graph, const NirImportOptions& options) {
  return NirImporter(graph, options).import();
}

}  // namespace nj
