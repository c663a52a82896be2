#include "neurojoule/models/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include <fmt/core.h>

namespace nj {
namespace {

using Layer = QuantizedNetwork::Layer;

constexpr std::int64_t max_accumulator = (std::int64_t{1} << 31) - 1;
constexpr std::int64_t max_wide_current = std::int64_t{1} << 46;  // times leak_q16 fits 64 bits
constexpr std::int64_t max_narrow_current = (std::int64_t{1} << 30) - 1;
constexpr int max_narrow_membrane_bits = 30;
constexpr double max_head_sum = 4.0e18;

Error layer_error(ErrorKind kind, const LayerSpec& layer, const std::string& message) {
  return {kind, message, {.key = layer.name}};
}

double round_half_up(double x) { return std::floor(x + 0.5); }

/// Bits of a two's-complement word that holds [-bound, bound].
std::uint32_t word_bits(double bound) {
  std::uint32_t bits = 1;
  while (std::ldexp(1.0, static_cast<int>(bits) - 1) - 1.0 < bound) ++bits;
  return bits;
}

template <class T>
WeightRows<T> make_rows(std::span<const T> weight, const WeightShape& shape) {
  WeightRows<T> rows{shape.out, padded(shape.out), {}};
  const std::size_t window = std::size_t{shape.kernel} * shape.kernel;
  rows.data.assign(window * shape.in * rows.stride, T{0});
  for (std::size_t o = 0; o < shape.out; ++o) {
    for (std::size_t i = 0; i < shape.in; ++i) {
      for (std::size_t k = 0; k < window; ++k) {
        rows.data[(k * shape.in + i) * rows.stride + o] = weight[(o * shape.in + i) * window + k];
      }
    }
  }
  return rows;
}

/// Quantizes one model layer by layer; `layers_` fills in topological order.
class Quantizer {
 public:
  Quantizer(const Model& model, const QuantizationSpec& spec)
      : model_(model), network_(model.network), spec_(spec), layers_(model.network.size()) {}

  std::vector<Layer> run() {
    check_graph();
    const std::vector<WeightRule> rules = resolve(spec_, network_);
    std::size_t next_rule = 0;
    for (std::uint32_t i = 0; i < network_.size(); ++i) {
      const LayerId id{i};
      const Operator& op = network_.layer(id).op;
      if (std::holds_alternative<Conv2d>(op)) {
        add_convolution(id, rules[next_rule++]);
      } else if (const auto* head = std::get_if<ClassifierHead>(&op)) {
        add_head(id, *head, rules[next_rule++]);
      } else if (const auto* attention = std::get_if<SpikingSelfAttention>(&op)) {
        layers_[i].accumulator_bits = adder_bits(attention_bound(id, *attention));
      } else if (std::holds_alternative<ResidualAdd>(op)) {
        layers_[i].accumulator_bits = adder_bits(*network_.max_output(id));
      } else if (const auto* lif = std::get_if<Lif>(&op)) {
        add_neurons(id, *lif);
      }
    }
    return std::move(layers_);
  }

 private:
  void check_graph() const {
    std::size_t inputs = 0;
    std::size_t heads = 0;
    for (std::uint32_t i = 0; i < network_.size(); ++i) {
      const LayerSpec& layer = network_.layer({i});
      inputs += std::holds_alternative<Input>(layer.op) ? 1 : 0;
      heads += std::holds_alternative<ClassifierHead>(layer.op) ? 1 : 0;
      if (network_.max_output({i})) continue;
      const bool head = std::holds_alternative<ClassifierHead>(layer.op);
      if (network_.consumers({i}).size() != (head ? 0U : 1U)) {
        throw layer_error(
            ErrorKind::unsupported, layer,
            head ? "nothing may follow the head" : "its current must feed exactly one lif layer");
      }
    }
    if (inputs != 1 || heads > 1) {
      throw Error(
          ErrorKind::unsupported,
          fmt::format("expected one input and at most one head, got {} and {}", inputs, heads));
    }
    populations(network_);
  }

  static std::uint32_t adder_bits(std::int64_t bound) {
    return std::min(32U, word_bits(static_cast<double>(bound)));
  }

  [[nodiscard]] std::int64_t attention_bound(LayerId id, const SpikingSelfAttention& op) const {
    const FeatureShape& shape = network_.output_shape(id);
    return static_cast<std::int64_t>(shape.positions() * (shape.channels / op.heads));
  }

  [[nodiscard]] std::int64_t max_input(LayerId id) const {
    return *network_.max_output(network_.operands(id)[0].source);
  }

  /// Threshold of a neuron in membrane units. Throws when it is below one.
  [[nodiscard]] double threshold_units(const LayerSpec& layer, double v_threshold,
                                       double scale) const {
    const double units =
        round_half_up(v_threshold / scale * std::ldexp(1.0, spec_.membrane.fraction_bits));
    if (units < 1.0) {
      throw layer_error(ErrorKind::numeric, layer,
                        fmt::format("the threshold {} is below one membrane unit at scale {}; use "
                                    "more fraction bits",
                                    v_threshold, scale));
    }
    return units;
  }

