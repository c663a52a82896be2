#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/number_format.hpp"

// The integers that a format has for a weight, in units of its scale.
namespace nj {

/// Integers that are the same on both sides of 0.
class Levels {
 public:
  explicit Levels(const NumberFormat& format);

  [[nodiscard]] bool uniform() const { return uniform_; }
  /// 0 and powers of two.
  [[nodiscard]] bool powers() const { return powers_; }
  [[nodiscard]] int largest() const { return largest_; }
  /// The integer of floor(2 x), 0 <= x <= largest: all borders are halves. Empty where an equation
  /// is as good: uniform and powers.
  [[nodiscard]] const std::vector<double>& by_half_units() const { return by_half_units_; }

  /// The integer nearest to w * inverse_scale, the one of larger magnitude on a tie.
  [[nodiscard]] int operator()(double w, double inverse_scale) const;

 private:
  [[nodiscard]] int nearest_integer(double x) const;
  [[nodiscard]] int nearest_magnitude(double x) const;

  bool uniform_;
  bool powers_;
  std::vector<std::int32_t> magnitudes_;
  int largest_;
  std::vector<double> by_half_units_;
};

/// Unsigned codes less a zero point.
class OffsetLevels {
 public:
  OffsetLevels(const NumberFormat& format, std::span<const float> weights);

  /// The scale at which the codes span all weights and 0.
  [[nodiscard]] double widest() const { return (high_ - low_) / last_; }
  [[nodiscard]] int least() const { return -zero_point_; }
  [[nodiscard]] int most() const { return last_ - zero_point_; }

  /// The integer nearest to w * inverse_scale, the upper one on a tie.
  [[nodiscard]] int operator()(double w, double inverse_scale) const;

 private:
  int last_;
  double low_ = 0.0;
  double high_ = 0.0;
  int zero_point_ = 0;  ///< the code of 0, as far from the ends as 0 is in the span
};

}  // namespace nj
