#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/search/result_store.hpp"

#include "digest.hpp"
#include "search_algorithms.hpp"
#include "search_points.hpp"
#include "search_proxies.hpp"
#include "search_session.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// Candidates that are measured together, and lost together when the search is killed.
constexpr std::size_t batch = 8;
/// Batches between two times that the front of the scouts is measured on all samples.
constexpr std::size_t batches_unconfirmed = 16;

}  // namespace

SearchResult PreparedSearch::Session::run(const fs::path& folder, const Progress& progress) {
  folder_ = folder;
  progress_ = progress;
  make_problem();
  SearchResult result;
  describe(result);
  const std::string name = fingerprint();
  const std::size_t variables = formats_.space.options.size();
  const std::size_t scouts = std::min<std::size_t>(spec_.scouts, problem_->samples());
  ResultStore store(folder_ / "evaluations.store", name, variables, 2);
  std::optional<ResultStore> scout_store;
  if (scouts < problem_->samples()) {
    scout_store.emplace(folder_ / "scouts.store", sha256_hex(fmt::format("{} {}", name, scouts)),
                        variables, 2);
  }
  const SampledProblem all(*problem_, problem_->samples());
  const SampledProblem some(*problem_, scouts);
  const Measurer measurer{Problem(all), store, Problem(some), scout_store ? *scout_store : store};
  const std::vector<double> reference = reference_point(measurer);
  for (const SearchAlgorithm algorithm : spec_.algorithms) {
    run_algorithm(algorithm, measurer, reference, result);
  }
  if (spec_.proxies > 0) {
    tell("proxies", 0, 1);
    result.proxies = sample_proxies(*problem_, front_.points(), scouts, spec_.proxies, spec_.seed);
    tell("proxies", 1, 1);
  }
  finish(result);
  return result;
}

void PreparedSearch::Session::tell(std::string_view stage, std::size_t done, std::size_t total) {
  told_ = {stage, done, total};
  if (progress_) progress_(stage, done, total);
}

void PreparedSearch::Session::make_problem() {
  tell("calibrating", 0, 1);
  std::vector<std::uint32_t> labels;
  for (std::uint64_t i = 0; i < validation_->size(); ++i) labels.push_back(validation_->label(i));
  const WeightRule rule{{},
                        scenario_.quantization.default_rule.scale_rule,
                        scenario_.quantization.default_rule.scale};
  problem_ = std::make_unique<FormatProblem>(
      FormatProblem::Parts{.formats = formats_,
                           .cost = cost(),
                           .limited = limited_,
                           .limits = limits_,
                           .rule = rule,
                           .loss = spec_.loss,
                           .drop_limit = spec_.constraints.accuracy_drop,
                           .confidence = spec_.confidence,
                           .threads = threads_,
                           .breathe = [this] { tell(told_.stage, told_.done, told_.total); }},
      model_, words_of(scenario_.quantization),
      Calibrator(model_, frames_of(*calibration_, threads_), scenario_.calibration->spec, threads_),
      frames_of(*validation_, threads_), std::move(labels));
  tell("calibrating", 1, 1);
}

/// All that an evaluation depends on; the test samples and where files lie are not part of it.
std::string PreparedSearch::Session::fingerprint() const {
  SearchSpec spec = spec_;
  spec.validation.path = "/";
  spec.algorithms = {SearchAlgorithm::greedy};
  spec.budget = 1;
  spec.points = 2;
  spec.scouts = 8;
  spec.baselines.clear();
  spec.proxies = 0;
  Scenario scenario = scenario_;
  scenario.name = "search";
  scenario.outputs = {};
  std::string text = to_yaml(spec) + scenario_hash(scenario, *validation_, calibration_.get());
  for (std::uint64_t i = 0; i < validation_->size(); ++i) {
    text += fmt::format(" {}", validation_->label(i));
  }
  return sha256_hex(text);
}

void PreparedSearch::Session::describe(SearchResult& result) const {
  const FormatSpace& formats = problem_->formats();
  for (const LayerId id : formats.layers) {
    result.layers.push_back(model_.network.layer(id).name);
  }
  for (const WordChoice& choice : formats.words) {
    result.words.push_back(choice.word);
    result.variables.push_back({std::string(to_string(choice.word))});
    auto& options = result.options.emplace_back();
    for (const auto& option : choice.options) options.push_back(short_text(option, choice.word));
  }
  for (std::size_t v = 0; v < formats.options.size(); ++v) {
    auto& names = result.variables.emplace_back();
    for (const std::size_t i : formats.members[v]) names.push_back(result.layers[i]);
    auto& options = result.options.emplace_back();
    for (const NumberFormat& format : formats.options[v]) options.push_back(to_string(format));
  }
}

/// Of hypervolumes: what the cheapest candidate loses, and a little more than the base costs.
std::vector<double> PreparedSearch::Session::reference_point(const Measurer& measurer) const {
  const Candidate& cheapest = cost().cheapest;
  Evaluator once(measurer.all, {.store = &measurer.all_store});
  const Candidate base = widest_candidate(formats_, model_);
  const auto seen =
      once.evaluate(std::vector<Candidate>{cheapest, base}, {.fully = true, .infeasible = true});
  return {std::max(seen[0].objectives[0], seen[1].objectives[0]) * 1.01 + 1e-9,
          seen[1].objectives[1] * 1.01};
}

