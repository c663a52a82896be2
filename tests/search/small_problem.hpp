#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <neurojoule/search/problem.hpp>

namespace nj::testing {

/// A problem to work out by hand: the cost is the sum over the variables of
/// `cost[variable][option]`, and the loss any function.
class SmallProblem {
 public:
  SmallProblem(std::vector<std::vector<double>> cost, std::function<double(const Candidate&)> loss)
      : cost_(std::move(cost)), loss_(std::move(loss)) {
    for (const auto& options : cost_) {
      space_.options.push_back(static_cast<std::uint32_t>(options.size()));
    }
  }

  double cost_limit = 1e300;                 ///< a constraint that is known before measuring
  mutable std::vector<Candidate> asked;      ///< all that was measured, in order
  mutable std::vector<std::size_t> batches;  ///< sizes of the batches

  [[nodiscard]] const SearchSpace& space() const { return space_; }
  [[nodiscard]] std::size_t objectives() const { return 2; }
  [[nodiscard]] Costs costs(const Candidate& candidate) const {
    double sum = 0;
    for (std::size_t v = 0; v < candidate.size(); ++v) sum += cost_[v][candidate[v]];
    return {{sum}, std::max(0.0, sum - cost_limit)};
  }
  [[nodiscard]] std::vector<Evaluation> evaluate(std::span<const Candidate> batch,
                                                 const Bar& /*bar*/) const {
    std::vector<Evaluation> evaluations;
    batches.push_back(batch.size());
    for (const Candidate& candidate : batch) {
      const Costs known = costs(candidate);
      evaluations.push_back({{loss_(candidate), known.values[0]}, known.violation, true});
      asked.push_back(candidate);
    }
    return evaluations;
  }

 private:
  std::vector<std::vector<double>> cost_;
  std::function<double(const Candidate&)> loss_;
  SearchSpace space_;
};

}  // namespace nj::testing
