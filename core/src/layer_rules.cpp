#include "layer_rules.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr std::int64_t max_value = 32767;  // of a GradedTensor

LayerOutput current(const FeatureShape& shape) { return {shape, true, 0, 0, 1.0}; }
LayerOutput binary(const FeatureShape& shape) { return {shape, false, 0, 1, 1.0}; }

class Rule {
 public:
  Rule(const std::string& name, std::span<const LayerSource> sources)
      : name_(name), sources_(sources) {}

  LayerOutput operator()(const Input& input) const {
    const FeatureShape& s = input.shape;
    if (s.channels == 0 || s.height == 0 || s.width == 0) refuse("has an empty shape");
    if (input.max_value < 1) refuse("its largest value must be at least 1");
    if (input.min_value > 0) refuse("its smallest value must be at most 0");
    if (!(input.scale > 0.0) || !std::isfinite(input.scale)) refuse("its scale must be above 0");
    return {s, false, input.min_value, input.max_value, input.scale};
  }

  LayerOutput operator()(const Conv2d& conv) const {
    require_spikes(0);
    if (conv.out_channels == 0 || conv.dilation.y == 0 || conv.dilation.x == 0) {
      refuse("channels and dilation must be at least 1");
    }
    if (conv.groups == 0 || conv.in_channels % conv.groups != 0 ||
        conv.out_channels % conv.groups != 0) {
      refuse(fmt::format("{} and {} channels do not divide into {} groups", conv.in_channels,
                         conv.out_channels, conv.groups));
    }
    require_channels(conv.in_channels);
    FeatureShape shape = windows(conv.kernel, conv.stride, conv.padding, conv.dilation);
    shape.channels = conv.out_channels;
    return current(shape);
  }

  LayerOutput operator()(const Lif& lif) const {
    if (!sources_[0].output.is_current) {
      refuse(fmt::format("needs a current, '{}' sends spikes", sources_[0].name));
    }
    if (!(lif.tau >= 1.0) || !(lif.v_threshold > 0.0) || !(lif.tau_synapse >= 1.0)) {
      refuse("needs tau >= 1 and a threshold above 0");
    }
    if (lif.decay_input && std::isinf(lif.tau)) {
      refuse("neurons that do not leak take their input whole: decay_input must be false");
    }
    return binary(sources_[0].output.shape);
  }

  LayerOutput operator()(const MaxPool2d& pool) const {
    if (!sources_[0].output.is_current) require_binary(0);
    LayerOutput output = sources_[0].output;
    output.shape = windows(pool.kernel, pool.stride, pool.padding, 1);
    return output;
  }

  LayerOutput operator()(const AveragePool2d& pool) const {
    LayerOutput output = sources_[0].output;
    output.shape = windows(pool.kernel, pool.stride, pool.padding, 1);
    if (output.is_current) return output;
    const std::int64_t size = std::int64_t{pool.kernel.y} * pool.kernel.x;
    output.min = bounded(size * output.min);
    output.max = bounded(size * output.max);
    output.scale /= static_cast<double>(size);
    output.is_sum = true;
    return output;
  }

  LayerOutput operator()(const ResidualAdd&) const {
    require_equal(0, 1);
    const LayerOutput& a = sources_[0].output;
    const LayerOutput& b = sources_[1].output;
    if (a.is_current != b.is_current) {
      refuse(fmt::format("adds spikes to a current ('{}' and '{}')", sources_[0].name,
                         sources_[1].name));
    }
    if (a.is_current) return current(a.shape);
    if (a.scale != b.scale) refuse("adds values of different scales");
    return {
        a.shape, false, bounded(std::int64_t{a.min} + b.min), bounded(std::int64_t{a.max} + b.max),
        a.scale, true};
  }

  LayerOutput operator()(const SpikingSelfAttention& attention) const {
    for (std::size_t i = 0; i < 3; ++i) require_binary(i);
    require_equal(0, 1);
    require_equal(0, 2);
    require_heads(attention.heads);
    if (!(attention.scale > 0.0)) refuse("its scale must be above 0");
    return current(sources_[0].output.shape);
  }

