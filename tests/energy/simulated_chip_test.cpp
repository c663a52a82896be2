#include <filesystem>
#include <vector>

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

/// Two steps in which every spiking neuron fires in the first step and none in the second; or in
/// neither, and no input comes.
SpikeTrace one_busy_step(const Network& network, bool silent = false) {
  SpikeTrace trace(network.size());
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerId layer{i};
    if (!network.max_output(layer)) continue;
    const FeatureShape& shape = network.output_shape(layer);
    if (network.max_output(layer) > 1U) {
      GradedTensor frames(2, shape);
      for (auto& value : frames.step(0)) value = silent ? 0 : 2;
      trace[i] = frames;
    } else {
      SpikeTensor spikes(2, shape);
      for (std::uint64_t a = 0; a < shape.neurons() && !silent; ++a) spikes.set(0, a);
      trace[i] = spikes;
    }
  }
  return trace;
}

struct Run {
  ActionCounts counts;
  MachineDescription machine;
};

/// Input [2, 4, 4] of spikes -> 3 x 3 convolution -> LIF -> pool -> head.
Network convolution_network() {
  return Network::build({{"input", Input{{2, 4, 4}, 1}, {}},
                         {"conv", Conv2d{2, 4, 3, 1, 1}, {{"input"}}},
                         {"lif", Lif{}, {{"conv"}}},
                         {"pool", MaxPool2d{2, 2, 0}, {{"lif"}}},
                         {"head", ClassifierHead{4, 3}, {{"pool"}}}});
}

Run simulate_on(const std::string& chip_name, const Network& network, const LayerWidths& widths,
                bool silent = false) {
  const Chip chip =
      load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + chip_name + ".yaml");
  const auto groups = populations(network);
  const std::vector<LayerWidths> all(network.size(), widths);
  const MappingResult mapped = map_network(network, groups, all, chip);
  REQUIRE(mapped.feasible());
  return {
      simulate(network, groups, all, one_busy_step(network, silent), chip, mapped.mapping).actions,
      machine_description(chip)};
}

Run simulate_on(const std::string& chip_name, Scheme scheme) {
  return simulate_on(chip_name, attention_network(),
                     {{scheme, 4, Granularity::per_channel}, 8, 16, 16, 2});
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

TEST_CASE("every shipped table prices a whole run on a chip of its process") {
  const Run mesh = simulate_on("mesh45", Scheme::uniform);
  int tables = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(NJ_SOURCE_DIR) + "/energy/tables")) {
    CAPTURE(file.path().string());
    const PriceTable table = load_price_table(file.path());
    MachineDescription machine = mesh.machine;
    machine.process = table.process;
    const Ledger ledger = price(mesh.counts, machine, table);
    CHECK(ledger.rows.size() == mesh.counts.entries().size());
    CHECK(ledger.total().value() > 0);
    CHECK(ledger.table == full_name(table));
    ++tables;
  }
  CHECK(tables == 14);
}

TEST_CASE("silence on mesh45: static, control and what each step does, nothing else") {
  const LayerWidths widths{{Scheme::uniform, 4, Granularity::per_channel}, 8, 16, 16, 2};
  const Run run = simulate_on("mesh45", attention_network(), widths, true);
  const auto energy = energy_by_category(price(run.counts, run.machine, shipped("horowitz45")));
  // Neurons are updated and input frames are read in every step, whatever they hold.
  for (const Category idle : {Category::static_power, Category::control, Category::compute,
                              Category::state_memory, Category::off_chip}) {
    CAPTURE(to_string(idle));
    CHECK(energy.at(idle).value() > 0);
  }
  for (const Category busy : {Category::weight_memory, Category::interconnect}) {
    CAPTURE(to_string(busy));
    CHECK(energy.at(busy).value() == 0);
  }
  CHECK(run.counts.total(Action::synaptic_operation) == 0);
}

TEST_CASE("wider weights, sums and membranes never cost less") {
  double last = 0;
  for (const std::uint8_t bits : std::vector<std::uint8_t>{2, 3, 4, 6, 8}) {
    CAPTURE(bits);
    const std::uint32_t sum = 8U + bits;
    const LayerWidths widths{{Scheme::uniform, bits, Granularity::per_channel}, bits, sum, sum, 2};
    const Run run = simulate_on("mesh45", attention_network(), widths);
    double dynamic = 0;  // the time, and with it leakage, depends on words alone
    for (const auto& [category, energy] :
         energy_by_category(price(run.counts, run.machine, shipped("horowitz45")))) {
      if (category != Category::static_power) dynamic += energy.value();
    }
    CHECK(dynamic > last);
    last = dynamic;
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

TEST_CASE("loihi1_fitted under its table: events times fitted energies, nothing else") {
  const Run run = simulate_on("loihi1_fitted", Scheme::uniform);
  const Ledger ledger = price(run.counts, run.machine, shipped("loihi1_fitted"));
  const auto n = [&](Action action) { return static_cast<double>(run.counts.total(action)); };
  CHECK(ledger.total().value() ==
        doctest::Approx(
            35.5 * n(Action::synaptic_operation) + (51.2 + 21.6) * n(Action::neuron_update_active) +
            51.2 * n(Action::neuron_update_inactive) + (111 + 69.3) * n(Action::packet_inject) +
            3 * n(Action::hop_east_west) + 4.2 * n(Action::hop_north_south))
            .epsilon(1e-12));
}

TEST_CASE("truenorth under its table: 26 pJ per synaptic event, nothing else") {
  const Run run = simulate_on("truenorth", convolution_network(),
                              {{Scheme::ternary, 2, Granularity::per_channel}, 2, 16, 16, 1});
  const Ledger ledger = price(run.counts, run.machine, shipped("truenorth_published"));
  const auto events = static_cast<double>(run.counts.total(Action::synaptic_operation));
  // 32 spikes reach 9 positions less those over the border: (3 x 4 - 2)^2 = 100 pairs of positions
  // x 2 x 4 channels; then 4 x 2 x 2 pooled spikes reach 3 classes.
  CHECK(events == 100 * 2 * 4 + 16 * 3);
  CHECK(ledger.total().value() == doctest::Approx(26 * events).epsilon(1e-12));
}

TEST_CASE("spinnaker2 and speck under their tables: everything has a price") {
  const Run spinnaker = simulate_on("spinnaker2", Scheme::uniform);
  CHECK(price(spinnaker.counts, spinnaker.machine, shipped("spinnaker2")).total().value() > 0);
  const Run speck = simulate_on("speck", convolution_network(),
                                {{Scheme::uniform, 8, Granularity::per_channel}, 8, 16, 16, 1});
  const Ledger ledger = price(speck.counts, speck.machine, shipped("speck"));
  // At rest: 9 cores x 4 memories x 11.67 uW = 420 uW.
  const auto leaks = energy_by_category(ledger).at(Category::static_power).value();
  const auto picoseconds = static_cast<double>(speck.counts.total(Action::leak_cycle)) / 36;
  CHECK(leaks / picoseconds == doctest::Approx(420e-6).epsilon(0.001));  // pJ per ps x 1e6 = uW
}

}  // namespace nj
