#include "search_points.hpp"

#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/models/model_file.hpp"

#include "search_costs.hpp"

namespace nj {

namespace fs = std::filesystem;

PointTester::PointTester(const SearchScenario& search, const Model& model,
                         const FormatProblem& problem, fs::path folder, unsigned threads)
    : scenario_(search.scenario),
      model_(model),
      problem_(problem),
      folder_(std::move(folder)),
      threads_(threads) {}

std::vector<std::string> PointTester::baseline_names(const std::vector<NumberFormat>& formats) {
  std::vector<std::string> names;
  for (const NumberFormat& format : formats) {
    for (const char* const way : {"rounded", "calibrated"}) {
      names.push_back(fmt::format("{} {}", to_string(format), way));
    }
  }
  return names;
}

SearchPoint PointTester::reference() {
  Scenario floating = scenario_;
  floating.chip.reset();
  floating.calibration.reset();
  floating.outputs = {};
  floating.quantization.layers.clear();
  floating.quantization.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  const PreparedRun prepared = prepare(floating);
  const RunResult tested = run(prepared, {.threads = threads_});
  float_linear_ = linear_bits_energy(prepared, tested).value();
  SearchPoint point;
  point.name = "float32";
  point.words = words_of(scenario_.quantization);
  point.test_samples = tested.samples;
  point.test_correct = tested.correct;
  point.effective_bits = 32;
  point.linear_bits_ratio = 1;
  point.validation.accuracy = problem_.reference_accuracy();
  return point;
}

SearchPoint PointTester::point(const FrontPoint& found, std::size_t index) const {
  SearchPoint point;
  point.name = fmt::format("{:03}", index);
  point.cost = found.objectives[1];
  const std::vector<WeightRule> rules = problem_.rules(found.candidate);
  for (const WeightRule& rule : rules) point.formats.push_back(rule.format);
  point.validation = problem_.validate(found.candidate);
  const fs::path folder = folder_ / "points" / point.name;
  fs::create_directories(folder);
  point.words = problem_.words(found.candidate);
  write_model_file(problem_.calibrated(found.candidate), folder / "model.h5");
  Scenario scenario = scenario_;
  scenario.name = fmt::format("{}-{}", scenario_.name, point.name);
  scenario.calibration.reset();
  scenario.quantization.layers.clear();
  set_words(scenario.quantization, point.words);
  scenario.model = ModelFile{fs::absolute(folder / "model.h5").lexically_normal().string()};
  write_file_atomically(folder / "scenario.yaml", to_yaml(scenario));
  test(std::move(scenario), point);
  return point;
}

void PointTester::test(Scenario scenario, SearchPoint& point) const {
  scenario.outputs = {};
  const PreparedRun prepared = prepare(scenario);
  const RunResult tested = run(prepared, {.threads = threads_});
  point.test_samples = tested.samples;
  point.test_correct = tested.correct;
  point.effective_bits = mean_effective_bits(prepared.network);
  point.linear_bits_ratio = float_linear_ / linear_bits_energy(prepared, tested).value();
  if (tested.chip) {
    point.energy = energy_per_inference(*tested.chip);
    point.latency = mean_latency(*tested.chip);
  }
}

std::optional<SearchPoint> PointTester::baseline(const std::string& name) const {
  SearchPoint point;
  point.name = name;
  point.words = words_of(scenario_.quantization);
  Scenario scenario = scenario_;
  scenario.quantization.layers.clear();
  scenario.quantization.default_rule.format = parse_number_format(name.substr(0, name.find(' ')));
  if (name.ends_with("rounded")) scenario.calibration.reset();
  const std::vector<WeightRule> rules = resolve(scenario.quantization, model_);
  for (const WeightRule& rule : rules) point.formats.push_back(rule.format);
  try {
    test(scenario, point);
    point.validation = scenario.calibration
                           ? problem_.validate_rules(rules)
                           : problem_.validate(quantize(model_, scenario.quantization));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::capacity) throw;
    return std::nullopt;
  }
  return point;
}

}  // namespace nj
