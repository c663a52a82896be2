#include <algorithm>
#include <cmath>

#include "neurojoule/models/quantize.hpp"

namespace nj {
namespace {

constexpr int grid_steps = 80;  // clip ratios r / 80
constexpr int grid_least = 8;
constexpr double scale_of_zeros = 1.0 / 128.0;

/// The levels of a format in units of its scale per integer.
class Levels {
 public:
  explicit Levels(const NumberFormat& format)
      : power_of_two_(format.scheme == Scheme::power_of_two), largest_(largest_integer(format)) {}

  [[nodiscard]] int largest() const { return largest_; }

  /// The nearest level to w * inverse_scale.
  [[nodiscard]] int operator()(double w, double inverse_scale) const {
    const double x = std::fabs(w) * inverse_scale;
    const int level = power_of_two_ ? nearest_power(x) : nearest_integer(x);
    return w < 0.0 ? -level : level;
  }

 private:
  [[nodiscard]] int nearest_integer(double x) const {
    if (x >= largest_) return largest_;
    const int below = static_cast<int>(x);
    return x - below >= 0.5 ? below + 1 : below;
  }
  /// Levels are 0, 1, 2, 4, .., largest; between 2^k and 2^(k+1) the border is 1.5 * 2^k.
  [[nodiscard]] int nearest_power(double x) const {
    if (x < 0.5) return 0;
    int level = 1;
    while (level < largest_ && x >= 1.5 * level) level *= 2;
    return level;
  }

  bool power_of_two_;
  int largest_;
};

double max_magnitude(std::span<const float> weights) {
  double max = 0.0;
  for (const float w : weights) max = std::max(max, std::fabs(double{w}));
  return max;
}

double squared_error(std::span<const float> weights, const Levels& levels, double scale) {
  const double inverse = 1.0 / scale;
  double sum = 0.0;
  for (const float w : weights) {
    const double difference = double{w} - scale * levels(double{w}, inverse);
    sum += difference * difference;
  }
  return sum;
}

/// Scale per integer of one group; 0 for a group of zeros.
double choose_scale(std::span<const float> weights, const Levels& levels, const WeightRule& rule) {
  if (rule.scale_rule == ScaleRule::fixed) {
    const bool power_of_two = rule.format.scheme == Scheme::power_of_two;
    return power_of_two ? rule.scale / levels.largest() : rule.scale;
  }
  const double widest = max_magnitude(weights) / levels.largest();
  if (widest == 0.0 || rule.scale_rule == ScaleRule::max) return widest;
  double best_scale = widest;
  double best_error = squared_error(weights, levels, widest);
  for (int r = grid_steps - 1; r >= grid_least; --r) {
    const double scale = widest * r / grid_steps;
    const double error = squared_error(weights, levels, scale);
    if (error < best_error) {
      best_error = error;
      best_scale = scale;
    }
  }
  return best_scale;
}

}  // namespace

QuantizedTensor quantize_tensor(std::span<const float> weights, std::size_t channels,
                                const WeightRule& rule, double min_scale) {
  validate(rule.format);
  QuantizedTensor result{rule.format, {}, {}};
  if (rule.format.scheme == Scheme::float32) return result;
  const Levels levels(rule.format);
  const std::size_t groups = rule.format.granularity == Granularity::per_tensor ? 1 : channels;
  const std::size_t group_size = weights.size() / groups;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto group = weights.subspan(g * group_size, group_size);
    result.scales.push_back(choose_scale(group, levels, rule));
  }
  const double largest = *std::max_element(result.scales.begin(), result.scales.end());
  for (double& scale : result.scales) {
    if (scale == 0.0) scale = largest > 0.0 ? largest : scale_of_zeros;
    if (rule.scale_rule != ScaleRule::fixed) scale = std::max(scale, min_scale);
  }
  result.integers.reserve(weights.size());
  for (std::size_t g = 0; g < groups; ++g) {
    const double inverse = 1.0 / result.scales[g];
    for (const float w : weights.subspan(g * group_size, group_size)) {
      result.integers.push_back(static_cast<std::int16_t>(levels(double{w}, inverse)));
    }
  }
  return result;
}

}  // namespace nj