/// The algorithm walks by what the scouts say; what is on their front is measured on all samples
/// now and then, and at the end.
void PreparedSearch::Session::run_algorithm(SearchAlgorithm algorithm, const Measurer& measurer,
                                            const std::vector<double>& reference,
                                            SearchResult& result) {
  const auto start = std::chrono::steady_clock::now();
  AlgorithmResult& done = result.algorithms.emplace_back();
  done.algorithm = algorithm;
  Evaluator confirmed(measurer.all, {.batch = batch, .store = &measurer.all_store});
  const auto confirm = [&](const Evaluator& scouts) {
    std::vector<Candidate> found;
    for (const FrontPoint& point : scouts.front().points()) found.push_back(point.candidate);
    (void)confirmed.evaluate(found);
    const double volume = hypervolume(confirmed.front().points(), reference);
    if (!done.history.empty() && volume == done.hypervolume) return;
    done.hypervolume = volume;
    done.history.push_back({scouts.evaluations(), volume});
    write_file_atomically(folder_ / "front.csv", running_front(confirmed));
  };
  std::size_t unconfirmed = 0;
  EvaluatorOptions options{.budget = spec_.budget, .batch = batch, .store = &measurer.scout_store};
  options.observer = [&](const Evaluator& scouts, bool) {
    if (++unconfirmed == batches_unconfirmed) {
      confirm(scouts);
      unconfirmed = 0;
    }
    tell(to_string(algorithm), std::min(scouts.evaluations(), spec_.budget - 1), spec_.budget);
  };
  Evaluator scouts(measurer.scouts, options);
  const SensitivityTable table = run_search_algorithm(algorithm, scouts,
                                                      {.base = widest_candidate(formats_, model_),
                                                       .start = alike(formats_.space, cost()),
                                                       .loss = spec_.loss,
                                                       .samples = spec_.scouts,
                                                       .budget = spec_.budget,
                                                       .seed = spec_.seed});
  if (!table.loss.empty()) result.table = table;
  confirm(scouts);
  tell(to_string(algorithm), spec_.budget, spec_.budget);
  done.evaluations = scouts.evaluations();
  done.confirmed = confirmed.evaluations();
  done.measured = scouts.measured() + confirmed.measured();
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const FrontPoint& point : confirmed.front().points()) {
    front_.insert(point.candidate, {point.objectives, 0, true});
  }
}

/// The front so far: formats, loss and cost, without a test.
std::string PreparedSearch::Session::running_front(const Evaluator& evaluator) const {
  std::string text = fmt::format("{},{}", to_string(spec_.loss), to_string(spec_.cost));
  for (const LayerId id : formats_.layers) text += "," + model_.network.layer(id).name;
  for (const WordChoice& choice : formats_.words)
    text += fmt::format(",{}", to_string(choice.word));
  text += '\n';
  for (const FrontPoint& point : evaluator.front().points()) {
    text += fmt::format("{},{}", point.objectives[0], point.objectives[1]);
    for (const WeightRule& rule : problem_->rules(point.candidate)) {
      text += "," + to_string(rule.format);
    }
    const QuantizedNetwork::Words words = problem_->words(point.candidate);
    for (const WordChoice& choice : formats_.words) text += "," + short_text(words, choice.word);
    text += '\n';
  }
  return text;
}

/// At most `points` of the front, at equal distances, ends included.
std::vector<FrontPoint> PreparedSearch::Session::chosen() const {
  const auto& all = front_.points();
  std::vector<FrontPoint> result;
  const std::size_t count = std::min<std::size_t>(spec_.points, all.size());
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back(all[count == 1 ? 0 : i * (all.size() - 1) / (count - 1)]);
  }
  return result;
}

void PreparedSearch::Session::finish(SearchResult& result) {
  result.front_size = front_.points().size();
  const std::vector<FrontPoint> points = chosen();
  PointTester tester(search_, model_, *problem_, folder_, threads_);
  const std::vector<std::string> baselines = PointTester::baseline_names(spec_.baselines);
  const std::size_t total = points.size() + baselines.size() + 1;
  std::size_t done = 0;
  tell("testing", done, total);
  result.reference = tester.reference();
  for (std::size_t i = 0; i < points.size(); ++i) {
    tell("testing", ++done, total);
    result.front.push_back(tester.point(points[i], i));
  }
  for (const std::string& name : baselines) {
    tell("testing", ++done, total);
    if (auto point = tester.baseline(name)) result.baselines.push_back(std::move(*point));
  }
  tell("testing", total, total);
}

SearchResult PreparedSearch::run(const fs::path& folder, const Progress& progress) {
  return session_->run(folder, progress);
}

SearchResult search(const SearchScenario& scenario, const fs::path& folder, unsigned threads,
                    const Progress& progress) {
  return PreparedSearch(scenario, threads).run(folder, progress);
}

}  // namespace nj
