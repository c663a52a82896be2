#include "neurojoule/search/evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();

/// Whether a result answers a request under this bar.
bool answers(const Evaluation& evaluation, double bar) {
  return evaluation.complete || evaluation.objectives[0] > bar;
}

}  // namespace

/// The candidates of one batch that are new, in order.
struct Evaluator::Pending {
  std::vector<Candidate> candidates;
  std::vector<Costs> costs;
  std::vector<double> bars;
  std::vector<std::optional<Evaluation>> evaluations;  ///< empty: to be measured
  std::map<Candidate, std::size_t> places;
};

Evaluator::Evaluator(Problem problem, EvaluatorOptions options)
    : problem_(problem), options_(std::move(options)) {
  const auto refuse = [](const std::string& message) { throw Error(ErrorKind::config, message); };
  const std::vector<std::uint32_t>& counts = problem_.space().options;
  if (counts.empty()) refuse("the search space has no variables");
  for (std::size_t v = 0; v < counts.size(); ++v) {
    if (counts[v] < 1 || counts[v] > 65'536) {
      refuse(fmt::format("variable {} has {} options, expected 1..65536", v, counts[v]));
    }
  }
  if (problem_.objectives() < 2) refuse("a search needs the loss and at least one cost");
  if (options_.batch == 0) refuse("a batch of 0 candidates");
  if (!options_.reference.empty() && options_.reference.size() != problem_.objectives()) {
    refuse(fmt::format("a reference point of {} values for {} objectives",
                       options_.reference.size(), problem_.objectives()));
  }
}

std::vector<Evaluation> Evaluator::evaluate(std::span<const Candidate> candidates,
                                            const Measure& measure) {
  std::vector<Evaluation> result;
  result.reserve(candidates.size());
  while (result.size() < candidates.size()) {
    const std::size_t count = std::min(options_.batch, candidates.size() - result.size());
    auto part = evaluate_batch(candidates.subspan(result.size(), count), measure);
    const bool whole = part.size() == count;
    std::move(part.begin(), part.end(), std::back_inserter(result));
    if (!whole) break;
  }
  return result;
}

std::vector<Evaluation> Evaluator::evaluate_batch(std::span<const Candidate> candidates,
                                                  const Measure& measure) {
  Pending pending;
  std::vector<Evaluation> result;
  std::vector<std::pair<std::size_t, std::size_t>> awaited;  // place in result, place in pending
  for (const Candidate& candidate : candidates) {
    if (!problem_.space().contains(candidate)) {
      throw Error(ErrorKind::shape, fmt::format("candidate [{}] is outside of the search space",
                                                fmt::join(candidate, ", ")));
    }
    Costs costs = problem_.costs(candidate);
    const double bar = measure.fully ? unbounded : front_.bar(costs.values);
    const auto place = pending.places.find(candidate);
    if (place != pending.places.end()) {
      awaited.emplace_back(result.size(), place->second);
      result.emplace_back();
    } else if (const Evaluation* before = known(candidate, bar)) {
      result.push_back(*before);
    } else if (costs.violation > 0 && !measure.infeasible) {
      Evaluation unmeasured{{-unbounded}, costs.violation, false};
      unmeasured.objectives.insert(unmeasured.objectives.end(), costs.values.begin(),
                                   costs.values.end());
      result.push_back(std::move(unmeasured));
    } else if (pending.candidates.size() >= options_.budget - evaluations_) {
      break;
    } else {
      awaited.emplace_back(result.size(), pending.candidates.size());
      result.emplace_back();
      pending.places.emplace(candidate, pending.candidates.size());
      pending.candidates.push_back(candidate);
      const Evaluation* before_this_run = stored(candidate, bar);
      pending.evaluations.push_back(before_this_run ? std::optional(*before_this_run)
                                                    : std::nullopt);
      pending.costs.push_back(std::move(costs));
      pending.bars.push_back(bar);
    }
  }
  if (pending.candidates.empty()) return result;
  measure_pending(pending, measure);
  const bool front_changed = keep(pending);
  for (const auto& [to, from] : awaited) result[to] = *pending.evaluations[from];
  if (options_.observer) options_.observer(*this, front_changed);
  return result;
}

