#include "search_problem.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include <boost/math/special_functions/erf.hpp>
#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/execute_variants.hpp"

namespace nj {
namespace {

/// Networks that are held at once.
constexpr std::size_t networks_at_once = 16;
/// A race looks at its candidates after these shares of the samples, and at the end.
constexpr std::array looks{0.0625, 0.125, 0.25, 0.5};

std::vector<double> log_probabilities(const std::vector<double>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const double logit : logits) sum += std::exp(logit - largest);
  std::vector<double> result;
  for (const double logit : logits) result.push_back(logit - largest - std::log(sum));
  return result;
}

double divergence(const std::vector<double>& expected, const std::vector<double>& given) {
  double sum = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    sum += std::exp(expected[i]) * (expected[i] - given[i]);
  }
  return sum;
}

/// The quantile of the normal distribution above which a share of `tail` lies.
double normal_quantile(double tail) { return std::sqrt(2.0) * boost::math::erfc_inv(2.0 * tail); }

/// Positions of the layers that match a pattern. Throws where there are none.
std::vector<std::size_t> matching(const std::string& pattern, const Location& location,
                                  const Network& network, const std::vector<LayerId>& layers) {
  std::vector<std::size_t> found;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    names.push_back(network.layer(layers[i]).name);
    if (matches_pattern(pattern, names.back())) found.push_back(i);
  }
  if (!found.empty()) return found;
  const auto near = did_you_mean(pattern, names);
  throw Error(ErrorKind::config,
              fmt::format("'{}' matches no layer with weights{}", pattern,
                          near ? fmt::format(", did you mean '{}'?", *near) : ""),
              location);
}

/// Of a candidate whose thresholds do not fit its membranes: nothing is worse.
Evaluation impossible(const Costs& costs) {
  Evaluation evaluation{{1e6}, costs.violation + 1.0, true};
  evaluation.objectives.insert(evaluation.objectives.end(), costs.values.begin(),
                               costs.values.end());
  return evaluation;
}

/// The head has one scale, whatever is asked for.
std::vector<NumberFormat> formats_of_head(std::vector<NumberFormat> formats) {
  std::vector<NumberFormat> result;
  for (NumberFormat& format : formats) {
    format.granularity = Granularity::per_tensor;
    format.group = 0;
    if (std::find(result.begin(), result.end(), format) == result.end()) result.push_back(format);
  }
  return result;
}

}  // namespace

std::vector<WeightRule> FormatSpace::rules(const Candidate& candidate,
                                           const WeightRule& base) const {
  std::vector<WeightRule> result(layers.size(), base);
  for (std::size_t v = 0; v < members.size(); ++v) {
    for (const std::size_t layer : members[v]) result[layer].format = format(candidate, v);
  }
  return result;
}

QuantizedNetwork::Words FormatSpace::words_of(const Candidate& candidate,
                                              QuantizedNetwork::Words base) const {
  for (std::size_t w = 0; w < words.size(); ++w) {
    set_word(base, words[w].word, words[w].options[candidate[w]]);
  }
  return base;
}

