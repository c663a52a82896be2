#include "layer_quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include <fmt/core.h>

#include "dense_sums.hpp"

namespace nj {
namespace {

constexpr std::int64_t max_accumulator = (std::int64_t{1} << 31) - 1;
constexpr double max_head_sum = 4.0e18;

/// The neurons that read a maker's accumulators, directly or through MaxPool2d.
void collect_neurons(const Network& network, LayerId id, std::vector<LayerId>& neurons) {
  for (const LayerId consumer : network.consumers(id)) {
    const Operator& op = network.layer(consumer).op;
    if (std::holds_alternative<Lif>(op)) neurons.push_back(consumer);
    if (std::holds_alternative<MaxPool2d>(op)) collect_neurons(network, consumer, neurons);
  }
}

}  // namespace

ConvolutionGeometry convolution_geometry(const Network& network, LayerId id) {
  const auto& conv = std::get<Conv2d>(network.layer(id).op);
  const FeatureShape& in = network.output_shape(network.operands(id)[0].source);
  const FeatureShape& out = network.output_shape(id);
  return {.in_channels = conv.in_channels,
          .out_channels = conv.out_channels,
          .groups = conv.groups,
          .kernel_y = conv.kernel.y,
          .kernel_x = conv.kernel.x,
          .stride_y = conv.stride.y,
          .stride_x = conv.stride.x,
          .padding_y = conv.padding.y,
          .padding_x = conv.padding.x,
          .dilation_y = conv.dilation.y,
          .dilation_x = conv.dilation.x,
          .in_height = in.height,
          .in_width = in.width,
          .out_height = out.height,
          .out_width = out.width};
}

LayerQuantizer::LayerQuantizer(const Model& model, const QuantizedNetwork::Words& words,
                               bool is_float)
    : model_(model),
      network_(model.network),
      words_(words),
      float_default_(is_float),
      result_(model.network, model.timesteps, words, std::vector<Layer>(model.network.size())) {
  validate(model);
  restart(words);
  check_graph();
}

void LayerQuantizer::restart(const QuantizedNetwork::Words& words) {
  validate(words.membrane);
  validate(words.stream);
  validate(words.accumulator);
  validate(words.score);
  words_ = words;
  result_ = {network_, model_.timesteps, words, std::vector<Layer>(network_.size())};
}

void LayerQuantizer::add(LayerId id, const WeightRule* rule) {
  const Operator& op = network_.layer(id).op;
  result_.layer(id) = {};
  if (std::holds_alternative<Conv2d>(op)) {
    add_convolution(id, *rule);
  } else if (const auto* head = std::get_if<ClassifierHead>(&op)) {
    add_head(id, *head, *rule);
  } else if (std::holds_alternative<Lif>(op)) {
    add_neurons(id);
  } else {
    add_plain(id, op);
  }
}

void LayerQuantizer::check_graph() const {
  std::size_t inputs = 0;
  std::size_t heads = 0;
  for (std::uint32_t i = 0; i < network_.size(); ++i) {
    const LayerSpec& layer = network_.layer({i});
    const bool head = std::holds_alternative<ClassifierHead>(layer.op);
    inputs += std::holds_alternative<Input>(layer.op) ? 1 : 0;
    heads += head ? 1 : 0;
    if (head && !network_.consumers({i}).empty()) {
      throw layer_error(ErrorKind::unsupported, layer, "nothing may follow the head");
    }
    if (!head && !network_.max_output({i}) && network_.consumers({i}).empty()) {
      throw layer_error(ErrorKind::unsupported, layer, "nothing reads its current");
    }
  }
  if (inputs != 1 || heads > 1) {
    throw Error(
        ErrorKind::unsupported,
        fmt::format("expected one input and at most one head, got {} and {}", inputs, heads));
  }
}

std::uint32_t LayerQuantizer::adder_bits(std::int64_t bound) const {
  return std::min<std::uint32_t>(words_.accumulator.bits, word_bits(static_cast<double>(bound)));
}

/// Layers without weights and neurons.
void LayerQuantizer::add_plain(LayerId id, const Operator& op) {
  Layer& layer = result_.layer(id);
  if (network_.max_output(id)) {
    const bool adds =
        std::holds_alternative<ResidualAdd>(op) || std::holds_alternative<AveragePool2d>(op);
    if (adds) layer.accumulator_bits = adder_bits(*network_.max_output(id));
    return;
  }
  if (!makes_current(op)) {
    const Layer& source = result_.layer(network_.operands(id)[0].source);
    layer.is_float = source.is_float;
    layer.current_bound = source.current_bound;
    if (!std::holds_alternative<MaxPool2d>(op)) {
      layer.accumulator_bits = layer.is_float ? 32 : words_.stream.bits;
    }
    return;
  }
  layer.is_float = float_default_;
  layer.accumulator_bits = adder_bits(sum_bound(id));
  finish_maker(id, units_of(id));
}

/// Largest accumulator of an attention or a sum of spikes.
std::int64_t LayerQuantizer::sum_bound(LayerId id) const {
  const Operator& op = network_.layer(id).op;
  const FeatureShape& shape = network_.output_shape(network_.operands(id)[0].source);
  const auto tokens = static_cast<std::int64_t>(shape.positions());
  if (const auto* attention = std::get_if<SpikingSelfAttention>(&op)) {
    return tokens * (shape.channels / attention->heads);
  }
  const auto& sum = std::get<SpikeSum>(op);
  return sum.axis == SumAxis::tokens ? tokens : shape.channels / sum.heads;
}

/// What the accumulators of a maker stand for.
CurrentUnits LayerQuantizer::units_of(LayerId maker) const {
  const Operator& op = network_.layer(maker).op;
  const std::size_t channels = network_.output_shape(maker).channels;
  CurrentUnits units;
  if (std::holds_alternative<Conv2d>(op)) {
    const QuantizedTensor& tensor = result_.layer(maker).synapses->tensor;
    units.scale = tensor.scales;
    units.scale.resize(channels, tensor.scales[0]);
    const double value = network_.value_scale(network_.operands(maker)[0].source);
    for (double& scale : units.scale) scale *= value;
    units.bias = model_.weights[maker.index]->bias;
    units.bound.resize(channels);
    const std::size_t fan_in = tensor.integers.size() / channels;
    const std::int64_t largest = max_input(maker);
    auto next = tensor.integers.begin();
    for (std::int64_t& bound : units.bound) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < fan_in; ++i) sum += std::abs(int{*next++});
      bound = sum * largest;
    }
    return units;
  }
  const auto* attention = std::get_if<SpikingSelfAttention>(&op);
  units.scale.assign(channels, attention ? attention->scale : std::get<SpikeSum>(op).scale);
  units.bias.assign(channels, 0.0F);
  units.bound.assign(channels, sum_bound(maker));
  return units;
}

