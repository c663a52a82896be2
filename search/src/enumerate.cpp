#include "neurojoule/search/enumerate.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

#include "random_candidate.hpp"

namespace nj {
namespace {

/// Moves to the next candidate, the last variable fastest; false after the last one.
bool advance(Candidate& candidate, const SearchSpace& space) {
  for (std::size_t v = candidate.size(); v-- > 0;) {
    if (candidate[v] + 1U < space.options[v]) {
      ++candidate[v];
      return true;
    }
    candidate[v] = 0;
  }
  return false;
}

/// Candidates that are listed before they are evaluated, so that large spaces need little memory.
constexpr std::size_t at_once = 4096;

void evaluate_all(Evaluator& evaluator, std::vector<Candidate>& batch) {
  evaluator.evaluate(batch);
  batch.clear();
}

}  // namespace

void random_search(Evaluator& evaluator, std::uint64_t count, std::uint64_t seed) {
  const SearchSpace& space = evaluator.problem().space();
  if (count >= space.size()) return exhaustive(evaluator, count);
  // Drawing the rest of a nearly exhausted space takes long; leaving out as many does not.
  const bool leave_out = count > space.size() / 2;
  const std::uint64_t draws = leave_out ? space.size() - count : count;
  std::set<Candidate> drawn;
  std::vector<Candidate> batch;
  for (std::uint64_t draw = 0; drawn.size() < draws && !evaluator.exhausted(); ++draw) {
    Candidate candidate = random_candidate(space, seed, draw);
    if (!drawn.insert(candidate).second || leave_out) continue;
    batch.push_back(std::move(candidate));
    if (batch.size() == at_once) evaluate_all(evaluator, batch);
  }
  Candidate candidate(space.options.size(), 0);
  for (bool more = leave_out; more && !evaluator.exhausted(); more = advance(candidate, space)) {
    if (!drawn.contains(candidate)) batch.push_back(candidate);
    if (batch.size() == at_once) evaluate_all(evaluator, batch);
  }
  evaluate_all(evaluator, batch);
}

void exhaustive(Evaluator& evaluator, std::uint64_t limit) {
  const SearchSpace& space = evaluator.problem().space();
  if (space.size() > limit) {
    throw Error(
        ErrorKind::capacity,
        fmt::format("the space has {} candidates, at most {} are enumerated", space.size(), limit));
  }
  std::vector<Candidate> batch;
  Candidate candidate(space.options.size(), 0);
  for (bool more = true; more && !evaluator.exhausted(); more = advance(candidate, space)) {
    batch.push_back(candidate);
    if (batch.size() == at_once) evaluate_all(evaluator, batch);
  }
  evaluate_all(evaluator, batch);
}

}  // namespace nj