  LayerOutput operator()(const SpikeAnd&) const {
    require_binary(0);
    require_binary(1);
    const FeatureShape& s = sources_[0].output.shape;
    const FeatureShape& gate = sources_[1].output.shape;
    const bool by_channel = gate == FeatureShape{s.channels, 1, 1};
    const bool by_head = gate.height == s.height && gate.width == s.width && gate.channels != 0 &&
                         s.channels % gate.channels == 0;
    if (!by_channel && !by_head) {
      refuse(fmt::format("a gate of {} does not fit {}", to_string(gate), to_string(s)));
    }
    return binary(s);
  }

  LayerOutput operator()(const SpikeSum& sum) const {
    require_binary(0);
    if (!(sum.scale > 0.0)) refuse("its scale must be above 0");
    const FeatureShape& s = sources_[0].output.shape;
    if (sum.axis == SumAxis::tokens) return current({s.channels, 1, 1});
    require_heads(sum.heads);
    return current({sum.heads, s.height, s.width});
  }

  LayerOutput operator()(const TokenChannelMax& max) const {
    require_binary(0);
    require_heads(max.heads);
    return binary(sources_[0].output.shape);
  }

  LayerOutput operator()(const Flatten&) const {
    require_spikes(0);
    LayerOutput output = sources_[0].output;
    const std::uint64_t neurons = output.shape.neurons();
    if (neurons > UINT32_MAX) refuse("is too large to be one position");
    output.shape = {static_cast<std::uint32_t>(neurons), 1, 1};
    return output;
  }

  LayerOutput operator()(const ClassifierHead& head) const {
    require_channels(head.in_channels);
    if (head.classes == 0) refuse("needs at least one class");
    return current({head.classes, 1, 1});
  }

 private:
  [[noreturn]] void refuse(const std::string& message) const {
    throw Error(ErrorKind::shape, message, {.key = name_});
  }
  [[nodiscard]] std::int32_t bounded(std::int64_t value) const {
    if (value > max_value || value < -max_value) {
      refuse(fmt::format("its values can reach {}, beyond {}", value, max_value));
    }
    return static_cast<std::int32_t>(value);
  }
  [[nodiscard]] std::uint32_t window(std::uint32_t size, std::uint32_t kernel, std::uint32_t stride,
                                     std::uint32_t padding, std::uint32_t dilation) const {
    if (kernel == 0 || stride == 0) refuse("kernel and stride must be at least 1");
    const std::uint64_t reach = (std::uint64_t{kernel} - 1) * dilation + 1;
    if (padding >= reach) refuse("padding must be smaller than the kernel");
    const std::uint64_t padded = std::uint64_t{size} + 2 * std::uint64_t{padding};
    if (padded < reach) {
      refuse(fmt::format("a window of {} does not fit {} with padding {}", reach, size, padding));
    }
    return static_cast<std::uint32_t>((padded - reach) / stride + 1);
  }
  [[nodiscard]] FeatureShape windows(const Extent& kernel, const Extent& stride,
                                     const Extent& padding, const Extent& dilation) const {
    const FeatureShape& s = sources_[0].output.shape;
    return {s.channels, window(s.height, kernel.y, stride.y, padding.y, dilation.y),
            window(s.width, kernel.x, stride.x, padding.x, dilation.x)};
  }
  void require_channels(std::uint32_t expected) const {
    if (sources_[0].output.shape.channels != expected) {
      refuse(fmt::format("expects {} channels, '{}' sends {}", expected, sources_[0].name,
                         to_string(sources_[0].output.shape)));
    }
  }
  void require_heads(std::uint32_t heads) const {
    const std::uint32_t channels = sources_[0].output.shape.channels;
    if (heads == 0 || channels % heads != 0) {
      refuse(fmt::format("{} channels do not divide into {} heads", channels, heads));
    }
  }
  void require_spikes(std::size_t i) const {
    if (sources_[i].output.is_current) {
      refuse(fmt::format("needs spikes, '{}' gives a current", sources_[i].name));
    }
  }
  void require_binary(std::size_t i) const {
    if (!sources_[i].output.is_binary()) {
      refuse(fmt::format("needs binary spikes, which '{}' does not send", sources_[i].name));
    }
  }
  void require_equal(std::size_t a, std::size_t b) const {
    if (sources_[a].output.shape != sources_[b].output.shape) {
      refuse(fmt::format("operands differ in shape: '{}' {} and '{}' {}", sources_[a].name,
                         to_string(sources_[a].output.shape), sources_[b].name,
                         to_string(sources_[b].output.shape)));
    }
  }

