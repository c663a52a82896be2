#include "layer_fit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <span>

#include <Eigen/Cholesky>
#include <Eigen/Dense>

#include "neurojoule/core/parallel.hpp"

#include "weight_levels.hpp"

namespace nj {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
using Index = Eigen::Index;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Eigen::Map<const Vector> mean_of(const InputStatistics& inputs) {
  return {inputs.mean.data(), static_cast<Index>(inputs.mean.size())};
}
Eigen::Map<const Matrix> covariance_of(const InputStatistics& inputs) {
  const auto features = static_cast<Index>(inputs.mean.size());
  return {inputs.covariance.data(), features, features};
}

/// The integers that the weights of one channel may have.
class ChannelLevels {
 public:
  ChannelLevels(const NumberFormat& format, std::span<const float> weights,
                std::span<const std::int16_t> integers)
      : levels_(format), group_(format.group) {
    if (format.zero_point) offset_.emplace(format, weights);
    for (std::size_t begin = 0; group_ != 0 && begin < integers.size(); begin += group_) {
      shifts_.push_back(
          shift_of(integers.subspan(begin, std::min(group_, integers.size() - begin))));
    }
  }
  /// The integer nearest to x = weight / scale, of the weight at `index`.
  [[nodiscard]] int nearest(double x, std::size_t index) const {
    if (offset_) return (*offset_)(x, 1.0);
    if (shifts_.empty()) return levels_(x, 1.0);
    const int shift = shifts_[index / group_];
    return levels_(x, std::ldexp(1.0, -shift)) * (1 << shift);
  }

 private:
  /// The largest shift that gives all of a run's integers.
  static int shift_of(std::span<const std::int16_t> run) {
    unsigned all = 0;
    for (const std::int16_t integer : run) all |= static_cast<unsigned>(std::abs(integer));
    return all == 0 ? 0 : std::min(std::countr_zero(all), max_run_shift);
  }

  Levels levels_;
  std::optional<OffsetLevels> offset_;
  std::size_t group_;
  std::vector<int> shifts_;
};

/// What the codes of all channels of a group are chosen by.
struct Metric {
  std::vector<std::size_t> order;  ///< features, in the order of work; so are rows and columns
  Matrix damped;                   ///< covariance with a heavier diagonal
  Matrix spread;                   ///< U with inverse(damped) = U^T U, upper triangle
};

Metric metric_of(const InputStatistics& inputs, const CalibrationSpec& spec) {
  const auto covariance = covariance_of(inputs);
  const Index features = covariance.rows();
  Metric metric;
  metric.order.resize(at(features));
  std::iota(metric.order.begin(), metric.order.end(), 0);
  const Vector diagonal = covariance.diagonal();
  if (spec.activity_order) {
    std::stable_sort(metric.order.begin(), metric.order.end(), [&](std::size_t a, std::size_t b) {
      return diagonal[static_cast<Index>(a)] > diagonal[static_cast<Index>(b)];
    });
  }
  const double damping = diagonal.mean() > 0.0 ? spec.damping * diagonal.mean() : 1.0;
  metric.damped.resize(features, features);
  for (Index i = 0; i < features; ++i) {
    for (Index j = 0; j < features; ++j) {
      metric.damped(i, j) = covariance(static_cast<Index>(metric.order[at(i)]),
                                       static_cast<Index>(metric.order[at(j)]));
    }
    metric.damped(i, i) += damping;
  }
  // Backwards, the lower triangle of a Cholesky factor is an upper one: damped = R R^T, U = R^-1.
  const Matrix backwards = metric.damped.reverse();
  const Matrix lower = Eigen::LLT<Matrix>(backwards).matrixL();
  const Matrix upper = lower.reverse();
  metric.spread = upper.triangularView<Eigen::Upper>().solve(Matrix::Identity(features, features));
  return metric;
}

/// Codes and scale of one channel, features in the metric's order.
struct Channel {
  Vector weights;
  Vector codes;
  double scale = 1.0;
};

class ChannelFit {
 public:
  ChannelFit(const Metric& metric, const ChannelLevels& levels, const CalibrationSpec& spec)
      : metric_(metric), levels_(levels), spec_(spec) {}

