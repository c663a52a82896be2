#include "neurojoule/app/search.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/search/result_store.hpp"

#include "digest.hpp"
#include "search_algorithms.hpp"
#include "search_costs.hpp"
#include "search_points.hpp"
#include "search_problem.hpp"
#include "search_proxies.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// Validation frames that are held.
constexpr std::uint64_t max_frame_bytes = std::uint64_t{2} << 30;
/// Samples whose spikes the cost tables are made with, and of these the ones that a chip runs.
constexpr std::uint64_t cost_samples = 64;
constexpr std::uint64_t most_chip_samples = 4;
/// Candidates that are measured together, and lost together when the search is killed.
constexpr std::size_t batch = 8;
/// Batches between two times that the front of the scouts is measured on all samples.
constexpr std::size_t batches_unconfirmed = 16;
bool overlap(const DatasetSpec& a, const DatasetSpec& b) {
  return a.path == b.path && (a.split == b.split || !has_splits(a.source)) &&
         a.first < b.first + b.samples.value_or(0) && b.first < a.first + a.samples.value_or(0);
}

}  // namespace

/// Everything that a search is made of.
class PreparedSearch::Session {
 public:
  Session(SearchScenario search, unsigned threads)
      : search_(std::move(search)),
        scenario_(search_.scenario),
        spec_(search_.spec),
        threads_(threads),
        test_(scenario_.dataset, scenario_.seed),
        model_(load_fitting_model(scenario_, test_)),
        formats_(format_space(spec_, model_)),
        calibration_(other_samples(scenario_, scenario_.calibration->dataset, "calibration")),
        validation_(other_samples(scenario_, spec_.validation, "search.validation")) {
    check_samples();
    make_costs();
    check_limits();
  }

  [[nodiscard]] SearchSize size() const {
    return {formats_.space.options.size(), formats_.space.size()};
  }

