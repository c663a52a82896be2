// Question: what would artificial networks cost on the same chip, and from which firing rate on
// less?
#include <algorithm>
#include <array>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/core/atomic_file.hpp>

#include "support/tiny_scenario.hpp"

namespace nj {
namespace {

using testing::message_of;
using testing::TinyScenario;

RunResult run_with_baselines(const TinyScenario& tiny, const std::vector<std::string>& more = {}) {
  std::vector<std::string> overrides{"outputs.baselines=true"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  const PreparedRun prepared = prepare(read_batch(tiny.file(), overrides).points.front().scenario);
  RunResult result = run(prepared, {.threads = 1});
  write_results(prepared, result, tiny.folder() / "run");
  return result;
}

/// Whether the places and sizes in a picture are numbers.
bool is_finite(const std::string& svg) {
  const std::array no_numbers{"nan", "-inf", ",inf", "\"inf"};
  return std::none_of(no_numbers.begin(), no_numbers.end(),
                      [&](const char* word) { return svg.find(word) != std::string::npos; });
}

}  // namespace

TEST_CASE("break-even: where straight lines between points reach an energy") {
  const std::array at{0.0, 0.1, 0.5};
  const std::array energies{Picojoules{10}, Picojoules{30}, Picojoules{50}};
  const auto rate = [&](double pj) { return break_even_rate(at, energies, Picojoules{pj}); };
  CHECK(rate(5) == 0);                                      // even silence costs more
  CHECK(rate(10) == 0);                                     // silence costs as much
  CHECK(rate(20) == doctest::Approx(0.05).epsilon(1e-12));  // half way to 30
  CHECK(rate(30) == doctest::Approx(0.1).epsilon(1e-12));
  CHECK(rate(40) == doctest::Approx(0.3).epsilon(1e-12));  // half way from 0.1 to 0.5
  CHECK(rate(51) == 1);                                    // every rate costs less
}

TEST_CASE("a run with baselines: silence is cheapest, wider numbers and fewer zeros cost more") {
  const TinyScenario tiny;
  const RunResult result = run_with_baselines(tiny);
  REQUIRE(result.chip->baselines);
  const Baselines& baselines = *result.chip->baselines;
  CHECK(baselines.absent.empty());
  CHECK(baselines.measured_rate > 0);
  CHECK(baselines.measured_rate < 0.5);
  REQUIRE(baselines.spiking.size() == 10);
  for (std::size_t i = 1; i < baselines.spiking.size(); ++i) {
    CHECK(baselines.spiking[i].cost.total > baselines.spiking[i - 1].cost.total);
  }
  // T = 4 steps tell 5 levels apart: 3 bits.
  REQUIRE(baselines.networks.size() == 6);
  CHECK(baselines.networks[0].name == "ann3");
  CHECK(baselines.networks[2].name == "int8");
  CHECK(baselines.networks[4].name == "float32");
  for (std::size_t i = 0; i < 6; i += 2) {
    const AnnBaseline& dense = baselines.networks[i];
    const AnnBaseline& half = baselines.networks[i + 1];
    CHECK(dense.density == 1);
    CHECK(half.density == 0.5);
    CHECK(half.cost.total < dense.cost.total);
    CHECK(half.break_even <= dense.break_even);
    if (i > 0) CHECK(dense.cost.total > baselines.networks[i - 2].cost.total);
    REQUIRE(dense.populations.size() == dense.cost.populations.size());
    Picojoules sum;
    for (const Picojoules energy : dense.cost.populations) sum += energy;
    CHECK(sum < dense.cost.total);  // the rest is the chip's
    CHECK(sum.value() > 0.5 * dense.cost.total.value());
  }
  const std::string csv = read_file(tiny.folder() / "run" / "baselines.csv", 1 << 20);
  CHECK(csv.starts_with("layer,design,density,energy_pj,break_even_rate\n,spiking,0,"));
  CHECK(csv.find("\nblock.0.mlp.fc1_conv,ann3,0.5,") != std::string::npos);
  const std::string svg = read_file(tiny.folder() / "run" / "baselines.svg", 1 << 20);
  CHECK(svg.find("ann3, half zeros") != std::string::npos);
  CHECK(svg.ends_with("</svg>\n"));
}

TEST_CASE("where all is free the pictures have numbers, and an end") {
  const TinyScenario tiny;
  std::string table = "name: free\ntechnology: {node: 45 nm, voltage: 0.9 V}\nentries:\n";
  for (std::uint32_t i = 0; i <= static_cast<std::uint32_t>(Action::float_multiply); ++i) {
    const auto action = static_cast<Action>(i);
    const bool leaks = action == Action::leak_cycle;
    table += fmt::format("  - {{action: {}, category: {}, {}, source: \"assumption: a test\"}}\n",
                         to_string(action), leaks ? "static" : "compute",
                         leaks ? "leakage: {per_kib: 0 uW}" : "price: 0 pJ");
  }
  write_file_atomically(tiny.folder() / "free.yaml", table);
  const PreparedRun prepared =
      prepare(read_batch(tiny.file(), {"outputs.baselines=true", "prices=free.yaml"})
                  .points.front()
                  .scenario);
  RunResult result = run(prepared, {.threads = 1});
  CHECK(result.chip->baselines->networks.back().cost.total.value() == 0);
  for (const std::string& svg :
       {baselines_svg(prepared, result),
        batch_svg("free", {batch_row({"a", "b", prepared.scenario}, prepared, result)})}) {
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(is_finite(svg));
  }
  // One price: the axis begins at the least that is not free.
  result.chip->baselines->networks.back().cost.total = Picojoules{100};
  const std::string svg = baselines_svg(prepared, result);
  CHECK(svg.find(">100 pJ</text>") != std::string::npos);
  CHECK(is_finite(svg));
}

TEST_CASE("a design without prices is named, and a run without a chip has no baselines") {
  const TinyScenario tiny;
  const RunResult result = run_with_baselines(tiny, {"chip=loihi1", "prices=loihi1_published"});
  const Baselines& baselines = *result.chip->baselines;
  REQUIRE(baselines.absent.size() == 1);
  CHECK(baselines.absent.front().find("float32: price table 'loihi1_published' has no price for") ==
        0);
  CHECK(baselines.networks.size() == 4);
}

}  // namespace nj
