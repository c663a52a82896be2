#include "neurojoule/search/pareto_front.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace nj {
namespace {

bool nowhere_larger(std::span<const double> a, std::span<const double> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), std::less_equal<>{});
}

/// The order of the points: first cost, loss, further costs.
bool comes_first(const FrontPoint& a, const FrontPoint& b) {
  const std::vector<double>& x = a.objectives;
  const std::vector<double>& y = b.objectives;
  if (x.size() < 2 || x[1] == y[1]) return x < y;
  return x[1] < y[1];
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) {
  return nowhere_larger(a, b) && !nowhere_larger(b, a);
}

bool ParetoFront::insert(const Candidate& candidate, const Evaluation& evaluation) {
  if (!evaluation.complete || evaluation.violation > 0) return false;
  for (const FrontPoint& point : points_) {
    if (nowhere_larger(point.objectives, evaluation.objectives)) return false;
  }
  std::erase_if(points_, [&](const FrontPoint& point) {
    return dominates(evaluation.objectives, point.objectives);
  });
  FrontPoint point{candidate, evaluation.objectives};
  points_.insert(std::upper_bound(points_.begin(), points_.end(), point, comes_first),
                 std::move(point));
  return true;
}

double ParetoFront::bar(std::span<const double> costs) const {
  double lowest = std::numeric_limits<double>::infinity();
  for (const FrontPoint& point : points_) {
    if (nowhere_larger(std::span(point.objectives).subspan(1), costs)) {
      lowest = std::min(lowest, point.objectives[0]);
    }
  }
  return lowest;
}

}  // namespace nj
