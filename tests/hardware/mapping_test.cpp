#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/mapping.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

using testing::MappedNetwork;
using testing::micro_scenario;
using testing::resize_memories;

/// Maps the micro network on a changed micro chip.
MappingResult map_on(const std::function<void(ChipSpec&)>& change) {
  const MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  change(spec);
  return map_network(s.network, s.populations, s.widths, Chip(spec));
}

Violation only(const MappingResult& result) {
  REQUIRE(result.violations.size() == 1);
  return result.violations.front();
}

TEST_CASE("mapping: what a slice occupies, by hand") {
  const MappedNetwork s = micro_scenario();
  const auto use = footprints(s.network, s.populations, s.widths, s.chip, s.mapping);
  REQUIRE(use.size() == 4);
  CHECK(use[0].neurons == 2);
  // a: 2 channels x 2 inputs x 5 bits + 2 scales x 32 bits; b: 2 x 4 x 5 + 64.
  CHECK(use[0].bits(MemoryUnit::synapse_memory) == 84);
  CHECK(use[2].bits(MemoryUnit::synapse_memory) == 104);
  // 2 neurons x 10 bits x 2 slots (one in use, one filling), exactly.
  CHECK(use[0].bits(MemoryUnit::accumulator_memory) == 40);
  CHECK(use[0].bits(MemoryUnit::membrane_memory) == 24);
  CHECK(use[0].bits(MemoryUnit::spike_buffer) == 0);
}

TEST_CASE("mapping: an axon table has a word for each sender, and is read for each packet") {
  MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  auto& table = spec.core_kinds[0].memories[static_cast<std::size_t>(MemoryUnit::axon_table)];
  table = MemorySpec{Bits{64}, 16};
  s.chip = Chip(spec);
  // a listens to 2 inputs, b to 4 neurons: 2 and 4 words of 16 bits.
  const auto use = footprints(s.network, s.populations, s.widths, s.chip, s.mapping);
  CHECK(use[0].bits(MemoryUnit::axon_table) == 32);
  CHECK(use[2].bits(MemoryUnit::axon_table) == 64);
  // 3 input spikes to both slices of a, 4 spikes of a to both of b. Nothing else changes.
  SimulationResult with = simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping);
  CHECK(with.actions.at({"neuron.axon_table", Action::read_word, 16, LayerId{1}}) == 6);
  CHECK(with.actions.at({"neuron.axon_table", Action::read_word, 16, LayerId{3}}) == 8);
  const MappedNetwork bare = micro_scenario();
  const SimulationResult without =
      simulate(bare.network, bare.populations, bare.widths, bare.trace, bare.chip, bare.mapping);
  CHECK(with.timeline == without.timeline);
  std::uint64_t reads = 0;
  for (const auto& [key, count] : with.actions.entries()) {
    if (key.component != "neuron.axon_table") CHECK(without.actions.at(key) == count);
    if (key.component == "neuron.axon_table" && key.action == Action::read_word) reads += count;
  }
  CHECK(reads == with.actions.total(Action::packet_deliver));
  // A bit less, and b has no core.
  table->capacity = Bits{63};
  const auto result = map_network(s.network, s.populations, s.widths, Chip(spec));
  CHECK(only(result).message ==
        "layer \"b\" needs 64 bit of axon_table on a \"neuron\" core, which has 63 bit");
}

