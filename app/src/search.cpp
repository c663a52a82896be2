#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/execute.hpp"

#include "search_session.hpp"

namespace nj {
namespace {

/// Validation frames that are held.
constexpr std::uint64_t max_frame_bytes = std::uint64_t{2} << 30;
/// Samples whose spikes the cost tables are made with, and of these the ones that a chip runs.
constexpr std::uint64_t cost_samples = 64;
constexpr std::uint64_t most_chip_samples = 4;

bool overlap(const DatasetSpec& a, const DatasetSpec& b) {
  return a.path == b.path && (a.split == b.split || !has_splits(a.source)) &&
         a.first < b.first + b.samples.value_or(0) && b.first < a.first + a.samples.value_or(0);
}

}  // namespace

PreparedSearch::Session::Session(SearchScenario search, unsigned threads)
    : search_(std::move(search)),
      scenario_(search_.scenario),
      spec_(search_.spec),
      threads_(threads),
      test_(open_samples(scenario_.dataset, scenario_.seed, scenario_.dataset_location)),
      model_(load_fitting_model(scenario_, *test_)),
      formats_(format_space(spec_, model_)),
      calibration_(open_samples(scenario_.calibration->dataset, scenario_.seed,
                                scenario_.calibration_location)),
      validation_(open_samples(spec_.validation, scenario_.seed, spec_.validation_location)) {
  check_samples();
  make_costs();
  check_limits();
}

void PreparedSearch::Session::refuse(const std::string& message, const std::string& key) const {
  throw Error(ErrorKind::config, message, {.file = scenario_.file.string(), .key = key});
}

void PreparedSearch::Session::check_samples() const {
  if (!has_classifier(model_)) refuse("a search needs a classifier", "model");
  if (overlap(validation_->spec(), test_->spec())) {
    throw Error(ErrorKind::config, "the validation samples are test samples, too",
                spec_.validation_location);
  }
  if (overlap(calibration_->spec(), test_->spec())) {
    throw Error(ErrorKind::config, "the calibration samples are test samples, too",
                scenario_.calibration_location);
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
void PreparedSearch::Session::make_costs() {
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

void PreparedSearch::Session::check_area() const {
  if (spec_.cost == SearchCost::area) {
    chip_->check_area(spec_.cost_location);
  } else {
    chip_->check_area({.file = scenario_.file.string(), .key = "search.constraints.area"});
  }
}

void PreparedSearch::Session::check_limits() {
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

PreparedSearch::PreparedSearch(const SearchScenario& search, unsigned threads)
    : session_(std::make_unique<Session>(search, threads)) {}
PreparedSearch::~PreparedSearch() = default;
PreparedSearch::PreparedSearch(PreparedSearch&&) noexcept = default;
PreparedSearch& PreparedSearch::operator=(PreparedSearch&&) noexcept = default;

SearchSize PreparedSearch::size() const { return session_->size(); }
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
