#pragma once

#include <string>
#include <utility>
#include <vector>

#include <neurojoule/app/run.hpp>

#include "support/tiny_scenario.hpp"

namespace nj::testing {

/// A run and what it found.
struct Finished {
  PreparedRun prepared;
  RunResult result;
};

/// The scenario in the folder, run by one thread.
inline Finished run_tiny(const TinyScenario& tiny, const std::vector<std::string>& overrides = {}) {
  PreparedRun prepared = prepare(read_batch(tiny.file(), overrides).points.front().scenario);
  RunResult result = run(prepared, {.threads = 1, .progress = {}});
  return {std::move(prepared), std::move(result)};
}

}  // namespace nj::testing