TEST_CASE("mapping: how many senders a neuron and a slice have, by hand") {
  // 2 channels of 6 x 5, kernel 3 x 3, padding 1, stride 1 -> 4 channels of 6 x 5.
  const Network network =
      Network::build({{"input", Input{{2, 6, 5}, 1}, {}},
                      {"a", Conv2d{2, 4, 3, 1, 1}, {{"input"}}},
                      {"a.lif", Lif{}, {{"a"}}},
                      {"b", Conv2d{4, 4, 1, 1, 0}, {{"a.lif"}}},
                      {"b.lif", Lif{}, {{"b"}}},
                      {"add", ResidualAdd{}, {{"a.lif"}, {"b.lif", Port::residual}}},
                      {"head", ClassifierHead{4, 3}, {{"add"}}}});
  const auto pops = populations(network);
  const std::vector<LayerWidths> widths(network.size());
  Mapping mapping{{{1, 0, 4, 0, 2, CoreId{0}},
                   {1, 0, 4, 2, 6, CoreId{1}},
                   {2, 0, 4, 0, 6, CoreId{2}},
                   {3, 0, 2, 0, 3, CoreId{3}},
                   {4, 0, 3, 0, 1, CoreId{0}}}};
  const auto use = footprints(network, pops, widths, testing::micro_chip(), mapping);
  CHECK(use[0].fan_in == 2 * 3 * 3);
  CHECK(use[0].axons == 2 * (2 - 1 + 3) * 5);  // 4 rows, and all of the 5 columns
  CHECK(use[1].axons == 2 * 6 * 5);            // 4 - 1 + 3 = 6 rows
  CHECK(use[2].fan_in == 4);
  CHECK(use[2].axons == 4 * 6 * 5);
  CHECK(use[3].fan_in == 2);             // two operands
  CHECK(use[3].axons == 2 * 2 * 3 * 5);  // of 2 channels x 3 rows x 5 columns
  CHECK(use[4].fan_in == 4 * 6 * 5);     // the mean over all positions
  CHECK(use[4].axons == 4 * 6 * 5);
  mapping.slices.back().core = CoreId{4};
  CHECK(testing::message_of([&] {
          static_cast<void>(footprints(network, pops, widths, testing::micro_chip(), mapping));
        }) == "a slice is on core 4, and chip 'micro' has 4");
}

TEST_CASE("mapping: a neuron has at most so many synapses, and a core so many axons") {
  // b has 4 synapses per neuron, a has 2; a slice of b listens to all 4 neurons of a.
  const auto with = [](std::optional<std::uint32_t> fan_in, std::optional<std::uint32_t> axons) {
    return map_on([&](ChipSpec& spec) {
      spec.core_kinds[0].max_fan_in = fan_in;
      spec.core_kinds[0].max_axons = axons;
    });
  };
  CHECK(with(4, 4).feasible());
  const Violation fan_in = only(with(3, 4));
  CHECK(fan_in.layer == "b");
  CHECK(fan_in.resource == "fan_in");
  CHECK(fan_in.needed == 4);
  CHECK(fan_in.available == 3);
  CHECK(fan_in.message == "layer \"b\" needs 4 of fan_in on a \"neuron\" core, which has 3");
  const Violation axons = only(with(4, 3));
  CHECK(axons.resource == "axons");
  CHECK(axons.needed == 4);
  CHECK(axons.available == 3);
}

TEST_CASE("mapping: cores that take binary spikes refuse wider values") {
  const MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[0].max_spike_bits = 1;
  std::vector<LayerWidths> widths = s.widths;
  CHECK(map_network(s.network, s.populations, widths, Chip(spec)).feasible());
  widths[0].output_bits = 4;  // the input's; a takes them, b gets binary ones
  const Violation violation = only(map_network(s.network, s.populations, widths, Chip(spec)));
  CHECK(violation.layer == "a");
  CHECK(violation.resource == "spike_bits");
  CHECK(violation.needed == 4);
  CHECK(violation.available == 1);
  CHECK(violation.message ==
        "layer \"a\" needs 4 bit of spike_bits on a \"neuron\" core, which has 1 bit");
  spec.core_kinds[0].max_spike_bits = 4;
  CHECK(map_network(s.network, s.populations, widths, Chip(spec)).feasible());
}

/// The micro chip with an encoder core in each tile behind the neuron core: cores 1, 3, 5 and 7.
ChipSpec with_encoders(const ChipSpec& micro) {
  ChipSpec spec = micro;
  spec.core_kinds.push_back(spec.core_kinds[0]);
  spec.core_kinds[1].name = "encoder";
  spec.core_kinds[1].roles = {CoreRole::encoder};
  spec.core_kinds[0].max_spike_bits = 1;
  spec.topology.tile = {"neuron", "encoder"};
  return spec;
}

