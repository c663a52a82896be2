#include "weight_levels.hpp"

#include <algorithm>
#include <cmath>

namespace nj {
namespace {

int nearest_level(double x) { return static_cast<int>(std::floor(x + 0.5)); }

}  // namespace

Levels::Levels(const NumberFormat& format)
    : uniform_(format.scheme == Scheme::uniform),
      powers_(format.scheme == Scheme::power_of_two || format.scheme == Scheme::ternary),
      magnitudes_(uniform_ ? std::vector<std::int32_t>{} : level_magnitudes(format)),
      largest_(uniform_ ? (1 << (format.bits - 1)) - 1 : magnitudes_.back()) {
  if (uniform_ || powers_) return;
  for (int half = 0; half <= 2 * largest_; ++half) {
    by_half_units_.push_back(nearest_magnitude(0.5 * half));
  }
}

int Levels::operator()(double w, double inverse_scale) const {
  const double x = std::fabs(w) * inverse_scale;
  const int level = uniform_ ? nearest_integer(x) : nearest_magnitude(x);
  return w < 0.0 ? -level : level;
}

int Levels::nearest_integer(double x) const {
  if (x >= largest_) return largest_;
  const int below = static_cast<int>(x);
  return x - below >= 0.5 ? below + 1 : below;
}

int Levels::nearest_magnitude(double x) const {
  const auto above = std::upper_bound(magnitudes_.begin(), magnitudes_.end(), x);
  if (above == magnitudes_.begin()) return *above;
  if (above == magnitudes_.end()) return largest_;
  const int below = *(above - 1);
  return 2.0 * x >= static_cast<double>(below + *above) ? *above : below;
}

OffsetLevels::OffsetLevels(const NumberFormat& format, std::span<const float> weights)
    : last_((1 << format.bits) - 1) {
  for (const float w : weights) {
    low_ = std::min(low_, double{w});
    high_ = std::max(high_, double{w});
  }
  if (high_ > low_) zero_point_ = nearest_level(-low_ / (high_ - low_) * last_);
}

int OffsetLevels::operator()(double w, double inverse_scale) const {
  return std::clamp(nearest_level(w * inverse_scale), least(), most());
}

}  // namespace nj
