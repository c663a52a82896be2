#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include <neurojoule/hardware/placement.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/small_spikformer.hpp"

// Question: how many packets per second does one thread simulate? A 96-channel Spikformer (34 x 34
// input, 2 blocks, T = 4) with random spikes, on a chip that was mapped before.

namespace nj {
namespace {

struct Case {
  Network network = testing::small_spikformer();
  std::vector<Population> pops = populations(network);
  std::vector<LayerWidths> widths = testing::small_widths(network);
  Chip chip;
  Mapping mapping;

  explicit Case(const std::string& name)
      : chip(load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name)),
        mapping(map_network(network, pops, widths, chip).mapping) {}
};

/// Spikes at `range(0)` percent density on one chip.
void chip_packets(benchmark::State& state, const std::string& name, TimingLevel level) {
  const Case c(name);
  const SpikeTrace trace =
      testing::random_trace(c.network, 4, static_cast<std::uint32_t>(state.range(0)), 1);
  const Simulator simulator(c.network, c.pops, c.widths, c.chip, c.mapping);
  const SimulationResult once = simulator.run(trace, {.timing = level});
  if (once.actions.total(Action::packet_inject) != once.packets ||
      (!c.chip.spec().topology.multicast &&
       once.actions.total(Action::packet_deliver) != once.packets)) {
    state.SkipWithError("packets were lost");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(simulator.run(trace, {.timing = level}));
  const auto rate = [&](std::uint64_t count) {
    return benchmark::Counter(static_cast<double>(count),
                              benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["packets"] = static_cast<double>(once.packets);
  state.counters["packets/s"] = rate(once.packets);
  state.counters["hops/s"] = rate(once.hops);
}

BENCHMARK_CAPTURE(chip_packets, mesh45, "mesh45.yaml", TimingLevel::event)
    ->Arg(0)
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(chip_packets, loihi1, "loihi1.yaml", TimingLevel::event)
    ->Arg(0)
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(chip_packets, loihi1_fitted, "loihi1_fitted.yaml", TimingLevel::event)
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
// Multicast: a packet goes to several cores.
BENCHMARK_CAPTURE(chip_packets, spinnaker2, "spinnaker2.yaml", TimingLevel::event)
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(chip_packets, mesh45_analytic, "mesh45.yaml", TimingLevel::analytic)
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);

/// Mapping alone: the search meets it constantly.
void map_spikformer(benchmark::State& state) {
  const Case c("loihi1.yaml");
  for (auto _ : state) {
    benchmark::DoNotOptimize(map_network(c.network, c.pops, c.widths, c.chip));
  }
}
BENCHMARK(map_spikformer)->Unit(benchmark::kMicrosecond);

// Question: what do the four strategies of placement cost, and what are they worth? The shipped
// example's network on mesh45, and Spikformer 2-256 on a mesh of 32 x 32 of its tiles (it does not
// fit 8 x 4); each neuron sends one spike. packet_hops is what they minimise.

struct PlacementCase {
  Network network;
  std::vector<Population> pops = populations(network);
  std::vector<LayerWidths> widths = testing::small_widths(network);
  Chip chip;
  Mapping mapping = map_network(network, pops, widths, chip).mapping;
  Traffic traffic = expected_traffic(network, pops, widths, chip, mapping);
};

/// mesh45 with more tiles.
Chip larger_mesh45(std::uint32_t side) {
  ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml").spec();
  auto& grid = std::get<GridShape>(std::get<NetworkSpec>(spec.topology.network).shape);
  grid.width = side;
  grid.height = side;
  return Chip(std::move(spec));
}

void place_slices(benchmark::State& state, const PlacementCase& c, Placement strategy) {
  Mapping placed;
  for (auto _ : state) placed = place(c.network, c.pops, c.chip, c.traffic, c.mapping, {strategy});
  state.counters["slices"] = static_cast<double>(c.traffic.slices);
  state.counters["packet_hops"] = static_cast<double>(packet_hops(c.traffic, c.chip, placed));
}

void place_example(benchmark::State& state, Placement strategy) {
  static const PlacementCase c{
      .network = testing::small_spikformer(),
      .chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml")};
  place_slices(state, c, strategy);
}

void place_spikformer_2_256(benchmark::State& state, Placement strategy) {
  static const PlacementCase c{.network = testing::small_spikformer({256, 128, 2, 8, 10}),
                               .chip = larger_mesh45(32)};
  place_slices(state, c, strategy);
}

BENCHMARK_CAPTURE(place_example, in_order, Placement::in_order)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_example, greedy, Placement::greedy)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_example, annealing, Placement::annealing)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_example, partition, Placement::partition)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_spikformer_2_256, in_order, Placement::in_order)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_spikformer_2_256, greedy, Placement::greedy)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_spikformer_2_256, annealing, Placement::annealing)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_spikformer_2_256, partition, Placement::partition)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nj