/// What the words of a stream stand for.
CurrentUnits LayerQuantizer::stream_units(std::size_t channels) const {
  return {std::vector<double>(channels, std::ldexp(1.0, -words_.stream.fraction_bits)),
          std::vector<float>(channels, 0.0F),
          std::vector<std::int64_t>(channels, words_.stream.max() + 1)};
}

/// A stream, and a float32 current that is stored, is written in its final unit.
void LayerQuantizer::finish_maker(LayerId id, const CurrentUnits& units) {
  Layer& layer = result_.layer(id);
  for (const std::int64_t bound : units.bound) {
    layer.current_bound = std::max(layer.current_bound, bound);
  }
  layer.may_overflow = layer.current_bound > words_.accumulator.max();
  if (layer.is_float) {
    if (own_neurons(network_, id)) return;
    StreamWriter& writer = layer.writer.emplace();
    writer.float_bias = units.bias;
    writer.float_scale = static_cast<float>(units.scale.empty() ? 1.0 : units.scale[0]);
  } else if (network_.is_stream(id)) {
    layer.writer = stream_writer(network_.layer(id), words_.stream, units);
    layer.current_bound = words_.stream.max() + 1;
  }
}

std::int64_t LayerQuantizer::max_input(LayerId id) const {
  return *network_.max_output(network_.operands(id)[0].source);
}