  SearchResult run(const fs::path& folder, const Progress& progress) {
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
      result.proxies =
          sample_proxies(*problem_, front_.points(), scouts, spec_.proxies, spec_.seed);
      tell("proxies", 1, 1);
    }
    finish(result);
    return result;
  }

 private:
  void tell(std::string_view stage, std::size_t done, std::size_t total) {
    told_ = {stage, done, total};
    if (progress_) progress_(stage, done, total);
  }

  [[noreturn]] void refuse(const std::string& message, const std::string& key) const {
    throw Error(ErrorKind::config, message, {.file = scenario_.file.string(), .key = key});
  }

  void check_samples() const {
    if (!has_classifier(model_)) refuse("a search needs a classifier", "model");
    if (overlap(validation_->spec(), test_.spec())) {
      refuse("the validation samples are test samples, too", "search.validation");
    }
    if (overlap(calibration_->spec(), test_.spec())) {
      refuse("the calibration samples are test samples, too", "calibration");
    }
    const FrameForm form = validation_->form();
    const std::uint64_t bytes =
        validation_->size() * form.timesteps * form.shape.neurons() * sizeof(std::int16_t);
    if (bytes > max_frame_bytes) {
      refuse(fmt::format("the frames of {} samples take {} MiB, at most {} are held",
                         validation_->size(), bytes >> 20, max_frame_bytes >> 20),
             "search.validation.samples");
    }
    const auto& drop = spec_.constraints.accuracy_drop;
    const double resolved =
        -std::log(1.0 - spec_.confidence) / static_cast<double>(validation_->size());
    if (drop && *drop < resolved) {
      refuse(fmt::format("{} samples tell a drop of {:.3g} % at the confidence {}, not {:.3g} %; "
                         "at least {} are needed",
                         validation_->size(), 100 * resolved, spec_.confidence, 100 * *drop,
                         std::ceil(-std::log(1.0 - spec_.confidence) / *drop)),
             "search.constraints.accuracy_drop");
    }
  }

  /// Runs the base on some validation samples, and makes the tables of costs.
  void make_costs() {
    QuantizationSpec floating = scenario_.quantization;
    floating.layers.clear();
    floating.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
    if (scenario_.chip) chip_ = std::make_unique<const ChipCosts>(scenario_);
    const bool area = spec_.cost == SearchCost::area || spec_.constraints.area;
    if (area) check_area();
    base_ = std::make_unique<BaseActivity>(
        BaseActivity{.scenario = scenario_,
                     .model = model_,
                     .chip = chip_.get(),
                     .network = quantize(model_, floating),
                     .samples = std::min(cost_samples, validation_->size())});
    BaseActivity& base = *base_;
    const std::uint64_t traced =
        scenario_.chip ? std::min({scenario_.chip->samples, most_chip_samples, base.samples}) : 0;
    BatchExecution execution = execute_many(quantize(model_, floating), base.samples,
                                            [&](std::size_t i) { return validation_->frames(i); },
                                            {.threads = threads_, .trace_samples = traced});
    base.activity = std::move(execution.activity);
    base.traces = std::move(execution.traces);
    std::optional<CostTable> energy;  // it leaves out formats that do not run on the chip
    if (scenario_.chip) energy = energy_table(formats_, base, threads_);
    costs_[SearchCost::effective_bits] = cost_of(effective_bits_table(formats_, model_));
    costs_[SearchCost::storage] = cost_of(storage_table(formats_, model_));
    costs_[SearchCost::linear_bits] = cost_of(linear_bits_table(formats_, base));
    if (energy) costs_[SearchCost::energy] = cost_of(std::move(*energy));
    const bool latency = spec_.cost == SearchCost::latency || spec_.constraints.latency;
    const bool memory = spec_.cost == SearchCost::memory || spec_.constraints.memory;
    if (latency) costs_[SearchCost::latency] = latency_cost(formats_, base);
    if (memory) costs_[SearchCost::memory] = memory_cost(formats_, base);
    if (area) costs_[SearchCost::area] = area_cost(formats_, base);
  }

  void check_area() const {
    if (spec_.cost == SearchCost::area) {
      chip_->check_area(spec_.cost_location);
    } else {
      chip_->check_area({.file = scenario_.file.string(), .key = "search.constraints.area"});
    }
  }

  void check_limits() {
    const auto add = [&](SearchCost key, double limit, const char* unit) {
      const CandidateCost& cost = costs_.at(key);
      if (cost.least() > limit) {
        refuse(fmt::format("at least {:.6g}{} with the cheapest formats, the limit is {:.6g}{}",
                           cost.least(), unit, limit, unit),
               fmt::format("search.constraints.{}", to_string(key)));
      }
      limited_.push_back(cost);
      limits_.push_back(limit);
    };
    const SearchConstraints& limits = spec_.constraints;
    const auto number = [](auto quantity) { return static_cast<double>(quantity.value()); };
    if (limits.effective_bits) add(SearchCost::effective_bits, *limits.effective_bits, " bits");
    if (limits.storage) add(SearchCost::storage, number(*limits.storage), " bits");
    if (limits.energy) add(SearchCost::energy, number(*limits.energy), " pJ");
    if (limits.latency) add(SearchCost::latency, number(*limits.latency), " ps");
    if (limits.memory) add(SearchCost::memory, number(*limits.memory), " bits");
    if (limits.area) add(SearchCost::area, number(*limits.area), " mm2");
  }

  [[nodiscard]] const CandidateCost& cost() const { return costs_.at(spec_.cost); }

  void make_problem() {
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
        Calibrator(model_, frames_of(*calibration_, threads_), scenario_.calibration->spec,
                   threads_),
        frames_of(*validation_, threads_), std::move(labels));
    tell("calibrating", 1, 1);
  }

  /// All that an evaluation depends on; the test samples and where files lie are not part of it.
  [[nodiscard]] std::string fingerprint() const {
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

  void describe(SearchResult& result) const {
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

  /// Losses on all validation samples, and on those that algorithms see.
  struct Measurer {
    Problem all;
    ResultStore& all_store;
    Problem scouts;
    ResultStore& scout_store;
  };

  /// Of hypervolumes: what the cheapest candidate loses, and a little more than the base costs.
  [[nodiscard]] std::vector<double> reference_point(const Measurer& measurer) const {
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
  void run_algorithm(SearchAlgorithm algorithm, const Measurer& measurer,
                     const std::vector<double>& reference, SearchResult& result) {
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
    EvaluatorOptions options{
        .budget = spec_.budget, .batch = batch, .store = &measurer.scout_store};
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
  [[nodiscard]] std::string running_front(const Evaluator& evaluator) const {
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

  // --- the final front ---------------------------------------------------------------------------

  /// At most `points` of the front, at equal distances, ends included.
  [[nodiscard]] std::vector<FrontPoint> chosen() const {
    const auto& all = front_.points();
    std::vector<FrontPoint> result;
    const std::size_t count = std::min<std::size_t>(spec_.points, all.size());
    for (std::size_t i = 0; i < count; ++i) {
      result.push_back(all[count == 1 ? 0 : i * (all.size() - 1) / (count - 1)]);
    }
    return result;
  }

  void finish(SearchResult& result) {
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

  const SearchScenario search_;
  const Scenario& scenario_;
  const SearchSpec& spec_;
  fs::path folder_;
  unsigned threads_;
  Progress progress_;
  struct Told {
    std::string_view stage;
    std::size_t done = 0;
    std::size_t total = 0;
  };
  Told told_;
  Dataset test_;
  Model model_;
  FormatSpace formats_;
  std::unique_ptr<const Dataset> calibration_;
  std::unique_ptr<const Dataset> validation_;
  std::unique_ptr<const ChipCosts> chip_;
  std::unique_ptr<BaseActivity> base_;
  std::map<SearchCost, CandidateCost> costs_;
  std::vector<CandidateCost> limited_;
  std::vector<double> limits_;
  std::unique_ptr<FormatProblem> problem_;
  ParetoFront front_;
};

PreparedSearch::PreparedSearch(const SearchScenario& search, unsigned threads)
    : session_(std::make_unique<Session>(search, threads)) {}
PreparedSearch::~PreparedSearch() = default;
PreparedSearch::PreparedSearch(PreparedSearch&&) noexcept = default;
PreparedSearch& PreparedSearch::operator=(PreparedSearch&&) noexcept = default;

SearchSize PreparedSearch::size() const { return session_->size(); }
SearchResult PreparedSearch::run(const fs::path& folder, const Progress& progress) {
  return session_->run(folder, progress);
}

SearchResult search(const SearchScenario& scenario, const fs::path& folder, unsigned threads,
                    const Progress& progress) {
  return PreparedSearch(scenario, threads).run(folder, progress);
}

ShareInterval wilson_interval(std::uint64_t successes, std::uint64_t trials) {
  constexpr double z = 1.959963984540054;  // 97.5 % of the normal distribution
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half =
      z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {middle - half, middle + half};
}

}  // namespace nj
