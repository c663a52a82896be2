#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/yaml.hpp>
#include <neurojoule/hardware/fixed_mapping.hpp>
#include <neurojoule/hardware/mapping_report.hpp>
#include <neurojoule/hardware/population_graph.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

// Slices that have some columns of a map only.

namespace nj {
namespace {

using testing::a;
using testing::a_lif;
using testing::input;
using testing::MappedNetwork;
using testing::run;
using testing::spikes_at;

/// A row of four inputs -> a, 3 x 3 -> what `then` adds; the micro chip with cores of four neurons.
MappedNetwork row_of_four(std::vector<Network::Draft> then) {
  MappedNetwork s = testing::micro_scenario();
  std::vector<Network::Draft> layers{{"input", Input{{1, 1, 4}, 1}, {}},
                                     {"a", Conv2d{1, 1, 3, 1, 1}, {{"input"}}},
                                     {"a.lif", Lif{}, {{"a"}}}};
  layers.insert(layers.end(), then.begin(), then.end());
  s.network = Network::build(layers);
  s.populations = populations(s.network);
  s.widths.resize(s.network.size(), s.widths.front());
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[0].max_neurons = 4;
  for (const std::size_t memory : {1U, 2U})
    spec.core_kinds[0].memories[memory]->capacity = Bits{256};
  s.chip = Chip(spec);
  return s;
}

TEST_CASE("column slices: a spike reaches the columns under its kernel, by hand") {
  MappedNetwork s =
      row_of_four({{"b", Conv2d{1, 1, 1, 1, 0}, {{"a.lif"}}}, {"b.lif", Lif{}, {{"b"}}}});
  s.mapping = {{{1, 0, 1, 0, 1, CoreId{0}, 0, 2},
                {1, 0, 1, 0, 1, CoreId{1}, 2, 4},
                {2, 0, 1, 0, 1, CoreId{2}}}};
  s.trace = SpikeTrace(5);
  s.trace[0] = spikes_at(1, {1, 1, 4}, {{0, 1}});
  s.trace[2] = spikes_at(1, {1, 1, 4}, {{0, 2}});
  s.trace[4] = spikes_at(1, {1, 1, 4}, {});
  const SimulationResult result = run(s);
  // Input 1 reaches 0, 1 and 2: two positions of one slice and one of the other. a's 2 goes to b.
  CHECK(result.packets == 3);
  CHECK(result.actions.at({"neuron.axon_in", Action::packet_deliver, 64, input}) == 2);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 10, a}) == 3);
  CHECK(result.actions.at({"neuron.neuron_unit", Action::neuron_update_active, 12, a_lif}) == 3);
  CHECK(result.actions.at({"neuron.neuron_unit", Action::neuron_update_inactive, 12, a_lif}) == 1);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 10, LayerId{3}}) == 1);
  // Step 1: core 1 updates column 2 at 5 ns, sends at 6: east to tile 3, north to 2.
  const SimulationResult recorded = run(s, {.record_packets = true});
  const auto sent = std::find_if(recorded.records.begin(), recorded.records.end(),
                                 [](const PacketRecord& r) { return r.layer == a_lif; });
  REQUIRE(sent != recorded.records.end());
  CHECK(sent->address == 2);
  CHECK(sent->source == CoreId{1});
  CHECK(sent->injected - recorded.timeline.steps[1].start == Picoseconds{6'000});
  CHECK(sent->arrived - sent->injected == Picoseconds{10'000 + 20'000});
}

TEST_CASE("column slices: a window over the cut is sent by both, and worked on once") {
  // Windows of 3 at a stride of 2: columns 0, 1 and columns 1, 2, 3.
  MappedNetwork s = row_of_four({{"pool", MaxPool2d{3, 2, 1}, {{"a.lif"}}},
                                 {"b", Conv2d{1, 1, 1, 1, 0}, {{"pool"}}},
                                 {"b.lif", Lif{}, {{"b"}}}});
  s.mapping = {{{1, 0, 1, 0, 1, CoreId{0}, 0, 2},
                {1, 0, 1, 0, 1, CoreId{1}, 2, 4},
                {2, 0, 1, 0, 1, CoreId{2}}}};
  s.trace = SpikeTrace(6);
  s.trace[0] = spikes_at(1, {1, 1, 4}, {});
  s.trace[2] = spikes_at(1, {1, 1, 4}, {{0, 1}, {0, 2}});
  s.trace[3] = spikes_at(1, {1, 1, 2}, {{0, 0}, {0, 1}});
  s.trace[5] = spikes_at(1, {1, 1, 2}, {});
  for (const TimingLevel level : timing_levels) {
    const SimulationResult result = run(s, {.timing = level});
    CHECK(result.packets == 3);
    CHECK(result.merged == 1);
    CHECK(result.actions.at({"neuron.neuron_unit", Action::or_bit, 1, LayerId{3}}) == 3);
    CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 10, LayerId{4}}) == 2);
    CHECK(result.actions.at({"neuron.axon_in", Action::packet_deliver, 64, LayerId{3}}) == 3);
  }
}