  /// The best codes found; with `scale_is_free`, and scale.
  Channel operator()(Channel channel, bool scale_is_free) {
    target_ = metric_.damped * channel.weights;
    slope_ = channel.scale * (metric_.damped * channel.codes) - target_;
    keep_if_better(channel);
    for (int round = 0; round < spec_.rounds; ++round) {
      compensate(channel);
      slope_ = channel.scale * (metric_.damped * channel.codes) - target_;
      refine(channel);
      keep_if_better(channel);
      if (!scale_is_free || !rescale(channel)) break;
      keep_if_better(channel);
    }
    return best_;
  }

 private:
  void keep_if_better(const Channel& channel) {
    const double error = (channel.scale * channel.codes - channel.weights).dot(slope_);
    if (best_.codes.size() != 0 && error >= least_) return;
    least_ = error;
    best_ = channel;
  }

  void compensate(Channel& channel) const {
    Vector rest = channel.weights;
    for (Index j = 0; j < rest.size(); ++j) {
      const int code = levels_.nearest(rest[j] / channel.scale, metric_.order[at(j)]);
      channel.codes[j] = code;
      const double error = (rest[j] - channel.scale * code) / metric_.spread(j, j);
      const Index after = rest.size() - j - 1;
      rest.tail(after).noalias() -= error * metric_.spread.row(j).tail(after).transpose();
    }
  }

  void refine(Channel& channel) {
    for (int sweep = 0; sweep < spec_.refinements; ++sweep) {
      bool changed = false;
      for (Index j = 0; j < slope_.size(); ++j) {
        const double best = channel.codes[j] - slope_[j] / metric_.damped(j, j) / channel.scale;
        const int code = levels_.nearest(best, metric_.order[at(j)]);
        const double step = channel.scale * (code - channel.codes[j]);
        if (step == 0.0) continue;
        channel.codes[j] = code;
        slope_.noalias() += step * metric_.damped.row(j).transpose();
        changed = true;
      }
      if (!changed) return;
    }
  }

  /// The scale at which these codes err least; false where there is none above 0.
  bool rescale(Channel& channel) {
    const Vector product = (slope_ + target_) / channel.scale;
    const double square = channel.codes.dot(product);
    const double overlap = channel.weights.dot(product);
    if (square <= 0.0 || overlap <= 0.0) return false;
    channel.scale = overlap / square;
    slope_ = channel.scale * product - target_;
    return true;
  }

  const Metric& metric_;
  const ChannelLevels& levels_;
  const CalibrationSpec& spec_;
  Vector target_;  ///< damped * weights
  Vector slope_;   ///< damped * (scale * codes - weights)
  Channel best_;
  double least_ = 0.0;
};

/// Quantizes the channels of one layer; each on its own.
class LayerFit {
 public:
  LayerFit(const LayerWeights& weights, const OutputStatistics& wanted, const FitRequest& request)
      : weights_(weights),
        wanted_(wanted),
        request_(request),
        features_(weights.weight.size() / weights.bias.size()),
        result_{{},
                weights.bias,
                quantize_tensor(weights.weight, weights.bias.size(), request.rule,
                                request.least_scale)},
        own_scales_(result_.integers->scales.size() == weights.bias.size() &&
                    request.rule.format.granularity != Granularity::per_tensor &&
                    request.rule.scale_rule != ScaleRule::fixed) {}

  void fit(std::size_t channel, const Metric& metric, const InputStatistics& inputs) {
    QuantizedTensor& tensor = *result_.integers;
    double& scale = tensor.scales[tensor.scales.size() == 1 ? 0 : channel];
    const auto integers = std::span(tensor.integers).subspan(channel * features_, features_);
    double fitted = scale;
    if (request_.spec.compensation) fitted = compensate(channel, metric, integers, scale);
    Vector codes(static_cast<Index>(features_));
    for (Index i = 0; i < codes.size(); ++i) codes[i] = integers[at(i)];
    const double variance = codes.dot(covariance_of(inputs) * codes);
    const double deviation = wanted_.deviation[channel];
    if (request_.spec.correction && own_scales_ && variance > 0.0 && deviation > 0.0) {
      fitted = deviation / std::sqrt(variance);
    }
    if (own_scales_) scale = std::max(fitted, request_.least_scale);
    if (request_.spec.correction) {
      result_.bias[channel] =
          static_cast<float>(wanted_.mean[channel] - scale * codes.dot(mean_of(inputs)));
    }
  }