double LayerQuantizer::largest_threshold(LayerId id) const {
  std::vector<LayerId> neurons;
  if (!network_.is_stream(id)) collect_neurons(network_, id, neurons);
  double largest = 0.0;
  for (const LayerId lif : neurons) {
    largest = std::max(largest, std::get<Lif>(network_.layer(lif).op).v_threshold);
  }
  return largest;
}

double LayerQuantizer::least_scale(LayerId id) const {
  const double value = network_.value_scale(network_.operands(id)[0].source);
  return largest_threshold(id) * std::ldexp(1.0, words_.membrane.fraction_bits) /
         (static_cast<double>(words_.membrane.max()) * value);
}

void LayerQuantizer::require_threshold_fits(const LayerSpec& layer, double v_threshold,
                                            double scale) const {
  const double units = threshold_units(layer, words_.membrane, v_threshold, scale);
  if (units <= static_cast<double>(words_.membrane.max())) return;
  throw layer_error(
      ErrorKind::capacity, layer,
      fmt::format("the threshold is {} membrane units and needs a word of {} bits, the membrane "
                  "has {}; use fewer weight bits or fraction bits",
                  units, word_bits(units), words_.membrane.bits));
}

QuantizedTensor LayerQuantizer::fit_tensor(LayerId id, const LayerWeights& weights,
                                           std::size_t channels, const WeightRule& rule) const {
  const LayerSpec& layer = network_.layer(id);
  const double v_threshold = largest_threshold(id);
  const bool given = weights.integers.has_value();
  QuantizedTensor tensor =
      given ? *weights.integers : quantize_tensor(weights.weight, channels, rule);
  if (v_threshold == 0.0) return tensor;
  const double value = network_.value_scale(network_.operands(id)[0].source);
  const auto [smallest, largest] = std::minmax_element(tensor.scales.begin(), tensor.scales.end());
  if (given || rule.scale_rule == ScaleRule::fixed) {
    require_threshold_fits(layer, v_threshold, *smallest * value);
    return tensor;
  }
  const bool all_zero =
      std::all_of(weights.weight.begin(), weights.weight.end(), [](float w) { return w == 0.0F; });
  if (!all_zero) require_threshold_fits(layer, v_threshold, *largest * value);
  const double least = least_scale(id);
  if (*smallest >= least) return tensor;
  return quantize_tensor(weights.weight, channels, rule, least);
}

void LayerQuantizer::add_convolution(LayerId id, const WeightRule& rule) {
  const LayerSpec& layer = network_.layer(id);
  const WeightShape shape = *weight_shape(layer.op);
  const LayerWeights& weights = *model_.weights[id.index];
  Layer& result = result_.layer(id);
  Synapses& synapses = result.synapses.emplace();
  synapses.format = rule.format;
  result.is_float = rule.format.scheme == Scheme::float32;
  if (network_.is_stream(id) && result.is_float != float_default_) {
    throw layer_error(ErrorKind::unsupported, layer,
                      fmt::format("its stream is {}, so its weights must be too",
                                  float_default_ ? "float32" : "made of integers"));
  }
  const ConvolutionGeometry geometry = convolution_geometry(network_, id);
  if (result.is_float) {
    const auto value = static_cast<float>(network_.value_scale(network_.operands(id)[0].source));
    synapses.float_weight = weights.weight;
    for (float& w : synapses.float_weight) w *= value;
    synapses.laid_out =
        std::make_shared<ConvolutionWeights>(geometry, std::span(synapses.float_weight));
    result.accumulator_bits = 32;
    return finish_maker(id, {{1.0}, weights.bias, {}});
  }
  synapses.tensor = fit_tensor(id, weights, shape.out, rule);
  synapses.laid_out =
      std::make_shared<ConvolutionWeights>(geometry, std::span(synapses.tensor.integers));
  const std::int32_t max_weight = synapses.laid_out->max_weight();
  if (shape.kernel == Extent(1) && std::get<Conv2d>(layer.op).groups == 1 && max_weight <= 127) {
    synapses.dense = std::make_shared<DenseWeights>(geometry, std::span(synapses.tensor.integers));
  }
  const auto inputs = static_cast<std::int64_t>(shape.fan_in()) * max_input(id);
  if (inputs > max_accumulator / std::max(1, max_weight)) {
    throw layer_error(
        ErrorKind::capacity, layer,
        fmt::format("{} inputs of up to {} times weights of up to {} need an accumulator of {} "
                    "bits, over 32",
                    shape.fan_in(), max_input(id), max_weight,
                    word_bits(static_cast<double>(inputs) * max_weight)));
  }
  result.accumulator_bits = adder_bits(inputs * largest_integer(rule.format));
  finish_maker(id, units_of(id));
}