FormatSpace format_space(const SearchSpec& spec, const Model& model) {
  const Network& network = model.network;
  FormatSpace result;
  result.layers = network.weighted_layers();
  result.words = spec.words;
  for (const WordChoice& choice : spec.words) {
    result.space.options.push_back(static_cast<std::uint32_t>(choice.options.size()));
  }
  const std::size_t count = result.layers.size();
  std::vector<std::vector<NumberFormat>> formats(count, spec.formats);
  for (const LayerChoice& choice : spec.choices) {
    for (const std::size_t i : matching(choice.pattern, choice.location, network, result.layers)) {
      formats[i] = choice.formats;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (std::holds_alternative<ClassifierHead>(network.layer(result.layers[i]).op)) {
      formats[i] = formats_of_head(formats[i]);
    }
  }
  std::vector<std::size_t> tie_of(count);
  std::iota(tie_of.begin(), tie_of.end(), 0);
  std::vector<bool> tied(count, false);
  for (const LayerTie& tie : spec.ties) {
    std::vector<std::size_t> all;
    for (const std::string& pattern : tie.patterns) {
      for (const std::size_t i : matching(pattern, tie.location, network, result.layers)) {
        if (std::find(all.begin(), all.end(), i) == all.end()) all.push_back(i);
      }
    }
    const std::size_t first = *std::min_element(all.begin(), all.end());
    for (const std::size_t i : all) {
      const std::string& name = network.layer(result.layers[i]).name;
      if (tied[i]) {
        throw Error(ErrorKind::config, fmt::format("'{}' is in two ties", name), tie.location);
      }
      if (formats[i] != formats[first]) {
        throw Error(ErrorKind::config,
                    fmt::format("'{}' and '{}' have different formats to choose from", name,
                                network.layer(result.layers[first]).name),
                    tie.location);
      }
      tied[i] = true;
      tie_of[i] = first;
    }
  }
  for (std::size_t first = 0; first < count; ++first) {
    if (tie_of[first] != first) continue;
    std::vector<std::size_t>& members = result.members.emplace_back();
    for (std::size_t i = first; i < count; ++i) {
      if (tie_of[i] == first) members.push_back(i);
    }
    result.options.push_back(formats[first]);
    result.space.options.push_back(static_cast<std::uint32_t>(formats[first].size()));
  }
  return result;
}

std::size_t CostTable::combinations() const {
  return std::accumulate(choosing_among.begin(), choosing_among.end(), std::size_t{1},
                         std::multiplies<>());
}

void CostTable::choose(Candidate& candidate, std::size_t combination) const {
  for (std::size_t i = choosing.size(); i-- > 0;) {
    candidate[choosing[i]] = static_cast<std::uint16_t>(combination % choosing_among[i]);
    combination /= choosing_among[i];
  }
}

double CostTable::of(const Candidate& candidate) const {
  std::size_t combination = 0;
  for (std::size_t i = 0; i < choosing.size(); ++i) {
    combination = combination * choosing_among[i] + candidate[choosing[i]];
  }
  const CostSum& sum = sums[combination];
  double cost = sum.base;
  for (std::size_t v = 0; v < sum.added.size(); ++v) cost += sum.added[v][candidate[v]];
  return cost;
}

Candidate CostTable::cheapest() const {
  std::optional<Candidate> best;
  for (std::size_t combination = 0; combination < sums.size(); ++combination) {
    Candidate candidate;
    for (const auto& options : sums[combination].added) {
      candidate.push_back(static_cast<std::uint16_t>(
          std::min_element(options.begin(), options.end()) - options.begin()));
    }
    choose(candidate, combination);
    if (!best || of(candidate) < of(*best)) best = std::move(candidate);
  }
  return *best;
}

/// A candidate on its way through the samples.
struct FormatProblem::Runner {
  std::size_t place = 0;  ///< in the batch
  const Candidate* candidate = nullptr;
  QuantizedNetwork network;
  std::vector<std::uint32_t> lineage{};
  std::vector<double> divergence;     ///< by sample
  std::vector<std::uint8_t> correct;  ///< by sample
  bool runs = true;
  Evaluation evaluation{};
};

struct FormatProblem::Race {
  std::size_t samples = 0;
  const Bar& bar;
  std::vector<Runner> runners{};
};

FormatProblem::FormatProblem(Parts parts, const Model& model, const QuantizedNetwork::Words& words,
                             Calibrator calibrator, std::vector<GradedTensor> frames,
                             std::vector<std::uint32_t> labels)
    : parts_(std::move(parts)),
      words_(words),
      calibrator_(std::move(calibrator)),
      frames_(std::move(frames)),
      labels_(std::move(labels)) {
  const BatchExecution execution =
      execute_many(quantize(model, float32_spec()), frames_.size(),
                   [&](std::size_t i) { return frames_[i]; }, {.threads = parts_.threads});
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    reference_.push_back(log_probabilities(execution.logits[i]));
    reference_correct_.push_back(execution.predictions[i] == labels_[i] ? 1 : 0);
  }
}

