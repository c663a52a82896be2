#pragma once

#include <vector>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/problem.hpp"

namespace nj {

/// What each single change of a candidate does to the loss.
struct SensitivityTable {
  Candidate base;
  Evaluation base_evaluation;
  /// [variable][option]: loss of the base with only that variable changed; infinite where the
  /// budget did not suffice.
  std::vector<std::vector<double>> loss;
};

/// Measures the base and each single change of it to the end, infeasible ones included.
SensitivityTable sensitivity(Evaluator& evaluator, const Candidate& base);

}  // namespace nj