TEST_CASE("mapping: layers that see frames go to encoder cores, and no others do") {
  const MappedNetwork s = micro_scenario();
  ChipSpec spec = with_encoders(s.chip.spec());
  std::vector<LayerWidths> widths = s.widths;
  widths[0].output_bits = 4;  // frames; neuron cores take one bit
  const Chip chip(spec);
  const Mapping mapping = map_network(s.network, s.populations, widths, chip).mapping;
  REQUIRE(mapping.slices.size() == 4);
  for (const LayerSlice& slice : mapping.slices) {
    CHECK(chip.kind_of(slice.core).name == (slice.population == 1 ? "encoder" : "neuron"));
  }
  CHECK(check_mapping(s.network, s.populations, widths, chip, mapping).empty());
  for (const std::size_t moved : {0U, 3U}) {  // a to a neuron core, b to an encoder
    Mapping wrong = mapping;
    wrong.slices[moved].core = CoreId{moved == 0 ? 6U : 7U};
    const auto violations = check_mapping(s.network, s.populations, widths, chip, wrong);
    const bool role = std::any_of(violations.begin(), violations.end(),
                                  [](const Violation& v) { return v.resource == "role"; });
    CHECK(role);
  }
  // Wider frames than the encoder takes; and a chip of encoders alone.
  spec.core_kinds[1].max_spike_bits = 3;
  CHECK(only(map_network(s.network, s.populations, widths, Chip(spec))).message ==
        "layer \"a\" needs 4 bit of spike_bits on a \"encoder\" core, which has 3 bit");
  spec.core_kinds[1].max_spike_bits = 4;
  spec.topology.tile = {"encoder"};
  CHECK(only(map_network(s.network, s.populations, widths, Chip(spec))).message ==
        "layer \"b\" needs a core with role neuron, the chip has none");
}

TEST_CASE("encoder cores: the same counts as neuron cores, under their own name") {
  MappedNetwork s = micro_scenario();
  const Network network = Network::build({{"input", Input{{2, 1, 1}, 15}, {}},
                                          {"a", Conv2d{2, 4, 1, 1, 0}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}},
                                          {"b", Conv2d{4, 4, 1, 1, 0}, {{"a.lif"}}},
                                          {"b.lif", Lif{}, {{"b"}}}});
  s.widths[0].output_bits = 4;
  GradedTensor frames(3, {2, 1, 1});
  frames.step(0)[0] = 9;
  frames.step(1)[0] = 1;
  frames.step(1)[1] = 15;
  s.trace[0] = frames;
  const auto pops = populations(network);
  ChipSpec spec = with_encoders(s.chip.spec());
  spec.core_kinds[1].times.synaptic_operation = Picoseconds{50'000};
  const Chip chip(spec);
  const Mapping mapping = map_network(network, pops, s.widths, chip).mapping;
  const SimulationResult result =
      simulate(network, pops, s.widths, s.trace, chip, mapping, {.record_packets = true});
  // Three values to two slices of two neurons each: 3 x 2 x 2 products of 5 bits. b has none.
  const LayerId a{1}, b{3};
  CHECK(result.actions.at({"encoder.synapse_unit", Action::multiply, 5, a, 4}) == 12);
  CHECK(result.actions.at({"encoder.synapse_unit", Action::synaptic_operation, 5, a}) == 12);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::synaptic_operation, 5, b}) == 16);
  CHECK(result.actions.total(Action::multiply) == 12);
  // A value is served in 3 + 2 words x 2 + 2 operations x 50 = 107.
  for (const PacketRecord& record : result.records) {
    if (record.layer != LayerId{0} || record.step != 0) continue;
    CHECK(record.value == 9);
    CHECK(record.served - record.arrived == Picoseconds{107'000});
  }
}

TEST_CASE("mapping: a core with few axons gets fewer rows") {
  const MappedNetwork s = micro_scenario();
  const Network network = Network::build({{"input", Input{{1, 4, 3}, 1}, {}},
                                          {"a", Conv2d{1, 2, 3, 1, 1}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}}});
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[0].max_neurons = 100;
  resize_memories(spec.core_kinds[0], Bits{4096});
  const auto slices = [&](std::uint32_t axons) {
    spec.core_kinds[0].max_axons = axons;
    const std::vector<LayerWidths> widths(3, s.widths[0]);
    return map_network(network, populations(network), widths, Chip(spec)).mapping.slices.size();
  };
  // 4 rows see 4 x 3 inputs, 2 rows too (2 - 1 + 3 = 4), 1 row 3 x 3.
  CHECK(slices(12) == 1);
  CHECK(slices(11) == 4);
  CHECK(slices(9) == 4);
  CHECK(slices(8) == 0);
}

