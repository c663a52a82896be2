#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "neurojoule/core/parallel.hpp"
#include "neurojoule/models/quantize.hpp"

#include "scale_search.hpp"

namespace nj {
namespace {

constexpr double scale_of_zeros = 1.0 / 128.0;
constexpr std::size_t weights_per_chunk = 32768;

using Weights = std::span<const float>;

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

/// What the widest scale is multiplied by: 1, or the share of the largest magnitude that the given
/// percentage of the weights does not exceed (nearest rank; 1 where that is 0).
double clip_ratio(Weights weights, const WeightRule& rule) {
  if (rule.scale_rule != ScaleRule::percentile) return 1.0;
  std::vector<double> magnitudes;
  for (const float w : weights) magnitudes.push_back(std::fabs(double{w}));
  const auto count = static_cast<double>(magnitudes.size());
  const auto rank = static_cast<std::size_t>(std::ceil(rule.scale / 100.0 * count));
  const auto place =
      magnitudes.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1)) - 1;
  std::nth_element(magnitudes.begin(), place, magnitudes.end());
  return *place == 0.0 ? 1.0 : *place / max_magnitude(weights);
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
  if (widest == 0.0) return widest;
  if (rule.scale_rule != ScaleRule::mse) return widest * clip_ratio(weights, rule);
  return least_error_scale(weights, levels, widest);
}

double choose_offset_scale(Weights weights, const OffsetLevels& levels, const WeightRule& rule) {
  if (rule.scale_rule == ScaleRule::fixed) return rule.scale;
  const double widest = levels.widest();
  if (widest == 0.0) return widest;
  if (rule.scale_rule != ScaleRule::mse) return widest * clip_ratio(weights, rule);
  return least_error_scale(weights, levels, widest);
}

/// Quantizes one tensor, group of weights by group; groups are independent of each other.
class TensorQuantizer {
 public:
  TensorQuantizer(const WeightRule& rule, double min_scale)
      : rule_(rule), min_scale_(min_scale), levels_(rule.format) {}

  QuantizedTensor operator()(Weights weights, std::size_t channels) {
    const std::size_t groups = rule_.format.granularity == Granularity::per_tensor ? 1 : channels;
    const std::size_t size = weights.size() / groups;
    const std::size_t runs = has_runs() ? (size + rule_.format.group - 1) / rule_.format.group : 0;
    QuantizedTensor result{rule_.format, std::vector<std::int16_t>(weights.size()),
                           std::vector<double>(groups)};
    std::vector<double> run_scales(groups * runs);
    const auto for_each_group = [&](const auto& visit) {
      const std::size_t grain = weights_per_chunk / std::max<std::size_t>(size, 1);
      parallel_for(groups, grain, 0, [&](std::size_t begin, std::size_t end) {
        for (std::size_t g = begin; g < end; ++g) {
          visit(result.scales[g], Group{weights.subspan(g * size, size),
                                        std::span(result.integers).subspan(g * size, size),
                                        std::span(run_scales).subspan(g * runs, runs)});
        }
      });
    };
    for_each_group([&](double& scale, const Group& group) { scale = scale_of(group); });
    finish(result.scales);
    for_each_group([&](double scale, const Group& group) { write(group, scale); });
    return result;
  }

 private:
  struct Group {
    Weights weights;
    std::span<std::int16_t> integers;
    std::span<double> run_scales;  ///< own scales of the runs, if there are any
  };

  [[nodiscard]] bool has_runs() const { return rule_.format.granularity == Granularity::per_group; }
  [[nodiscard]] Weights run_of(const Group& group, std::size_t run) const {
    const std::size_t begin = run * rule_.format.group;
    return group.weights.subspan(
        begin, std::min<std::size_t>(rule_.format.group, group.weights.size() - begin));
  }

  void finish(std::vector<double>& scales) const {
    const double largest = *std::max_element(scales.begin(), scales.end());
    for (double& scale : scales) {
      if (scale == 0.0) scale = largest > 0.0 ? largest : scale_of_zeros;
      if (rule_.scale_rule != ScaleRule::fixed) scale = std::max(scale, min_scale_);
    }
  }

  [[nodiscard]] double scale_of(const Group& group) const {
    if (!has_runs()) return own_scale(group.weights);
    // The largest scale of a run is 2^shift of the channel's, the smallest that shifts reach.
    double largest = 0.0;
    double smallest = 0.0;
    for (std::size_t run = 0; run < group.run_scales.size(); ++run) {
      const double scale = group.run_scales[run] = own_scale(run_of(group, run));
      largest = std::max(largest, scale);
      if (scale > 0.0) smallest = smallest == 0.0 ? scale : std::min(smallest, scale);
    }
    if (largest == 0.0) return 0.0;
    const double octaves = std::ceil(std::log2(largest / smallest));
    return std::ldexp(largest, -std::min(static_cast<int>(octaves), max_run_shift));
  }
  [[nodiscard]] double own_scale(Weights weights) const {
    return rule_.format.zero_point
               ? choose_offset_scale(weights, OffsetLevels(rule_.format, weights), rule_)
               : choose_scale(weights, levels_, rule_);
  }

  void write(const Group& group, double scale) const {
    if (!has_runs()) return write(group.weights, group.integers, scale, {});
    std::size_t begin = 0;
    for (std::size_t run = 0; run < group.run_scales.size(); ++run) {
      const Weights weights = run_of(group, run);
      write(weights, group.integers.subspan(begin, weights.size()), scale, group.run_scales[run]);
      begin += weights.size();
    }
  }
  void write(Weights weights, std::span<std::int16_t> integers, double scale,
             std::optional<double> run_scale) const {
    const auto write_by = [&](const auto& levels) {
      const int shift = run_scale ? shift_of(weights, levels, scale, *run_scale) : 0;
      const double inverse = 1.0 / std::ldexp(scale, shift);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const int level = levels(double{weights[i]}, inverse);
        integers[i] = static_cast<std::int16_t>(level * (1 << shift));
      }
    };
    rule_.format.zero_point ? write_by(OffsetLevels(rule_.format, weights)) : write_by(levels_);
  }
  /// The shift that covers the run's own scale or, with mse, the one below if that errs less.
  template <class LevelRule>
  [[nodiscard]] int shift_of(Weights run, const LevelRule& levels, double scale,
                             double run_scale) const {
    const double ratio = run_scale / scale;
    int shift = ratio <= 1.0 ? 0 : static_cast<int>(std::ceil(std::log2(ratio)));
    shift = std::min(shift, max_run_shift);
    if (shift > 0 && rule_.scale_rule == ScaleRule::mse &&
        squared_error(run, levels, std::ldexp(scale, shift - 1)) <
            squared_error(run, levels, std::ldexp(scale, shift))) {
      --shift;
    }
    return shift;
  }

  const WeightRule& rule_;
  double min_scale_;
  Levels levels_;
};

}  // namespace

QuantizedTensor quantize_tensor(std::span<const float> weights, std::size_t channels,
                                const WeightRule& rule, double min_scale) {
  validate(rule.format);
  if (rule.format.scheme == Scheme::float32) return {rule.format, {}, {}};
  return TensorQuantizer(rule, min_scale)(weights, channels);
}

}  // namespace nj
