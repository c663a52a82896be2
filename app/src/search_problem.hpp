#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "neurojoule/app/search.hpp"
#include "neurojoule/models/calibrate.hpp"
#include "neurojoule/search/problem.hpp"

namespace nj {

/// The variables of a search: words that all layers share, then formats of layers.
struct FormatSpace {
  std::vector<WordChoice> words;
  std::vector<LayerId> layers;                     ///< weighted ones
  std::vector<std::vector<std::size_t>> members;   ///< [variable of formats]: places in `layers`
  std::vector<std::vector<NumberFormat>> options;  ///< [variable of formats]
  SearchSpace space;                               ///< of all variables

  /// The option of a variable of formats.
  [[nodiscard]] const NumberFormat& format(const Candidate& candidate, std::size_t v) const {
    return options[v][candidate[words.size() + v]];
  }
  /// Rules of all layers. `base` is the rule whose scale they take.
  [[nodiscard]] std::vector<WeightRule> rules(const Candidate& candidate,
                                              const WeightRule& base) const;
  /// `base` has those that are not searched.
  [[nodiscard]] QuantizedNetwork::Words words_of(const Candidate& candidate,
                                                 QuantizedNetwork::Words base) const;
};

/// Throws: Error(config) at a pattern that matches no layer, or a layer in two ties; Error(config)
/// for layers of one tie that have no format in common.
FormatSpace format_space(const SearchSpec& spec, const Model& model);

/// What each option adds to the cost of a candidate.
struct CostSum {
  double base = 0;
  std::vector<std::vector<double>> added;  ///< [variable][option]
};

/// Costs of candidates: sums over variables, one for each combination of some of them.
struct CostTable {
  std::vector<std::size_t> choosing{};        ///< variables that choose the sum, and add nothing
  std::vector<std::size_t> choosing_among{};  ///< how many options each of these has
  std::vector<CostSum> sums;                  ///< by combination, the last variable fastest

  [[nodiscard]] std::size_t combinations() const;
  /// Gives a candidate the options of a combination.
  void choose(Candidate& candidate, std::size_t combination) const;
  [[nodiscard]] double of(const Candidate& candidate) const;
  [[nodiscard]] Candidate cheapest() const;
};

/// What a candidate costs, as algorithms see it.
struct CandidateCost {
  std::function<double(const Candidate&)> of;
  /// No candidate is cheaper; of what is no sum over variables: none was found that is.
  Candidate cheapest;
  [[nodiscard]] double least() const { return of(cheapest); }
};

/// The search's problem: a loss measured on validation samples, and costs from tables. One thread
/// may use it at a time; it works on several itself. Algorithms see it as a `SampledProblem`.
class FormatProblem {
 public:
  struct Parts {
    FormatSpace formats;
    CandidateCost cost;                  ///< the objective
    std::vector<CandidateCost> limited;  ///< costs that have a limit
    std::vector<double> limits;          ///< of these
    WeightRule rule;                     ///< scale of all layers
    SearchLoss loss{};
    std::optional<double> drop_limit{};  ///< of the accuracy drop
    double confidence = 0.95;
    unsigned threads = 0;
    std::function<void()> breathe{};  ///< called now and then; may throw to stop
  };
  /// `frames` and `labels` are the validation samples.
  FormatProblem(Parts parts, const Model& model, const QuantizedNetwork::Words& words,
                Calibrator calibrator, std::vector<GradedTensor> frames,
                std::vector<std::uint32_t> labels);

  [[nodiscard]] Costs costs(const Candidate& candidate) const;
  /// Losses on the first `samples`.
  [[nodiscard]] std::vector<Evaluation> evaluate(std::span<const Candidate> batch, const Bar& bar,
                                                 std::size_t samples) const;
  [[nodiscard]] std::size_t samples() const { return frames_.size(); }

  /// Measures a candidate on all samples, for reports.
  [[nodiscard]] ValidationResult validate(const Candidate& candidate) const;
  /// The same of any rules of the weighted layers, with the words of the scenario.
  [[nodiscard]] ValidationResult validate_rules(std::span<const WeightRule> rules) const;
  /// The same of any network with these layers.
  [[nodiscard]] ValidationResult validate(const QuantizedNetwork& network) const;
  /// By all stand-ins; none for a candidate whose thresholds do not fit.
  [[nodiscard]] std::optional<ProxySample> proxies(const Candidate& candidate,
                                                   std::size_t scouts) const;
  /// Of the float32 network, 0..1.
  [[nodiscard]] double reference_accuracy() const;
  [[nodiscard]] const FormatSpace& formats() const { return parts_.formats; }
  /// The model with the integers of a candidate, until something else is measured.
  [[nodiscard]] const Model& calibrated(const Candidate& candidate) const;
  [[nodiscard]] std::vector<WeightRule> rules(const Candidate& candidate) const {
    return parts_.formats.rules(candidate, parts_.rule);
  }
  [[nodiscard]] QuantizedNetwork::Words words(const Candidate& candidate) const {
    return parts_.formats.words_of(candidate, words_);
  }

 private:
  const QuantizedNetwork& quantized(const Candidate& candidate) const;
  struct Runner;
  struct Race;
  [[nodiscard]] Runner whole_run(const QuantizedNetwork& network) const;
  void race(Race& race) const;
  [[nodiscard]] ValidationResult result_of(const Runner& runner, std::size_t count) const;
  void look(Race& race, std::size_t seen) const;

  Parts parts_;
  QuantizedNetwork::Words words_;  ///< those that are not searched
  mutable Calibrator calibrator_;
  std::vector<GradedTensor> frames_;
  std::vector<std::uint32_t> labels_;
  std::vector<std::vector<double>> reference_;   ///< log probabilities of the float32 network
  std::vector<std::uint8_t> reference_correct_;  ///< by sample
};

/// The same with losses measured on the first samples alone. The problem must stay.
class SampledProblem {
 public:
  SampledProblem(const FormatProblem& problem, std::size_t samples)
      : problem_(problem), samples_(samples) {}

  [[nodiscard]] const SearchSpace& space() const { return problem_.formats().space; }
  [[nodiscard]] std::size_t objectives() const { return 2; }
  [[nodiscard]] Costs costs(const Candidate& candidate) const { return problem_.costs(candidate); }
  [[nodiscard]] std::vector<Evaluation> evaluate(std::span<const Candidate> batch,
                                                 const Bar& bar) const {
    return problem_.evaluate(batch, bar, samples_);
  }

 private:
  const FormatProblem& problem_;
  std::size_t samples_;
};

}  // namespace nj
