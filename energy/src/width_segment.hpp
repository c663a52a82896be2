#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "neurojoule/energy/price_table.hpp"

namespace nj {

/// The two listed widths between, or from, which a price of another width is drawn.
struct WidthSegment {
  std::pair<std::uint32_t, Picojoules> from;
  std::pair<std::uint32_t, Picojoules> to;  ///< equals `from` for a listed width
  WidthRule rule = WidthRule::linear;

  [[nodiscard]] double slope() const {
    return (to.second.value() - from.second.value()) / (to.first - from.first);
  }
  [[nodiscard]] double exponent() const {
    return std::log(to.second.value() / from.second.value()) /
           std::log(static_cast<double>(to.first) / from.first);
  }
};

/// Nothing where `width` is beyond the widest point and the price does not extrapolate. A linear
/// price below its smallest width goes to the origin: from (0, 0 pJ).
inline std::optional<WidthSegment> find_segment(const WidthPrice& price, std::uint32_t width) {
  const auto& points = price.points;
  for (const auto& point : points) {
    if (point.first == width) return WidthSegment{point, point, price.interpolate};
  }
  if (width < points.front().first) {
    if (price.interpolate == WidthRule::power_law) {
      return WidthSegment{points[0], points[1], WidthRule::power_law};
    }
    return WidthSegment{{0, Picojoules{0}}, points.front(), WidthRule::linear};
  }
  if (width > points.back().first) {
    if (!price.extrapolate) return std::nullopt;
    return WidthSegment{points[points.size() - 2], points.back(), *price.extrapolate};
  }
  std::size_t upper = 1;
  while (points[upper].first < width) ++upper;
  return WidthSegment{points[upper - 1], points[upper], price.interpolate};
}

/// The two listed values of a product price between which `bits` lies, and how far, 0..1.
struct ValueSegment {
  const std::pair<std::uint32_t, WidthPrice>* from = nullptr;
  const std::pair<std::uint32_t, WidthPrice>* to = nullptr;
  double share = 0;
};

/// Nothing outside the listed values.
inline std::optional<ValueSegment> find_values(const ProductPrice& price, std::uint32_t bits) {
  const auto& rows = price.by_value;
  if (bits < rows.front().first || bits > rows.back().first) return std::nullopt;
  std::size_t upper = 0;
  while (rows[upper].first < bits) ++upper;
  if (rows[upper].first == bits) return ValueSegment{&rows[upper], &rows[upper], 0};
  const double step = rows[upper].first - rows[upper - 1].first;
  return ValueSegment{&rows[upper - 1], &rows[upper], (bits - rows[upper - 1].first) / step};
}

}  // namespace nj