  void require_threshold_fits(const LayerSpec& layer, double v_threshold, double scale) const {
    const double units = threshold_units(layer, v_threshold, scale);
    if (units <= static_cast<double>(spec_.membrane.max())) return;
    throw layer_error(
        ErrorKind::capacity, layer,
        fmt::format("the threshold is {} membrane units and needs a word of {} bits, the membrane "
                    "has {}; use fewer weight bits or fraction bits",
                    units, word_bits(units), spec_.membrane.bits));
  }

  /// Weights whose thresholds all fit the membrane word.
  [[nodiscard]] QuantizedTensor fit_tensor(const LayerSpec& layer, const LayerWeights& weights,
                                           std::size_t channels, const WeightRule& rule,
                                           double v_threshold) const {
    QuantizedTensor tensor = quantize_tensor(weights.weight, channels, rule);
    const double least = v_threshold * std::ldexp(1.0, spec_.membrane.fraction_bits) /
                         static_cast<double>(spec_.membrane.max());
    const auto [smallest, largest] =
        std::minmax_element(tensor.scales.begin(), tensor.scales.end());
    const bool all_zero = std::all_of(weights.weight.begin(), weights.weight.end(),
                                      [](float w) { return w == 0.0F; });
    if (rule.scale_rule == ScaleRule::fixed) {
      require_threshold_fits(layer, v_threshold, *smallest);
      return tensor;
    }
    if (!all_zero) require_threshold_fits(layer, v_threshold, *largest);
    if (*smallest >= least) return tensor;
    return quantize_tensor(weights.weight, channels, rule, least);
  }

  void add_convolution(LayerId id, const WeightRule& rule) {
    const LayerSpec& layer = network_.layer(id);
    const WeightShape shape = *weight_shape(layer.op);
    const LayerWeights& weights = *model_.weights[id.index];
    Layer& result = layers_[id.index];
    Synapses& synapses = result.synapses.emplace();
    synapses.format = rule.format;
    if (rule.format.scheme == Scheme::float32) {
      synapses.float_weight = weights.weight;
      synapses.float_rows = make_rows<float>(weights.weight, shape);
      result.accumulator_bits = 32;
      return;
    }
    const auto& lif = std::get<Lif>(network_.layer(network_.consumers(id)[0]).op);
    synapses.tensor = fit_tensor(layer, weights, shape.out, rule, lif.v_threshold);
    synapses.rows = make_rows<std::int16_t>(synapses.tensor.integers, shape);
    synapses.max_weight = max_magnitude(synapses.tensor);
    const auto inputs = static_cast<std::int64_t>(shape.fan_in()) * max_input(id);
    if (inputs > max_accumulator / std::max(1, synapses.max_weight)) {
      throw layer_error(
          ErrorKind::capacity, layer,
          fmt::format("{} inputs of up to {} times weights of up to {} need an accumulator of {} "
                      "bits, over 32",
                      shape.fan_in(), max_input(id), synapses.max_weight,
                      word_bits(static_cast<double>(inputs) * synapses.max_weight)));
    }
    result.accumulator_bits = adder_bits(inputs * largest_integer(rule.format));
  }

  static std::int32_t max_magnitude(const QuantizedTensor& tensor) {
    std::int32_t max = 0;
    for (const std::int16_t w : tensor.integers) max = std::max(max, std::abs(std::int32_t{w}));
    return max;
  }

