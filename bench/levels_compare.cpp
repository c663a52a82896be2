// Compares the timing levels of the chip simulation: levels_compare SCENARIO.yaml > levels.csv.
// Uniform and hot-spot traffic run on mesh45's network alone, and the spikes of the scenario's
// network (whose chip must be a mesh) on the whole chip, each at rising load: once with packets of
// one flit and unbounded buffers, once with packets of four and buffers of eight. levels_plot.py
// draws the result.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/run.hpp"
#include "neurojoule/app/scenario.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/core/rng.hpp"
#include "neurojoule/hardware/carry.hpp"
#include "neurojoule/hardware/chip_file.hpp"

namespace {

using namespace nj;

constexpr std::uint32_t cycles = 5'000;    ///< in which synthetic traffic is sent
constexpr std::uint32_t hot_percent = 25;  ///< of hot-spot traffic to one tile
constexpr std::uint32_t hot_tile = 13;     ///< (3, 1)

/// What one level made of one load.
struct Outcome {
  std::vector<Picoseconds> times;    ///< of each step; of synthetic traffic until the last arrival
  std::optional<double> latency_ns;  ///< mean of all packets, where they are carried alone
  std::uint64_t packets = 0;
  double seconds = 0;
};

GridShape& grid_of(TopologySpec& spec) {
  return std::get<GridShape>(std::get<NetworkSpec>(spec.network).shape);
}

/// A variant of a network: one flit and no bounds, or four flits and buffers of eight.
struct Variant {
  const char* name;
  std::uint32_t flits;
  bool bounded;

  void apply(TopologySpec& spec) const {
    spec.packet_bits = flits * spec.flit_bits;
    if (bounded) spec.buffer_flits = 8;
  }
};
constexpr Variant variants[] = {{"1 flit, unbounded", 1, false},
                                {"4 flits, buffers of 8", 4, true}};

/// Mean of at least three runs, and of 0.2 s.
template <class Run>
double seconds_of(const Run& run) {
  const auto start = std::chrono::steady_clock::now();
  std::chrono::duration<double> elapsed{};
  int runs = 0;
  for (; runs < 3 || elapsed.count() < 0.2; ++runs) {
    run();
    elapsed = std::chrono::steady_clock::now() - start;
  }
  return elapsed.count() / runs;
}

/// Mean error of the times against those of `flit`.
double error_of(const Outcome& outcome, const Outcome& flit) {
  double sum = 0;
  for (std::size_t i = 0; i < flit.times.size(); ++i) {
    const auto time = static_cast<double>(outcome.times[i].value());
    sum += std::abs(time / static_cast<double>(flit.times[i].value()) - 1);
  }
  return sum / static_cast<double>(flit.times.size());
}

/// Runs one load at all levels and prints a line for each.
template <class Run>
void compare(const char* traffic, const Variant& variant, double load, const Run& run) {
  std::vector<Outcome> outcomes;
  for (const TimingLevel level : timing_levels) outcomes.push_back(run(level));
  const Outcome& flit = outcomes.back();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    Picoseconds time;
    for (const Picoseconds step : outcome.times) time += step;
    const std::string latency =
        outcome.latency_ns ? fmt::format("{:.3f}", *outcome.latency_ns) : "";
    fmt::print("{},\"{}\",{},{},{},{},{:.4f},{:.5f},{:.5f}\n", traffic, variant.name, load,
               to_string(timing_levels[i]), outcome.packets, latency,
               static_cast<double>(time.value()) * 1e-6, error_of(outcome, flit), outcome.seconds);
  }
  std::fflush(stdout);
}

