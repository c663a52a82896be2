#include "neurojoule/search/evolve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <pagmo/algorithms/moead.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

#include "neurojoule/core/error.hpp"

#include "random_candidate.hpp"

namespace nj {
namespace {

using pagmo::vector_double;

/// Ends the evolution from within a fitness.
struct BudgetEnded {};

/// What all copies of the problem that pagmo makes share.
struct Context {
  Evaluator* evaluator = nullptr;
  bool integers = true;                ///< nsga2 knows whole numbers; moead's reals are rounded
  std::vector<std::size_t> variables;  ///< those with a choice; the others stay 0
  std::vector<double> low;             ///< each objective is scaled from [low, low + range] to
  std::vector<double> range;           ///< [0, 1]

  [[nodiscard]] const SearchSpace& space() const { return evaluator->problem().space(); }
  [[nodiscard]] Candidate candidate_of(const double* genes) const {
    Candidate candidate(space().options.size(), 0);
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const double last = space().options[variables[i]] - 1.0;
      candidate[variables[i]] =
          static_cast<std::uint16_t>(std::clamp(std::round(genes[i]), 0.0, last));
    }
    return candidate;
  }
  [[nodiscard]] vector_double genes_of(const Candidate& candidate) const {
    vector_double genes;
    for (const std::size_t v : variables) genes.push_back(candidate[v]);
    return genes;
  }
  /// Scaled objectives; beyond all of them, and ordered by violation, where a constraint is broken.
  [[nodiscard]] vector_double fitness_of(const Evaluation& evaluation) const {
    constexpr double penalty = 1e9;
    vector_double fitness(low.size(), penalty * (1 + evaluation.violation));
    if (evaluation.violation > 0) return fitness;
    for (std::size_t i = 0; i < fitness.size(); ++i) {
      fitness[i] = (evaluation.objectives[i] - low[i]) / range[i];
    }
    return fitness;
  }
  void scale_to(const std::vector<Evaluation>& evaluations, std::size_t objectives) {
    low.assign(objectives, 0);
    range.assign(objectives, 1);
    for (std::size_t i = 0; i < objectives; ++i) {
      double least = std::numeric_limits<double>::infinity();
      double most = -least;
      for (const Evaluation& evaluation : evaluations) {
        if (evaluation.violation > 0) continue;
        least = std::min(least, evaluation.objectives[i]);
        most = std::max(most, evaluation.objectives[i]);
      }
      if (!(least < most)) continue;
      low[i] = least;
      range[i] = most - least;
    }
  }
};

/// The problem as pagmo wants it.
struct GeneProblem {
  const Context* context = nullptr;

  [[nodiscard]] vector_double batch_fitness(const vector_double& genes) const {
    const std::size_t size = context->variables.size();
    std::vector<Candidate> batch;
    for (std::size_t at = 0; at < genes.size(); at += size) {
      batch.push_back(context->candidate_of(genes.data() + at));
    }
    const auto evaluations = context->evaluator->evaluate(batch);
    if (evaluations.size() < batch.size()) throw BudgetEnded{};
    vector_double all;
    for (const Evaluation& evaluation : evaluations) {
      const vector_double fitness = context->fitness_of(evaluation);
      all.insert(all.end(), fitness.begin(), fitness.end());
    }
    return all;
  }
  [[nodiscard]] vector_double fitness(const vector_double& genes) const {
    return batch_fitness(genes);
  }
  [[nodiscard]] std::pair<vector_double, vector_double> get_bounds() const {
    // Reals that are rounded get a full unit for the outer options too.
    const double margin = context->integers ? 0.0 : 0.499;
    std::pair<vector_double, vector_double> bounds;
    for (const std::size_t v : context->variables) {
      bounds.first.push_back(-margin);
      bounds.second.push_back(context->space().options[v] - 1.0 + margin);
    }
    return bounds;
  }
  [[nodiscard]] vector_double::size_type get_nobj() const { return context->low.size(); }
  [[nodiscard]] vector_double::size_type get_nix() const {
    return context->integers ? context->variables.size() : 0;
  }
};

void check_options(const SearchSpace& space, const EvolveOptions& options) {
  const bool quarters = options.algorithm == Evolution::nsga2;
  if (options.population < 8 || (quarters && options.population % 4 != 0)) {
    throw Error(ErrorKind::config,
                fmt::format("a population of {}: expected at least 8{}", options.population,
                            quarters ? ", and a multiple of 4" : ""));
  }
  if (options.start.size() > options.population) {
    throw Error(ErrorKind::config, fmt::format("{} candidates to start with in a population of {}",
                                               options.start.size(), options.population));
  }
  for (const Candidate& candidate : options.start) {
    if (!space.contains(candidate)) {
      throw Error(ErrorKind::shape, "a candidate to start with is outside of the search space");
    }
  }
}

pagmo::algorithm algorithm_of(const EvolveOptions& options, std::size_t variables) {
  // The seed of pagmo's generators is 32 bits wide.
  const auto seed = static_cast<unsigned>(options.seed ^ (options.seed >> 32));
  const double mutation = 1.0 / static_cast<double>(variables);
  if (options.algorithm == Evolution::nsga2) {
    pagmo::nsga2 nsga2(options.generations, 0.9, 10, mutation, 20, seed);
    nsga2.set_bfe(pagmo::bfe{pagmo::member_bfe{}});
    return pagmo::algorithm{std::move(nsga2)};
  }
  const unsigned neighbours = std::min(20U, options.population - 1);
  return pagmo::algorithm{pagmo::moead(options.generations, "low discrepancy", "tchebycheff",
                                       neighbours, 1.0, 0.5, 20, 0.9, 2, true, seed)};
}

}  // namespace

void evolve(Evaluator& evaluator, const EvolveOptions& options) {
  const SearchSpace& space = evaluator.problem().space();
  check_options(space, options);
  Context context{&evaluator, options.algorithm == Evolution::nsga2, {}, {}, {}};
  for (std::size_t v = 0; v < space.options.size(); ++v) {
    if (space.options[v] > 1) context.variables.push_back(v);
  }
  std::vector<Candidate> start = options.start;
  for (std::uint64_t i = 0; start.size() < options.population; ++i) {
    start.push_back(random_candidate(space, options.seed, i));
  }
  const auto evaluations = evaluator.evaluate(start);
  if (evaluations.size() < start.size() || context.variables.empty()) return;
  context.scale_to(evaluations, evaluator.problem().objectives());
  pagmo::population population(pagmo::problem{GeneProblem{&context}}, 0U, 0U);
  for (std::size_t i = 0; i < start.size(); ++i) {
    population.push_back(context.genes_of(start[i]), context.fitness_of(evaluations[i]));
  }
  try {
    algorithm_of(options, context.variables.size()).evolve(population);
  } catch (const BudgetEnded&) {
    return;
  }
}

}  // namespace nj