  void add_head(LayerId id, const ClassifierHead& op, const WeightRule& rule) {
    const LayerSpec& layer = network_.layer(id);
    const LayerWeights& weights = *model_.weights[id.index];
    Layer& result = layers_[id.index];
    Synapses& synapses = result.synapses.emplace();
    HeadConstants& head = result.head.emplace();
    synapses.format = rule.format;
    const FeatureShape& input = network_.output_shape(network_.operands(id)[0].source);
    const double summands = static_cast<double>(input.positions()) * model_.timesteps;
    if (rule.format.scheme == Scheme::float32) {
      synapses.float_weight = weights.weight;
      head.float_bias = weights.bias;
      head.unit = 1.0 / summands;
      result.accumulator_bits = 32;
      return;
    }
    synapses.tensor = quantize_tensor(weights.weight, op.classes, rule);
    synapses.max_weight = max_magnitude(synapses.tensor);
    head.unit = synapses.tensor.scales[0] / summands;
    const double bound = summands * op.in_channels * static_cast<double>(max_input(id)) *
                         static_cast<double>(largest_integer(rule.format));
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

  void add_neurons(LayerId id, const Lif& lif) {
    const LayerId lead = network_.operands(id)[0].source;
    const Operator& source = network_.layer(lead).op;
    Neurons& neurons = layers_[id.index].neurons.emplace();
    const std::uint32_t channels = network_.output_shape(id).channels;
    if (const auto* attention = std::get_if<SpikingSelfAttention>(&source)) {
      neurons.is_float = spec_.default_rule.format.scheme == Scheme::float32;
      neurons.current_scale = static_cast<float>(attention->scale);
      if (neurons.is_float) return set_float(neurons, lif, std::vector<float>(channels, 0.0F));
      require_threshold_fits(network_.layer(id), lif.v_threshold, attention->scale);
      const std::vector<std::int64_t> bounds(channels, attention_bound(lead, *attention));
      return set_integer(neurons, id, lif, std::vector<double>(channels, attention->scale),
                         std::vector<float>(channels, 0.0F), bounds);
    }
    const Synapses& synapses = *layers_[lead.index].synapses;
    const std::vector<float>& bias = model_.weights[lead.index]->bias;
    neurons.is_float = synapses.format.scheme == Scheme::float32;
    if (neurons.is_float) return set_float(neurons, lif, bias);
    std::vector<double> scales = synapses.tensor.scales;
    scales.resize(channels, scales[0]);
    set_integer(neurons, id, lif, scales, bias, channel_bounds(lead, synapses.tensor, channels));
  }

  /// Largest |accumulator| of each channel: sum of |weight| times the largest input.
  [[nodiscard]] std::vector<std::int64_t> channel_bounds(LayerId lead,
                                                         const QuantizedTensor& tensor,
                                                         std::size_t channels) const {
    std::vector<std::int64_t> bounds(channels, 0);
    const std::size_t fan_in = tensor.integers.size() / channels;
    for (std::size_t i = 0; i < tensor.integers.size(); ++i) {
      bounds[i / fan_in] += std::abs(std::int64_t{tensor.integers[i]}) * max_input(lead);
    }
    return bounds;
  }

  static void set_float(Neurons& neurons, const Lif& lif, const std::vector<float>& bias) {
    neurons.floating.tau = static_cast<float>(lif.tau);
    neurons.floating.threshold = static_cast<float>(lif.v_threshold);
    neurons.floating.bias.assign(bias.begin(), bias.end());
    neurons.floating.bias.resize(padded(bias.size()), 0.0F);
  }

  void set_integer(Neurons& neurons, LayerId id, const Lif& lif, const std::vector<double>& scales,
                   const std::vector<float>& bias, const std::vector<std::int64_t>& bounds) const {
    const LayerSpec& layer = network_.layer(id);
    const int fraction = spec_.membrane.fraction_bits;
    WideLif& wide = neurons.wide;
    wide.leak_q16 = static_cast<std::uint32_t>(round_half_up(65536.0 / lif.tau));
    wide.membrane = spec_.membrane;
    std::int64_t largest_current = 0;
    for (std::size_t c = 0; c < scales.size(); ++c) {
      const double units = round_half_up(double{bias[c]} / scales[c] * std::ldexp(1.0, fraction));
      const double current =
          std::ldexp(static_cast<double>(bounds[c]), fraction) + std::fabs(units);
      if (current >= static_cast<double>(max_wide_current)) {
        throw layer_error(
            ErrorKind::capacity, layer,
            fmt::format("channel {}: currents need {} bits, over 46", c, word_bits(current)));
      }
      largest_current = std::max(largest_current, static_cast<std::int64_t>(current));
      wide.bias.push_back(static_cast<std::int64_t>(units));
      // A raised scale may round to one unit above the word's largest value.
      const double threshold = std::min(threshold_units(layer, lif.v_threshold, scales[c]),
                                        static_cast<double>(spec_.membrane.max()));
      wide.threshold.push_back(static_cast<std::int64_t>(threshold));
    }
    const bool power_of_two = std::has_single_bit(wide.leak_q16);
    if (power_of_two && largest_current <= max_narrow_current &&
        spec_.membrane.bits <= max_narrow_membrane_bits) {
      neurons.narrow = make_narrow(wide);
    }
  }

  static NarrowLif make_narrow(const WideLif& wide) {
    NarrowLif narrow;
    narrow.leak_shift = 16 - std::countr_zero(wide.leak_q16);
    narrow.fraction_bits = wide.membrane.fraction_bits;
    narrow.rounding = wide.membrane.rounding;
    narrow.min = static_cast<std::int32_t>(wide.membrane.min());
    narrow.max = static_cast<std::int32_t>(wide.membrane.max());
    const std::size_t stride = padded(wide.bias.size());
    narrow.bias.assign(stride, 0);
    narrow.threshold.assign(stride, narrow.max);
    for (std::size_t c = 0; c < wide.bias.size(); ++c) {
      narrow.bias[c] = static_cast<std::int32_t>(wide.bias[c]);
      narrow.threshold[c] = static_cast<std::int32_t>(wide.threshold[c]);
    }
    return narrow;
  }

  const Model& model_;
  const Network& network_;
  const QuantizationSpec& spec_;
  std::vector<Layer> layers_;
};

}  // namespace

QuantizedNetwork quantize(const Model& model, const QuantizationSpec& spec) {
  validate(model);
  validate(spec.membrane);
  return {model.network, model.timesteps, spec.membrane, Quantizer(model, spec).run()};
}

}  // namespace nj
