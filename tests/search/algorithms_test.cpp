#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/core/rng.hpp>
#include <neurojoule/search/beam.hpp>
#include <neurojoule/search/enumerate.hpp>
#include <neurojoule/search/evolve.hpp>
#include <neurojoule/search/greedy.hpp>
#include <neurojoule/search/knapsack.hpp>

#include "small_problem.hpp"
#include "support/thrown.hpp"
#include "synthetic_problem.hpp"

using namespace nj;
using nj::testing::SmallProblem;
using nj::testing::SyntheticProblem;

namespace {

using Objectives = std::vector<std::vector<double>>;

Objectives objectives_of(const ParetoFront& front) {
  Objectives objectives;
  for (const FrontPoint& point : front.points()) objectives.push_back(point.objectives);
  return objectives;
}

/// 5 layers of 5 widths: 3125 candidates.
constexpr std::uint32_t layers = 5;
constexpr std::uint32_t widths = 5;
const Candidate finest(layers, 0);
const Candidate coarsest(layers, widths - 1);

/// How well a search did, against the enumerated front.
struct Result {
  double share = 0;  ///< of the true hypervolume, below a loss of 0.3 and the cost of the base
  std::uint64_t evaluations = 0;
};

template <class Search>
Result result_of(const SyntheticProblem& problem, const Search& search) {
  Evaluator all(Problem(problem), {.batch = 4096});
  exhaustive(all);
  REQUIRE(all.evaluations() == 3125);
  Evaluator evaluator{Problem(problem)};
  search(evaluator);
  const std::vector<double> below{0.3, problem.costs(finest).values[0] + 1};
  return {hypervolume(evaluator.front().points(), below) / hypervolume(all.front().points(), below),
          evaluator.evaluations()};
}

/// The worst of ten instances, each search on its own: share and evaluations.
template <class Search>
Result worst_of(const Search& search) {
  Result worst{1, 0};
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const SyntheticProblem problem(layers, widths, seed);
    const Result result = result_of(problem, search);
    worst.share = std::min(worst.share, result.share);
    worst.evaluations = std::max(worst.evaluations, result.evaluations);
  }
  return worst;
}

void run_all(Evaluator& evaluator) {
  const SensitivityTable table = sensitivity(evaluator, finest);
  greedy(evaluator, table);
  beam(evaluator, table);
  knapsack(evaluator, table);
  evolve(evaluator, {.population = 16, .generations = 5, .start = {finest, coarsest}});
  evolve(evaluator, {.algorithm = Evolution::moead, .population = 10, .generations = 5});
  random_search(evaluator, 50, 1);
}

}  // namespace

TEST_CASE("greedy, by hand") {
  // Loss and cost are sums: A has losses 0 1 5 at costs 8 4 2, B losses 0 2 3 at costs 8 4 2.
  const SmallProblem problem({{8, 4, 2}, {8, 4, 2}}, [](const Candidate& c) {
    return std::vector<double>{0, 1, 5}[c[0]] + std::vector<double>{0, 2, 3}[c[1]];
  });
  Evaluator evaluator{Problem(problem)};
  const SensitivityTable table = sensitivity(evaluator, {0, 0});
  greedy(evaluator, table, {.width = 1, .patience = 1});
  // From (0,0) the gains are A1 4/1, A2 6/5, B1 4/2, B2 6/3: A1. Then A2 2/4, B1 4/2, B2 6/3, which
  // saves more than B1: B2. Then A2. The first step is in the table, the others are new.
  const std::vector<Candidate> new_ones(problem.asked.begin() + 5, problem.asked.end());
  CHECK(new_ones == std::vector<Candidate>{{1, 2}, {2, 2}});
  CHECK(objectives_of(evaluator.front()) == Objectives{{8, 4}, {4, 6}, {3, 10}, {1, 12}, {0, 16}});

  Evaluator limited{Problem(problem)};
  greedy(limited, table, {.width = 1, .patience = 1, .loss_limit = 3.9});
  // (1, 2) loses 4: tried, and not stood on. One look back from (1, 0) finds nothing.
  CHECK(limited.evaluations() == 2);
}

