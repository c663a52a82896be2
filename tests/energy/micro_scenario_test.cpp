#include "support/micro_scenario.hpp"

#include <doctest/doctest.h>

#include "neurojoule/hardware/simulate.hpp"

#include "pricing_support.hpp"

// Question: are the joules of a scenario small enough for paper what paper says? Yes.
//
// 2 binary inputs -> a (4 neurons, cores 0 and 1) -> b (4 neurons, cores 2 and 3), 3 steps. Layers:
// 0 input, 1 a, 2 a.lif, 3 b, 4 b.lif. Counts by hand (definitions: hardware/simulate.hpp):
//
// * Input spikes: 3, each to both slices of a: 6 packets from the port at tile 0, 3 of them inside
//   tile 0 and 3 one hop south to tile 1. Spikes of a: 4, each to both slices of b: 8 packets; per
//   spike one packet takes 1 horizontal hop and the other 1 horizontal + 1 vertical: 8 east-west, 4
//   north-south. Spikes of b go nowhere.
// * A packet serves 2 channels: ceil(2 x 5 / 8) = 2 synapse words, ceil(2 x 10 / 16) = 2
// accumulator
//   words read and 2 written, 2 additions [10 bits], 2 synaptic operations; one spike buffer word
//   written and read. Layer 1: 6 packets, layer 3: 8.
// * Neuron phase per slice and step: ceil(2 x 12 / 16) = 2 membrane words and 2 accumulator words
//   read and written; 2 slices x 3 steps: 12 of each per layer. 4 neurons x 3 steps = 12 updates
//   per layer: 36 additions, 12 shifts, 12 comparisons [12 bits].
// * Active: a in steps 0 and 1 (every input reaches all 4): 8, so 4 inactive. b in steps 0 and 1,
//   and neuron 3 in step 2 because it fires: 9, so 3 inactive.
// * Input frame: 2 neurons x 1 bit x 3 steps = 6 bits read. Levels input, a, b: 3 + 3 - 1 = 5
//   barriers.
namespace nj {
using testing::MappedNetwork;
using testing::micro_scenario;
using testing::shipped;
using testing::table_of;

namespace {

// Word: capacity / 64 bit + 0.1 pJ per word bit. Synapse 1024 / 64 + 0.8 = 16.8; accumulator 64 /
// 64
// + 1.6 = 2.6; membrane 32 / 64 + 1.6 = 2.1; spike buffer 1024 / 64 + 6.4 = 22.4 pJ.
const char* const round_prices = R"(
  - {action: accumulate, category: compute, by_width: {8: 0.08 pJ, 16: 0.16 pJ}, source: s}
  - {action: shift, category: compute, per_bit: 0.01 pJ, source: s}
  - {action: compare, category: compute, by_width: {16: 0.32 pJ}, source: s}
  - action: [synaptic_operation, neuron_update_active, neuron_update_inactive]
    category: compute
    included_in: accumulate
    source: s
  - action: [read_word, write_word]
    component: "*.synapse_memory"
    category: weight_memory
    sram: &word {reference: 64 bit, base_pj: 1, base_exponent: 1, base_offset_pj: 0, bit_pj: 0.1,
                 bit_exponent: 0, bit_offset_pj: 0, capacity: [32 bit, 1024 bit],
                 word: [8 bit, 64 bit]}
    source: s
  - action: [read_word, write_word]
    component: ["*.accumulator_memory", "*.membrane_memory"]
    category: state_memory
    sram: *word
    source: s
  - action: [read_word, write_word]
    component: "*.spike_buffer"
    category: spike_buffers
    sram: *word
    source: s
  - {action: packet_inject, category: interconnect, price: 1 pJ, source: s}
  - {action: packet_deliver, category: interconnect, price: 2 pJ, source: s}
  - {action: spike_within_tile, category: interconnect, price: 1.5 pJ, source: s}
  - {action: hop_east_west, category: interconnect, per_bit: 0.05 pJ, source: s}
  - {action: hop_north_south, category: interconnect, per_bit: 0.0625 pJ, source: s}
  - {action: read_bit, category: off_chip, per_bit: 12.5 pJ, source: s}
  - {action: barrier, category: control, price: 10 pJ, source: s}
  - {action: leak_cycle, category: static, leakage: {per_kib: 8.192 uW}, source: s}
)";

/// The chip's memories, in the process of the table.
MachineDescription machine_for(const MappedNetwork& scenario, const PriceTable& table) {
  MachineDescription machine = machine_description(scenario.chip);
  machine.process = table.process;
  return machine;
}

}  // namespace