/// Each tile sends packets at random cycles; `load` is in flits per tile and cycle.
std::vector<Message> synthetic(const Topology& topology, Picoseconds cycle, double load, bool hot) {
  std::vector<Message> messages;
  constexpr std::uint64_t scale = 1'000'000;
  const auto chance = static_cast<std::uint64_t>(load * scale);
  const std::uint32_t tiles = topology.tiles();
  for (std::uint32_t tile = 0; tile < tiles; ++tile) {
    const RandomKey key{.seed = 1, .stream = hot ? 2U : 1U, .entity = tile};
    for (std::uint32_t i = 0; i < cycles; ++i) {
      if (random_below(key, 3 * i, scale) >= chance) continue;
      auto to = static_cast<std::uint32_t>(random_below(key, 3 * i + 1, tiles - 1));
      if (to >= tile) ++to;
      if (hot && random_below(key, 3 * i + 2, 100) < hot_percent) to = hot_tile;
      messages.push_back({cycle * static_cast<std::int64_t>(i), tile, {to}});
    }
  }
  return messages;
}

void run_synthetic(const TopologySpec& network, bool hot, const std::vector<double>& loads) {
  for (const Variant& variant : variants) {
    TopologySpec spec = network;
    variant.apply(spec);
    const Topology topology(spec);
    for (const double load : loads) {
      const std::vector<Message> messages =
          synthetic(topology, grid_of(spec).east_west.cycle, load / variant.flits, hot);
      compare(hot ? "hot-spot" : "uniform", variant, load, [&](TimingLevel level) {
        CarriedMessages carried;
        Outcome outcome;
        outcome.seconds = seconds_of([&] { carried = carry(topology, spec, messages, level); });
        outcome.times = {carried.end};
        outcome.packets = messages.size();
        Picoseconds sum;
        for (std::size_t m = 0; m < messages.size(); ++m) {
          sum += carried.arrived[m].front() - messages[m].injected;
        }
        outcome.latency_ns =
            static_cast<double>(sum.value()) * 1e-3 / static_cast<double>(messages.size());
        return outcome;
      });
    }
  }
}

/// One sample of a network that runs on a chip whose network has a slower and slower clock.
void run_network(const PreparedRun& prepared, const std::vector<double>& clocks_ns) {
  const RunResult once = run(prepared, {});
  const ChipSpec& chip = prepared.chip->chip.spec();
  for (const Variant& variant : variants) {
    for (const double clock : clocks_ns) {
      ChipSpec spec = chip;
      variant.apply(spec.topology);
      GridShape& grid = grid_of(spec.topology);
      const auto scaled = [&](Picoseconds time) {
        return Picoseconds{static_cast<std::int64_t>(static_cast<double>(time.value()) * clock)};
      };
      for (LinkSpec* link : {&grid.east_west, &grid.north_south}) {
        link->cycle = scaled(link->cycle);
        link->latency = scaled(link->latency);
      }
      const Chip scaled_chip(std::move(spec));
      const auto simulated = [&](TimingLevel level) {
        return simulate(prepared.network.network(), prepared.populations, prepared.chip->widths,
                        once.chip->traces.front(), scaled_chip, once.chip->mapping,
                        {.timing = level});
      };
      compare("transformer", variant, clock, [&](TimingLevel level) {
        Outcome outcome;
        outcome.seconds = seconds_of([&] { (void)simulated(level); });
        const SimulationResult result = simulated(level);
        for (const StepInterval& step : result.timeline.steps) {
          outcome.times.push_back(step.end - step.start);
        }
        outcome.packets = result.packets;
        return outcome;
      });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: levels_compare SCENARIO.yaml > levels.csv\n");
    return 2;
  }
  try {
    Batch batch =
        read_batch(argv[1], {"dataset.samples=1", "simulation.samples=1", "outputs.spikes=true"});
    const PreparedRun prepared = prepare(batch.points.front().scenario);
    const TopologySpec& network = prepared.chip.value().chip.spec().topology;
    fmt::print("traffic,network,load,level,packets,latency_ns,time_us,error,seconds\n");
    run_synthetic(network, false, {0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45});
    run_synthetic(network, true, {0.02, 0.05, 0.1, 0.15, 0.18, 0.2, 0.22});
    run_network(prepared, {1, 2, 4, 8, 16});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
  return 0;
}
