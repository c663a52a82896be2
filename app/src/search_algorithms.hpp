#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/app/search.hpp"
#include "neurojoule/search/evaluator.hpp"

#include "search_problem.hpp"

namespace nj {

/// What an algorithm is told besides the evaluator.
struct AlgorithmSetup {
  Candidate base;                  ///< where walks begin
  std::vector<Candidate> start{};  ///< what populations hold at first
  SearchLoss loss{};
  std::uint64_t samples = 1;  ///< that the losses are of
  std::uint64_t budget = 1;   ///< evaluations
  std::uint64_t seed = 1;
};

/// Runs an algorithm; what it saw is in the evaluator. Returns the sensitivities that it started
/// from, empty where it needs none.
SensitivityTable run_search_algorithm(SearchAlgorithm algorithm, Evaluator& evaluator,
                                      const AlgorithmSetup& setup);

/// Candidates with all variables at the same place between their cheapest and dearest option.
std::vector<Candidate> alike(const SearchSpace& space, const CandidateCost& cost);

}  // namespace nj
