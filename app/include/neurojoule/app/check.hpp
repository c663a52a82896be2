#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "neurojoule/app/run.hpp"
#include "neurojoule/app/search.hpp"

// Scenarios checked without running them, as far as the files of their samples are there.
namespace nj {

/// What is right with a scenario.
struct CheckedScenario {
  PreparedRun prepared;
  /// Files of samples that a run needs and that are not there. What only they tell is not checked
  /// (shapes of stored samples, labels); without calibration samples, weights are rounded.
  std::vector<std::filesystem::path> absent;
};

/// Throws: as prepare, but not for files of samples that are not there.
CheckedScenario check(const Scenario& scenario);

/// What is right with a search; the scenario is not calibrated.
struct CheckedSearch {
  CheckedScenario scenario;
  SearchSize size;
};

/// Throws: as PreparedSearch, but not for files of samples that are not there.
CheckedSearch check(const SearchScenario& search);

/// `18 variables, 5.56e+18 candidates`.
std::string to_string(const SearchSize& size);

/// Adds the paths of `more` that `paths` lacks.
void add_absent(std::vector<std::filesystem::path>& paths,
                const std::vector<std::filesystem::path>& more);

/// A line for each: `data not found: FILE (needed to run)`.
std::string absent_lines(const std::vector<std::filesystem::path>& paths);

}  // namespace nj
