#include "neurojoule/app/check.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "search_problem.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// Whether the samples of a spec can be read; adds the first file that is not there.
bool is_there(const DatasetSpec& spec, std::vector<fs::path>& absent) {
  const auto file = absent_file(spec);
  if (file) add_absent(absent, {file->lexically_normal()});
  return !file;
}

}  // namespace

CheckedScenario check(const Scenario& scenario) {
  std::vector<fs::path> absent;
  std::shared_ptr<const Dataset> dataset;
  std::unique_ptr<const Dataset> calibration;
  if (is_there(scenario.dataset, absent)) {
    dataset = open_samples(scenario.dataset, scenario.seed, scenario.dataset_location);
  }
  if (const auto& choice = scenario.calibration; choice && is_there(choice->dataset, absent)) {
    calibration = open_samples(choice->dataset, scenario.seed, scenario.calibration_location);
  }
  return {prepare_on(scenario, std::move(dataset), calibration.get()), std::move(absent)};
}

CheckedSearch check(const SearchScenario& search) {
  std::vector<fs::path> absent;
  is_there(search.scenario.calibration->dataset, absent);
  is_there(search.spec.validation, absent);
  Scenario rounded = search.scenario;
  rounded.calibration.reset();
  CheckedSearch checked{check(rounded), {}};
  add_absent(checked.scenario.absent, absent);
  if (checked.scenario.absent.empty()) {
    checked.size = PreparedSearch(search, 0).size();
  } else {
    const FormatSpace formats = format_space(search.spec, load_fitting_model(search.scenario));
    checked.size = {formats.options.size(), formats.space.size()};
  }
  return checked;
}

std::string to_string(const SearchSize& size) {
  return fmt::format("{} variables, {:.3g} candidates", size.variables,
                     static_cast<double>(size.candidates));
}

void add_absent(std::vector<fs::path>& paths, const std::vector<fs::path>& more) {
  for (const fs::path& path : more) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  }
}

std::string absent_lines(const std::vector<fs::path>& paths) {
  std::string text;
  for (const fs::path& path : paths) {
    text += fmt::format("data not found: {} (needed to run)\n", path.string());
  }
  return text;
}

}  // namespace nj
