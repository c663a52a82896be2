#include <doctest/doctest.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/core/atomic_file.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;

TEST_CASE("result.json and every table are byte-identical at 1, 2 and 4 threads") {
  const nj::testing::TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  const RunResult one = run(prepared, {.threads = 1, .progress = {}, .trace = true});
  write_trace(prepared, one, tiny.folder() / "one.json");
  for (const unsigned threads : {2U, 4U}) {
    const RunResult many = run(prepared, {.threads = threads, .progress = {}, .trace = true});
    write_trace(prepared, many, tiny.folder() / "many.json");
    CHECK(read_file(tiny.folder() / "many.json", 1 << 26) ==
          read_file(tiny.folder() / "one.json", 1 << 26));
    CHECK(result_json(prepared, many) == result_json(prepared, one));
    CHECK(heatmap_svg(prepared, many) == heatmap_svg(prepared, one));
    CHECK(ledger_csv(prepared, many) == ledger_csv(prepared, one));
    CHECK(layers_csv(prepared, many) == layers_csv(prepared, one));
    CHECK(many.predictions == one.predictions);
  }
}
