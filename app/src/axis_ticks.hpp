#pragma once

#include <cmath>
#include <vector>

namespace nj {

/// Multiples of a step of 1, 2 or 5 times a power of ten that divides the range into at most seven;
/// none of an empty range.
inline std::vector<double> axis_ticks(double least, double most) {
  const double range = most - least;
  if (!(range > 0)) return {};
  double step = std::pow(10.0, std::floor(std::log10(range)) - 1);
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (range / step <= 7) break;
    step *= factor;
  }
  std::vector<double> ticks;
  const auto last = static_cast<int>(std::floor(most / step * (1 + 1e-12)));
  for (auto i = static_cast<int>(std::ceil(least / step)); i <= last; ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

}  // namespace nj
