#include "neurojoule/energy/ledger.hpp"

#include <doctest/doctest.h>

#include "neurojoule/hardware/chip.hpp"

#include "pricing_support.hpp"

namespace nj {
using testing::key;
using testing::machine45;
using testing::message_of;
using testing::shipped;
using testing::table_of;

namespace {

/// One step of a two-layer network on one core, as the chip simulator would count it.
ActionCounts small_counts() {
  ActionCounts counts;
  counts.add(key("chip.synchronisation", Action::barrier, 0, chip_overhead.index), 2);
  counts.add(key("network.router", Action::hop_east_west, 64, 0), 3);
  counts.add(key("neuron.neuron_unit", Action::compare, 16, 2), 10);
  counts.add(key("neuron.neuron_unit", Action::neuron_update_active, 16, 2), 4);
  counts.add(key("neuron.neuron_unit", Action::neuron_update_inactive, 16, 2), 6);
  counts.add(key("neuron.synapse_memory", Action::leak_cycle, 65'536, chip_overhead.index), 1'000);
  counts.add(key("neuron.synapse_memory", Action::read_word, 64, 1), 5);
  counts.add(key("neuron.synapse_unit", Action::accumulate, 16, 1), 40);
  counts.add(key("neuron.synapse_unit", Action::synaptic_operation, 8, 1), 40);
  counts.add(key("off_chip.memory", Action::read_bit, 1, 0), 7);
  return counts;
}

void check_partitions(const Ledger& ledger) {
  const double total = ledger.total().value();
  const auto sums_to_total = [&](const auto& parts) {
    double sum = 0;
    for (const auto& [name, energy] : parts) sum += energy.value();
    CHECK(sum == doctest::Approx(total).epsilon(1e-12));
  };
  sums_to_total(energy_by_category(ledger));
  sums_to_total(energy_by_layer(ledger));
  sums_to_total(energy_by_component(ledger));
  double sum = 0;
  for (const auto& [layer, categories] : energy_by_layer_and_category(ledger)) {
    for (const auto& [category, energy] : categories) sum += energy.value();
  }
  CHECK(sum == doctest::Approx(total).epsilon(1e-12));
}

}  // namespace

TEST_CASE("Horowitz: every row is count x unit price, and the total is their sum") {
  const Ledger ledger = price(small_counts(), machine45(), shipped("horowitz45"));
  REQUIRE(ledger.rows.size() == 10);
  CHECK(ledger.table == "horowitz45");
  // In key order: component, action, width, layer. Unit prices in pJ:
  // barrier 1960 | hop 64 x 0.957 = 61.248 | compare 16 bits 0.05 | updates included, 0
  // read 64 bits of 8 KiB: 3.37664, a point of CACTI | leakage 8 KiB x 0.0217 uW x 1 ps = 1.736e-7
  // | accumulate 16 bits 0.05
  //   | synaptic operation included, 0 | DRAM 12.45
  const double expected[][2] = {
      {1'960, 3'920},     {61.248, 183.744},    {0.05, 0.5}, {0, 0}, {0, 0},
      {3.37664, 16.8832}, {1.736e-7, 1.736e-4}, {0.05, 2.0}, {0, 0}, {12.45, 87.15}};
  double total = 0;
  for (std::size_t i = 0; i < ledger.rows.size(); ++i) {
    const LedgerRow& row = ledger.rows[i];
    CAPTURE(i);
    CHECK(row.unit_price_pj == doctest::Approx(expected[i][0]).epsilon(1e-12));
    CHECK(row.energy_pj == doctest::Approx(expected[i][1]).epsilon(1e-12));
    CHECK(row.energy_pj == static_cast<double>(row.count) * row.unit_price_pj);
    CHECK_FALSE(row.source.empty());
    total += row.energy_pj;
  }
  CHECK(ledger.total().value() == total);
  check_partitions(ledger);
  CHECK(ledger.rows[5].source == "CACTI 7, 45 nm ITRS-LSTP, read energy, formula within 14 %");
  CHECK(ledger.rows[5].note == "listed for 8 KiB");

  const auto categories = energy_by_category(ledger);
  CHECK(categories.size() == all_categories.size());
  CHECK(categories.at(Category::compute).value() == doctest::Approx(2.5).epsilon(1e-12));
  CHECK(categories.at(Category::weight_memory).value() == doctest::Approx(16.8832).epsilon(1e-12));
  CHECK(categories.at(Category::spike_buffers).value() == 0);
  CHECK(categories.at(Category::control).value() == doctest::Approx(3'920).epsilon(1e-12));
  const auto layers = energy_by_layer(ledger);
  CHECK(layers.at(LayerId{1}).value() == doctest::Approx(18.8832).epsilon(1e-12));
  CHECK(layers.at(chip_overhead).value() == doctest::Approx(3'920.0001736).epsilon(1e-12));
}

TEST_CASE("Loihi: synaptic operations, updates and hops by hand") {
  MachineDescription loihi{"loihi1", {Nanometres{14}, Volts{0.75}}, {}};
  ActionCounts counts;
  counts.add(key("core.synapse_unit", Action::synaptic_operation, 8, 1), 1'000);
  counts.add(key("core.synapse_unit", Action::accumulate, 16, 1), 1'000);
  counts.add(key("core.synapse_memory", Action::read_word, 64, 1), 125);
  counts.add(key("core.neuron_unit", Action::neuron_update_active, 24, 2), 30);
  counts.add(key("core.neuron_unit", Action::neuron_update_inactive, 24, 2), 70);
  counts.add(key("network.router", Action::spike_within_tile, 32, 2), 10);
  counts.add(key("network.router", Action::hop_east_west, 32, 2), 20);
  counts.add(key("network.router", Action::hop_north_south, 32, 2), 5);
  const Ledger ledger = price(counts, loihi, shipped("loihi1_published"));
  // 1000 x 23.6 = 23600;  30 x 81 = 2430;  70 x 52 = 3640;  10 x 1.7 = 17;  20 x 3 = 60;  5 x 4 =
  // 20
  CHECK(ledger.total().value() == doctest::Approx(29'767).epsilon(1e-12));
  check_partitions(ledger);
  for (const LedgerRow& row : ledger.rows) {
    if (row.action != Action::accumulate && row.action != Action::read_word) continue;
    CHECK(row.energy_pj == 0);
    CHECK(row.note == "included in synaptic_operation");
  }
}

TEST_CASE("doubling a price doubles its rows and no others") {
  const PriceTable table = shipped("horowitz45");
  const Ledger before = price(small_counts(), machine45(), table);
  for (std::size_t e = 0; e < table.entries.size(); ++e) {
    PriceTable dearer = table;
    PriceEntry& entry = dearer.entries[e];
    if (auto* flat = std::get_if<FlatPrice>(&entry.price)) {
      flat->energy = flat->energy * 2;
    } else if (auto* bit = std::get_if<BitPrice>(&entry.price)) {
      bit->energy = bit->energy * 2;
    } else if (auto* width = std::get_if<WidthPrice>(&entry.price)) {
      for (auto& point : width->points) point.second = point.second * 2;
    } else if (auto* sram = std::get_if<SramPrice>(&entry.price)) {
      for (double* part : {&sram->base_pj, &sram->base_offset_pj, &sram->bit_pj,
                           &sram->bit_offset_pj, &sram->row_pj}) {
        *part *= 2;
      }
      for (auto& point : sram->points) point.second = point.second * 2;
    } else if (auto* leakage = std::get_if<LeakagePrice>(&entry.price)) {
      leakage->per_kib = *leakage->per_kib * 2;
    } else {
      continue;
    }
    const Ledger after = price(small_counts(), machine45(), dearer);
    REQUIRE(after.rows.size() == before.rows.size());
    for (std::size_t i = 0; i < before.rows.size(); ++i) {
      const LedgerRow& row = before.rows[i];
      const ActionKey of{row.component, row.action, row.width_bits, row.layer, row.value_bits};
      const bool changed = &find_entry(table, of) == &table.entries[e];
      CHECK(after.rows[i].energy_pj == (changed ? 2 * row.energy_pj : row.energy_pj));
    }
  }
}

TEST_CASE("doubling the counts doubles the energy") {
  ActionCounts twice = small_counts();
  twice += small_counts();
  const PriceTable table = shipped("horowitz45");
  CHECK(price(twice, machine45(), table).total().value() ==
        doctest::Approx(2 * price(small_counts(), machine45(), table).total().value())
            .epsilon(1e-14));
}

TEST_CASE("silence costs only what happens in every step") {
  // No spikes: neurons are still updated, the chip still synchronises and leaks.
  ActionCounts counts;
  counts.add(key("chip.synchronisation", Action::barrier, 0, chip_overhead.index), 2);
  counts.add(key("neuron.membrane_memory", Action::leak_cycle, 65'536, chip_overhead.index), 1'000);
  counts.add(key("neuron.membrane_memory", Action::read_word, 64, 2), 3);
  counts.add(key("neuron.neuron_unit", Action::compare, 16, 2), 10);
  counts.add(key("neuron.neuron_unit", Action::neuron_update_inactive, 16, 2), 10);
  const auto categories = energy_by_category(price(counts, machine45(), shipped("horowitz45")));
  for (const Category idle :
       {Category::static_power, Category::control, Category::compute, Category::state_memory}) {
    CHECK(categories.at(idle).value() > 0);
  }
  for (const Category busy : {Category::weight_memory, Category::spike_buffers,
                              Category::interconnect, Category::off_chip}) {
    CHECK(categories.at(busy).value() == 0);
  }
}

TEST_CASE("no counts cost nothing, and zero counts make no row") {
  ActionCounts counts;
  counts.add(key("unpriced", Action::multiply, 8), 0);
  const Ledger ledger = price(counts, machine45(), table_of("  []\n"));
  CHECK(ledger.rows.empty());
  CHECK(ledger.total().value() == 0);
}

TEST_CASE("an action without a price is an error, and so is another process unless scaled") {
  ActionCounts counts;
  counts.add(key("neuron.synapse_unit", Action::accumulate, 16), 100);
  counts.add(key("off_chip.memory", Action::read_bit, 1), 2);
  counts.add(key("neuron.synapse_memory", Action::leak_cycle, 65'536), 1'000'000);
  CHECK(message_of([&] { price(counts, machine45(), table_of("  []\n")); }) ==
        "t.yaml: entries: price table 't' has no price for neuron.synapse_memory leak_cycle at "
        "65536 bits");

  MachineDescription machine = machine45();
  machine.process = {Nanometres{7}, Volts{0.9}};
  PriceTable table = shipped("horowitz45");
  table.file = "h.yaml";
  CHECK(message_of([&] { price(counts, machine, table); }) ==
        "h.yaml: technology: price table 'horowitz45' is for 45 nm at 0.9 V, but m45 is made in "
        "7 nm at 0.9 V: choose a table of that process, or ask for technology scaling");
  const Ledger scaled = price(counts, machine, table, ProcessMismatch::scale);
  // Rows: leakage 1e6 x 1.736e-7 stays, 100 x 0.05 x 0.086453 / 0.84433 scales, 2 x 12.45 stays.
  REQUIRE(scaled.rows.size() == 3);
  CHECK(scaled.rows[0].energy_pj == doctest::Approx(0.1736).epsilon(1e-12));
  CHECK(scaled.rows[1].energy_pj == doctest::Approx(5 * 0.086453 / 0.84433).epsilon(1e-12));
  CHECK(scaled.rows[1].note.find("scaled from 45 nm at 0.9 V to 7 nm at 0.9 V by 0.1024") !=
        std::string::npos);
  CHECK(scaled.rows[2].energy_pj == doctest::Approx(24.9).epsilon(1e-12));

  machine.process = {Nanometres{22}, Volts{0.8}};
  CHECK(message_of([&] { price(counts, machine, table, ProcessMismatch::scale); }) ==
        "h.yaml: technology: cannot carry prices of 'horowitz45' for 45 nm at 0.9 V over to m45, "
        "made in 22 nm at 0.8 V: technology scaling covers the nodes 65, 45, 32, 20, 16, 14, 10, 7 "
        "nm, got 22 nm");
}

TEST_CASE("an energy beyond all numbers is an error at its entry") {
  ActionCounts counts;
  counts.add(key("u", Action::barrier, 0), 1'000'000'000);
  const PriceTable table =
      table_of("  - {action: barrier, category: control, price: 1e300 pJ, source: s}\n");
  CHECK(message_of([&] { price(counts, machine45(), table); }) ==
        "t.yaml:4:5: entries[0]: the energy of 1000000000 barrier of u is not finite");
}

TEST_CASE("machine_description names process and memories as ActionCounts does") {
  ChipSpec spec;
  spec.name = "tiny";
  spec.node = Nanometres{45};
  spec.voltage = Volts{0.9};
  spec.topology.network = NetworkSpec{CrossbarShape{1, {64, Picoseconds{1}, Picoseconds{1}}}};
  spec.topology.tile = {"neuron"};
  spec.off_chip.capacity = Bits{1 << 20};
  CoreKindSpec kind;
  kind.name = "neuron";
  kind.roles = {CoreRole::neuron};
  kind.max_neurons = 4;
  kind.weight_formats.uniform_bits = 8;
  for (auto& memory : kind.memories) memory = MemorySpec{Bits{8'192}, 32};
  kind.memories[static_cast<std::size_t>(MemoryUnit::frame_buffer)].reset();
  kind.memories[static_cast<std::size_t>(MemoryUnit::score_memory)].reset();
  kind.memories[static_cast<std::size_t>(MemoryUnit::synapse_memory)] =
      MemorySpec{Bits{65'536}, 64};
  spec.core_kinds = {kind};
  const MachineDescription machine = machine_description(Chip(spec));
  CHECK(machine.name == "tiny");
  CHECK(same_process(machine.process, {Nanometres{45}, Volts{0.9}}));
  REQUIRE(machine.memories.size() == 5);
  CHECK(machine.memories.at("neuron.axon_table").capacity == Bits{8'192});
  CHECK(machine.memories.at("neuron.synapse_memory").capacity == Bits{65'536});
  CHECK(machine.memories.at("neuron.synapse_memory").word == Bits{64});
  CHECK(machine.memories.at("neuron.spike_buffer").word == Bits{32});
}

}  // namespace nj
