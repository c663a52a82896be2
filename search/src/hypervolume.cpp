#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pagmo/utils/hypervolume.hpp>

#include "neurojoule/core/error.hpp"
#include "neurojoule/search/pareto_front.hpp"

namespace nj {
namespace {

using Point2 = std::array<double, 2>;

/// The area between points, ascending in the first coordinate, and the reference.
double area_of(const std::vector<Point2>& points, Point2 reference) {
  double area = 0;
  double lowest = reference[1];
  for (std::size_t i = 0; i < points.size(); ++i) {
    lowest = std::min(lowest, points[i][1]);
    const double next = i + 1 < points.size() ? points[i + 1][0] : reference[0];
    area += (next - points[i][0]) * (reference[1] - lowest);
  }
  return area;
}

/// Slabs between neighbouring values of the last coordinate, each with the area of the points that
/// reach it.
double volume_of(std::vector<std::vector<double>> points, std::span<const double> reference) {
  std::sort(points.begin(), points.end(),
            [](const auto& a, const auto& b) { return a.back() < b.back(); });
  std::vector<Point2> reaching;
  double volume = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point2 flat{points[i][0], points[i][1]};
    reaching.insert(std::upper_bound(reaching.begin(), reaching.end(), flat), flat);
    const double next = i + 1 < points.size() ? points[i + 1][2] : reference[2];
    if (next > points[i][2]) {
      volume += (next - points[i][2]) * area_of(reaching, {reference[0], reference[1]});
    }
  }
  return volume;
}

}  // namespace

double hypervolume(std::span<const FrontPoint> points, std::span<const double> reference) {
  std::vector<std::vector<double>> inside;
  for (const FrontPoint& point : points) {
    const std::vector<double>& values = point.objectives;
    if (values.size() != reference.size() || values.empty()) {
      throw Error(ErrorKind::shape, fmt::format("a point of {} objectives and a reference of {}",
                                                values.size(), reference.size()));
    }
    if (std::equal(values.begin(), values.end(), reference.begin(), std::less<>{})) {
      inside.push_back(values);
    }
  }
  if (inside.empty()) return 0;
  if (reference.size() == 1) {
    return reference[0] - std::min_element(inside.begin(), inside.end())->front();
  }
  if (reference.size() == 2) {
    std::vector<Point2> flat;
    flat.reserve(inside.size());
    for (const auto& values : inside) flat.push_back({values[0], values[1]});
    std::sort(flat.begin(), flat.end());
    return area_of(flat, {reference[0], reference[1]});
  }
  if (reference.size() == 3) return volume_of(std::move(inside), reference);
  return pagmo::hypervolume(inside).compute({reference.begin(), reference.end()});
}

}  // namespace nj