TEST_CASE("column slices: encoders fetch what is under their columns") {
  MappedNetwork s = row_of_four({});
  s.network = Network::build({{"input", Input{{1, 1, 4}, 15}, {}},
                              {"a", Conv2d{1, 1, 3, 1, 1}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}}});
  s.populations = populations(s.network);
  s.widths[0].output_bits = 4;
  ChipSpec spec = s.chip.spec();
  CoreKindSpec& encoder = spec.core_kinds[0];
  encoder.roles = {CoreRole::encoder};
  encoder.memories[3].reset();
  encoder.memories[4] = MemorySpec{Bits{16}, 4};  // as away from the border
  encoder.encoder_unit = EncoderUnitSpec{4, true};
  encoder.times.axon_in = {};
  s.chip = Chip(spec);
  GradedTensor frames(1, {1, 1, 4});
  frames.step(0)[1] = 9;
  s.trace = {frames, std::nullopt, spikes_at(1, {1, 1, 4}, {})};
  // The left two columns see pixels 0 .. 2, the right ones 1 .. 3.
  s.mapping = {{{1, 0, 1, 0, 1, CoreId{0}, 0, 2}, {1, 0, 1, 0, 1, CoreId{1}, 2, 4}}};
  const SimulationResult result = run(s);
  CHECK(result.actions.at({"off_chip.memory", Action::read_bit, 1, input}) == 2 * 3 * 4);
  CHECK(result.actions.at({"neuron.frame_buffer", Action::write_word, 4, a}) == 2 * 3);
  CHECK(result.actions.at({"neuron.frame_buffer", Action::read_word, 4, a}) == 2);
  CHECK(result.actions.at({"neuron.encoder_unit", Action::multiply, 5, a, 4}) == 3);
  CHECK(result.actions.at({"neuron.neuron_unit", Action::neuron_update_active, 12, a_lif}) == 3);
}

TEST_CASE("column slices: cut where a row is too much, and told why") {
  MappedNetwork s = testing::micro_scenario();
  s.network = Network::build({{"input", Input{{1, 1, 8}, 1}, {}},
                              {"a", Conv2d{1, 2, 3, 1, 1}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}}});
  s.populations = populations(s.network);
  s.widths.resize(3);
  ChipSpec spec = s.chip.spec();
  testing::resize_memories(spec.core_kinds[0], Bits{4096});
  const auto mapped = [&](std::uint32_t neurons) {
    spec.core_kinds[0].max_neurons = neurons;
    s.chip = Chip(spec);
    s.mapping = map_network(s.network, s.populations, s.widths, s.chip).mapping;
    return s.mapping.slices.size();
  };
  // A channel each: as many slices as columns would take.
  CHECK(mapped(8) == 2);
  CHECK_FALSE(s.mapping.slices.front().cuts_columns());
  // Two channels of up to three columns: three slices, where one channel takes two each.
  CHECK(mapped(6) == 3);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> columns;
  for (const LayerSlice& slice : s.mapping.slices) {
    columns.emplace_back(slice.column_begin, slice.column_end);
  }
  CHECK(columns == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 2}, {2, 5}, {5, 8}});
  const Traffic traffic = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  const auto why = explain_mapping(s.network, s.populations, s.widths, s.chip, s.mapping, traffic);
  CHECK(why[0].limits == std::vector<CutLimit>{{"columns", "neurons", 8, 6}});
  CHECK(why[0].use.neurons == 4);
  CHECK(why[0].use.axons == 4);
  // One packet for each input that the slices see: 0..2, 1..5, 4..7.
  CHECK(why[0].packets == 3);
  CHECK(why[1].packets == 5);
  CHECK(why[2].packets == 4);
  const SimulationResult result = [&] {
    s.trace = {
        spikes_at(1, {1, 1, 8}, {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6}, {0, 7}}),
        std::nullopt, spikes_at(1, {2, 1, 8}, {})};
    return run(s);
  }();
  CHECK(result.packets == 3 + 5 + 4);
}

/// Every slice of a mapping with several columns in two, on further cores of its kind.
Mapping halved(const Network& network, std::span<const Population> populations, const Chip& chip,
               const Mapping& mapping) {
  std::vector<bool> used(chip.cores().size(), false);
  for (const LayerSlice& slice : mapping.slices) used[slice.core.index] = true;
  Mapping halves;
  for (const LayerSlice& slice : mapping.slices) {
    const std::uint32_t width = neuron_shape(network, populations[slice.population]).width;
    if (width == 1) {
      halves.slices.push_back(slice);
      continue;
    }
    std::uint32_t core = 0;
    while (used[core] || chip.core({core}).kind != chip.core(slice.core).kind) ++core;
    used[core] = true;
    LayerSlice left = slice;
    left.column_end = width / 2;
    LayerSlice right = slice;
    right.column_begin = width / 2;
    right.column_end = width;
    right.core = CoreId{core};
    halves.slices.push_back(left);
    halves.slices.push_back(right);
  }
  return halves;
}

