#include <doctest/doctest.h>

#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/simulate.hpp"

#include "pricing_support.hpp"

namespace nj {
using testing::shipped;

namespace {

/// Input [4, 2, 2] -> q, k, v (1 x 1 convolutions and LIF) -> attention, 2 heads -> LIF -> pool ->
/// head.
Network attention_network() {
  const auto linear = [] { return Conv2d{4, 4, 1, 1, 0}; };
  return Network::build({{"input", Input{{4, 2, 2}, 3}, {}},
                         {"q", linear(), {{"input", Port::input}}},
                         {"q_lif", Lif{}, {{"q", Port::input}}},
                         {"k", linear(), {{"input", Port::input}}},
                         {"k_lif", Lif{}, {{"k", Port::input}}},
                         {"v", linear(), {{"input", Port::input}}},
                         {"v_lif", Lif{}, {{"v", Port::input}}},
                         {"attention",
                          SpikingSelfAttention{2, 0.25},
                          {{"q_lif", Port::query}, {"k_lif", Port::key}, {"v_lif", Port::value}}},
                         {"lif", Lif{}, {{"attention", Port::input}}},
                         {"pool", MaxPool2d{2, 2, 0}, {{"lif", Port::input}}},
                         {"head", ClassifierHead{4, 3}, {{"pool", Port::input}}}});
}

/// Two steps in which every spiking neuron fires in the first step and none in the second.
SpikeTrace one_busy_step(const Network& network) {
  SpikeTrace trace(network.size());
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerId layer{i};
    if (!network.max_output(layer)) continue;
    const FeatureShape& shape = network.output_shape(layer);
    if (std::holds_alternative<Input>(network.layer(layer).op)) {
      GradedTensor frames(2, shape);
      for (auto& value : frames.step(0)) value = 2;
      trace[i] = frames;
    } else {
      SpikeTensor spikes(2, shape);
      for (std::uint64_t a = 0; a < shape.neurons(); ++a) spikes.set(0, a);
      trace[i] = spikes;
    }
  }
  return trace;
}

struct Run {
  ActionCounts counts;
  MachineDescription machine;
};

Run simulate_on(const std::string& chip_name, Scheme scheme) {
  const Chip chip =
      load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + chip_name + ".yaml");
  const Network network = attention_network();
  const auto groups = populations(network);
  const LayerWidths widths{{scheme, 4, Granularity::per_channel}, 8, 16, 16, 2};
  const std::vector<LayerWidths> all(network.size(), widths);
  const MappingResult mapped = map_network(network, groups, all, chip);
  REQUIRE(mapped.feasible());
  return {simulate(network, groups, all, one_busy_step(network), chip, mapped.mapping).actions,
          machine_description(chip)};
}

}  // namespace

TEST_CASE(
    "mesh45 under horowitz45: everything that a simulated attention network does has a price") {
  for (const Scheme scheme : {Scheme::uniform, Scheme::power_of_two}) {
    const Run run = simulate_on("mesh45", scheme);
    const Ledger ledger = price(run.counts, run.machine, shipped("horowitz45"));
    CHECK(ledger.rows.size() == run.counts.entries().size());
    double sum = 0;
    for (const auto& [category, energy] : energy_by_category(ledger)) {
      CAPTURE(to_string(category));
      CHECK(energy.value() > 0);  // all eight categories occur
      sum += energy.value();
    }
    CHECK(sum == doctest::Approx(ledger.total().value()).epsilon(1e-12));
  }
}

TEST_CASE("loihi1 under its published table: events times published energies, nothing else") {
  const Run run = simulate_on("loihi1", Scheme::uniform);
  const Ledger ledger = price(run.counts, run.machine, shipped("loihi1_published"));
  const auto n = [&](Action action) { return static_cast<double>(run.counts.total(action)); };
  CHECK(n(Action::synaptic_operation) > 0);
  CHECK(n(Action::neuron_update_inactive) > 0);
  CHECK(
      ledger.total().value() ==
      doctest::Approx(23.6 * n(Action::synaptic_operation) + 81 * n(Action::neuron_update_active) +
                      52 * n(Action::neuron_update_inactive) + 1.7 * n(Action::spike_within_tile) +
                      3 * n(Action::hop_east_west) + 4 * n(Action::hop_north_south))
          .epsilon(1e-12));
}

}  // namespace nj
