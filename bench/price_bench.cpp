// Question: how long does it take to price a chip of 100 layers under 1,000 tables? The counts are
// those of mesh45, every unit of it busy for every layer.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "neurojoule/energy/ledger.hpp"

namespace {

using namespace nj;

constexpr std::uint32_t layer_count = 100;
constexpr int table_count = 1000;

MachineDescription machine() {
  const auto memory = [](std::uint64_t kib, std::uint64_t word) {
    return MemoryGeometry{Bits{kib * 8192}, Bits{word}};
  };
  return {"mesh45",
          {Nanometres{45}, Volts{0.9}},
          {{"neuron.synapse_memory", memory(128, 128)},
           {"neuron.accumulator_memory", memory(48, 128)},
           {"neuron.membrane_memory", memory(12, 64)},
           {"neuron.spike_buffer", memory(8, 64)}}};
}

ActionCounts counts_of(const MachineDescription& machine) {
  ActionCounts counts;
  for (std::uint32_t layer = 0; layer < layer_count; ++layer) {
    const auto add = [&](const std::string& component, Action action, std::uint32_t width) {
      counts.add({component, action, width, LayerId{layer}}, 1000 + layer);
    };
    for (const auto& [component, geometry] : machine.memories) {
      const auto word = static_cast<std::uint32_t>(geometry.word.value());
      add(component, Action::read_word, word);
      add(component, Action::write_word, word);
      add(component, Action::leak_cycle, static_cast<std::uint32_t>(geometry.capacity.value()));
    }
    for (const Action action :
         {Action::accumulate, Action::multiply, Action::shift, Action::synaptic_operation}) {
      add("neuron.synapse_unit", action, 8 + layer % 8);  // widths differ by layer
    }
    for (const Action action : {Action::accumulate, Action::shift, Action::compare,
                                Action::neuron_update_active, Action::neuron_update_inactive}) {
      add("neuron.neuron_unit", action, 16 + layer % 8);
    }
    add("neuron.axon_out", Action::packet_inject, 64);
    add("neuron.axon_in", Action::packet_deliver, 64);
    for (const Action action :
         {Action::spike_within_tile, Action::hop_east_west, Action::hop_north_south}) {
      add("network.router", action, 64);
    }
    add("off_chip.memory", Action::read_bit, 1);
    add("chip.synchronisation", Action::barrier, 0);
  }
  return counts;
}

/// horowitz45, and others that differ from it in the price of an addition.
std::vector<PriceTable> tables() {
  const PriceTable table =
      load_price_table(std::string(NJ_SOURCE_DIR) + "/energy/tables/horowitz45.yaml");
  std::vector<PriceTable> all(table_count, table);
  for (int i = 0; i < table_count; ++i) {
    all[static_cast<std::size_t>(i)].entries.front().price = BitPrice{Picojoules{0.001 * (i + 1)}};
  }
  return all;
}

void price_1000_tables_of_100_layers(benchmark::State& state) {
  const MachineDescription chip = machine();
  const ActionCounts counts = counts_of(chip);
  const std::vector<PriceTable> all = tables();
  std::size_t rows = 0;
  for (auto _ : state) {
    for (const PriceTable& table : all) {
      const Ledger ledger = price(counts, chip, table);
      rows += ledger.rows.size();
      benchmark::DoNotOptimize(ledger.total());
    }
  }
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsRate);
}
BENCHMARK(price_1000_tables_of_100_layers)->Unit(benchmark::kMillisecond);

void read_horowitz45(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        load_price_table(std::string(NJ_SOURCE_DIR) + "/energy/tables/horowitz45.yaml"));
  }
}
BENCHMARK(read_horowitz45)->Unit(benchmark::kMicrosecond);

}  // namespace
