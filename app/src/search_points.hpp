#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/app/search.hpp"
#include "neurojoule/search/pareto_front.hpp"

#include "search_problem.hpp"

namespace nj {

/// Runs the points of a finished front, and what they are compared with, on the test samples.
class PointTester {
 public:
  /// All must stay. Files go into `folder / "points"`.
  PointTester(const SearchScenario& search, const Model& model, const FormatProblem& problem,
              std::filesystem::path folder, unsigned threads);

  /// The float32 network; comes first, as others are compared with it.
  SearchPoint reference();
  /// Writes a scenario and a model, and runs what was written.
  [[nodiscard]] SearchPoint point(const FrontPoint& found, std::size_t index) const;
  /// All layers alike, `uniform4 rounded` or `uniform4 calibrated`; none if the chip does not take
  /// it, or a threshold does not fit its membrane.
  [[nodiscard]] std::optional<SearchPoint> baseline(const std::string& name) const;
  static std::vector<std::string> baseline_names(const std::vector<NumberFormat>& formats);

 private:
  void test(Scenario scenario, SearchPoint& point) const;

  const Scenario& scenario_;
  const Model& model_;
  const FormatProblem& problem_;
  std::filesystem::path folder_;
  unsigned threads_;
  double float_linear_ = 0;  ///< linear-bits energy of the reference
};

}  // namespace nj
