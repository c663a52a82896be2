#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <neurojoule/hardware/placement.hpp>
#include <neurojoule/hardware/simulate.hpp>
#include <neurojoule/models/family.hpp>

#include "support/small_spikformer.hpp"

// Question: how many packets per second does one thread simulate? A 96-channel Spikformer (34 x 34
// input, 2 blocks, T = 4) with random spikes, on a chip that was mapped before. Without barriers
// too, there also five convolutions (64 x 64 events, T = 16) on speck; with bounded buffers; four
// ternary convolutions (34 x 34 events, T = 4) on truenorth.
// And Spikformer 2-256 on boards of several chips, up to 10^8 packets in one simulation. A delivery
// is a packet at one receiving core, what SANA-FE calls a message: with multicast a packet is
// several of them, elsewhere one.

namespace nj {
namespace {

Chip shipped(const std::string& name) {
  return load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name);
}

/// A chip with a handshake of 10 ns in place of barriers.
Chip without_barriers(const Chip& chip) {
  ChipSpec spec = chip.spec();
  spec.barrier = {};
  spec.tick = {};
  spec.handshake = Picoseconds{10'000};
  return Chip(std::move(spec));
}

/// As a run maps it.
Mapping placed(const Network& network, std::span<const Population> pops,
               std::span<const LayerWidths> widths, const Chip& chip,
               Placement strategy = Placement::greedy) {
  const Mapping mapping = map_network(network, pops, widths, chip).mapping;
  return place(chip, expected_traffic(network, pops, widths, chip, mapping), mapping, {strategy});
}

struct Case {
  Chip chip;
  Network network = testing::small_spikformer();
  std::uint32_t timesteps = 4;
  std::vector<Population> pops = populations(network);
  std::vector<LayerWidths> widths = testing::small_widths(network);
  Mapping mapping = placed(network, pops, widths, chip);
  SimulationOptions options{};
};

/// Random spikes of some density on one chip.
void measure(benchmark::State& state, const Case& c, double density) {
  const SpikeTrace trace = random_trace(c.network, c.timesteps, {density, density}, 1);
  const Simulator simulator(c.network, c.pops, c.widths, c.chip, c.mapping);
  const SimulationResult once = simulator.run(trace, c.options);
  if (once.actions.total(Action::packet_inject) != once.packets ||
      (!c.chip.spec().topology.multicast &&
       once.actions.total(Action::packet_deliver) != once.packets)) {
    state.SkipWithError("packets were lost");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(simulator.run(trace, c.options));
  const auto rate = [&](std::uint64_t count) {
    return benchmark::Counter(static_cast<double>(count),
                              benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["packets"] = static_cast<double>(once.packets);
  state.counters["packets/s"] = rate(once.packets);
  state.counters["deliveries/s"] = rate(once.actions.total(Action::packet_deliver));
  state.counters["hops/s"] = rate(once.hops);
}

/// `range(0)`: spikes, in percent of all neurons.
void chip_packets(benchmark::State& state, const std::string& name, TimingLevel level) {
  measure(state, {.chip = shipped(name), .options = {.timing = level}},
          static_cast<double>(state.range(0)) / 100);
}
void handshake_packets(benchmark::State& state, const std::string& name) {
  measure(state, {.chip = without_barriers(shipped(name))},
          static_cast<double>(state.range(0)) / 100);
}

/// Packets of two flits, and buffers for four of them.
void buffered_packets(benchmark::State& state, const std::string& name) {
  ChipSpec spec = shipped(name).spec();
  spec.topology.packet_bits = 2 * spec.topology.flit_bits;
  spec.topology.buffer_flits = 8;
  measure(state, {.chip = Chip(std::move(spec))}, static_cast<double>(state.range(0)) / 100);
}

/// Binary events of 2 polarities, convolutions of so many channels, and a head of ten.
Network convolutions(std::uint32_t pixels, const std::vector<std::uint32_t>& channels) {
  std::vector<Network::Draft> drafts{{"input", Input{{2, pixels, pixels}, 1}, {}}};
  std::uint32_t in = 2;
  std::string x = "input";
  for (const std::uint32_t out : channels) {
    const std::string name = "conv" + std::to_string(drafts.size());
    drafts.push_back({name, Conv2d{in, out, 3, 1, 1}, {{x}}});
    drafts.push_back({name + ".lif", Lif{}, {{name}}});
    drafts.push_back({name + ".pool", MaxPool2d{}, {{name + ".lif"}}});
    x = name + ".pool";
    in = out;
  }
  drafts.push_back({"head", ClassifierHead{in, 10}, {{x}}});
  return Network::build(std::move(drafts));
}

void speck_packets(benchmark::State& state) {
  const Network network = convolutions(64, {8, 16, 32, 64, 64});
  std::vector<LayerWidths> widths = testing::small_widths(network);
  widths.front().output_bits = 1;
  measure(state,
          {.chip = shipped("speck.yaml"), .network = network, .timesteps = 16, .widths = widths},
          static_cast<double>(state.range(0)) / 100);
}

/// The network of examples/chips_small.yaml, placed in the same way: 4 links per packet.
void truenorth_packets(benchmark::State& state) {
  const Network network = convolutions(34, {14, 14, 14, 14});
  std::vector<LayerWidths> widths = testing::small_widths(network);
  for (LayerWidths& layer : widths) {
    layer.weights = {Scheme::ternary, 2, Granularity::per_channel};
    layer.weight_integer_bits = 2;
    layer.output_bits = 1;
  }
  Case c{.chip = shipped("truenorth.yaml"), .network = network, .widths = widths};
  c.mapping = placed(c.network, c.pops, c.widths, c.chip, Placement::annealing);
  measure(state, c, static_cast<double>(state.range(0)) / 100);
}

/// Spikformer 2-256 of CIFAR10-DVS.
FamilyParameters spikformer_2_256() {
  const std::vector<Preset> all = presets(Family::spikformer);
  return std::ranges::find(all, std::string_view("cifar10_dvs"), &Preset::name)->parameters;
}

std::vector<LayerWidths> large_widths(const Network& network) {
  std::vector<LayerWidths> widths = testing::small_widths(network);
  widths.front().output_bits = 4;
  for (LayerWidths& layer : widths) layer.membrane_bits = 12;
  return widths;
}

/// Several chips of a kind.
Chip board(const std::string& name) {
  const std::string root = NJ_SOURCE_DIR;
  return load_chip(root + "/examples/chips_large/" + name,
                   [&](const std::string& base, const std::filesystem::path& folder) {
                     return base.ends_with(".yaml")
                                ? folder / base
                                : std::filesystem::path(root + "/hardware/chips/" + base + ".yaml");
                   });
}

/// Spikformer 2-256 on several chips of a kind, as examples/chips_large.yaml has it; `range(0)`
/// times the same sample, one after the other.
void board_packets(benchmark::State& state, const std::string& name, bool barriers) {
  const Chip chip = board(name);
  const Network network = build_network(spikformer_2_256());
  measure(state,
          {.chip = barriers ? chip : without_barriers(chip),
           .network = network,
           .widths = large_widths(network),
           .options = {.in_a_row = static_cast<std::uint32_t>(state.range(0))}},
          0.03);
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

// Without barriers.
BENCHMARK_CAPTURE(handshake_packets, mesh45, "mesh45.yaml")
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(handshake_packets, loihi1, "loihi1.yaml")
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(speck_packets)->Arg(5)->Arg(15)->Unit(benchmark::kMillisecond);
BENCHMARK(truenorth_packets)->Arg(5)->Arg(15)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(buffered_packets, mesh45, "mesh45.yaml")
    ->Arg(5)
    ->Arg(15)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(board_packets, mesh45, "mesh45_x4.yaml", true)
    ->Arg(1)
    ->Arg(8)
    ->Arg(75)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(board_packets, loihi1, "loihi1_x32.yaml", true)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(board_packets, spinnaker2, "spinnaker2_x10.yaml", true)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(board_packets, loihi1_handshake, "loihi1_x32.yaml", false)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

/// Mapping alone: the search meets it constantly.
void map_spikformer(benchmark::State& state) {
  const Case c{.chip = shipped("loihi1.yaml")};
  for (auto _ : state) {
    benchmark::DoNotOptimize(map_network(c.network, c.pops, c.widths, c.chip));
  }
}
BENCHMARK(map_spikformer)->Unit(benchmark::kMicrosecond);

// Question: what do the four strategies of placement cost, and what are they worth? The shipped
// example's network on mesh45, Spikformer 2-256 on a mesh of 32 x 32 of its tiles (it does not fit
// 8 x 4), and on ten SpiNNaker2 with multicast; each neuron sends one spike. packet_hops is what
// they minimise.

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
  ChipSpec spec = shipped("mesh45.yaml").spec();
  auto& grid = std::get<GridShape>(std::get<NetworkSpec>(spec.topology.network).shape);
  grid.width = side;
  grid.height = side;
  return Chip(std::move(spec));
}

void place_slices(benchmark::State& state, const PlacementCase& c, Placement strategy) {
  Mapping placed;
  for (auto _ : state) placed = place(c.chip, c.traffic, c.mapping, {strategy});
  state.counters["slices"] = static_cast<double>(c.traffic.slices);
  state.counters["packet_hops"] = static_cast<double>(packet_hops(c.traffic, c.chip, placed));
}

void place_example(benchmark::State& state, Placement strategy) {
  static const PlacementCase c{.network = testing::small_spikformer(),
                               .chip = shipped("mesh45.yaml")};
  place_slices(state, c, strategy);
}

void place_spikformer_2_256(benchmark::State& state, Placement strategy) {
  static const PlacementCase c{.network = testing::small_spikformer({256, 128, 2, 8, 10}),
                               .chip = larger_mesh45(32)};
  place_slices(state, c, strategy);
}

void place_multicast(benchmark::State& state, Placement strategy) {
  static const Network network = build_network(spikformer_2_256());
  static const PlacementCase c{
      .network = network, .widths = large_widths(network), .chip = board("spinnaker2_x10.yaml")};
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
BENCHMARK_CAPTURE(place_multicast, in_order, Placement::in_order)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_multicast, greedy, Placement::greedy)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_multicast, annealing, Placement::annealing)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(place_multicast, partition, Placement::partition)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nj