TEST_CASE("mapping: a limit met exactly fits, one bit less does not") {
  const auto slices = [](std::uint64_t synapse_bits) {
    return map_on([&](ChipSpec& spec) {
             spec.topology.tile = {"neuron", "neuron"};
             spec.core_kinds[0].memories[0]->capacity = Bits{synapse_bits};
           })
        .mapping.slices.size();
  };
  CHECK(slices(104) == 4);
  // 103: b falls to 4 slices of 1 channel (1 x 4 x 5 + 32 = 52 bits), a keeps 2.
  CHECK(slices(103) == 6);
}

TEST_CASE("mapping: the fewest slices, rows cut before channels") {
  const MappedNetwork s = micro_scenario();
  const Network network = Network::build({{"input", Input{{1, 4, 1}, 1}, {}},
                                          {"a", Conv2d{1, 4}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}}});
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[0].max_neurons = 8;
  resize_memories(spec.core_kinds[0], Bits{4096});
  const std::vector<LayerWidths> widths(3, s.widths[0]);
  const auto mapped = map_network(network, populations(network), widths, Chip(spec));
  // 4 channels x 4 rows on cores of 8 neurons: 2 slices, by rows.
  const std::vector<LayerSlice> expected{{1, 0, 4, 0, 2, CoreId{0}}, {1, 0, 4, 2, 4, CoreId{1}}};
  CHECK(mapped.mapping.slices == expected);
}

TEST_CASE("mapping: too few cores is a violation with both numbers") {
  const Violation violation =
      only(map_on([](ChipSpec& spec) { testing::grid_of(spec).width = 1; }));
  CHECK(violation.layer == "b");
  CHECK(violation.resource == "cores");
  CHECK(violation.needed == 2);
  CHECK(violation.available == 0);
  CHECK(violation.message == "layer \"b\" needs 2 cores of kind \"neuron\", 0 of 2 are free");
}

TEST_CASE("mapping: a memory too small for one neuron is a violation with both numbers") {
  const MappingResult result =
      map_on([](ChipSpec& spec) { spec.core_kinds[0].memories[0]->capacity = Bits{51}; });
  // One channel of b needs 4 x 5 + 32 = 52 bits; one of a 2 x 5 + 32 = 42.
  const auto b = std::find_if(result.violations.begin(), result.violations.end(),
                              [](const Violation& v) { return v.layer == "b"; });
  REQUIRE(b != result.violations.end());
  CHECK(b->resource == "synapse_memory");
  CHECK(b->needed == 52);
  CHECK(b->available == 51);
  CHECK(
      b->message ==
      "layer \"b\" needs 52 bit of synapse_memory on a \"neuron\" core, which has 51 bit; that "
      "is the kernel of one output channel, which cannot be split, since no core adds the sums of "
      "another");
}

TEST_CASE("mapping: a weight format that the cores do not take is a violation") {
  const MappingResult result =
      map_on([](ChipSpec& spec) { spec.core_kinds[0].weight_formats.uniform_bits = 4; });
  REQUIRE(result.violations.size() == 2);
  CHECK(result.violations[0].resource == "weight_format");
  CHECK(result.violations[0].needed == 5);
  CHECK(result.violations[0].available == 4);
}

