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

}  // namespace

void random_search(Evaluator& evaluator, std::uint64_t count, std::uint64_t seed) {
  const SearchSpace& space = evaluator.problem().space();
  if (count >= space.size()) return exhaustive(evaluator, count);
  // Drawing the rest of a nearly exhausted space takes long; leaving out as many does not.
  const bool leave_out = count > space.size() / 2;
  const std::uint64_t draws = leave_out ? space.size() - count : count;
  std::set<Candidate> drawn;
  std::vector<Candidate> batch;
  for (std::uint64_t draw = 0; drawn.size() < draws; ++draw) {
    Candidate candidate = random_candidate(space, seed, draw);
    if (!drawn.insert(candidate).second || leave_out) continue;
    batch.push_back(std::move(candidate));
  }
  if (leave_out) {
    Candidate candidate(space.options.size(), 0);
    do {
      if (!drawn.contains(candidate)) batch.push_back(candidate);
    } while (advance(candidate, space));
  }
  evaluator.evaluate(batch);
}

void exhaustive(Evaluator& evaluator, std::uint64_t limit) {
  const SearchSpace& space = evaluator.problem().space();
  if (space.size() > limit) {
    throw Error(
        ErrorKind::capacity,
        fmt::format("the space has {} candidates, at most {} are enumerated", space.size(), limit));
  }
  constexpr std::size_t at_once = 4096;
  std::vector<Candidate> batch;
  Candidate candidate(space.options.size(), 0);
  bool more = true;
  while (more && !evaluator.exhausted()) {
    batch.push_back(candidate);
    more = advance(candidate, space);
    if (!more || batch.size() == at_once) {
      evaluator.evaluate(batch);
      batch.clear();
    }
  }
}

}  // namespace nj
