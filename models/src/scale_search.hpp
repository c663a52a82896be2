#pragma once

#include <span>

#include "weight_levels.hpp"

// The scale of a group of weights that makes their squared error least.
namespace nj {

/// The clip ratios are r / clip_steps, r = clip_steps .. least_clip.
constexpr int clip_steps = 80;
constexpr int least_clip = 8;
constexpr double clipped(double widest, int r) {
  return r == clip_steps ? widest : widest * r / clip_steps;
}

/// Sum over the weights, in their order, of (w - scale * integer)^2.
double squared_error(std::span<const float> weights, const Levels& levels, double scale);
double squared_error(std::span<const float> weights, const OffsetLevels& levels, double scale);

/// The clip ratio of `widest` with the least `squared_error`, the largest on a tie. Many scales
/// side by side, each with the sum of `squared_error` to the last bit; scales are left as soon as
/// their sum passes the least one known. Weights are finite and `widest` is above 0.
double least_error_scale(std::span<const float> weights, const Levels& levels, double widest);
double least_error_scale(std::span<const float> weights, const OffsetLevels& levels, double widest);
double least_error_scale_ref(std::span<const float> weights, const Levels& levels, double widest);
double least_error_scale_ref(std::span<const float> weights, const OffsetLevels& levels,
                             double widest);

}  // namespace nj
