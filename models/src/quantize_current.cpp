#include "quantize_current.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/core.h>

namespace nj {
namespace {

constexpr std::int64_t max_wide_current = std::int64_t{1} << 46;  // times leak_q16 fits 64 bits
constexpr std::int64_t max_narrow_current = (std::int64_t{1} << 30) - 1;
constexpr int max_narrow_membrane_bits = 30;
constexpr int max_shift = 62;  // |sum| < 2^31 times a multiplier below 2^31 stays below 2^62

std::uint32_t per_65536(double tau) {
  return static_cast<std::uint32_t>(round_half_up(65536.0 / tau));
}

NarrowLif make_narrow(const WideLif& wide, const Lif& op) {
  NarrowLif narrow;
  const bool shifts = std::has_single_bit(wide.leak_q16);
  narrow.leak_shift = shifts ? 16 - std::countr_zero(wide.leak_q16) : -1;
  narrow.leak_q16 = wide.leak_q16;
  narrow.reset = op.reset;
  narrow.decay_input = op.decay_input;
  narrow.firing = op.firing;
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

}  // namespace

double round_half_up(double x) { return std::floor(x + 0.5); }

std::uint32_t word_bits(double bound) {
  std::uint32_t bits = 1;
  while (std::ldexp(1.0, static_cast<int>(bits) - 1) - 1.0 < bound) ++bits;
  return bits;
}

Error layer_error(ErrorKind kind, const LayerSpec& layer, const std::string& message) {
  return {kind, message, {.key = layer.name}};
}

LayerId maker_of(const Network& network, LayerId id) {
  while (std::holds_alternative<MaxPool2d>(network.layer(id).op)) {
    id = network.operands(id)[0].source;
  }
  return id;
}

bool makes_current(const Operator& op) {
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<SpikingSelfAttention>(op) ||
         std::holds_alternative<SpikeSum>(op);
}

std::optional<LayerId> own_neurons(const Network& network, LayerId id) {
  if (!std::holds_alternative<Conv2d>(network.layer(id).op)) return std::nullopt;
  const auto consumers = network.consumers(id);
  if (consumers.size() != 1) return std::nullopt;
  if (!std::holds_alternative<Lif>(network.layer(consumers[0]).op)) return std::nullopt;
  return consumers[0];
}

double threshold_units(const LayerSpec& layer, const FixedPointFormat& membrane, double v_threshold,
                       double scale) {
  const double units = round_half_up(v_threshold / scale * std::ldexp(1.0, membrane.fraction_bits));
  if (units < 1.0) {
    throw layer_error(ErrorKind::numeric, layer,
                      fmt::format("the threshold {} is below one membrane unit at scale {}; use "
                                  "more fraction bits",
                                  v_threshold, scale));
  }
  return units;
}

Neurons integer_neurons(const LayerSpec& layer, const FixedPointFormat& membrane,
                        const CurrentUnits& units) {
  Neurons neurons;
  neurons.op = std::get<Lif>(layer.op);
  neurons.synapse_leak_q16 = per_65536(neurons.op.tau_synapse);
  WideLif& wide = neurons.wide;
  wide.leak_q16 = per_65536(neurons.op.tau);
  wide.membrane = membrane;
  std::int64_t largest_current = 0;
  for (std::size_t c = 0; c < units.scale.size(); ++c) {
    const double bias = round_half_up(double{units.bias[c]} / units.scale[c] *
                                      std::ldexp(1.0, membrane.fraction_bits));
    const double current =
        std::ldexp(static_cast<double>(units.bound[c]), membrane.fraction_bits) + std::fabs(bias);
    if (current >= static_cast<double>(max_wide_current)) {
      throw layer_error(
          ErrorKind::capacity, layer,
          fmt::format("channel {}: currents need {} bits, over 46", c, word_bits(current)));
    }
    largest_current = std::max(largest_current, static_cast<std::int64_t>(current));
    wide.bias.push_back(static_cast<std::int64_t>(bias));
    // A raised scale may round to one unit above the word's largest value.
    const double threshold =
        std::min(threshold_units(layer, membrane, neurons.op.v_threshold, units.scale[c]),
                 static_cast<double>(membrane.max()));
    wide.threshold.push_back(static_cast<std::int64_t>(threshold));
  }
  const bool narrow = has_membrane_only(neurons.op) && largest_current <= max_narrow_current &&
                      membrane.bits <= max_narrow_membrane_bits;
  if (narrow) neurons.narrow = make_narrow(wide, neurons.op);
  return neurons;
}

Neurons float_neurons(const Lif& lif, const std::vector<float>& bias) {
  Neurons neurons;
  neurons.op = lif;
  neurons.is_float = true;
  neurons.floating.tau = static_cast<float>(lif.tau);
  neurons.floating.threshold = static_cast<float>(lif.v_threshold);
  neurons.floating.reset = lif.reset;
  neurons.floating.decay_input = lif.decay_input;
  neurons.floating.firing = lif.firing;
  neurons.floating.bias.assign(bias.begin(), bias.end());
  neurons.floating.bias.resize(padded(bias.size()), 0.0F);
  return neurons;
}

StreamWriter stream_writer(const LayerSpec& layer, const FixedPointFormat& stream,
                           const CurrentUnits& units) {
  StreamWriter writer;
  const double largest =
      std::ldexp(*std::max_element(units.scale.begin(), units.scale.end()), stream.fraction_bits);
  constexpr double limit = 2147483647.0;
  if (largest * 2.0 > limit) {
    throw layer_error(ErrorKind::capacity, layer,
                      fmt::format("one accumulator unit is {} words of its stream", largest));
  }
  writer.shift = max_shift;
  while (writer.shift > 1 && round_half_up(std::ldexp(largest, writer.shift)) > limit) {
    --writer.shift;
  }
  for (std::size_t c = 0; c < units.scale.size(); ++c) {
    writer.multiplier.push_back(static_cast<std::int32_t>(
        round_half_up(std::ldexp(units.scale[c], stream.fraction_bits + writer.shift))));
    const double bias = round_half_up(std::ldexp(double{units.bias[c]}, stream.fraction_bits));
    if (std::fabs(bias) > limit) {
      throw layer_error(ErrorKind::capacity, layer,
                        fmt::format("channel {}: a bias of {} stream words", c, bias));
    }
    writer.bias.push_back(static_cast<std::int32_t>(bias));
  }
  return writer;
}

}  // namespace nj
