// Question: do the shipped examples still compute what they did, on any machine?
// Result: the trained network on real images, in exact integers. A change of these numbers is a
// change of results: it belongs into CHANGELOG.md.
#include <filesystem>

#include <doctest/doctest.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/hardware/count_definition.hpp>

using namespace nj;

namespace {

const std::filesystem::path examples = std::filesystem::path(NJ_SOURCE_DIR) / "examples";

bool images_available() {
  if (std::filesystem::exists(DatasetSpec{}.path)) return true;
  MESSAGE("skipped: Debian's dataset-fashion-mnist is not installed");
  return false;
}

}  // namespace

TEST_CASE("the quickstart network on the first 200 test images") {
  if (!images_available()) return;
  const Batch batch = read_batch(examples / "quickstart.yaml", {"dataset.samples=200"});
  const PreparedRun prepared = prepare(batch.points.front().scenario);
  const RunResult result = run(prepared, {});
  const RunCounts counts = run_counts(result);
  CHECK(result.correct == 171);
  CHECK(counts.spikes == 217206);
  CHECK(counts.synaptic_events == 56921584);
  CHECK(counts.packets == 530102);
  CHECK(counts.hops == 387326);
  CHECK(counts.memory_bits_read == 1629797952);
  CHECK(mean_latency(*result.chip).value() == 594891610);
}

TEST_CASE("the quickstart network calibrated at 3 bits, on the first 200 test images") {
  if (!images_available()) return;
  const Batch batch = read_batch(
      examples / "quickstart.yaml",
      {"dataset.samples=200", "quantization.default.bits=3", "calibration={samples: 64}"});
  const RunResult result = run(prepare(batch.points.front().scenario), {});
  CHECK(result.correct == 177);
  CHECK(run_counts(result).spikes == 220807);
}

TEST_CASE("the Spikingformer, whose stream holds currents, on the first 200 test images") {
  if (!images_available()) return;
  const Batch batch = read_batch(examples / "spikingformer.yaml", {"dataset.samples=200"});
  const PreparedRun prepared = prepare(batch.points.front().scenario);
  const RunResult result = run(prepared, {});
  StepCounts counts;
  for (const LayerActivity& layer : result.activity.layers) counts += layer.total();
  CHECK(result.correct == 179);
  CHECK(counts.synaptic_events() == 1763712854);
  // 200 samples, 4 steps, 2 sums in each of 4 blocks, 96 x 5 x 5 currents.
  CHECK(counts.stream_additions == 200ULL * 4 * 2 * 4 * 2400);
}

TEST_CASE("every point of the sweep is valid and fits its chip") {
  if (!images_available()) return;
  const Batch batch = read_batch(examples / "bits_sweep.yaml", {"dataset.samples=1"});
  CHECK(batch.points.size() == 5);
  for (const BatchPoint& point : batch.points) {
    CHECK(prepare(point.scenario).chip->mapping.slices.size() > 20);
  }
}

struct Expected {
  double energy_pj;  ///< 0: the chip refuses
  std::int64_t latency_ps;
};

/// Runs all points of a batch, one chip each.
void check_chips(const Batch& batch, const std::vector<Expected>& expected) {
  REQUIRE(batch.points.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(batch.points[i].description);
    const Scenario& scenario = batch.points[i].scenario;
    if (expected[i].latency_ps == 0) {
      CHECK_THROWS_AS(prepare(scenario), MisfitError);
      continue;
    }
    const PreparedRun prepared = prepare(scenario);
    const RunResult result = run(prepared, {});
    CHECK(energy_per_inference(*result.chip).value() ==
          doctest::Approx(expected[i].energy_pj).epsilon(1e-12));
    CHECK(mean_latency(*result.chip).value() == expected[i].latency_ps);
    // Whatever the chip counts can be explained.
    const Chip& chip = prepared.chip->chip;
    for (const auto& [key, count] : result.chip->actions.entries()) {
      CHECK(count_definition(chip.spec(), key.component, key.action) != "");
      CHECK(price_formula(prepared.chip->prices, key, machine_description(chip)) != "");
    }
  }
}

TEST_CASE("the networks on every chip: the tables of docs/chips.md") {
  if (!images_available()) return;
  SUBCASE("the small one, placed by the spikes of 10 samples") {
    check_chips(read_batch(examples / "chips_small.yaml", {"dataset.samples=10"}),
                {{8228522.3383336095, 136482050},
                 {17199017.71, 239459240},
                 {23868963.27, 289906110},
                 {19482597.47552, 1461223630},
                 {1087996.659070984, 78726420},
                 {12431806.4, 9000000000},
                 {13379673.28356, 3204863000}});
  }
  SUBCASE("that of the quickstart") {
    check_chips(read_batch(examples / "chips.yaml", {}), {{94712744.88134488, 594891610},
                                                          {161140583.12, 2570726750},
                                                          {240160149.27, 2973093670},
                                                          {191073281.04016, 14885217790},
                                                          {43815777.63819926, 345480050},
                                                          {0, 0},
                                                          {0, 0}});
  }
  SUBCASE("that of the quickstart on fewer cores") {
    check_chips(read_batch(examples / "few_cores.yaml", {"dataset.samples=10"}),
                {{94712744.88134488, 594891610},
                 {94852758.37622242, 564556280},
                 {101713489.00644092, 511012290},
                 {110241606.21962807, 888821610},
                 {191674282.3945783, 1372422120},
                 {233272645.9668855, 1448740410}});
  }
}

TEST_CASE("the quickstart network behind encoders that read frames") {
  if (!images_available()) return;
  const auto counts = [](const std::vector<std::string>& overrides) {
    const Batch batch = read_batch(examples / "quickstart.yaml", overrides);
    const PreparedRun prepared = prepare(batch.points.front().scenario);
    const RunResult result = run(prepared, {});
    for (const auto& [key, count] : result.chip->actions.entries()) {
      CHECK(count_definition(prepared.chip->chip.spec(), key.component, key.action) != "");
    }
    return run_counts(result);
  };
  const RunCounts packets = counts({"dataset.samples=10"});
  const RunCounts frames = counts({"dataset.samples=10", "chip=./mesh45_frames.yaml"});
  CHECK(frames.spikes == packets.spikes);
  CHECK(frames.synaptic_events == packets.synaptic_events);  // zeros are skipped
  CHECK(frames.packets == packets.packets - 26251);          // those of the I/O port
}