TEST_CASE("greedy takes back what a later move made dear") {
  // Three variables, 3 saved by each. Alone they lose 1, 1.1 and 1.2; A and B together 10, A and
  // C 5.
  const SmallProblem problem({{4, 1}, {4, 1}, {4, 1}}, [](const Candidate& c) {
    constexpr double losses[] = {0, 1.2, 1.1, 2.3, 1, 5, 10, 30};
    return losses[c[0] * 4 + c[1] * 2 + c[2]];
  });
  const auto loss_at_cost_6 = [&](std::size_t back_every) {
    Evaluator evaluator{Problem(problem)};
    const SensitivityTable table = sensitivity(evaluator, {0, 0, 0});
    greedy(evaluator, table, {.width = 1, .patience = 1, .back_every = back_every});
    return evaluator.front().bar(std::vector{6.0});
  };
  // A, then B as the table says: 10. Back then: B costs 9 there, C should cost 1.2 in its place: 5.
  CHECK(loss_at_cost_6(2) == 5);
  CHECK(loss_at_cost_6(1000) == 10);
}

TEST_CASE("greedy takes a loss that falls by noise for none, and the larger saving first") {
  const SmallProblem problem({{9, 8}, {9, 6}, {9, 1}}, [](const Candidate& c) {
    return 1 - 0.1 * c[0] - 0.05 * c[1] + 0.001 * c[2];
  });
  Evaluator evaluator{Problem(problem)};
  const SensitivityTable table = sensitivity(evaluator, {0, 0, 0});
  const auto first_new = [&](double resolution) {
    Evaluator walk{Problem(problem)};
    greedy(walk, table, {.width = 1, .patience = 1, .back_every = 100, .resolution = resolution});
    return walk.visited()[0].candidate;
  };
  CHECK(first_new(0) == Candidate{0, 1, 0});      // saves 3 at -0.05, A only 1 at -0.1
  CHECK(first_new(0.002) == Candidate{0, 0, 1});  // below the resolution all count alike: 8
}

TEST_CASE("a knapsack is solved as enumeration does") {
  // 5 variables of 4 options; losses are whole, so that sums are exact and often equal.
  const RandomKey key{11, 1, 0};
  KnapsackItems items;
  for (std::uint32_t v = 0; v < 5; ++v) {
    items.loss.emplace_back();
    items.weight.emplace_back();
    for (std::uint32_t o = 0; o < 4; ++o) {
      items.loss[v].push_back(static_cast<double>(random_below(key, v * 8 + o, 9)) - 2);
      items.weight[v].push_back(static_cast<std::uint32_t>(random_below(key, v * 8 + o + 4, 20)));
    }
  }
  items.loss[2][1] = std::numeric_limits<double>::infinity();
  std::vector<std::uint32_t> capacities(101);
  for (std::uint32_t j = 0; j <= 100; ++j) capacities[j] = j;
  const double none = std::numeric_limits<double>::infinity();
  std::vector<std::pair<double, std::uint32_t>> best(101, {none, 0});
  const auto sums = [&](const Candidate& c) {
    double loss = 0;
    std::uint32_t weight = 0;
    for (std::size_t v = 0; v < 5; ++v) {
      loss += items.loss[v][c[v]];
      weight += items.weight[v][c[v]];
    }
    return std::pair(loss, weight);
  };
  for (std::uint16_t code = 0; code < 1024; ++code) {
    Candidate c;
    for (int v = 0; v < 5; ++v) c.push_back((code >> (2 * v)) & 3);
    const auto sum = sums(c);
    for (std::uint32_t j = sum.second; j <= 100; ++j) best[j] = std::min(best[j], sum);
  }
  const auto solutions = solve_knapsack(items, capacities);
  for (std::uint32_t j = 0; j <= 100; ++j) {
    if (best[j].first == none) {
      CHECK(solutions[j].empty());
      continue;
    }
    REQUIRE(solutions[j].size() == 5);
    CHECK(sums(solutions[j]) == best[j]);
  }
}

