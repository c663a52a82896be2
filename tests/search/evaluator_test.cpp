#include <csignal>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/search/beam.hpp>
#include <neurojoule/search/evaluator.hpp>
#include <neurojoule/search/greedy.hpp>
#include <neurojoule/search/sensitivity.hpp>

#include "small_problem.hpp"
#include "support/thrown.hpp"
#include "synthetic_problem.hpp"

using namespace nj;
using nj::testing::SmallProblem;
using nj::testing::SyntheticProblem;

namespace {

/// Two variables of three options; cost 9 - 3a - b, loss a + 2b.
SmallProblem small() {
  return {{{6, 3, 0}, {3, 2, 1}}, [](const Candidate& c) { return c[0] + 2.0 * c[1]; }};
}

std::vector<Candidate> candidates_of(const Evaluator& evaluator) {
  std::vector<Candidate> candidates;
  for (const Visited& visited : evaluator.visited()) candidates.push_back(visited.candidate);
  return candidates;
}

/// A problem whose answers are wrong in some way.
struct WrongProblem {
  Evaluation answer;
  SearchSpace options{{2}};
  double announced = 0;

  [[nodiscard]] const SearchSpace& space() const { return options; }
  [[nodiscard]] static std::size_t objectives() { return 2; }
  [[nodiscard]] Costs costs(const Candidate& /*candidate*/) const { return {{5.0}, announced}; }
  [[nodiscard]] std::vector<Evaluation> evaluate(std::span<const Candidate> batch,
                                                 const Bar& /*bar*/) const {
    return std::vector<Evaluation>(batch.size(), answer);
  }
};

std::string refusal(const WrongProblem& problem) {
  Evaluator evaluator{Problem(problem)};
  return testing::message_of(
      [&] { evaluator.evaluate(std::vector<Candidate>{{0}}, {.infeasible = true}); });
}

}  // namespace

TEST_CASE("each candidate is measured once, in batches") {
  const SmallProblem problem = small();
  Evaluator evaluator(Problem(problem), {.batch = 2});
  const std::vector<Candidate> request{{0, 0}, {0, 0}, {1, 0}, {0, 1}, {0, 0}};
  const auto evaluations = evaluator.evaluate(request);
  REQUIRE(evaluations.size() == 5);
  CHECK(evaluations[0] == Evaluation{{0.0, 9.0}});
  CHECK(evaluations[1] == evaluations[0]);
  CHECK(evaluations[2] == Evaluation{{1.0, 6.0}});
  CHECK(evaluations[3] == Evaluation{{2.0, 8.0}});
  CHECK(evaluations[4] == evaluations[0]);
  // The batches of the request are {00, 00}, {10, 01} and {00}.
  CHECK(problem.batches == std::vector<std::size_t>{1, 2});
  CHECK(evaluator.evaluations() == 3);
  CHECK(evaluator.front().points().size() == 2);  // (2, 8) is worse than (1, 6)
}

TEST_CASE("where the budget ends, the first candidates are answered") {
  const SmallProblem problem = small();
  Evaluator evaluator(Problem(problem), {.budget = 3});
  CHECK(evaluator.evaluate(std::vector<Candidate>{{0, 0}, {1, 0}}).size() == 2);
  CHECK_FALSE(evaluator.exhausted());
  const std::vector<Candidate> more{{1, 0}, {2, 0}, {0, 0}, {2, 1}, {0, 0}};
  CHECK(evaluator.evaluate(more).size() == 3);  // {2, 0} is the third; {2, 1} would be the fourth
  CHECK(evaluator.exhausted());
  CHECK(problem.asked == std::vector<Candidate>{{0, 0}, {1, 0}, {2, 0}});
  CHECK(evaluator.evaluate(std::vector<Candidate>{{1, 0}}).size() == 1);
}

TEST_CASE("candidates that their costs rule out are measured only on request") {
  SmallProblem problem = small();
  problem.cost_limit = 7;
  Evaluator evaluator{Problem(problem)};
  const auto unmeasured = evaluator.evaluate(std::vector<Candidate>{{0, 0}})[0];
  CHECK(unmeasured.objectives[0] == -std::numeric_limits<double>::infinity());
  CHECK(unmeasured.violation == 2);  // 9 - 7
  CHECK_FALSE(unmeasured.complete);
  CHECK(evaluator.evaluations() == 0);
  const Measure infeasible{.infeasible = true};
  CHECK(evaluator.evaluate(std::vector<Candidate>{{0, 0}}, infeasible)[0].objectives[0] == 0.0);
  CHECK(evaluator.front().points().empty());
}

