#include <algorithm>
#include <cmath>

#include "neurojoule/models/quantize.hpp"

namespace nj {
namespace {

constexpr int grid_steps = 80;  // clip ratios r / 80
constexpr int grid_least = 8;
constexpr double scale_of_zeros = 1.0 / 128.0;

using Weights = std::span<const float>;

/// The integers of a format in units of its scale per integer.
class Levels {
 public:
  explicit Levels(const NumberFormat& format)
      : uniform_(format.scheme == Scheme::uniform),
        magnitudes_(uniform_ ? std::vector<std::int32_t>{} : level_magnitudes(format)),
        largest_(uniform_ ? (1 << (format.bits - 1)) - 1 : magnitudes_.back()) {}

  [[nodiscard]] int largest() const { return largest_; }

  /// The integer nearest to w * inverse_scale, the one of larger magnitude on a tie.
  [[nodiscard]] int operator()(double w, double inverse_scale) const {
    const double x = std::fabs(w) * inverse_scale;
    const int level = uniform_ ? nearest_integer(x) : nearest_magnitude(x);
    return w < 0.0 ? -level : level;
  }

 private:
  [[nodiscard]] int nearest_integer(double x) const {
    if (x >= largest_) return largest_;
    const int below = static_cast<int>(x);
    return x - below >= 0.5 ? below + 1 : below;
  }
  [[nodiscard]] int nearest_magnitude(double x) const {
    const auto above = std::upper_bound(magnitudes_.begin(), magnitudes_.end(), x);
    if (above == magnitudes_.begin()) return *above;
    if (above == magnitudes_.end()) return largest_;
    const int below = *(above - 1);
    return 2.0 * x >= static_cast<double>(below + *above) ? *above : below;
  }

  bool uniform_;
  std::vector<std::int32_t> magnitudes_;
  int largest_;
};

/// Unsigned codes less a zero point.
class OffsetLevels {
 public:
  OffsetLevels(const NumberFormat& format, Weights weights) : last_((1 << format.bits) - 1) {
    for (const float w : weights) {
      low_ = std::min(low_, double{w});
      high_ = std::max(high_, double{w});
    }
  }
  /// The scale at which the codes span all weights.
  [[nodiscard]] double widest() const { return (high_ - low_) / last_; }

  [[nodiscard]] int operator()(double w, double inverse_scale) const {
    return std::clamp(nearest(w * inverse_scale), -zero_point(), last_ - zero_point());
  }

 private:
  static int nearest(double x) { return static_cast<int>(std::floor(x + 0.5)); }
  /// The code of 0, as far from the ends as 0 is in the span.
  [[nodiscard]] int zero_point() const {
    return high_ > low_ ? nearest(-low_ / (high_ - low_) * last_) : 0;
  }

