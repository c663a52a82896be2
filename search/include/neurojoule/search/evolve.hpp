#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/problem.hpp"

namespace nj {

enum class Evolution {
  nsga2,  ///< non-dominated sorting; a generation is one batch
  moead   ///< decomposition, with differential evolution; one candidate at a time
};

struct EvolveOptions {
  Evolution algorithm = Evolution::nsga2;
  std::uint32_t population = 64;  ///< at least 8; of nsga2 a multiple of 4
  std::uint32_t generations = 50;
  std::uint64_t seed = 1;
  /// Candidates that the first population holds; random ones fill it up.
  std::vector<Candidate> start{};
};

/// Evolves a population on all objectives, with pagmo2. Candidates that break a constraint are
/// worse than all that do not, by their violation. Ends after the generations, or with the budget.
/// What it saw is in the evaluator.
///
/// Source: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEVC
/// 6(2), 2002; Li and Zhang, "Multiobjective optimization problems with complicated Pareto sets,
/// MOEA/D and NSGA-II", IEEE TEVC 13(2), 2009.
/// Throws: Error(config): a population of another size, or a start that does not fit into it;
/// Error(shape): a start outside the space.
void evolve(Evaluator& evaluator, const EvolveOptions& options = {});

}  // namespace nj
