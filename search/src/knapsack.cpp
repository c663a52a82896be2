#include "neurojoule/search/knapsack.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

#include "additive_fit.hpp"

namespace nj {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The best sum for a capacity, and the weight that it takes.
struct Cell {
  double loss = infinity;
  std::uint32_t weight = 0;
};

void check_items(const KnapsackItems& items, std::uint32_t largest) {
  if (items.loss.size() != items.weight.size()) {
    throw Error(ErrorKind::shape, "knapsack: losses and weights of other variables");
  }
  for (std::size_t v = 0; v < items.loss.size(); ++v) {
    if (items.loss[v].size() != items.weight[v].size() || items.loss[v].size() > 65'536) {
      throw Error(ErrorKind::shape, fmt::format("knapsack: variable {}: {} losses, {} weights", v,
                                                items.loss[v].size(), items.weight[v].size()));
    }
  }
  if ((std::uint64_t{largest} + 1) * items.loss.size() > (std::uint64_t{1} << 28)) {
    throw Error(ErrorKind::capacity,
                fmt::format("knapsack: {} variables x capacity {} is above 2^28", items.loss.size(),
                            largest));
  }
}

}  // namespace

std::vector<Candidate> solve_knapsack(const KnapsackItems& items,
                                      std::span<const std::uint32_t> capacities) {
  const std::uint32_t largest =
      capacities.empty() ? 0 : *std::max_element(capacities.begin(), capacities.end());
  check_items(items, largest);
  const std::size_t cells = std::size_t{largest} + 1;
  // Invariant: after v variables, best[j] is the best sum of theirs within capacity j, and
  // taken[v'][j] the option of variable v' in the best sum of the first v' + 1 variables.
  std::vector<Cell> best(cells, Cell{0, 0});
  std::vector<std::vector<std::uint16_t>> taken;
  for (std::size_t v = 0; v < items.loss.size(); ++v) {
    std::vector<Cell> next(cells);
    std::vector<std::uint16_t>& options = taken.emplace_back(cells, std::uint16_t{0});
    for (std::size_t o = 0; o < items.loss[v].size(); ++o) {
      const double loss = items.loss[v][o];
      const std::uint32_t weight = items.weight[v][o];
      if (loss == infinity) continue;
      for (std::size_t j = weight; j < cells; ++j) {
        const Cell sum{best[j - weight].loss + loss, best[j - weight].weight + weight};
        if (std::pair(sum.loss, sum.weight) < std::pair(next[j].loss, next[j].weight)) {
          next[j] = sum;
          options[j] = static_cast<std::uint16_t>(o);
        }
      }
    }
    best = std::move(next);
  }
  std::vector<Candidate> solutions;
  for (const std::uint32_t capacity : capacities) {
    Candidate& solution = solutions.emplace_back();
    if (best[capacity].loss == infinity) continue;
    solution.resize(items.loss.size());
    std::size_t left = capacity;
    for (std::size_t v = solution.size(); v-- > 0;) {
      solution[v] = taken[v][left];
      left -= items.weight[v][solution[v]];
    }
  }
  return solutions;
}

namespace {

/// The first cost as a sum over the variables, on an integer scale from the cheapest candidate.
struct CostScale {
  std::vector<std::vector<std::uint32_t>> weight;  ///< [variable][option]
  double cheapest = 0;
  double step = 1;  ///< cost of a weight of 1
  std::uint32_t dearest = 0;
};

CostScale scale_of(const Problem& problem, const Candidate& base, std::uint32_t cells) {
  const auto cost_of = [&](const Candidate& candidate) {
    return problem.costs(candidate).values[0];
  };
  const double at_base = cost_of(base);
  std::vector<std::vector<double>> above(base.size());  // the variable's cheapest option
  CostScale scale{{}, at_base, 1, 0};
  double range = 0;
  bool integral = true;
  for (std::size_t v = 0; v < base.size(); ++v) {
    Candidate changed = base;
    for (std::uint32_t o = 0; o < problem.space().options[v]; ++o) {
      changed[v] = static_cast<std::uint16_t>(o);
      above[v].push_back(cost_of(changed) - at_base);
    }
    const double least = *std::min_element(above[v].begin(), above[v].end());
    scale.cheapest += least;
    for (double& cost : above[v]) {
      cost -= least;
      integral = integral && cost == std::floor(cost);
    }
    range += *std::max_element(above[v].begin(), above[v].end());
  }
  // Small whole costs stay as they are; then the programme is exact.
  if (!integral || range > cells) scale.step = range / cells;
  for (const std::vector<double>& costs : above) {
    std::vector<std::uint32_t>& weights = scale.weight.emplace_back();
    for (const double cost : costs) {
      weights.push_back(static_cast<std::uint32_t>(std::lround(cost / scale.step)));
    }
    scale.dearest += *std::max_element(weights.begin(), weights.end());
  }
  return scale;
}

/// The budgets of a region of cost. Those of each round lie between those of the rounds before.
std::vector<std::uint32_t> capacities_of(const CostScale& scale, const KnapsackOptions& options,
                                         std::size_t region, std::size_t round) {
  std::vector<std::uint32_t> capacities;
  const double shift = static_cast<double>(round) / static_cast<double>(options.rounds);
  for (std::size_t i = 0; i < options.budgets; ++i) {
    if (i * options.regions / options.budgets != region) continue;
    const double share =
        (static_cast<double>(i + 1) - shift) / static_cast<double>(options.budgets);
    capacities.push_back(static_cast<std::uint32_t>(share * scale.dearest));
  }
  return capacities;
}

}  // namespace

void knapsack(Evaluator& evaluator, const SensitivityTable& table, const KnapsackOptions& options) {
  if (options.budgets == 0 || options.cells == 0 || options.rounds == 0 || options.regions == 0) {
    throw Error(ErrorKind::config, "knapsack: budgets, cells, rounds and regions are at least 1");
  }
  if (!table.base_evaluation.complete) return;  // the budget ended before anything was measured
  const CostScale scale = scale_of(evaluator.problem(), table.base, options.cells);
  for (std::size_t round = 0; round < options.rounds && !evaluator.exhausted(); ++round) {
    const std::uint64_t before = evaluator.evaluations();
    std::vector<Candidate> batch;
    for (std::size_t region = 0; region < options.regions; ++region) {
      const auto capacities = capacities_of(scale, options, region, round);
      if (capacities.empty()) continue;
      KnapsackItems items{table.loss, scale.weight};
      if (round > 0) {
        const double part = scale.step * scale.dearest / static_cast<double>(options.regions);
        const double middle = scale.cheapest + part * (static_cast<double>(region) + 0.5);
        items.loss = fitted_losses(table, evaluator.visited(), middle, part);
      }
      for (Candidate& solution : solve_knapsack(items, capacities)) {
        if (!solution.empty()) batch.push_back(std::move(solution));
      }
    }
    evaluator.evaluate(batch);
    if (evaluator.evaluations() == before) return;
  }
}

}  // namespace nj
