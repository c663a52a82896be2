#include "search_algorithms.hpp"

#include <algorithm>
#include <numeric>

#include "neurojoule/search/beam.hpp"
#include "neurojoule/search/enumerate.hpp"
#include "neurojoule/search/evolve.hpp"
#include "neurojoule/search/greedy.hpp"
#include "neurojoule/search/knapsack.hpp"

namespace nj {
namespace {

/// Losses from which on greedy and beam go no further: an accuracy drop, and a divergence in nats
/// that comes with one of about ten points.
constexpr double drop_limit = 0.1;
constexpr double divergence_limit = 0.3;

/// Levels down to the cheapest candidate that what is left of the budget lasts for.
std::size_t beam_levels(const Evaluator& evaluator, std::uint64_t budget) {
  constexpr std::uint64_t evaluations_per_level = 12;
  const std::uint64_t left = budget - std::min(budget, evaluator.evaluations());
  return std::clamp<std::uint64_t>(left / evaluations_per_level, 8, BeamOptions{}.levels);
}

EvolveOptions evolve_options(Evolution algorithm, const AlgorithmSetup& setup) {
  constexpr std::uint32_t population = 64;
  return {.algorithm = algorithm,
          .population = population,
          .generations = static_cast<std::uint32_t>(
              std::clamp<std::uint64_t>(setup.budget / population, 1, 10'000)),
          .seed = setup.seed,
          .start = setup.start};
}

}  // namespace

SensitivityTable run_search_algorithm(SearchAlgorithm algorithm, Evaluator& evaluator,
                                      const AlgorithmSetup& setup) {
  const bool by_drop = setup.loss == SearchLoss::accuracy_drop;
  const double resolution = by_drop ? 1.0 / static_cast<double>(setup.samples) : 1e-4;
  const double loss_limit = by_drop ? drop_limit : divergence_limit;
  SensitivityTable table;
  switch (algorithm) {
    case SearchAlgorithm::greedy:
      table = sensitivity(evaluator, setup.base);
      greedy(evaluator, table, {.width = 8, .loss_limit = loss_limit, .resolution = resolution});
      break;
    case SearchAlgorithm::beam:
      table = sensitivity(evaluator, setup.base);
      beam(evaluator, table,
           {.levels = beam_levels(evaluator, setup.budget), .loss_limit = loss_limit});
      break;
    case SearchAlgorithm::knapsack:
      table = sensitivity(evaluator, setup.base);
      knapsack(evaluator, table);
      break;
    case SearchAlgorithm::nsga2:
      evolve(evaluator, evolve_options(Evolution::nsga2, setup));
      break;
    case SearchAlgorithm::moead:
      evolve(evaluator, evolve_options(Evolution::moead, setup));
      break;
    case SearchAlgorithm::random:
      random_search(evaluator, setup.budget, setup.seed);
      break;
    case SearchAlgorithm::exhaustive:
      exhaustive(evaluator, setup.budget);
      break;
  }
  return table;
}

std::vector<Candidate> alike(const SearchSpace& space, const CandidateCost& cost) {
  constexpr std::size_t steps = 10;
  const Candidate& cheapest = cost.cheapest;
  std::vector<Candidate> points;
  for (std::size_t step = 0; step <= steps; ++step) {
    Candidate candidate;
    for (std::size_t v = 0; v < cheapest.size(); ++v) {
      std::vector<std::uint16_t> order(space.options[v]);
      std::iota(order.begin(), order.end(), std::uint16_t{0});
      const auto cost_with = [&](std::uint16_t option) {
        Candidate changed = cheapest;
        changed[v] = option;
        return cost.of(changed);
      };
      std::stable_sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
        return cost_with(a) < cost_with(b);
      });
      candidate.push_back(order[(order.size() - 1) * step / steps]);
    }
    if (points.empty() || points.back() != candidate) points.push_back(candidate);
  }
  return points;
}

}  // namespace nj
