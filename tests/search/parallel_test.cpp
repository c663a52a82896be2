#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/search/beam.hpp>
#include <neurojoule/search/greedy.hpp>

#include "synthetic_problem.hpp"

using namespace nj;

TEST_CASE("a search visits the same candidates at any number of threads") {
  std::vector<std::vector<Visited>> runs;
  for (const unsigned threads : {1U, 2U, 4U}) {
    testing::SyntheticProblem problem(5, 5, 6);
    problem.threads = threads;
    problem.racing = true;
    Evaluator evaluator{Problem(problem)};
    const SensitivityTable table = sensitivity(evaluator, Candidate(5, 0));
    greedy(evaluator, table);
    beam(evaluator, table);
    runs.emplace_back(evaluator.visited().begin(), evaluator.visited().end());
  }
  for (const auto& run : runs) {
    REQUIRE(run.size() == runs[0].size());
    for (std::size_t i = 0; i < run.size(); ++i) {
      CHECK(run[i].candidate == runs[0][i].candidate);
      CHECK(run[i].evaluation == runs[0][i].evaluation);
    }
  }
}
