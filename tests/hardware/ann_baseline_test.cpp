// Question: is the artificial network counted as worked out by hand, and as large as its numbers?
#include <doctest/doctest.h>

#include <neurojoule/hardware/ann_baseline.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

namespace nj {
using testing::a;
using testing::a_lif;
using testing::b;
using testing::b_lif;
using testing::input;

namespace {

AnnRun run_artificial(const testing::MappedNetwork& s, const AnnFormat& format,
                      double density = 1) {
  return run_ann(s.network, s.populations, s.widths, s.chip, s.mapping, format, {density, density});
}

}  // namespace

TEST_CASE("an artificial network of 3-bit values: every count by hand, and there are no others") {
  const AnnRun ann = run_artificial(testing::micro_scenario(), {.activation_bits = 3});
  ActionCounts expected;
  const auto add = [&](const char* component, Action action, std::uint32_t width, LayerId layer,
                       std::uint64_t count) {
    expected.add({component, action, width, layer, action == Action::multiply ? 3U : 0U}, count);
  };
  // One frame of 2 bits: what the chip reads stays as it is.
  add("off_chip.memory", Action::read_bit, 1, input, 2);
  // 2 inputs and 4 values of a, to 2 cores each, in packets that have room for the value.
  add("io.axon_out", Action::packet_inject, 64, input, 4);
  add("neuron.axon_in", Action::packet_deliver, 64, input, 4);
  add("neuron.axon_out", Action::packet_inject, 64, a_lif, 8);
  add("neuron.axon_in", Action::packet_deliver, 64, a_lif, 8);
  // Inputs: 2 within tile 0, 2 over link 0-1. a: core 0 sends 2 values 0-2 and 0-2-3, core 1 sends
  // 2 values 1-3-2 and 1-3: 8 east-west, 4 north-south.
  add("network.router", Action::spike_within_tile, 64, input, 2);
  add("network.router", Action::hop_north_south, 64, input, 2);
  add("network.router", Action::hop_east_west, 64, a_lif, 8);
  add("network.router", Action::hop_north_south, 64, a_lif, 4);
  // Deliveries x 2 neurons; 2 x 5 bits are 2 words of 8; sums of 10 + 2 bits, 2 x 12 bits are 2
  // words of 16. Products are 5 bits of weights x 3 of values.
  for (const auto& [layer, deliveries] : {std::pair{a, 4U}, std::pair{b, 8U}}) {
    add("neuron.spike_buffer", Action::write_word, 64, layer, deliveries);
    add("neuron.spike_buffer", Action::read_word, 64, layer, deliveries);
    add("neuron.synapse_memory", Action::read_word, 8, layer, 2 * deliveries);
    add("neuron.accumulator_memory", Action::read_word, 16, layer, 2 * deliveries);
    add("neuron.accumulator_memory", Action::write_word, 16, layer, 2 * deliveries);
    add("neuron.synapse_unit", Action::accumulate, 12, layer, 2 * deliveries);
    add("neuron.synapse_unit", Action::multiply, 5, layer, 2 * deliveries);
    add("neuron.synapse_unit", Action::synaptic_operation, 5, layer, 2 * deliveries);
  }
  // 2 slices of 2 neurons: 24 bits of sums are 2 words. Bias, scale, rectifier; no membranes.
  for (const LayerId layer : {a_lif, b_lif}) {
    add("neuron.accumulator_memory", Action::read_word, 16, layer, 4);
    add("neuron.accumulator_memory", Action::write_word, 16, layer, 4);
    add("neuron.neuron_unit", Action::accumulate, 12, layer, 4);
    add("neuron.neuron_unit", Action::shift, 12, layer, 4);
    add("neuron.neuron_unit", Action::compare, 12, layer, 4);
    add("neuron.neuron_unit", Action::neuron_update_active, 12, layer, 4);
  }
  // Input, a and b: 1 + 3 - 1 global steps. 4 cores without membrane memories leak.
  add("chip.synchronisation", Action::barrier, 0, chip_overhead, 3);
  const auto cycles = 4 * static_cast<std::uint64_t>(ann.latency.value());
  add("neuron.synapse_memory", Action::leak_cycle, 1024, chip_overhead, cycles);
  add("neuron.accumulator_memory", Action::leak_cycle, 64, chip_overhead, cycles);
  add("neuron.spike_buffer", Action::leak_cycle, 1024, chip_overhead, cycles);
  for (const auto& [key, count] : ann.actions.entries()) {
    CAPTURE(key.component);
    CAPTURE(to_string(key.action));
    CAPTURE(key.layer.index);
    CAPTURE(key.width_bits);
    CHECK(count == expected.at(key));
  }
  CHECK(ann.actions == expected);
}

TEST_CASE("memories grow until the numbers fit, and floats have their own arithmetic") {
  const testing::MappedNetwork s = testing::micro_scenario();
  const AnnRun ann =
      run_artificial(s, {.activation_bits = 32, .weight_bits = 32, .floating = true});
  // Sums of 2 neurons, double-buffered: 2 x 2 x 32 bits = 128, twice the 64 of the chip.
  const CoreKindSpec& kind = ann.chip.core_kinds.front();
  CHECK(kind.memory(MemoryUnit::accumulator_memory)->capacity == Bits{128});
  CHECK(kind.memory(MemoryUnit::synapse_memory)->capacity == Bits{1024});
  CHECK(ann.actions.at({"neuron.synapse_unit", Action::float_accumulate, 32, LayerId{1}}) == 8);
  CHECK(ann.actions.at({"neuron.synapse_unit", Action::float_multiply, 32, LayerId{1}}) == 8);
  CHECK(ann.actions.at({"neuron.synapse_memory", Action::read_word, 8, LayerId{1}}) == 4 * 8);
  CHECK(ann.actions.total(Action::accumulate) == 0);
  CHECK(ann.actions.total(Action::multiply) == 0);
  CHECK(ann.actions.total(Action::shift) == 0);
}

TEST_CASE("packets are as much longer as their values where the chip adds these") {
  testing::MappedNetwork s = testing::micro_scenario();
  const Picoseconds before = run_artificial(s, {.activation_bits = 3}).latency;
  ChipSpec spec = s.chip.spec();
  spec.topology.value_added = true;
  s.chip = Chip(spec);
  const AnnRun ann = run_artificial(s, {.activation_bits = 3});
  CHECK(ann.actions.at({"io.axon_out", Action::packet_inject, 64, LayerId{0}}) == 4);
  CHECK(ann.actions.at({"neuron.axon_out", Action::packet_inject, 67, LayerId{2}}) == 8);
  CHECK(ann.actions.at({"network.router", Action::hop_east_west, 67, LayerId{2}}) == 8);
  CHECK(ann.latency > before);  // a second word on each link
}

TEST_CASE("power-of-two weights shift instead of multiplying") {
  testing::MappedNetwork s = testing::micro_scenario();
  for (LayerWidths& width : s.widths) width.weights.scheme = Scheme::power_of_two;
  const AnnRun ann = run_artificial(s, {.activation_bits = 3});
  CHECK(ann.actions.total(Action::multiply) == 0);
  CHECK(ann.actions.at({"neuron.synapse_unit", Action::shift, 12, LayerId{1}}) == 8);
}

TEST_CASE("fewer values that are not zero: fewer products, as many neurons") {
  const Network network = testing::small_spikformer();
  const std::vector<Population> pops = populations(network);
  const std::vector<LayerWidths> widths = testing::small_widths(network);
  for (const char* name : {"mesh45", "pe_array45"}) {
    CAPTURE(name);
    const Chip chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name + ".yaml");
    const Mapping mapping = map_network(network, pops, widths, chip).mapping;
    const auto counted = [&](double density) {
      return run_ann(network, pops, widths, chip, mapping, {.activation_bits = 3},
                     {density, density})
          .actions;
    };
    const ActionCounts dense = counted(1);
    const ActionCounts half = counted(0.5);
    CHECK(half.total(Action::multiply) < dense.total(Action::multiply));
    CHECK(half.total(Action::multiply) > dense.total(Action::multiply) / 4);
    CHECK(half.total(Action::neuron_update_active) + half.total(Action::neuron_update_inactive) ==
          dense.total(Action::neuron_update_active) + dense.total(Action::neuron_update_inactive));
    for (const auto& [key, count] : dense.entries()) {
      CHECK(key.component.find("membrane") == std::string::npos);
    }
  }
}

}  // namespace nj