const Evaluation* Evaluator::known(const Candidate& candidate, double bar) const {
  const auto place = places_.find(candidate);
  if (place == places_.end()) return nullptr;
  const Evaluation& evaluation = visited_[place->second].evaluation;
  return answers(evaluation, bar) ? &evaluation : nullptr;
}

/// The oldest record that answers: what the search that wrote it was told at this point.
const Evaluation* Evaluator::stored(const Candidate& candidate, double bar) const {
  if (options_.store == nullptr) return nullptr;
  for (const Evaluation& evaluation : options_.store->find(candidate)) {
    if (answers(evaluation, bar)) return &evaluation;
  }
  return nullptr;
}

void Evaluator::measure_pending(Pending& pending, const Measure& measure) {
  std::vector<Candidate> batch;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < pending.candidates.size(); ++i) {
    if (pending.evaluations[i]) continue;
    batch.push_back(pending.candidates[i]);
    places.push_back(i);
  }
  std::vector<Evaluation> measured;
  if (!batch.empty()) {
    const Bar bar = [&](std::span<const double> costs) {
      return measure.fully ? unbounded : front_.bar(costs);
    };
    measured = problem_.evaluate(batch, bar);
    if (measured.size() != batch.size()) {
      throw Error(ErrorKind::numeric, fmt::format("{} evaluations of a batch of {} candidates",
                                                  measured.size(), batch.size()));
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i) pending.evaluations[places[i]] = measured[i];
  for (std::size_t i = 0; i < pending.candidates.size(); ++i) {
    check(pending, i);
  }
  if (options_.store != nullptr) options_.store->append(batch, measured);
  measured_ += batch.size();
}

void Evaluator::check(const Pending& pending, std::size_t place) const {
  const Evaluation& evaluation = *pending.evaluations[place];
  const Costs& costs = pending.costs[place];
  const auto refuse = [&](std::string_view message) {
    throw Error(
        ErrorKind::numeric,
        fmt::format("candidate [{}]: {}", fmt::join(pending.candidates[place], ", "), message));
  };
  const std::vector<double>& values = evaluation.objectives;
  if (values.size() != problem_.objectives()) refuse("another number of objectives than announced");
  if (!std::all_of(values.begin(), values.end(),
                   [](double value) { return std::isfinite(value); })) {
    refuse("an objective is not finite");
  }
  if (!std::equal(values.begin() + 1, values.end(), costs.values.begin(), costs.values.end())) {
    refuse("other costs were measured than announced");
  }
  if (!std::isfinite(evaluation.violation) || !(evaluation.violation >= costs.violation) ||
      !(costs.violation >= 0)) {
    refuse("the violation is negative, not finite, or below that of the costs");
  }
  if (!answers(evaluation, pending.bars[place])) {
    refuse("given up with a bound that is not above the bar");
  }
}

bool Evaluator::keep(const Pending& pending) {
  bool changed = false;
  for (std::size_t i = 0; i < pending.candidates.size(); ++i) {
    const Candidate& candidate = pending.candidates[i];
    const Evaluation& evaluation = *pending.evaluations[i];
    const auto [place, fresh] = places_.emplace(candidate, visited_.size());
    if (fresh) {
      visited_.push_back({candidate, evaluation});
    } else {
      visited_[place->second].evaluation = evaluation;
    }
    changed = front_.insert(candidate, evaluation) || changed;
  }
  evaluations_ += pending.candidates.size();
  if (changed && !options_.reference.empty()) {
    history_.push_back({evaluations_, hypervolume(front_.points(), options_.reference)});
  }
  return changed;
}

}  // namespace nj
