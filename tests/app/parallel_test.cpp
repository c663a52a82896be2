#include <atomic>
#include <stdexcept>

#include <doctest/doctest.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/core/atomic_file.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;

namespace {

/// Runs with a trace and a series in a folder.
RunResult run_into(const std::filesystem::path& folder, const PreparedRun& prepared,
                   unsigned threads) {
  std::filesystem::create_directories(folder);
  SeriesFile series(prepared, folder / "series.h5");
  RunOptions options{.threads = threads, .progress = {}, .trace = true};
  options.simulated = [&](const SimulationResult& sample, const Activity& activity) {
    series.add(sample, activity);
  };
  RunResult result = run(prepared, options);
  write_results(prepared, result, folder, &series);
  return result;
}

}  // namespace

TEST_CASE("result.json and every table are byte-identical at 1, 2 and 4 threads") {
  const nj::testing::TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  const RunResult one = run_into(tiny.folder() / "one", prepared, 1);
  for (const unsigned threads : {2U, 4U}) {
    const RunResult many = run_into(tiny.folder() / "many", prepared, threads);
    for (const char* name :
         {"result.json", "layers.csv", "ledger.csv", "heatmap.svg", "trace.json", "series.h5"}) {
      CAPTURE(name);
      CHECK(read_file(tiny.folder() / "many" / name, 1 << 26) ==
            read_file(tiny.folder() / "one" / name, 1 << 26));
    }
    CHECK(many.predictions == one.predictions);
  }
}

TEST_CASE("a run is stopped by what its check throws, in whichever thread") {
  const nj::testing::TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  for (const unsigned threads : {1U, 4U}) {
    std::atomic<int> checks = 0;
    RunOptions options{.threads = threads};
    options.check = [&] { ++checks; };
    (void)run(prepared, options);
    const int all = checks;
    // In the first sample's first step, and in the last step of what tells the throughput.
    for (const int last : {1, all}) {
      checks = 0;
      options.check = [&] {
        if (++checks >= last) throw std::runtime_error("stopped");
      };
      CHECK_THROWS_WITH(run(prepared, options), "stopped");
    }
  }
}
