#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "neurojoule/search/pareto_front.hpp"
#include "neurojoule/search/problem.hpp"
#include "neurojoule/search/result_store.hpp"

namespace nj {

class Evaluator;

/// How far a search may go, and who is told.
struct EvaluatorOptions {
  /// Evaluations, those that the store answers included; at the last one the algorithms end.
  std::uint64_t budget = std::numeric_limits<std::uint64_t>::max();
  /// Candidates measured together; after each such batch results are stored and the front is
  /// updated. Larger batches parallelise better, smaller ones lose less when killed.
  std::size_t batch = 64;
  /// Where measurements are looked up and kept; none if null. Must outlive the evaluator.
  ResultStore* store = nullptr;
  /// Reference point of the hypervolume in `history`, one value per objective; empty: none is kept.
  std::vector<double> reference{};
  /// Called after each batch.
  std::function<void(const Evaluator&, bool front_changed)> observer{};
};

/// How the candidates of a request are measured.
struct Measure {
  /// To the end, whatever the front says (no racing).
  bool fully = false;
  /// Also those whose costs alone break a constraint; else these come back unmeasured.
  bool infeasible = false;
};

/// The hypervolume of the front after so many evaluations.
struct HypervolumeStep {
  std::uint64_t evaluations = 0;
  double hypervolume = 0;
};

/// A candidate and what was last said of it.
struct Visited {
  Candidate candidate;
  Evaluation evaluation;
};

/// What every algorithm asks: measures each candidate once, and keeps the front.
///
/// The front starts empty also where a store has results: it grows in the order of the requests,
/// so that a search that is started again visits the same candidates and ends at the same front.
class Evaluator {
 public:
  /// Throws: Error(config): a space without variables or with an empty one, fewer than two
  /// objectives, a batch of 0, or a reference of another number of objectives.
  explicit Evaluator(Problem problem, EvaluatorOptions options = {});

  [[nodiscard]] const Problem& problem() const { return problem_; }

  /// Evaluations in the order of the candidates. Where the budget ends, those of the first ones:
  /// the result is then shorter than the request. A candidate that is not measured because its
  /// costs break a constraint has a loss of minus infinity and is not complete.
  ///
  /// A result given up early answers a later request only while its bound is above the bar.
  /// Throws: Error(shape): a candidate outside the space; Error(numeric): the problem returned
  /// something else than finite objectives with the costs that it announced.
  std::vector<Evaluation> evaluate(std::span<const Candidate> candidates,
                                   const Measure& measure = {});
  /// Whether the budget is used up.
  [[nodiscard]] bool exhausted() const { return evaluations_ >= options_.budget; }

  [[nodiscard]] const ParetoFront& front() const { return front_; }
  /// Evaluations so far: each candidate counts once, and again where it had to be measured again.
  [[nodiscard]] std::uint64_t evaluations() const { return evaluations_; }
  /// Of these, the ones that the store did not answer.
  [[nodiscard]] std::uint64_t measured() const { return measured_; }
  /// One step for each batch that changed the front.
  [[nodiscard]] std::span<const HypervolumeStep> history() const { return history_; }
  /// Every candidate evaluated, in the order of first request.
  [[nodiscard]] std::span<const Visited> visited() const { return visited_; }

 private:
  struct Pending;
  std::vector<Evaluation> evaluate_batch(std::span<const Candidate> candidates,
                                         const Measure& measure);
  const Evaluation* known(const Candidate& candidate, double bar) const;
  const Evaluation* stored(const Candidate& candidate, double bar) const;
  void measure_pending(Pending& pending, const Measure& measure);
  bool keep(const Pending& pending);
  void check(const Pending& pending, std::size_t place) const;

  Problem problem_;
  EvaluatorOptions options_;
  ParetoFront front_;
  std::uint64_t evaluations_ = 0;
  std::uint64_t measured_ = 0;
  std::vector<HypervolumeStep> history_;
  std::vector<Visited> visited_;
  std::map<Candidate, std::size_t> places_;  ///< in visited_
};

}  // namespace nj