double FormatProblem::reference_accuracy() const {
  return static_cast<double>(std::accumulate(reference_correct_.begin(), reference_correct_.end(),
                                             std::size_t{0})) /
         static_cast<double>(reference_correct_.size());
}

Costs FormatProblem::costs(const Candidate& candidate) const {
  Costs costs{.values = {parts_.cost.of(candidate)}};
  for (std::size_t i = 0; i < parts_.limited.size(); ++i) {
    const double over = parts_.limited[i].of(candidate) / parts_.limits[i] - 1.0;
    costs.violation += std::max(0.0, over);
  }
  return costs;
}

const QuantizedNetwork& FormatProblem::quantized(const Candidate& candidate) const {
  return calibrator_.quantize(rules(candidate), words(candidate));
}

const Model& FormatProblem::calibrated(const Candidate& candidate) const {
  (void)quantized(candidate);
  return calibrator_.model();
}

/// In the order of the first layers that differ, so that candidates share what comes before.
std::vector<Evaluation> FormatProblem::evaluate(std::span<const Candidate> batch, const Bar& bar,
                                                std::size_t samples) const {
  std::vector<std::size_t> order(batch.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(batch[a], a) < std::tie(batch[b], b);
  });
  std::vector<Evaluation> evaluations(batch.size());
  for (std::size_t begin = 0; begin < order.size(); begin += networks_at_once) {
    const std::size_t end = std::min(begin + networks_at_once, order.size());
    Race running{.samples = samples, .bar = bar};
    for (std::size_t i = begin; i < end; ++i) {
      const Candidate& candidate = batch[order[i]];
      try {
        const QuantizedNetwork& network = quantized(candidate);
        const auto lineage = calibrator_.lineage();
        running.runners.push_back({.place = order[i],
                                   .candidate = &candidate,
                                   .network = network,
                                   .lineage = {lineage.begin(), lineage.end()},
                                   .divergence = std::vector<double>(samples),
                                   .correct = std::vector<std::uint8_t>(samples)});
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::capacity) throw;
        evaluations[order[i]] = impossible(costs(candidate));
      }
      if (parts_.breathe) parts_.breathe();
    }
    race(running);
    for (Runner& runner : running.runners) {
      evaluations[runner.place] = std::move(runner.evaluation);
    }
  }
  return evaluations;
}

void FormatProblem::race(Race& race) const {
  std::size_t seen = 0;
  for (std::size_t round = 0; round <= looks.size(); ++round) {
    const bool last = round == looks.size();
    const auto until =
        last ? race.samples
             : static_cast<std::size_t>(static_cast<double>(race.samples) * looks[round]);
    std::vector<Runner*> runners;
    std::vector<Variant> variants;
    for (Runner& runner : race.runners) {
      if (!runner.runs) continue;
      runners.push_back(&runner);
      variants.push_back({&runner.network, runner.lineage});
    }
    execute_variants(
        variants, seen, until, [&](std::size_t i) -> const GradedTensor& { return frames_[i]; },
        [&](std::size_t i, std::size_t v, const Execution& execution) {
          runners[v]->divergence[i] =
              divergence(reference_[i], log_probabilities(execution.logits));
          runners[v]->correct[i] = execution.prediction == labels_[i] ? 1 : 0;
        },
        parts_.threads);
    seen = until;
    if (seen > 0) look(race, seen);
    if (parts_.breathe) parts_.breathe();
  }
}