TEST_CASE("on sums with whole costs the first round of knapsack finds the front") {
  std::vector<std::vector<double>> cost;
  std::vector<std::vector<double>> loss;
  for (std::uint32_t v = 0; v < 4; ++v) {
    // Three options, each cheaper and worse than the one before.
    const auto drop = [&](std::uint32_t step) {
      return static_cast<double>(1 + random_below({5, 1, v}, step, 9));
    };
    cost.push_back({20, 20 - drop(0), 20 - drop(0) - drop(1)});
    loss.push_back({0, drop(2), drop(2) + drop(3)});
  }
  const SmallProblem problem(cost, [&](const Candidate& c) {
    double sum = 0;
    for (std::size_t v = 0; v < 4; ++v) sum += loss[v][c[v]];
    return sum;
  });
  const double range =
      problem.costs({0, 0, 0, 0}).values[0] - problem.costs({2, 2, 2, 2}).values[0];
  Evaluator evaluator{Problem(problem)};
  const SensitivityTable table = sensitivity(evaluator, {0, 0, 0, 0});
  // Every whole cost from the cheapest plus 1 to the dearest is a budget.
  knapsack(evaluator, table,
           {.budgets = static_cast<std::size_t>(range), .cells = 60, .rounds = 1, .regions = 1});
  Evaluator all{Problem(problem)};
  exhaustive(all);
  Objectives expected = objectives_of(all.front());
  CHECK(expected.size() > 15);
  expected.erase(expected.begin());  // the cheapest itself
  CHECK(objectives_of(evaluator.front()) == expected);
  CHECK(range < 60);
}

TEST_CASE("corrected by measurements, a knapsack comes nearer to the front") {
  // Of 20 layers, in shares of what a wide beam finds.
  const SyntheticProblem problem(20, 6, 1);
  const Candidate base(20, 0);
  const std::vector<double> below{0.3, problem.costs(base).values[0] + 1};
  const auto volume = [&](const auto& search) {
    Evaluator evaluator{Problem(problem)};
    search(evaluator, sensitivity(evaluator, base));
    return hypervolume(evaluator.front().points(), below);
  };
  const double whole = volume([](Evaluator& evaluator, const SensitivityTable& table) {
    beam(evaluator, table, {.width = 8, .levels = 96});
  });
  const auto share_after = [&](std::size_t rounds) {
    return volume([&](Evaluator& evaluator, const SensitivityTable& table) {
             knapsack(evaluator, table, {.rounds = rounds});
           }) /
           whole;
  };
  CHECK(share_after(1) < 0.97);
  CHECK(share_after(8) > 0.99);
  // A beam of half the width does nearly as well.
  const double narrow =
      volume([](Evaluator& evaluator, const SensitivityTable& table) { beam(evaluator, table); });
  CHECK(narrow > 0.995 * whole);
}

TEST_CASE("a beam does not go on from beyond the loss limit") {
  const SmallProblem problem({{3, 2, 1}, {3, 2, 1}},
                             [](const Candidate& c) { return c[0] + c[1]; });
  const auto visits = [&](double loss_limit) {
    Evaluator evaluator{Problem(problem)};
    beam(evaluator, sensitivity(evaluator, {0, 0}), {.loss_limit = loss_limit});
    return evaluator.evaluations();
  };
  CHECK(visits(0.5) == 5);  // the base and its four changes, which the table has
  CHECK(visits(1) == 8);    // from (0, 1) and (1, 0) also (1, 1), (1, 2) and (2, 1)
  CHECK(visits(3) == 9);
}

TEST_CASE("shares of the true hypervolume of 3125 candidates with interactions") {
  const Result by_greedy = worst_of([](Evaluator& evaluator) {
    greedy(evaluator, sensitivity(evaluator, finest), {.width = 8});
  });
  CHECK(by_greedy.share >= 0.97);
  CHECK(by_greedy.evaluations <= 3125 * 6 / 100);
  const Result by_beam = worst_of([](Evaluator& evaluator) {
    beam(evaluator, sensitivity(evaluator, finest), {.levels = 64});
  });
  CHECK(by_beam.share >= 0.99);
  CHECK(by_beam.evaluations <= 3125 * 18 / 100);
  const Result by_knapsack = worst_of(
      [](Evaluator& evaluator) { knapsack(evaluator, sensitivity(evaluator, finest), {}); });
  CHECK(by_knapsack.share >= 0.98);
  CHECK(by_knapsack.evaluations <= 3125 * 5 / 100);
  const Result by_nsga2 = worst_of([](Evaluator& evaluator) {
    evolve(evaluator, {.population = 40, .generations = 25, .start = {finest, coarsest}});
  });
  CHECK(by_nsga2.share >= 0.95);
  CHECK(by_nsga2.evaluations <= 3125 * 24 / 100);
  const Result by_moead = worst_of([](Evaluator& evaluator) {
    evolve(evaluator, {.algorithm = Evolution::moead,
                       .population = 40,
                       .generations = 25,
                       .start = {finest, coarsest}});
  });
  CHECK(by_moead.share >= 0.97);
  CHECK(by_moead.evaluations <= 3125 * 16 / 100);
  MESSAGE("greedy ", by_greedy.share, " (", by_greedy.evaluations, ")  beam ", by_beam.share, " (",
          by_beam.evaluations, ")  knapsack ", by_knapsack.share, " (", by_knapsack.evaluations,
          ")  nsga2 ", by_nsga2.share, " (", by_nsga2.evaluations, ")  moead ", by_moead.share,
          " (", by_moead.evaluations, ")");
}