TEST_CASE("history holds the hypervolume after each batch that changed the front") {
  const SmallProblem problem = small();
  std::vector<bool> told;
  Evaluator evaluator(
      Problem(problem),
      {.batch = 1, .reference = {10, 10}, .observer = [&](const Evaluator&, bool front_changed) {
         told.push_back(front_changed);
       }});
  evaluator.evaluate(std::vector<Candidate>{{0, 0}, {0, 1}, {1, 1}, {1, 0}});
  // (0, 9): 10 x 1. (2, 8) adds 8 x 1. (3, 5) adds 7 x 3. (1, 6) adds the box of 1..2 x 6..9, 1 x
  // 3, and that of 2..3 x 6..8, 1 x 2.
  CHECK(told == std::vector<bool>{true, true, true, true});
  std::vector<double> volumes;
  for (const HypervolumeStep& step : evaluator.history()) volumes.push_back(step.hypervolume);
  CHECK(volumes == std::vector<double>{10, 18, 39, 44});
  evaluator.evaluate(std::vector<Candidate>{{0, 2}});  // (4, 7) is dominated
  CHECK(told.back() == false);
  CHECK(evaluator.history().size() == 4);
}

TEST_CASE("a result given up early answers while its bound is above the bar") {
  SyntheticProblem problem(3, 4, 5);
  problem.racing = true;
  Evaluator evaluator{Problem(problem)};
  // One candidate that is worse than another in both respects.
  const Candidate bad{0, 0, 3};
  const Candidate better{0, 2, 2};
  REQUIRE(problem.loss(better) < problem.loss(bad));
  REQUIRE(problem.costs(better).values[0] < problem.costs(bad).values[0]);
  evaluator.evaluate(std::vector<Candidate>{better});
  const auto bound = evaluator.evaluate(std::vector<Candidate>{bad})[0];
  CHECK_FALSE(bound.complete);
  CHECK(bound.objectives[0] > problem.loss(better));
  CHECK(bound.objectives[0] < problem.loss(bad));
  CHECK(evaluator.evaluate(std::vector<Candidate>{bad})[0] == bound);
  CHECK(evaluator.evaluations() == 2);
  const auto full = evaluator.evaluate(std::vector<Candidate>{bad}, {.fully = true})[0];
  CHECK(full.complete);
  CHECK(full.objectives[0] == problem.loss(bad));
  CHECK(evaluator.evaluations() == 3);
  CHECK(evaluator.visited().size() == 2);
}

TEST_CASE("answers that break the contract are refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refusal({{{1.0, 5.0}}}) == "nothing thrown");
  CHECK(refusal({{{1.0}}}) == "candidate [0]: another number of objectives than announced");
  CHECK(refusal({{{nan, 5.0}}}) == "candidate [0]: an objective is not finite");
  CHECK(refusal({{{1.0, 5.5}}}) == "candidate [0]: other costs were measured than announced");
  const std::string violation =
      "candidate [0]: the violation is negative, not finite, or below that of the costs";
  CHECK(refusal({{{1.0, 5.0}, -1.0}}) == violation);
  CHECK(refusal({{{1.0, 5.0}, 1.0}, {{2}}, 2.0}) == violation);
  CHECK(refusal({{{1.0, 5.0}, 0.0, false}}) ==
        "candidate [0]: given up with a bound that is not above the bar");
}

