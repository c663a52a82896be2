#include <doctest/doctest.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;

TEST_CASE("result.json and every table are byte-identical at 1, 2 and 4 threads") {
  const nj::testing::TinyScenario tiny;
  const PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  const RunResult one = run(prepared, {.threads = 1, .progress = {}});
  for (const unsigned threads : {2U, 4U}) {
    const RunResult many = run(prepared, {.threads = threads, .progress = {}});
    CHECK(result_json(prepared, many) == result_json(prepared, one));
    CHECK(ledger_csv(prepared, many) == ledger_csv(prepared, one));
    CHECK(layers_csv(prepared, many) == layers_csv(prepared, one));
    CHECK(many.predictions == one.predictions);
  }
}