  const std::string& name_;
  std::span<const LayerSource> sources_;
};

constexpr FeatureShape no_shape{0, 0, 0};

bool has_shape(const OutlinedSource& source) {
  return source.output && source.output->shape.neurons() != 0;
}

std::optional<LayerOutput> first_shaped(std::span<const OutlinedSource> sources) {
  const auto found = std::find_if(sources.begin(), sources.end(), has_shape);
  return found == sources.end() ? std::nullopt : found->output;
}

/// What an operator gives whatever it reads, but for the shape; nullopt where that depends on it.
std::optional<LayerOutput> fixed_output(const Operator& op) {
  if (std::holds_alternative<Lif>(op) || std::holds_alternative<SpikeAnd>(op) ||
      std::holds_alternative<TokenChannelMax>(op)) {
    return binary(no_shape);
  }
  if (has_weights(op) || std::holds_alternative<SpikeSum>(op) ||
      std::holds_alternative<SpikingSelfAttention>(op)) {
    return current(no_shape);
  }
  return std::nullopt;
}

/// The operands whose shape is that of the output, of an operator with a fixed output.
std::span<const OutlinedSource> same_shape_operands(const Operator& op,
                                                    std::span<const OutlinedSource> sources) {
  if (has_weights(op) || std::holds_alternative<SpikeSum>(op)) return {};
  return std::holds_alternative<SpikingSelfAttention>(op) ? sources : sources.first(1);
}

/// A map that the windows of an operator fit.
FeatureShape least_map(const Operator& op) {
  if (const auto* pool = std::get_if<MaxPool2d>(&op)) return {1, pool->kernel.y, pool->kernel.x};
  if (const auto* pool = std::get_if<AveragePool2d>(&op)) {
    return {1, pool->kernel.y, pool->kernel.x};
  }
  return {1, 1, 1};
}

}  // namespace

std::vector<Port> operand_ports(const Operator& op) {
  if (std::holds_alternative<Input>(op)) return {};
  if (std::holds_alternative<ResidualAdd>(op)) return {Port::input, Port::residual};
  if (std::holds_alternative<SpikeAnd>(op)) return {Port::input, Port::gate};
  if (std::holds_alternative<SpikingSelfAttention>(op)) {
    return {Port::query, Port::key, Port::value};
  }
  return {Port::input};
}

void fill_channels(Operator& op, std::span<const LayerSource> sources) {
  const auto fill = [&](std::uint32_t& channels) {
    if (channels == 0) channels = sources[0].output.shape.channels;
  };
  if (auto* conv = std::get_if<Conv2d>(&op)) fill(conv->in_channels);
  if (auto* head = std::get_if<ClassifierHead>(&op)) fill(head->in_channels);
}

LayerOutput output_of(const std::string& name, const Operator& op,
                      std::span<const LayerSource> sources) {
  return std::visit(Rule(name, sources), op);
}

std::optional<LayerOutput> outline_of(const std::string& name, Operator op,
                                      std::span<const OutlinedSource> sources) {
  if (const auto fixed = fixed_output(op)) {
    const auto shaped = first_shaped(same_shape_operands(op, sources));
    if (shaped) return LayerOutput{shaped->shape, fixed->is_current};
    const bool all = std::all_of(sources.begin(), sources.end(), has_shape);
    const bool follows = has_weights(op) || std::holds_alternative<SpikeSum>(op);
    if (!all || !follows) return fixed;
  }
  const auto shaped = first_shaped(sources);
  std::vector<LayerSource> known;
  for (const OutlinedSource& source : sources) {
    if (!source.output) return std::nullopt;
    known.push_back({source.name, *source.output});
    if (!has_shape(source)) known.back().output.shape = shaped ? shaped->shape : least_map(op);
  }
  fill_channels(op, known);
  LayerOutput output = output_of(name, op, known);
  if (!shaped && !sources.empty()) output.shape = no_shape;
  return output;
}

}  // namespace nj