TEST_CASE("micro-scenario: every category and layer by hand") {
  const MappedNetwork scenario = micro_scenario();
  const SimulationResult result = run(scenario);
  const PriceTable table = table_of(round_prices);
  const Ledger ledger = price(result.actions, machine_for(scenario, table), table);

  // Static: 8.192 uW per KiB is 1 nW per bit; a core has 1024 + 64 + 32 + 1024 = 2144 bits: 2.144
  // uW = 2.144e-6 pJ per ps; 4 cores for the whole latency (worked out in the hardware tests).
  const double leak = 4 * 2.144e-6 * static_cast<double>(result.timeline.latency().value());
  const std::pair<Category, double> categories[] = {
      // (12 + 16) x 0.10 + 2 x 36 x 0.12 + 24 shifts x 0.12 + 24 comparisons x 0.32 x 12 / 16
      {Category::compute, 2.8 + 8.64 + 2.88 + 5.76},
      {Category::weight_memory, 470.4},  // (12 + 16) x 16.8
      // accumulators: 12 + 16 + 12 + 12 = 52 read, 52 written; membranes 24 read, 24 written
      {Category::state_memory, 104 * 2.6 + 48 * 2.1},
      {Category::spike_buffers, 627.2},  // 14 written and 14 read x 22.4
      // 14 sent, 14 received, 3 within tile, 8 x 64 x 0.05 = 8 x 3.2, 7 x 64 x 0.0625 = 7 x 4
      {Category::interconnect, 14 + 28 + 4.5 + 25.6 + 28},
      {Category::off_chip, 75},  // 6 x 12.5
      {Category::static_power, leak},
      {Category::control, 50}};  // 5 x 10
  const auto by_category = energy_by_category(ledger);
  for (const auto& [category, energy] : categories) {
    CAPTURE(to_string(category));
    CHECK(by_category.at(category).value() == doctest::Approx(energy).epsilon(1e-12));
  }

  const auto by_layer = energy_by_layer(ledger);
  const double layers[] = {
      109.5,    // 6 sent 6, 6 received 12, 3 x 1.5, 3 south 12, 75 off chip
      534.0,    // 12 x 16.8, 24 x 2.6, 12 x 0.1, 12 x 22.4
      187.04,   // 8 + 16 + 25.6 + 4 x 4, 24 x 2.1, 24 x 2.6, 36 x 0.12, 12 x 0.12, 12 x 0.24
      712.0,    // 16 x 16.8, 32 x 2.6, 16 x 0.1, 16 x 22.4
      121.44};  // as layer 2 without packets
  for (std::uint32_t layer = 0; layer < 5; ++layer) {
    CAPTURE(layer);
    CHECK(by_layer.at(LayerId{layer}).value() == doctest::Approx(layers[layer]).epsilon(1e-12));
  }
  CHECK(by_layer.at(chip_overhead).value() == doctest::Approx(50 + leak).epsilon(1e-12));
  CHECK(ledger.total().value() == doctest::Approx(1'713.98 + leak).epsilon(1e-12));
}

TEST_CASE("micro-scenario at Loihi's published prices") {
  const MappedNetwork scenario = micro_scenario();
  const PriceTable table = shipped("loihi1_published");
  const Ledger ledger = price(run(scenario).actions, machine_for(scenario, table), table);
  // 28 x 23.6 = 660.8;  17 x 81 = 1377;  7 x 52 = 364;  3 x 1.7 = 5.1;  8 x 3 = 24;  7 x 4 = 28
  CHECK(ledger.total().value() == doctest::Approx(2'458.9).epsilon(1e-12));
}

TEST_CASE("micro-scenario at the prices fitted to Loihi's silicon") {
  const MappedNetwork scenario = micro_scenario();
  const PriceTable table = shipped("loihi1_fitted");
  const Ledger ledger = price(run(scenario).actions, machine_for(scenario, table), table);
  // 28 x 35.5 = 994;  17 x (51.2 + 21.6) = 1237.6;  7 x 51.2 = 358.4;  14 packets x (111 + 69.3) =
  // 2524.2;  within a tile nothing;  8 x 3 = 24;  7 x 4.2 = 29.4
  CHECK(ledger.total().value() == doctest::Approx(5'167.6).epsilon(1e-12));
}

}  // namespace nj