ValidationResult FormatProblem::result_of(const Runner& runner, std::size_t count) const {
  std::int64_t correct = 0;
  std::int64_t expected = 0;
  std::int64_t unequal = 0;
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    correct += runner.correct[i];
    expected += reference_correct_[i];
    unequal += runner.correct[i] != reference_correct_[i] ? 1 : 0;
    sum += runner.divergence[i];
  }
  const auto n = static_cast<double>(count);
  const double drop = static_cast<double>(expected - correct) / n;
  const double variance = static_cast<double>(unequal) / n - drop * drop;
  const double margin = normal_quantile(0.05) * std::sqrt(variance / n);
  return {.accuracy = static_cast<double>(correct) / n,
          .accuracy_drop = drop,
          .accuracy_drop_low = drop - margin,
          .accuracy_drop_high = drop + margin,
          .divergence = sum / n};
}

/// Candidates that have seen all samples are done. Others are given up when the loss is sure to
/// stay above the bar: below mean - z * deviation / sqrt(n) * sqrt(1 - n / N) with n of N samples
/// seen, drawn without replacement, where z leaves an error of (1 - confidence) for all looks.
void FormatProblem::look(Race& race, std::size_t seen) const {
  const auto n = static_cast<double>(seen);
  const double rest = 1.0 - n / static_cast<double>(race.samples);
  const double z = normal_quantile((1.0 - parts_.confidence) / static_cast<double>(looks.size()));
  for (Runner& runner : race.runners) {
    if (!runner.runs) continue;
    const ValidationResult result = result_of(runner, seen);
    const Costs known = costs(*runner.candidate);
    const bool by_drop = parts_.loss == SearchLoss::accuracy_drop;
    const double loss = by_drop ? result.accuracy_drop : result.divergence;
    Evaluation& evaluation = runner.evaluation;
    evaluation.objectives = {loss, known.values[0]};
    evaluation.violation = known.violation;
    if (seen == race.samples) {
      if (parts_.drop_limit) {
        // On some of the samples only what is surely above the limit is.
        const double drop =
            race.samples < frames_.size() ? result.accuracy_drop_low : result.accuracy_drop;
        evaluation.violation += std::max(0.0, drop - *parts_.drop_limit);
      }
      runner.runs = false;
      continue;
    }
    double squares = 0.0;
    for (std::size_t i = 0; i < seen; ++i) {
      const double value = by_drop ? static_cast<double>(reference_correct_[i]) - runner.correct[i]
                                   : runner.divergence[i];
      squares += (value - loss) * (value - loss);
    }
    const double bound = loss - z * std::sqrt(squares / (n - 1.0) / n * rest);
    if (seen < 64 || !(bound > race.bar(known.values))) continue;
    evaluation.objectives[0] = bound;
    evaluation.complete = false;
    runner.runs = false;
  }
}

ValidationResult FormatProblem::validate(const Candidate& candidate) const {
  return validate(quantized(candidate));
}

ValidationResult FormatProblem::validate_rules(std::span<const WeightRule> rules) const {
  return validate(calibrator_.quantize(rules, words_));
}

FormatProblem::Runner FormatProblem::whole_run(const QuantizedNetwork& network) const {
  const BatchExecution execution =
      execute_many(network, frames_.size(), [&](std::size_t i) { return frames_[i]; },
                   {.threads = parts_.threads});
  Runner runner{.candidate = nullptr, .network = network, .divergence = {}, .correct = {}};
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    runner.divergence.push_back(divergence(reference_[i], log_probabilities(execution.logits[i])));
    runner.correct.push_back(execution.predictions[i] == labels_[i] ? 1 : 0);
  }
  return runner;
}

ValidationResult FormatProblem::validate(const QuantizedNetwork& network) const {
  return result_of(whole_run(network), frames_.size());
}

std::optional<ProxySample> FormatProblem::proxies(const Candidate& candidate,
                                                  std::size_t scouts) const {
  try {
    const Runner runner = whole_run(quantized(candidate));
    if (parts_.breathe) parts_.breathe();
    return ProxySample{result_of(runner, frames_.size()), result_of(runner, scouts),
                       calibrator_.drift()};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::capacity) throw;
    return std::nullopt;
  }
}

}  // namespace nj
