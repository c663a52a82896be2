#include <doctest/doctest.h>

#include <neurojoule/core/parallel.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/small_spikformer.hpp"

namespace nj {
namespace {

TEST_CASE("simulate: runs beside each other on 1, 2 and 4 threads give equal results") {
  const Network network =
      testing::small_spikformer({.channels = 16, .pixels = 18, .blocks = 1, .heads = 2});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const Chip chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml");
  const MappingResult mapped = map_network(network, pops, widths, chip);
  REQUIRE(mapped.feasible());
  std::vector<SpikeTrace> traces;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    traces.push_back(testing::random_trace(network, 2, 15, seed));
  }
  const auto run = [&](unsigned threads) {
    std::vector<SimulationResult> results(traces.size());
    parallel_for(traces.size(), 1, threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        results[i] = simulate(network, pops, widths, traces[i], chip, mapped.mapping,
                              {.record_packets = true});
      }
    });
    return results;
  };
  const auto serial = run(1);
  CHECK(serial[0].packets > 100);
  CHECK(serial[0] != serial[1]);
  CHECK(run(1) == serial);
  CHECK(run(2) == serial);
  CHECK(run(4) == serial);
}

}  // namespace
}  // namespace nj