TEST_CASE("searches that cannot be are refused") {
  const auto making = [](const SearchSpace& space, const EvaluatorOptions& options) {
    const WrongProblem problem{{}, space};
    return testing::message_of([&] { Evaluator(Problem(problem), options); });
  };
  CHECK(making({}, {}) == "the search space has no variables");
  CHECK(making({{3, 0}}, {}) == "variable 1 has 0 options, expected 1..65536");
  CHECK(making({{70'000}}, {}) == "variable 0 has 70000 options, expected 1..65536");
  CHECK(making({{2}}, {.batch = 0}) == "a batch of 0 candidates");
  CHECK(making({{2}}, {.reference = {1.0}}) == "a reference point of 1 values for 2 objectives");
  const SmallProblem problem = small();
  Evaluator evaluator{Problem(problem)};
  CHECK(testing::message_of([&] {
          evaluator.evaluate(std::vector<Candidate>{{0, 3}});
        }) == "candidate [0, 3] is outside of the search space");
  CHECK(testing::message_of([&] { sensitivity(evaluator, {0}); }) ==
        "candidate [0] is outside of the search space");
}

TEST_CASE("the sensitivity table is of single changes") {
  const SmallProblem problem = small();
  Evaluator evaluator{Problem(problem)};
  const SensitivityTable table = sensitivity(evaluator, {1, 0});
  CHECK(table.base_evaluation == Evaluation{{1.0, 6.0}});
  // a + 2b of (0..2, 0) and (1, 0..2)
  CHECK(table.loss == std::vector<std::vector<double>>{{0, 1, 2}, {1, 3, 5}});
  CHECK(evaluator.evaluations() == 5);

  Evaluator poor(Problem(problem), {.budget = 4});
  const double unknown = std::numeric_limits<double>::infinity();
  CHECK(sensitivity(poor, {1, 0}).loss ==
        std::vector<std::vector<double>>{{0, 1, 2}, {1, 3, unknown}});
}

TEST_CASE("a search that was killed anywhere resumes to the same visits and front") {
  SyntheticProblem problem(4, 5, 3);
  problem.racing = true;
  const auto search = [&](ResultStore* store, std::uint64_t budget) {
    Evaluator evaluator(Problem(problem), {.budget = budget, .batch = 7, .store = store});
    const SensitivityTable table = sensitivity(evaluator, {0, 0, 0, 0});
    greedy(evaluator, table);
    beam(evaluator, table, {.width = 2, .levels = 16});
    return evaluator;
  };
  const Evaluator whole = search(nullptr, ~std::uint64_t{0});
  REQUIRE(problem.given_up > 10);
  const testing::TemporaryFolder folder;
  for (const std::uint64_t killed_after : {1, 6, 7, 20, 41, 60, 90}) {
    REQUIRE(killed_after < whole.evaluations());
    const auto file = folder / std::to_string(killed_after);
    {
      ResultStore store(file, "c0ffee", 4, 2);
      search(&store, killed_after);
    }
    ResultStore store(file, "c0ffee", 4, 2);
    CHECK(store.size() == killed_after);
    const Evaluator resumed = search(&store, ~std::uint64_t{0});
    CHECK(candidates_of(resumed) == candidates_of(whole));
    CHECK(resumed.front().points() == whole.front().points());
    CHECK(resumed.evaluations() == whole.evaluations());
    CHECK(resumed.measured() == whole.evaluations() - killed_after);
  }
}

TEST_CASE("kill -9 in the middle of 20 batches: the search resumes to the same visits and front") {
  SyntheticProblem problem(4, 5, 3);
  problem.racing = true;
  const auto search = [&](ResultStore* store) {
    Evaluator evaluator(Problem(problem), {.batch = 7, .store = store});
    greedy(evaluator, sensitivity(evaluator, {0, 0, 0, 0}));
    return evaluator;
  };
  const Evaluator whole = search(nullptr);
  const testing::TemporaryFolder folder;
  const auto file = folder / "s";
  std::size_t killed = 0;
  for (std::uint64_t more = 1; more <= 20; ++more) {
    // Each process goes on where the one before was killed, and dies `more` evaluations later.
    const pid_t child = ::fork();
    if (child == 0) {
      problem.die_after = problem.measured + problem.given_up + more;
      ResultStore store(file, "c0ffee", 4, 2);
      search(&store);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 1 : 0;
  }
  CHECK(killed >= 10);
  ResultStore store(file, "c0ffee", 4, 2);
  CHECK(store.size() >= 30);
  const Evaluator resumed = search(&store);
  CHECK(candidates_of(resumed) == candidates_of(whole));
  CHECK(resumed.front().points() == whole.front().points());
}