TEST_CASE("with three objectives the front is over all of them") {
  SyntheticProblem problem(layers, widths, 5);
  problem.slow_when_coarse = true;
  Evaluator all{Problem(problem)};
  exhaustive(all);
  const std::vector<double> below{0.3, problem.costs(finest).values[0] + 1,
                                  problem.costs(coarsest).values[1] + 1};
  for (const Evolution algorithm : {Evolution::nsga2, Evolution::moead}) {
    Evaluator evaluator{Problem(problem)};
    evolve(
        evaluator,
        {.algorithm = algorithm, .population = 60, .generations = 20, .start = {finest, coarsest}});
    CHECK(hypervolume(evaluator.front().points(), below) >
          0.95 * hypervolume(all.front().points(), below));
  }
  Evaluator evaluator{Problem(problem)};
  greedy(evaluator, sensitivity(evaluator, finest));
  for (const FrontPoint& point : evaluator.front().points()) CHECK(point.objectives.size() == 3);
  // The base alone has a second cost of 0: nothing dominates it, and it has the highest first cost.
  CHECK(evaluator.front().points().back().candidate == finest);
}

TEST_CASE("racing does not change the front of the same visits") {
  SyntheticProblem raced(layers, widths, 2);
  raced.racing = true;
  const SyntheticProblem full(layers, widths, 2);
  for (const bool all : {true, false}) {
    const auto front_of = [&](const SyntheticProblem& problem) {
      Evaluator evaluator{Problem(problem)};
      if (all) {
        exhaustive(evaluator);
      } else {
        random_search(evaluator, 500, 4);
      }
      return evaluator.front().points();
    };
    CHECK(front_of(raced) == front_of(full));
  }
  CHECK(raced.given_up > 2000);
  Evaluator evaluator{Problem(raced)};
  run_all(evaluator);
  Evaluator unraced{Problem(full)};
  run_all(unraced);
  const std::vector<double> below{0.3, full.costs(finest).values[0] + 1};
  CHECK(hypervolume(evaluator.front().points(), below) >=
        0.999 * hypervolume(unraced.front().points(), below));
}

TEST_CASE("every algorithm ends where the budget ends") {
  const SyntheticProblem problem(layers, widths, 3);
  for (const std::uint64_t budget : {0, 1, 10, 25, 30, 60, 200}) {
    const auto used = [&](const auto& search) {
      Evaluator evaluator(Problem(problem), {.budget = budget});
      search(evaluator);
      return evaluator.evaluations();
    };
    CHECK(used(run_all) == budget);
    for (const Evolution algorithm : {Evolution::nsga2, Evolution::moead}) {
      CHECK(used([&](Evaluator& evaluator) {
              evolve(evaluator, {.algorithm = algorithm, .population = 8, .generations = 1000});
            }) == budget);
    }
    CHECK(used([](Evaluator& evaluator) { exhaustive(evaluator); }) == budget);
    CHECK(used([](Evaluator& evaluator) { random_search(evaluator, 3000, 1); }) == budget);
  }
}

TEST_CASE("the same seed gives the same visits, another seed others") {
  const SyntheticProblem problem(layers, widths, 3);
  for (const Evolution algorithm : {Evolution::nsga2, Evolution::moead}) {
    const auto visits = [&](std::uint64_t seed) {
      Evaluator evaluator{Problem(problem)};
      evolve(evaluator, {algorithm, 20, 10, seed, {finest}});
      std::vector<Candidate> candidates;
      for (const Visited& visited : evaluator.visited()) candidates.push_back(visited.candidate);
      return candidates;
    };
    CHECK(visits(1) == visits(1));
    CHECK(visits(1) != visits(2));
  }
}

