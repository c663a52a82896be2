#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "neurojoule/core/feature_shape.hpp"
#include "neurojoule/core/number_format.hpp"
#include "neurojoule/core/operators.hpp"

// The oracle's arithmetic on words, currents and one neuron, written down again from the equations.
namespace nj::test {

/// floor(x / 2^shift) by division.
inline std::int64_t floor_shift(std::int64_t x, int shift) {
  const std::int64_t divisor = std::int64_t{1} << shift;
  return x / divisor - (x % divisor < 0 ? 1 : 0);
}

/// `exact` in a word that saturates; `saturations` counts the words that do.
inline std::int64_t word_of(const FixedPointFormat& word, std::int64_t exact,
                            std::uint64_t& saturations) {
  if (exact >= word.min() && exact <= word.max()) return exact;
  ++saturations;
  return exact > 0 ? word.max() : word.min();
}

/// `exact` in an accumulator that saturates or wraps; `overflows` counts those that do.
inline std::int64_t word_of(const AccumulatorFormat& format, std::int64_t exact,
                            std::uint64_t& overflows) {
  const std::int64_t range = std::int64_t{1} << format.bits;
  if (exact >= -range / 2 && exact < range / 2) return exact;
  ++overflows;
  if (format.overflow == Overflow::saturate) return exact > 0 ? range / 2 - 1 : -range / 2;
  const std::int64_t modulo = ((exact % range) + range) % range;
  return modulo < range / 2 ? modulo : modulo - range;
}

/// A current, `[T, C, H, W]`: words in units of scale[c], to which bias[c] is still to be added, or
/// whole float32 values.
struct Current {
  FeatureShape shape;
  bool is_float = false;
  std::vector<std::int64_t> words;
  std::vector<float> floats;
  std::vector<double> scale;
  std::vector<float> bias;
  [[nodiscard]] std::size_t at(std::uint32_t t, std::uint32_t c, std::uint32_t y,
                               std::uint32_t x) const {
    return ((std::size_t{t} * shape.channels + c) * shape.height + y) * shape.width + x;
  }

  void resize(const FeatureShape& wanted, std::uint32_t timesteps, bool as_float) {
    shape = wanted;
    is_float = as_float;
    words.resize(is_float ? 0 : shape.neurons() * timesteps, 0);
    floats.resize(is_float ? shape.neurons() * timesteps : 0, 0.0F);
  }
  /// Step `t` is these sums in units of `unit`.
  void set(std::uint32_t t, const std::vector<std::int64_t>& sums, double unit) {
    for (std::size_t n = 0; n < sums.size(); ++n) {
      if (is_float) {
        floats[at(t, 0, 0, 0) + n] = static_cast<float>(sums[n]) * static_cast<float>(unit);
      } else {
        words[at(t, 0, 0, 0) + n] = sums[n];
      }
    }
    scale.assign(shape.channels, unit);
    bias.assign(shape.channels, 0.0F);
  }
  /// Step `t` becomes words of a stream, biases included.
  void to_stream(std::uint32_t t, const FixedPointFormat& word, std::uint64_t& saturations) {
    const int fraction = word.fraction_bits;
    int shift = 62;
    const auto multiplier = [&](double factor) {
      return std::floor(factor * std::exp2(fraction + shift) + 0.5);
    };
    const double largest = *std::max_element(scale.begin(), scale.end());
    while (multiplier(largest) >= std::exp2(31)) --shift;
    const std::size_t positions = std::size_t{shape.height} * shape.width;
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      const auto factor = static_cast<std::int64_t>(multiplier(scale[c]));
      const auto added =
          static_cast<std::int64_t>(std::floor(double{bias[c]} * std::exp2(fraction) + 0.5));
      for (std::size_t n = at(t, c, 0, 0); n < at(t, c, 0, 0) + positions; ++n) {
        const std::int64_t rounded =
            floor_shift(words[n] * factor + (std::int64_t{1} << (shift - 1)), shift);
        words[n] = word_of(word, rounded + added, saturations);
      }
    }
    scale.assign(scale.size(), std::exp2(-fraction));
    bias.assign(bias.size(), 0.0F);
  }
};

/// The state of one neuron. A step takes its input current and tells whether it fires.
struct Membrane {
  std::int64_t v = 0;
  std::int64_t synapse = 0;
  float float_v = 0.0F;
  float float_synapse = 0.0F;
  std::uint32_t rest = 0;

  bool step(const Lif& op, float current) {
    if (op.tau_synapse != 1.0) {
      current = float_synapse =
          float_synapse - float_synapse / static_cast<float>(op.tau_synapse) + current;
    }
    if (rest > 0) {
      --rest;
      return false;
    }
    const auto tau = static_cast<float>(op.tau);
    const auto threshold = static_cast<float>(op.v_threshold);
    const float h =
        op.decay_input ? float_v + (current - float_v) / tau : float_v - float_v / tau + current;
    const bool fires = op.firing == Firing::at_threshold ? h >= threshold : h > threshold;
    float_v = !fires ? h : op.reset == Reset::to_zero ? 0.0F : h - threshold;
    if (fires) rest = op.refractory;
    return fires;
  }

  /// The current is `input` words of `scale`, and `bias`.
  bool step(const Lif& op, const FixedPointFormat& word, std::int64_t input, double scale,
            float bias, std::uint64_t& saturations) {
    const double unit = scale / std::exp2(word.fraction_bits);
    const auto threshold = std::min<std::int64_t>(
        static_cast<std::int64_t>(std::floor(op.v_threshold / unit + 0.5)), word.max());
    const auto offset = static_cast<std::int64_t>(std::floor(double{bias} / unit + 0.5));
    const auto part = [&](std::int64_t x, double tau) {
      const auto numerator = std::isinf(tau) ? 0 : std::llround(65536.0 / tau);
      return floor_shift(x * numerator + (word.rounding == Rounding::nearest_half_up ? 32768 : 0),
                         16);
    };
    std::int64_t current = input * (std::int64_t{1} << word.fraction_bits) + offset;
    if (op.tau_synapse != 1.0) {
      current = synapse =
          word_of(word, synapse - part(synapse, op.tau_synapse) + current, saturations);
    }
    if (rest > 0) {
      --rest;
      return false;
    }
    const std::int64_t exact =
        op.decay_input ? v + part(current - v, op.tau) : v - part(v, op.tau) + current;
    const std::int64_t h = word_of(word, exact, saturations);
    const bool fires = op.firing == Firing::at_threshold ? h >= threshold : h > threshold;
    v = !fires ? h : op.reset == Reset::to_zero ? 0 : h - threshold;
    if (fires) rest = op.refractory;
    return fires;
  }
};

}  // namespace nj::test
