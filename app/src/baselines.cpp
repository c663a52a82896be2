#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include "neurojoule/app/run.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/core/parallel.hpp"
#include "neurojoule/hardware/ann_baseline.hpp"

#include "layer_counts.hpp"

namespace nj {
namespace {

constexpr std::array rates{0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0};
constexpr std::array densities{1.0, 0.5};
constexpr std::uint64_t seed = 1;

/// Values that are not zero, of all values of some layers.
class Mean {
 public:
  void add(const Network& network, const Activity& activity, LayerId layer) {
    spikes_ += static_cast<double>(activity.layers[layer.index].total().spikes);
    neurons_ += static_cast<double>(network.output_shape(layer).neurons());
  }
  [[nodiscard]] double of(std::uint64_t samples, std::uint32_t timesteps) const {
    const double values = neurons_ * static_cast<double>(samples) * timesteps;
    return values == 0 ? 0.0 : spikes_ / values;
  }

 private:
  double spikes_ = 0;
  double neurons_ = 0;
};

DesignCost cost_of(const PreparedRun& prepared, const ActionCounts& actions, const Chip& chip,
                   Picoseconds latency) {
  const Ledger ledger = price(
      actions, machine_description(chip), prepared.chip->prices,
      prepared.scenario.chip->scale_prices ? ProcessMismatch::scale : ProcessMismatch::refuse);
  DesignCost cost{ledger.total(), std::vector<Picojoules>(prepared.populations.size()), latency};
  const std::vector<std::size_t> row_of = rows_of_layers(prepared);
  for (const auto& [layer, energy] : energy_by_layer(ledger)) {
    if (layer != chip_overhead) cost.populations[row_of[layer.index]] += energy;
  }
  return cost;
}

struct Design {
  std::string name;
  AnnFormat format;
};

/// An artificial network needs b bits for as many levels as T steps of spikes can tell: 0..T.
std::vector<Design> designs(std::uint32_t timesteps) {
  const auto bits = static_cast<std::uint32_t>(std::bit_width(timesteps));
  return {{fmt::format("ann{}", bits), {bits, 0, false}},
          {"int8", {8, 8, false}},
          {"float32", {32, 32, true}}};
}

void add_break_even(const Baselines& baselines, AnnBaseline& network) {
  std::vector<double> at;
  std::vector<Picojoules> energies;
  for (const Baselines::Point& point : baselines.spiking) {
    at.push_back(point.rate);
    energies.push_back(point.cost.total);
  }
  network.break_even = break_even_rate(at, energies, network.cost.total);
  for (std::size_t p = 0; p < network.cost.populations.size(); ++p) {
    for (std::size_t i = 0; i < energies.size(); ++i) {
      energies[i] = baselines.spiking[i].cost.populations[p];
    }
    network.populations.push_back(break_even_rate(at, energies, network.cost.populations[p]));
  }
}

}  // namespace

double break_even_rate(std::span<const double> at, std::span<const Picojoules> energies,
                       Picojoules energy) {
  if (energies.front() >= energy) return 0;
  for (std::size_t i = 1; i < at.size(); ++i) {
    if (energies[i] < energy) continue;
    const double part =
        (energy - energies[i - 1]).value() / (energies[i] - energies[i - 1]).value();
    return at[i - 1] + part * (at[i] - at[i - 1]);
  }
  return 1;
}

Baselines find_baselines(const PreparedRun& prepared, const Mapping& mapping,
                         const Activity& activity, std::uint64_t samples, unsigned threads) {
  const Network& network = prepared.network.network();
  const MappedChip& mapped = *prepared.chip;
  Mean neurons;
  Mean inputs;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const Operator& op = network.layer({i}).op;
    if (std::holds_alternative<Lif>(op)) neurons.add(network, activity, {i});
    if (std::holds_alternative<Input>(op)) inputs.add(network, activity, {i});
  }
  const std::uint32_t steps = activity.timesteps;
  Baselines baselines;
  baselines.measured_rate = neurons.of(samples, steps);
  baselines.input_density = inputs.of(samples, steps);

  const Simulator simulator(network, prepared.populations, mapped.widths, mapped.chip, mapping);
  baselines.spiking.resize(rates.size());
  parallel_for(rates.size(), 1, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const SimulationResult one =
          simulator.run(random_trace(network, steps, {rates[i], baselines.input_density}, seed),
                        {.timing = prepared.scenario.chip->timing});
      baselines.spiking[i] = {rates[i],
                              cost_of(prepared, one.actions, mapped.chip, one.timeline.latency())};
    }
  });
  // One frame holds what T frames did: at most all of their values.
  const double frame = std::min(1.0, baselines.input_density * steps);
  for (const Design& design : designs(steps)) {
    for (const double density : densities) {
      try {
        const AnnRun ann = run_ann(network, prepared.populations, mapped.widths, mapped.chip,
                                   mapping, design.format, {density, frame});
        AnnBaseline made{design.name,
                         density,
                         cost_of(prepared, ann.actions, Chip(ann.chip), ann.latency),
                         0,
                         {}};
        add_break_even(baselines, made);
        baselines.networks.push_back(std::move(made));
      } catch (const Error& error) {
        baselines.absent.push_back(fmt::format("{}: {}", design.name, error.message()));
        break;
      }
    }
  }
  return baselines;
}

}  // namespace nj