TEST_CASE("constraints: walks pass through broken ones, others do not measure them") {
  SyntheticProblem problem(layers, widths, 4);
  problem.cost_limit = problem.costs(finest).values[0] * 0.6;
  problem.loss_limit = 0.5;
  Evaluator all{Problem(problem)};
  exhaustive(all);
  const std::vector<double> below{0.5, problem.cost_limit + 1};
  const double whole = hypervolume(all.front().points(), below);
  for (const FrontPoint& point : all.front().points()) {
    CHECK(point.objectives[0] <= 0.5);
    CHECK(point.objectives[1] <= problem.cost_limit);
  }
  const auto share = [&](const auto& search) {
    Evaluator evaluator{Problem(problem)};
    search(evaluator);
    return hypervolume(evaluator.front().points(), below) / whole;
  };
  CHECK(share([](Evaluator& e) { greedy(e, sensitivity(e, finest)); }) > 0.95);
  CHECK(share([](Evaluator& e) { beam(e, sensitivity(e, finest)); }) > 0.97);
  CHECK(share([](Evaluator& e) { knapsack(e, sensitivity(e, finest)); }) > 0.95);
  for (const Evolution algorithm : {Evolution::nsga2, Evolution::moead}) {
    Evaluator evaluator{Problem(problem)};
    evolve(evaluator, {.algorithm = algorithm, .population = 40, .generations = 25});
    CHECK(hypervolume(evaluator.front().points(), below) / whole > 0.9);
    for (const Visited& visited : evaluator.visited()) {
      CHECK(problem.costs(visited.candidate).violation == 0);
    }
  }
}

TEST_CASE("random search draws different candidates, exhaustive takes all") {
  const SmallProblem problem({{3, 2, 1}, {2, 1}}, [](const Candidate& c) { return c[0] + c[1]; });
  Evaluator all{Problem(problem)};
  exhaustive(all, 6);
  CHECK(problem.asked == std::vector<Candidate>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}});
  for (const std::uint64_t count : {1, 3, 4, 6, 100}) {
    Evaluator drawn{Problem(problem)};
    random_search(drawn, count, 7);
    CHECK(drawn.evaluations() == std::min<std::uint64_t>(count, 6));
  }
  CHECK(testing::message_of([&] { exhaustive(all, 5); }) ==
        "the space has 6 candidates, at most 5 are enumerated");
  // Without end in sight, the budget ends it.
  const SyntheticProblem endless(100, 6, 1);
  Evaluator poor(Problem(endless), {.budget = 20});
  random_search(poor, ~std::uint64_t{0} - 1, 1);
  CHECK(poor.evaluations() == 20);
}

TEST_CASE("variables without a choice, and options that cannot be") {
  const SmallProblem fixed({{3}, {2}}, [](const Candidate&) { return 1.0; });
  const SmallProblem half({{3}, {2, 1}, {5}}, [](const Candidate& c) { return 1.0 + c[1]; });
  for (const SmallProblem* problem : {&fixed, &half}) {
    Evaluator evaluator{Problem(*problem)};
    const Candidate base(problem->space().options.size(), 0);
    const SensitivityTable table = sensitivity(evaluator, base);
    greedy(evaluator, table);
    beam(evaluator, table);
    knapsack(evaluator, table);
    evolve(evaluator, {.population = 8, .generations = 3});
    evolve(evaluator, {.algorithm = Evolution::moead, .population = 8, .generations = 3});
    CHECK(evaluator.evaluations() == problem->space().size());
  }
  Evaluator evaluator{Problem(half)};
  const SensitivityTable table = sensitivity(evaluator, {0, 0, 0});
  const auto refusal = [&](const auto& search) { return testing::message_of(search); };
  CHECK(refusal([&] { greedy(evaluator, table, {.width = 0}); }) ==
        "greedy: width, patience and back_every are at least 1");
  CHECK(refusal([&] { beam(evaluator, table, {.levels = 0}); }) ==
        "beam: width, spread and levels are at least 1");
  CHECK(refusal([&] { knapsack(evaluator, table, {.cells = 0}); }) ==
        "knapsack: budgets, cells, rounds and regions are at least 1");
  CHECK(refusal([&] { evolve(evaluator, {.population = 10}); }) ==
        "a population of 10: expected at least 8, and a multiple of 4");
  CHECK(refusal([&] {
          evolve(evaluator, {.population = 8, .start = {{0, 2, 0}}});
        }) == "a candidate to start with is outside of the search space");
  CHECK(refusal([&] {
          solve_knapsack({{{0.0}}, {{1}}}, std::vector<std::uint32_t>{1U << 29});
        }) == "knapsack: 1 variables x capacity 536870912 is above 2^28");
}