TEST_CASE("mapping: no core of the right role is a violation") {
  const MappedNetwork s = micro_scenario();
  const Network network =
      Network::build({{"input", Input{{4, 1, 2}, 1}, {}},
                      {"att",
                       SpikingSelfAttention{2, 0.25},
                       {{"input", Port::query}, {"input", Port::key}, {"input", Port::value}}},
                      {"att.lif", Lif{}, {{"att"}}}});
  const std::vector<LayerWidths> widths(3, s.widths[0]);
  const Violation violation = only(map_network(network, populations(network), widths, s.chip));
  CHECK(violation.resource == "role");
  CHECK(violation.message == "layer \"att\" needs a core with role attention, the chip has none");
}

TEST_CASE("mapping: a frame larger than the off-chip memory is a violation") {
  const Violation violation = only(map_on([](ChipSpec& spec) {
    spec.off_chip = {Bits{1}, 1, {}, {}};
  }));
  CHECK(violation.resource == "off_chip");
  CHECK(violation.needed == 2);
}

TEST_CASE("mapping: every kind of mistake in a given mapping is found") {
  const MappedNetwork s = micro_scenario();
  const auto problems = [&](const std::function<void(Mapping&)>& change) {
    Mapping mapping = s.mapping;
    change(mapping);
    std::string messages;
    for (const Violation& v : check_mapping(s.network, s.populations, s.widths, s.chip, mapping)) {
      messages += v.message + ";";
    }
    return messages;
  };
  CHECK(problems([](Mapping&) {}).empty());
  CHECK(problems([](Mapping& m) { m.slices.pop_back(); }) ==
        "layer \"b\" has neurons without a core;");
  CHECK(problems([](Mapping& m) { m.slices[1].core = CoreId{0}; }) ==
        "layer \"a\" shares core 0 with another slice of it;");
  CHECK(problems([](Mapping& m) { m.slices[1].core = CoreId{4}; }) ==
        "layer \"a\" is placed on a core that does not exist;");
  CHECK(problems([](Mapping& m) { m.slices[3].core = CoreId{1}; }) ==
        "layer \"b\" shares core 1 with layer \"a\";");
  CHECK(problems([](Mapping& m) {
          m.slices[1].channel_begin = 1;
        }).starts_with("layer \"a\" has neurons that are placed twice, on core 0 and on core 1;"));
  CHECK(problems([](Mapping& m) {
          m.slices[1].population = 9;
        }).starts_with("a slice names a population that the network lacks;"));
  CHECK(problems([](Mapping& m) {
          m.slices[1].population = 0;
        }).starts_with("layer \"input\" has a slice that is empty, outside the layer"));
}

TEST_CASE("mapping: the simulation refuses an infeasible mapping") {
  MappedNetwork s = micro_scenario();
  s.mapping.slices.pop_back();
  const auto error = testing::thrown(
      [&] { simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::capacity);
  CHECK(std::string(error->what()) == "b: layer \"b\" has neurons without a core");
}

TEST_CASE("mapping: absurd widths are refused, and huge layers do not overflow") {
  MappedNetwork s = micro_scenario();
  s.widths[1].accumulator_bits = 0;
  CHECK(testing::message_of([&] {
          map_network(s.network, s.populations, s.widths, s.chip);
        }).starts_with("a: widths must be 1..64 bits"));
  s.widths.pop_back();
  CHECK(testing::message_of([&] { map_network(s.network, s.populations, s.widths, s.chip); }) ==
        "expected one set of widths per layer (5), got 4");
  // 2^30 x 2^31 weights per channel set: more than 64 bits can count in bits.
  const Network network = Network::build({{"input", Input{{1U << 30, 1, 1}, 1}, {}},
                                          {"a", Conv2d{1U << 30, 1U << 30}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}}});
  const std::vector<LayerWidths> widths(3, micro_scenario().widths[2]);
  const auto result = map_network(network, populations(network), widths, s.chip);
  CHECK(!result.feasible());
}

