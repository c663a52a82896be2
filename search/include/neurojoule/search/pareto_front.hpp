#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "neurojoule/search/problem.hpp"

namespace nj {

/// Whether `a` is nowhere larger than `b`, and somewhere smaller.
bool dominates(std::span<const double> a, std::span<const double> b);

/// A candidate that nothing seen so far is better than.
struct FrontPoint {
  Candidate candidate;
  std::vector<double> objectives;  ///< loss, then costs

  bool operator==(const FrontPoint&) const = default;
};

/// The non-dominated points of those inserted: complete ones that meet all constraints. Of points
/// with equal objectives the first stays.
class ParetoFront {
 public:
  /// Whether the point is on the front now; those that it dominates have left.
  bool insert(const Candidate& candidate, const Evaluation& evaluation);

  /// By first cost, then loss, then the other costs, ascending.
  [[nodiscard]] const std::vector<FrontPoint>& points() const { return points_; }

  /// The smallest loss of the points that cost no more in any respect; infinite without one.
  [[nodiscard]] double bar(std::span<const double> costs) const;

 private:
  std::vector<FrontPoint> points_;
};

/// The volume that the points dominate below `reference`, exactly. Points that are not below it in
/// every objective add nothing. By a sweep up to three objectives, by pagmo2 beyond.
/// Throws: Error(shape) when a point has another number of objectives than the reference.
double hypervolume(std::span<const FrontPoint> points, std::span<const double> reference);

}  // namespace nj