  int last_;
  double low_ = 0.0;
  double high_ = 0.0;
};

double max_magnitude(Weights weights) {
  double max = 0.0;
  for (const float w : weights) max = std::max(max, std::fabs(double{w}));
  return max;
}

double mean_magnitude(Weights weights) {
  double sum = 0.0;
  for (const float w : weights) sum += std::fabs(double{w});
  return sum / static_cast<double>(weights.size());
}

template <class LevelRule>
double squared_error(Weights weights, const LevelRule& levels, double scale) {
  const double inverse = 1.0 / scale;
  double sum = 0.0;
  for (const float w : weights) {
    const double difference = double{w} - scale * levels(double{w}, inverse);
    sum += difference * difference;
  }
  return sum;
}

/// The best of the clip ratios of `widest`, the largest on a tie.
template <class LevelRule>
double least_error_scale(Weights weights, const LevelRule& levels, double widest) {
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

/// Scale per integer of one group of weights; 0 for a group of zeros.
double choose_scale(Weights weights, const Levels& levels, const WeightRule& rule) {
  const NumberFormat& format = rule.format;
  if (rule.scale_rule == ScaleRule::fixed) {
    const bool whole = format.scheme == Scheme::uniform;
    return whole ? rule.scale : rule.scale / levels.largest();
  }
  if (format.scheme == Scheme::binary && rule.scale_rule == ScaleRule::mse) {
    return mean_magnitude(weights);  // where the derivative of the squared error is zero
  }
  const double widest = max_magnitude(weights) / levels.largest();
  if (widest == 0.0 || rule.scale_rule == ScaleRule::max) return widest;
  return least_error_scale(weights, levels, widest);
}

double choose_offset_scale(Weights weights, const OffsetLevels& levels, const WeightRule& rule) {
  if (rule.scale_rule == ScaleRule::fixed) return rule.scale;
  const double widest = levels.widest();
  if (widest == 0.0 || rule.scale_rule == ScaleRule::max) return widest;
  return least_error_scale(weights, levels, widest);
}

/// Quantizes one tensor, group of weights by group.
class TensorQuantizer {
 public:
  TensorQuantizer(const WeightRule& rule, double min_scale)
      : rule_(rule), min_scale_(min_scale), levels_(rule.format) {}

  QuantizedTensor operator()(Weights weights, std::size_t channels) {
    result_.format = rule_.format;
    const std::size_t groups = rule_.format.granularity == Granularity::per_tensor ? 1 : channels;
    const std::size_t size = weights.size() / groups;
    for (std::size_t g = 0; g < groups; ++g) {
      result_.scales.push_back(scale_of(weights.subspan(g * size, size)));
    }
    const double largest = *std::max_element(result_.scales.begin(), result_.scales.end());
    for (double& scale : result_.scales) {
      if (scale == 0.0) scale = largest > 0.0 ? largest : scale_of_zeros;
      if (rule_.scale_rule != ScaleRule::fixed) scale = std::max(scale, min_scale_);
    }
    result_.integers.reserve(weights.size());
    for (std::size_t g = 0; g < groups; ++g) {
      append(weights.subspan(g * size, size), result_.scales[g]);
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool has_runs() const { return rule_.format.granularity == Granularity::per_group; }
  template <class Visit>
  void for_each_run(Weights weights, Visit&& visit) const {
    for (std::size_t begin = 0; begin < weights.size(); begin += rule_.format.group) {
      visit(weights.subspan(begin,
                            std::min<std::size_t>(rule_.format.group, weights.size() - begin)));
    }
  }

  [[nodiscard]] double scale_of(Weights weights) const {
    if (rule_.format.zero_point && !has_runs()) {
      return choose_offset_scale(weights, OffsetLevels(rule_.format, weights), rule_);
    }
    if (!has_runs()) return choose_scale(weights, levels_, rule_);
    // The largest scale of a run is 2^shift of the channel's, the smallest that shifts reach.
    double largest = 0.0;
    double smallest = 0.0;
    for_each_run(weights, [&](Weights run) {
      const double scale = scale_of_run(run);
      largest = std::max(largest, scale);
      if (scale > 0.0) smallest = smallest == 0.0 ? scale : std::min(smallest, scale);
    });
    if (largest == 0.0) return 0.0;
    const double octaves = std::ceil(std::log2(largest / smallest));
    return std::ldexp(largest, -std::min(static_cast<int>(octaves), max_run_shift));
  }
  [[nodiscard]] double scale_of_run(Weights run) const {
    return rule_.format.zero_point
               ? choose_offset_scale(run, OffsetLevels(rule_.format, run), rule_)
               : choose_scale(run, levels_, rule_);
  }

  void append(Weights weights, double scale) {
    if (has_runs()) {
      for_each_run(weights, [&](Weights run) { append_run(run, scale); });
    } else if (rule_.format.zero_point) {
      append_codes(weights, OffsetLevels(rule_.format, weights), scale, 0);
    } else {
      append_codes(weights, levels_, scale, 0);
    }
  }
  /// The shift that covers the run's own scale or, with mse, the one below if that errs less.
  void append_run(Weights run, double scale) {
    const auto append_best = [&](const auto& levels) {
      const double ratio = scale_of_run(run) / scale;
      int shift = ratio <= 1.0 ? 0 : static_cast<int>(std::ceil(std::log2(ratio)));
      shift = std::min(shift, max_run_shift);
      if (shift > 0 && rule_.scale_rule == ScaleRule::mse &&
          squared_error(run, levels, std::ldexp(scale, shift - 1)) <
              squared_error(run, levels, std::ldexp(scale, shift))) {
        --shift;
      }
      append_codes(run, levels, scale, shift);
    };
    if (rule_.format.zero_point) return append_best(OffsetLevels(rule_.format, run));
    append_best(levels_);
  }
  template <class LevelRule>
  void append_codes(Weights weights, const LevelRule& levels, double scale, int shift) {
    const double inverse = 1.0 / std::ldexp(scale, shift);
    for (const float w : weights) {
      result_.integers.push_back(
          static_cast<std::int16_t>(levels(double{w}, inverse) * (1 << shift)));
    }
  }

  const WeightRule& rule_;
  double min_scale_;
  Levels levels_;
  QuantizedTensor result_;
};

}  // namespace

QuantizedTensor quantize_tensor(std::span<const float> weights, std::size_t channels,
                                const WeightRule& rule, double min_scale) {
  validate(rule.format);
  if (rule.format.scheme == Scheme::float32) return {rule.format, {}, {}};
  return TensorQuantizer(rule, min_scale)(weights, channels);
}

}  // namespace nj