TEST_CASE("mapping: synapses that drive no neurons are refused by name") {
  const MappedNetwork s = micro_scenario();
  const Network network = Network::build({{"input", Input{{1, 4, 4}, 1}, {}},
                                          {"a", Conv2d{1, 2}, {{"input"}}},
                                          {"head", ClassifierHead{2, 3}, {{"a.lif"}}},
                                          {"a.lif", Lif{}, {{"a"}}},
                                          {"b", Conv2d{2, 2}, {{"a.lif"}}}});
  const std::vector<LayerWidths> widths(5, s.widths[0]);
  CHECK(testing::message_of([&] { map_network(network, populations(network), widths, s.chip); }) ==
        "b: drives no lif layer of its own, so no core can send its output");
}

TEST_CASE("mapping: operands with a delay are refused by name") {
  const MappedNetwork s = micro_scenario();
  const Network network = Network::build({{"input", Input{{1, 4, 4}, 1}, {}},
                                          {"a", Conv2d{1, 2}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}},
                                          {"b", Conv2d{2, 2}, {{"a.lif", Port::input, 1}}},
                                          {"b.lif", Lif{}, {{"b"}}}});
  const std::vector<LayerWidths> widths(5, s.widths[0]);
  CHECK(testing::message_of([&] { map_network(network, populations(network), widths, s.chip); }) ==
        "b: reads \"a.lif\" with a delay; no core keeps spikes for a time step");
  // Said before what else no core runs: the stream of recurrent neurons.
  const Network recurrent =
      Network::build({{"input", Input{{1, 4, 4}, 1}, {}},
                      {"fc", Conv2d{1, 2}, {{"input"}}},
                      {"rec", Conv2d{2, 2}, {{"lif", Port::input, 1}}},
                      {"sum", ResidualAdd{}, {{"fc"}, {"rec", Port::residual}}},
                      {"lif", Lif{}, {{"sum"}}}});
  CHECK(testing::message_of([&] {
          map_network(recurrent, populations(recurrent), widths, s.chip);
        }) == "rec: reads \"lif\" with a delay; no core keeps spikes for a time step");
}

TEST_CASE("mapping: a datapath of stated widths costs its adders whatever the weights need") {
  MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  spec.datapath = {8, 16, 12};
  const DatapathWidths on = widths_on(spec, s.network, s.widths);
  CHECK(on.violations.empty());
  const SimulationResult result =
      simulate(s.network, s.populations, on.widths, s.trace, s.chip, s.mapping);
  const LayerId a{1}, a_lif{2};
  // 6 deliveries to a, of 2 neurons each: as many additions as before, of 16 bits instead of 10,
  // and 2 accumulator words of 16 bits (20 bits took 2 as well). Weights are stored as before: 2
  // words.
  CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 16, a}) == 12);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 10, a}) == 0);
  CHECK(result.actions.at({"neuron.accumulator_memory", Action::write_word, 16, a}) == 12);
  CHECK(result.actions.at({"neuron.synapse_memory", Action::read_word, 8, a}) == 12);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::synaptic_operation, 5, a}) == 12);
  CHECK(result.actions.at({"neuron.neuron_unit", Action::compare, 12, a_lif}) == 12);
  // Of a layer's numbers none may be wider: weights have 5 bits, sums 10, membranes 12.
  spec.datapath = {4, 9, 11};
  std::vector<std::string> told;
  for (const Violation& violation : widths_on(spec, s.network, s.widths).violations) {
    told.push_back(violation.message);
  }
  const std::string has = ", the chip's datapath has ";
  CHECK(told ==
        std::vector<std::string>{"layer \"a\" needs 5 bit of weight" + has + "4 bit",
                                 "layer \"a\" needs 10 bit of accumulator" + has + "9 bit",
                                 "layer \"a.lif\" needs 12 bit of membrane" + has + "11 bit",
                                 "layer \"b\" needs 5 bit of weight" + has + "4 bit",
                                 "layer \"b\" needs 10 bit of accumulator" + has + "9 bit",
                                 "layer \"b.lif\" needs 12 bit of membrane" + has + "11 bit"});
}

}  // namespace
}  // namespace nj
