#include <limits>

#include "scale_search.hpp"

namespace nj {
namespace {

using Weights = std::span<const float>;

template <class LevelRule>
double sum_errors(Weights weights, const LevelRule& levels, double scale) {
  const double inverse = 1.0 / scale;
  double sum = 0.0;
  for (const float w : weights) {
    const double difference = double{w} - scale * levels(double{w}, inverse);
    sum += difference * difference;
  }
  return sum;
}

template <class LevelRule>
double search(Weights weights, const LevelRule& levels, double widest) {
  double best_scale = widest;
  double best_error = std::numeric_limits<double>::infinity();
  for (int r = clip_steps; r >= least_clip; --r) {
    const double scale = clipped(widest, r);
    const double error = sum_errors(weights, levels, scale);
    if (error < best_error) {
      best_error = error;
      best_scale = scale;
    }
  }
  return best_scale;
}

}  // namespace

double squared_error(Weights weights, const Levels& levels, double scale) {
  return sum_errors(weights, levels, scale);
}
double squared_error(Weights weights, const OffsetLevels& levels, double scale) {
  return sum_errors(weights, levels, scale);
}

double least_error_scale_ref(Weights weights, const Levels& levels, double widest) {
  return search(weights, levels, widest);
}
double least_error_scale_ref(Weights weights, const OffsetLevels& levels, double widest) {
  return search(weights, levels, widest);
}

}  // namespace nj