void LayerQuantizer::add_head(LayerId id, const ClassifierHead& op, const WeightRule& rule) {
  const LayerSpec& layer = network_.layer(id);
  const LayerWeights& weights = *model_.weights[id.index];
  Layer& result = result_.layer(id);
  Synapses& synapses = result.synapses.emplace();
  HeadConstants& head = result.head.emplace();
  synapses.format = rule.format;
  const LayerId source = network_.operands(id)[0].source;
  const FeatureShape& input = network_.output_shape(source);
  const bool stream = network_.is_stream(source);
  const double summands = static_cast<double>(input.positions()) * model_.timesteps;
  result.is_float = rule.format.scheme == Scheme::float32;
  if (stream && result.is_float != float_default_) {
    throw layer_error(ErrorKind::unsupported, layer,
                      fmt::format("the stream that it reads is {}, so its weights must be too",
                                  float_default_ ? "float32" : "made of integers"));
  }
  const double value =
      stream ? std::ldexp(1.0, -words_.stream.fraction_bits) : network_.value_scale(source);
  if (result.is_float) {
    synapses.float_weight = weights.weight;
    head.float_bias = weights.bias;
    head.unit = (stream ? 1.0 : value) / summands;
    result.accumulator_bits = 32;
    return;
  }
  synapses.tensor =
      weights.integers ? *weights.integers : quantize_tensor(weights.weight, op.classes, rule);
  head.unit = synapses.tensor.scales[0] * value / summands;
  const auto largest_input = static_cast<double>(stream ? words_.stream.max() : max_input(id));
  const double bound =
      summands * op.in_channels * largest_input * static_cast<double>(largest_integer(rule.format));
  result.accumulator_bits = std::min(32U, word_bits(bound));
  double largest = bound;
  for (const float b : weights.bias) {
    const double units = round_half_up(double{b} / head.unit);
    largest = std::max(largest, bound + std::fabs(units));
    if (largest > max_head_sum) break;
    head.bias.push_back(static_cast<std::int64_t>(units));
  }
  if (largest > max_head_sum) {
    throw layer_error(ErrorKind::capacity, layer, "logits do not fit 64 bits");
  }
}

void LayerQuantizer::add_neurons(LayerId id) {
  const LayerSpec& layer = network_.layer(id);
  const auto& lif = std::get<Lif>(layer.op);
  const LayerId source = network_.operands(id)[0].source;
  const LayerId maker = maker_of(network_, source);
  const std::size_t channels = network_.output_shape(id).channels;
  std::optional<Neurons>& neurons = result_.layer(id).neurons;
  if (result_.layer(source).is_float) {
    const bool own = own_neurons(network_, source) == id;
    neurons = float_neurons(
        lif, own ? model_.weights[source.index]->bias : std::vector<float>(channels, 0.0F));
    return;
  }
  if (network_.is_stream(source)) {
    require_threshold_fits(layer, lif.v_threshold, std::ldexp(1.0, -words_.stream.fraction_bits));
    neurons = integer_neurons(layer, words_.membrane, stream_units(channels));
    return;
  }
  const CurrentUnits units = units_of(maker);
  if (!std::holds_alternative<Conv2d>(network_.layer(maker).op)) {
    require_threshold_fits(layer, lif.v_threshold, units.scale[0]);
  }
  neurons = integer_neurons(layer, words_.membrane, units);
}

}  // namespace nj