  LayerWeights take() {
    result_.weight = represented_weights(*result_.integers, result_.bias.size());
    return std::move(result_);
  }

 private:
  /// Returns the scale.
  double compensate(std::size_t index, const Metric& metric, std::span<std::int16_t> integers,
                    double scale) const {
    const auto weights = std::span(weights_.weight).subspan(index * features_, features_);
    const ChannelLevels levels(request_.rule.format, weights, integers);
    Channel channel{Vector(static_cast<Index>(features_)), Vector(static_cast<Index>(features_)),
                    scale};
    for (Index i = 0; i < channel.codes.size(); ++i) {
      channel.weights[i] = double{weights[metric.order[at(i)]]};
      channel.codes[i] = integers[metric.order[at(i)]];
    }
    const Channel best = ChannelFit(metric, levels, request_.spec)(channel, own_scales_);
    for (Index i = 0; i < best.codes.size(); ++i) {
      integers[metric.order[at(i)]] = static_cast<std::int16_t>(best.codes[i]);
    }
    return best.scale;
  }

  const LayerWeights& weights_;
  const OutputStatistics& wanted_;
  const FitRequest& request_;
  std::size_t features_;
  LayerWeights result_;
  bool own_scales_;
};

}  // namespace

OutputStatistics output_statistics(const LayerWeights& weights,
                                   const std::vector<InputStatistics>& inputs) {
  const std::size_t channels = weights.bias.size();
  const std::size_t features = weights.weight.size() / channels;
  OutputStatistics result{std::vector<double>(channels), std::vector<double>(channels)};
  for (std::size_t o = 0; o < channels; ++o) {
    const InputStatistics& read = inputs[o * inputs.size() / channels];
    Vector w(static_cast<Index>(features));
    for (Index i = 0; i < w.size(); ++i) w[i] = double{weights.weight[o * features + at(i)]};
    result.mean[o] = w.dot(mean_of(read)) + double{weights.bias[o]};
    result.deviation[o] = std::sqrt(std::max(0.0, w.dot(covariance_of(read) * w)));
  }
  return result;
}

WeightErrors weight_errors(const LayerWeights& weights, const LayerWeights& changed,
                           const std::vector<InputStatistics>& inputs) {
  const std::size_t channels = weights.bias.size();
  const std::size_t features = weights.weight.size() / channels;
  WeightErrors lost;
  WeightErrors all;
  for (std::size_t o = 0; o < channels; ++o) {
    const auto covariance = covariance_of(inputs[o * inputs.size() / channels]);
    Vector w(static_cast<Index>(features));
    Vector e(static_cast<Index>(features));
    for (Index i = 0; i < w.size(); ++i) {
      w[i] = double{weights.weight[o * features + at(i)]};
      e[i] = double{changed.weight[o * features + at(i)]} - w[i];
    }
    lost.output += e.dot(covariance * e);
    all.output += w.dot(covariance * w);
    lost.weight += e.squaredNorm();
    all.weight += w.squaredNorm();
  }
  const auto share = [](double part, double whole) { return whole > 0.0 ? part / whole : 0.0; };
  return {share(lost.output, all.output), share(lost.weight, all.weight)};
}

LayerWeights fit_layer(const LayerWeights& weights, const std::vector<InputStatistics>& inputs,
                       const OutputStatistics& wanted, const FitRequest& request) {
  LayerFit fit(weights, wanted, request);
  const std::size_t per_group = weights.bias.size() / inputs.size();
  for (std::size_t group = 0; group < inputs.size(); ++group) {
    const InputStatistics& read = inputs[group];
    const Metric metric = request.spec.compensation ? metric_of(read, request.spec) : Metric{};
    parallel_for(per_group, 1, request.threads,
                 [&](std::size_t i, std::size_t) { fit.fit(group * per_group + i, metric, read); });
  }
  return fit.take();
}

}  // namespace nj