/// What all cores did to each layer, without deliveries, words and network.
std::map<std::tuple<Action, std::uint32_t, LayerId>, std::uint64_t> operations(
    const ActionCounts& actions) {
  std::map<std::tuple<Action, std::uint32_t, LayerId>, std::uint64_t> sums;
  for (const auto& [key, count] : actions.entries()) {
    switch (key.action) {
      case Action::accumulate:
      case Action::synaptic_operation:
      case Action::and_bit:
      case Action::or_bit:
      case Action::neuron_update_active:
      case Action::neuron_update_inactive:
      case Action::multiply:
      case Action::compare:
        sums[{key.action, key.width_bits, key.layer}] += count;
        break;
      default:
        break;
    }
  }
  return sums;
}

TEST_CASE("column slices: a Spikformer in halves does the same operations, at all levels") {
  MappedNetwork s{.network = testing::small_spikformer({.channels = 32, .pixels = 18, .blocks = 1}),
                  .populations = {},
                  .widths = {},
                  .chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml"),
                  .mapping = {},
                  .trace = {}};
  s.populations = populations(s.network);
  s.widths = testing::small_widths(s.network);
  s.trace = testing::random_trace(s.network, 2, 10, 5);
  s.mapping = map_network(s.network, s.populations, s.widths, s.chip).mapping;
  const SimulationResult whole = run(s);
  s.mapping = halved(s.network, s.populations, s.chip, s.mapping);
  // Attention: q of its own tokens, k and v of all.
  const auto uses = footprints(s.network, s.populations, s.widths, s.chip, s.mapping);
  std::uint64_t attention_slices = 0;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const LayerSlice& slice = s.mapping.slices[i];
    const LayerId lead = s.populations[slice.population].lead;
    if (!std::holds_alternative<SpikingSelfAttention>(s.network.layer(lead).op)) continue;
    ++attention_slices;
    const FeatureShape& shape = s.network.output_shape(lead);
    const std::uint64_t columns = std::min(slice.column_end, shape.width) - slice.column_begin;
    const std::uint64_t rows = slice.row_end - slice.row_begin;
    CHECK(uses[i].axons ==
          (slice.channel_end - slice.channel_begin) * (rows * columns + 2 * shape.positions()));
  }
  CHECK(attention_slices >= 2);
  ChipSpec without_barriers = s.chip.spec();
  without_barriers.barrier = Picoseconds{0};
  without_barriers.handshake = Picoseconds{10'000};
  for (const bool multicast : {false, true}) {
    for (const TimingLevel level : timing_levels) {
      ChipSpec spec = s.chip.spec();
      spec.topology.multicast = multicast;
      s.chip = Chip(spec);
      const SimulationResult halves = run(s, {.timing = level});
      CHECK(operations(halves.actions) == operations(whole.actions));
      CHECK(halves.merged > 0);
    }
  }
  s.chip = Chip(without_barriers);
  CHECK(operations(run(s).actions) == operations(whole.actions));
  // And it is written as it is read.
  const std::string text =
      "fixed:\n" + to_yaml(fixed_mapping(s.network, s.populations, s.mapping), 2);
  CHECK(text.find("columns: 0..8, core") != std::string::npos);
  const YamlDocument document = YamlDocument::parse(text, "m.yaml");
  CHECK(resolve(read_fixed_mapping(document.root().at("fixed")), s.network, s.populations, s.widths,
                s.chip) == s.mapping);
}

TEST_CASE("column slices: columns that overlap, leave a gap or are not there are refused") {
  const MappedNetwork s = row_of_four({});
  const auto refusal = [&](const std::string& slices) {
    return testing::message_of([&] {
      const YamlDocument document = YamlDocument::parse("fixed:\n  a:\n" + slices, "m.yaml");
      (void)resolve(read_fixed_mapping(document.root().at("fixed")), s.network, s.populations,
                    s.widths, s.chip);
    });
  };
  CHECK(refusal("  - {columns: 0..1, core: 0}\n  - {columns: 2..3, core: 1}\n") ==
        "nothing thrown");
  CHECK(refusal("  - {columns: 0..2, core: 0}\n  - {columns: 2..3, core: 1}\n")
            .starts_with("m.yaml:4:5: fixed.a[1]: layer \"a\" has neurons that are placed twice"));
  CHECK(refusal("  - {columns: 0..1, core: 0}\n  - {columns: 3, core: 1}\n")
            .starts_with("m.yaml:2:3: fixed.a: layer \"a\" has neurons without a core"));
  CHECK(refusal("  - {columns: 0..1, core: 0}\n  - {columns: 2..4, core: 1}\n")
            .starts_with("m.yaml:4:5: fixed.a[1]: columns 2..4 of a layer that has 0..3"));
}

}  // namespace
}  // namespace nj
