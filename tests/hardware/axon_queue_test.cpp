#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

// Question: is the most that waited at an axon-in what the packets' own times say?

namespace nj {
namespace {

using testing::MappedNetwork;
using testing::run;
using testing::without_barriers;

/// By core, from records in the order of service: of the packets that have come when another comes,
/// those whose service begins later, the other one included; the most.
std::vector<std::uint32_t> most_waiting(const SimulationResult& result) {
  struct Served {
    Picoseconds arrived;
    Picoseconds begins;
  };
  std::vector<std::vector<Served>> cores(result.busy.size());
  std::vector<Picoseconds> free(cores.size());
  for (const PacketRecord& packet : result.records) {
    const std::uint32_t core = packet.destination.index;
    cores[core].push_back({packet.arrived, std::max(packet.arrived, free[core])});
    free[core] = packet.served;
  }
  std::vector<std::uint32_t> most(cores.size());
  for (std::size_t core = 0; core < cores.size(); ++core) {
    for (std::size_t i = 0; i < cores[core].size(); ++i) {
      const auto waiting = std::count_if(
          cores[core].begin(), cores[core].begin() + static_cast<std::ptrdiff_t>(i) + 1,
          [&](const Served& other) { return other.begins > cores[core][i].arrived; });
      most[core] = std::max(most[core], static_cast<std::uint32_t>(waiting));
    }
  }
  return most;
}

TEST_CASE("axon-in: the most that waited in the micro scenario, by hand") {
  MappedNetwork m = testing::micro_scenario();
  // Without barriers (dataflow_test.cpp has the times). Core 0 serves 11 - 18, 18 - 25 what came at
  // 8 and 10. Core 1 serves 31 - 38, 38 - 45 what came at 30 and 36. Core 2 never lets one wait.
  // Core 3 serves 80 - 87, 87 - 94 what came at 75 and 85.
  m.chip = without_barriers(m.chip, Picoseconds{3'000});
  CHECK(run(m).most_waiting == std::vector<std::uint32_t>{2, 1, 0, 1});
}

TEST_CASE(
    "axon-in: the most that waited is that of the packets' times, with and without barriers") {
  const Network network =
      testing::small_spikformer({.channels = 32, .pixels = 18, .blocks = 1, .heads = 4});
  MappedNetwork m{network,
                  populations(network),
                  testing::small_widths(network),
                  load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml"),
                  {},
                  testing::random_trace(network, 2, 15, 5)};
  m.mapping = map_network(m.network, m.populations, m.widths, m.chip).mapping;
  const SimulationResult barriers = run(m, {.record_packets = true, .step_records = true});
  CHECK(barriers.most_waiting == most_waiting(barriers));
  CHECK(*std::max_element(barriers.most_waiting.begin(), barriers.most_waiting.end()) > 20);
  std::vector<std::uint32_t> over_steps(barriers.most_waiting.size());
  for (const StepRecord& step : barriers.steps) {
    for (std::size_t i = 0; i < over_steps.size(); ++i) {
      over_steps[i] = std::max(over_steps[i], step.most_waiting[i]);
    }
  }
  CHECK(over_steps == barriers.most_waiting);
  CHECK(run(m).most_waiting == barriers.most_waiting);
  const SimulationResult analytic = run(m, {.timing = TimingLevel::analytic});
  CHECK(analytic.most_waiting == std::vector<std::uint32_t>(over_steps.size()));
  m.chip = without_barriers(m.chip, Picoseconds{3'000});
  const SimulationResult handshakes = run(m, {.record_packets = true});
  CHECK(handshakes.most_waiting == most_waiting(handshakes));
  CHECK(handshakes.most_waiting != barriers.most_waiting);
}

}  // namespace
}  // namespace nj
