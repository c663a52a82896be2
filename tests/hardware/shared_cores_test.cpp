#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/placement.hpp>
#include <neurojoule/hardware/simulate.hpp>
#include <neurojoule/hardware/slicing.hpp>

#include "support/mapped_network.hpp"
#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

// Several slices on one core.

namespace nj {
namespace {

using testing::MappedNetwork;
using testing::ns;
using testing::run;

CoreKindSpec& roomy(CoreKindSpec& kind, std::uint32_t neurons, std::uint32_t slices) {
  kind.max_neurons = neurons;
  kind.max_slices = slices;
  testing::resize_memories(kind, Bits{1 << 14});
  return kind;
}

/// The micro scenario with both slices of a on core 0, and both of b on core 2.
MappedNetwork two_on_a_core() {
  MappedNetwork s = testing::micro_scenario();
  ChipSpec spec = s.chip.spec();
  roomy(spec.core_kinds[0], 4, 2);
  s.chip = Chip(spec);
  for (LayerSlice& slice : s.mapping.slices) slice.core = CoreId{slice.population == 1 ? 0U : 2U};
  return s;
}

/// input [2] -> layers `a`, `b`, .. of so many neurons, on `cores` of so many.
struct LayersOnCores {
  Network network;
  std::vector<Population> pops;
  std::vector<LayerWidths> widths;
  Chip chip;

  LayersOnCores(const std::vector<std::uint32_t>& layers, std::uint32_t cores,
                std::uint32_t neurons, std::uint32_t slices)
      : network(chain(layers)),
        pops(populations(network)),
        widths(network.size(), testing::micro_scenario().widths[0]),
        chip(chip_with(cores, neurons, slices)) {}

  static Network chain(const std::vector<std::uint32_t>& layers) {
    std::vector<Network::Draft> all{{"input", Input{{2, 1, 1}, 1}, {}}};
    std::uint32_t before = 2;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      const std::string operand = all.back().name;
      all.push_back({name, Conv2d{before, layers[i], 1, 1, 0}, {{operand}}});
      all.push_back({name + ".lif", Lif{}, {{name}}});
      before = layers[i];
    }
    return Network::build(all);
  }
  static Chip chip_with(std::uint32_t cores, std::uint32_t neurons, std::uint32_t slices) {
    ChipSpec spec = testing::micro_chip().spec();
    testing::grid_of(spec).width = cores;
    testing::grid_of(spec).height = 1;
    roomy(spec.core_kinds[0], neurons, slices);
    return Chip(spec);
  }
  [[nodiscard]] MappingResult mapped() const { return map_network(network, pops, widths, chip); }
  [[nodiscard]] std::vector<Violation> violations(const Mapping& mapping) const {
    return check_mapping(network, pops, widths, chip, mapping);
  }
};

/// Core of each slice, and its first channel.
std::vector<std::pair<std::uint32_t, std::uint32_t>> places(const Mapping& mapping) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
  for (const LayerSlice& slice : mapping.slices) {
    all.emplace_back(slice.core.index, slice.channel_begin);
  }
  return all;
}
using Places = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

LayerSlice whole(std::uint32_t population, std::uint32_t channels, std::uint32_t core) {
  return {population, 0, channels, 0, 1, CoreId{core}};
}

bool paths_are_whole(const SimulationResult& result) {
  for (std::size_t i = 0; i < result.path.size(); ++i) {
    const StepPath& path = result.path[i];
    Picoseconds sum;
    for (const Picoseconds part : {path.turn, path.fetch, path.encode, path.phase, path.transit,
                                   path.link_wait, path.service, path.barrier, path.tick}) {
      if (part < Picoseconds{0}) return false;
      sum += part;
    }
    const StepInterval& step = result.timeline.steps[i];
    if (sum != step.end - step.start) return false;
  }
  return result.path.size() == result.timeline.steps.size();
}

/// What cores worked for their slices is all that they worked.
bool slices_add_up(const MappedNetwork& s, const SimulationResult& result) {
  std::vector<UnitTimes> sums(result.busy.size());
  for (std::size_t i = 0; i < s.mapping.slices.size(); ++i) {
    sums[s.mapping.slices[i].core.index] += result.slices[i];
  }
  return sums == result.busy;
}

/// Counts that do not depend on where slices are.
std::map<ActionKey, std::uint64_t> work_of(const ActionCounts& actions) {
  std::map<ActionKey, std::uint64_t> counts;
  for (const auto& [key, count] : actions.entries()) {
    if (key.component != "network.router" && key.action != Action::leak_cycle) counts[key] = count;
  }
  return counts;
}

TEST_CASE("shared cores: slices take turns at a neuron unit, times by hand") {
  // As in micro_scenario_test.cpp, from the start of each step; 4 neurons and all packets to a
  // layer have one core. Packets are served in 7.
  // Step 0. Input 0 to both slices of a: arrives 4 and 5, served 11 and 18.
  // Step 1. Inputs 0 and 1 arrive 4, 5, 6, 7, served until 32. a: neurons 0 and 1 at 5 and 10, 1
  //   sends at 11 and 12; only then neurons 2 and 3, at 17 and 22. Link 0-2 at 11 and 17: arrive 21
  //   and 27, served 28 and 35.
  // Step 2. a: 0 at 5, sends 6, 7; 1 at 12, sends 13, 14; 2 at 19; 3 at 24, sends 25, 26. Link 0-2
  //   at 6, 12, 18, 24, 30, 36; the first arrives at 16, then each 6 later, served in 7 each: 58.
  //   b: 20.
  // Step 3. a: 4 x 4 = 16; b: 20. Step 4. b: 4 + 4, neuron 2: 4, neuron 3 fires: 5: 17.
  const MappedNetwork s = two_on_a_core();
  const SimulationResult result = run(s, {.record_packets = true, .step_records = true});
  const std::vector<StepInterval> steps{{ns(0), ns(118)},
                                        {ns(118), ns(253)},
                                        {ns(253), ns(411)},
                                        {ns(411), ns(531)},
                                        {ns(531), ns(648)}};
  CHECK(result.timeline.steps == steps);
  std::vector<Picoseconds> sent;
  for (const PacketRecord& record : result.records) {
    if (record.step == 2) sent.push_back(record.injected - ns(253));
  }
  CHECK(sent == std::vector<Picoseconds>{ns(6), ns(7), ns(13), ns(14), ns(25), ns(26)});
  CHECK(result.slices == std::vector<UnitTimes>{{ns(12 + 14 + 8), ns(3 * 7)},
                                                {ns(10 + 12 + 8), ns(3 * 7)},
                                                {ns(10 + 10 + 8), ns(4 * 7)},
                                                {ns(10 + 10 + 9), ns(4 * 7)}});
  CHECK(slices_add_up(s, result));
  CHECK(result.most_waiting[0] == 3);  // at 7 in step 1
  CHECK(result.most_waiting[2] == 1);
  CHECK(paths_are_whole(result));
  CHECK(result.path[2].core == CoreId{2});
  CHECK(result.path[2].sender_core == CoreId{0});
  CHECK(result.path[2].layer == chip_overhead);  // it served both slices of b
  // Step 3: b's second slice after the first.
  CHECK(result.path[3].turn == ns(10));
  CHECK(result.path[3].phase == ns(10));
  CriticalPath parts;
  add_to(parts, result.path);
  CHECK(parts.at({PathKind::neuron_unit, chip_overhead, CoreId{2}}) == PathShare{2, 0, ns(10 + 8)});
  CHECK(work_of(result.actions) == work_of(run(testing::micro_scenario()).actions));
}

TEST_CASE("shared cores: with multicast a packet comes once, and is served for each slice") {
  MappedNetwork s = two_on_a_core();
  ChipSpec spec = s.chip.spec();
  spec.topology.multicast = true;
  s.chip = Chip(spec);
  const SimulationResult result = run(s);
  // Three spikes of the input, four of a.
  CHECK(result.packets == 7);
  CHECK(result.hops == 4);
  CHECK(result.actions.total(Action::packet_inject) == 7);
  CHECK(result.actions.total(Action::packet_deliver) == 14);
  CHECK(result.busy[0].synapse_unit == ns(6 * 7));
  CHECK(result.busy[2].synapse_unit == ns(8 * 7));
}

TEST_CASE("shared cores: each slice fetches and encodes its frame in its turn, times by hand") {
  // The scenario of frames_test.cpp with both slices of a on core 1: rows 0 and 1 are fetched until
  // 6, encoded until 56, their neurons done at 97, a packet sent at 67. Then row 2: the port until
  // 101, encoded in 39.5, neurons 20: 160.5. Step 1: 6, 36, 32; then 4, 36, 16.
  MappedNetwork s = testing::micro_scenario();
  ChipSpec spec = s.chip.spec();
  CoreKindSpec& neuron = roomy(spec.core_kinds[0], 12, 1);
  CoreKindSpec encoder = neuron;
  encoder.name = "encoder";
  encoder.roles = {CoreRole::encoder};
  encoder.max_slices = 2;
  encoder.memories[3].reset();
  encoder.memories[4] = MemorySpec{Bits{48}, 4};
  encoder.encoder_unit = EncoderUnitSpec{4, true};
  encoder.times.axon_in = {};
  encoder.times.frame_word = Picoseconds{500};
  encoder.times.multiply_accumulate = ns(3);
  neuron.times.axon_in = ns(200);
  spec.core_kinds.push_back(encoder);
  spec.topology.tile = {"neuron", "encoder"};
  s.network = Network::build({{"input", Input{{1, 3, 2}, 15}, {}},
                              {"a", Conv2d{1, 2, 3, 1, 1}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}},
                              {"b", Conv2d{2, 2}, {{"a.lif"}}},
                              {"b.lif", Lif{}, {{"b"}}}});
  s.populations = populations(s.network);
  s.widths[0].output_bits = 4;
  s.chip = Chip(spec);
  s.mapping = {
      {{1, 0, 2, 0, 2, CoreId{1}}, {1, 0, 2, 2, 3, CoreId{1}}, {2, 0, 2, 0, 3, CoreId{0}}}};
  GradedTensor frames(2, {1, 3, 2});
  frames.step(0)[0] = 9;
  frames.step(0)[3] = 3;
  s.trace[0] = frames;
  s.trace[2] = testing::spikes_at(2, {2, 3, 2}, {{0, 1}});
  s.trace[4] = testing::spikes_at(2, {2, 3, 2}, {});
  for (const TimingLevel level : {TimingLevel::analytic, TimingLevel::event}) {
    const SimulationResult result = run(s, {.timing = level});
    // The packet is at core 0 at 68, and served in 200 + 4: 272.
    const std::vector<StepInterval> steps{{ns(0), ns(372)}, {ns(372), ns(602)}, {ns(602), ns(750)}};
    CHECK(result.timeline.steps == steps);
    CHECK(paths_are_whole(result));
    CHECK(result.path[0].fetch == ns(6));
    CHECK(result.path[0].encode == ns(50));
    CHECK(result.path[0].phase == ns(11));
    CHECK(result.path[1].turn == ns(6 + 36 + 32));
    CHECK(result.path[1].fetch == ns(4));
    CHECK(result.path[1].encode == ns(36));
    CHECK(result.path[1].phase == ns(16));
    CHECK(result.slices[0] == UnitTimes{ns(41 + 32), {}, ns(50 + 36)});
    CHECK(result.slices[1] == UnitTimes{ns(20 + 16), {}, Picoseconds{39'500 + 36'000}});
    CHECK(slices_add_up(s, result));
    CHECK(result.io_port == ns(2 * (6 + 4)));
    CHECK(result.stalled[1].encoder_unit == ns(2 * (6 + 4)));
  }
}

TEST_CASE("shared cores: a transformer does what it does on cores of its own, at every level") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  MappedNetwork s{network,
                  populations(network),
                  testing::small_widths(network),
                  load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml"),
                  {},
                  testing::random_trace(network, 2, 10, 3)};
  const auto variant = [&](std::uint32_t width, bool multicast, std::uint32_t buffer) {
    ChipSpec spec = s.chip.spec();
    testing::grid_of(spec).width = width;
    testing::grid_of(spec).height = 1;
    spec.topology.multicast = multicast;
    spec.topology.buffer_flits.reset();
    if (buffer != 0) spec.topology.buffer_flits = buffer;
    for (CoreKindSpec& kind : spec.core_kinds) kind.max_slices = 16;
    return Chip(spec);
  };
  const Chip few = variant(2, false, 0);
  const Mapping shared = map_network(network, s.populations, s.widths, few).mapping;
  Mapping alone = shared;
  const Chip many = variant(32, false, 0);
  std::map<std::uint32_t, std::uint32_t> next;  // core to look at, by kind
  for (LayerSlice& slice : alone.slices) {
    const std::uint32_t kind = few.core(slice.core).kind;
    std::uint32_t& core = next[kind];
    while (many.cores()[core].kind != kind) ++core;
    slice.core = CoreId{core++};
  }
  REQUIRE(used_cores(shared).size() <= 8);
  REQUIRE(shared.slices.size() > 8);
  for (const bool multicast : {false, true}) {
    for (const std::uint32_t buffer : {0U, 2U}) {
      CAPTURE(multicast);
      CAPTURE(buffer);
      s.chip = variant(32, multicast, buffer);
      s.mapping = alone;
      const SimulationResult apart = run(s);
      s.chip = variant(2, multicast, buffer);
      s.mapping = shared;
      const SimulationResult bound = run(s, {.timing = TimingLevel::analytic});
      for (const TimingLevel level :
           {TimingLevel::analytic, TimingLevel::event, TimingLevel::flit}) {
        const SimulationResult result = run(s, {.timing = level});
        CHECK(work_of(result.actions) == work_of(apart.actions));
        CHECK(result.packets == apart.packets);
        CHECK(result.merged == apart.merged);
        CHECK(result.slices == apart.slices);
        CHECK(slices_add_up(s, result));
        CHECK(paths_are_whole(result));
        CHECK(result.timeline.latency() >= bound.timeline.latency());
        CHECK(result.hops == bound.hops);
        CHECK(result.io_port == apart.io_port);
        CHECK(result.busy == bound.busy);
      }
    }
  }
}

TEST_CASE("mapping: slices share cores where there are too few, evenly") {
  // As many as cores: each has its own.
  CHECK(places(LayersOnCores({3, 2, 1}, 3, 6, 3).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {2, 0}});
  // The largest first, each where least is taken: 3 | 3, then 2 and 1 to core 0 and 1.
  CHECK(places(LayersOnCores({1, 3, 2, 3}, 2, 6, 3).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {1, 0}, {0, 0}});
  // Core 1 has taken two when the last one comes.
  CHECK(places(LayersOnCores({3, 1, 1, 1}, 2, 6, 2).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {1, 0}, {0, 0}});
  // That finds no room for the last one: 3 2 | 3 2. The first core with room does: 3 3 | 2 2 2.
  CHECK(places(LayersOnCores({3, 3, 2, 2, 2}, 2, 6, 3).mapped().mapping) ==
        Places{{0, 0}, {0, 0}, {1, 0}, {1, 0}, {1, 0}});
}

TEST_CASE("mapping: layers are cut to share cores, those that need be") {
  // 12 neurons on 2 cores of 6: one of three layers is in halves.
  const LayersOnCores chain({4, 4, 4}, 2, 6, 4);
  const MappingResult result = chain.mapped();
  CHECK(places(result.mapping) == Places{{0, 0}, {1, 0}, {0, 0}, {1, 2}});
  CHECK(chain.violations(result.mapping).empty());
}

TEST_CASE("mapping: slices that find no room are refused, with how many cores would do") {
  const auto refusal = [](const LayersOnCores& chain) {
    const MappingResult result = chain.mapped();
    CHECK(result.mapping.slices.empty());
    REQUIRE(result.violations.size() == 1);
    CHECK(result.violations[0].resource == "cores");
    return result.violations[0].message;
  };
  // 13 neurons on 12.
  CHECK(refusal(LayersOnCores({3, 3, 3, 2, 2}, 2, 6, 3)) ==
        "layer \"e\" finds no room beside others on the 2 cores of kind \"neuron\"; all together "
        "need 3 or more");
  // 10 neurons on 10, whole in 3 cores, and with 2 slices on a core in no more than 4 slices.
  CHECK(refusal(LayersOnCores({4, 4, 2}, 2, 5, 2)) ==
        "layer \"c\" finds no room beside others on the 2 cores of kind \"neuron\"; 3 would do");
  // 20 neurons on 21: whole in 5 cores, in halves three to a core.
  CHECK(refusal(LayersOnCores({4, 4, 4, 4, 4}, 3, 7, 4)) ==
        "layer \"e\" finds no room beside others on the 3 cores of kind \"neuron\"; 4 would do");
  CHECK(refusal(LayersOnCores({4, 4, 4}, 1, 7, 16)) ==
        "layer \"b\" finds no room beside others on the one core of kind \"neuron\"; all together "
        "need 2 or more");
  CHECK(refusal(LayersOnCores({1, 1, 1, 1, 1}, 2, 6, 2)) ==
        "layer \"e\" needs room for 1 more slice on 2 cores of kind \"neuron\", which take 0 more");
}

TEST_CASE("mapping: a last resort gets what others do not take, or have no cores for") {
  const LayersOnCores layers({4, 2, 8}, 2, 4, 1);
  ChipSpec spec = layers.chip.spec();
  CoreKindSpec host = spec.core_kinds[0];
  host.name = "host";
  host.last_resort = true;
  roomy(host, 64, 8);
  spec.core_kinds.insert(spec.core_kinds.begin(), host);
  spec.topology.tile.clear();
  spec.topology.tiles = {TileGroup{0, 1, {"neuron", "host"}}, TileGroup{1, 2, {"neuron"}}};
  const auto cores = [&](const ChipSpec& on) {
    const MappingResult result = map_network(layers.network, layers.pops, layers.widths, Chip(on));
    REQUIRE(result.feasible());
    return places(result.mapping);
  };
  // Cores 0 and 2 of 4 neurons; c would need two of them when none is left.
  CHECK(cores(spec) == Places{{0, 0}, {2, 0}, {1, 0}});
  // The others take no uniform weights: all on the host.
  spec.core_kinds[1].weight_formats.uniform_bits = 0;
  spec.core_kinds[1].weight_formats.power_of_two_bits = 8;
  CHECK(cores(spec) == Places{{1, 0}, {1, 0}, {1, 0}});
  // Without being a last resort, it takes all: no kind needs fewer slices, and it is the first.
  spec = layers.chip.spec();
  host.last_resort = false;
  spec.core_kinds.insert(spec.core_kinds.begin(), host);
  spec.topology.tile.clear();
  spec.topology.tiles = {TileGroup{0, 1, {"neuron", "host"}}, TileGroup{1, 2, {"neuron"}}};
  CHECK(cores(spec) == Places{{1, 0}, {1, 0}, {1, 0}});
}

TEST_CASE("mapping: slices on one core fit together, each from a word on") {
  LayersOnCores chain({3, 3, 3}, 2, 6, 2);
  const auto given = [](std::initializer_list<std::uint32_t> cores) {
    Mapping mapping;
    std::uint32_t population = 0;
    for (const std::uint32_t core : cores) mapping.slices.push_back(whole(++population, 3, core));
    return mapping;
  };
  CHECK(chain.violations(given({0, 0, 1})).empty());
  auto violations = chain.violations(given({1, 1, 1}));
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].message ==
        "layer \"c\" shares core 1 with layer \"b\" and others: a \"neuron\" core takes 2 slices");
  CHECK(violations[0].needed == 3);
  CHECK(violations[0].available == 2);
  CHECK(violations[0].slice == 2);

  const LayersOnCores small({3, 3, 3}, 2, 5, 3);
  violations = small.violations(given({0, 1, 0}));
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].message ==
        "layer \"c\" needs 6 of neurons on a \"neuron\" core, which has 5, with what is on core 0 "
        "before it");
  CHECK(violations[0].slice == 2);

  // Neurons of a have 2 inputs, those of b 3; each slice hears of its own.
  const auto with_inputs = [&](std::uint32_t axons, std::uint32_t fan_in) {
    ChipSpec spec = chain.chip.spec();
    spec.core_kinds[0].max_axons = axons;
    spec.core_kinds[0].max_fan_in = fan_in;
    return check_mapping(chain.network, chain.pops, chain.widths, Chip(spec), given({0, 0, 1}));
  };
  CHECK(with_inputs(5, 3).empty());
  violations = with_inputs(4, 3);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].resource == "axons");
  CHECK(violations[0].needed == 5);

  // Sums of 3 x 10 bits in two slots, in words of 16: four words, then 60 bits.
  const auto with_sums = [&](std::uint64_t bits) {
    ChipSpec spec = chain.chip.spec();
    spec.core_kinds[0].memories[1]->capacity = Bits{bits};
    return check_mapping(chain.network, chain.pops, chain.widths, Chip(spec), given({0, 0, 1}));
  };
  CHECK(with_sums(124).empty());
  violations = with_sums(123);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].resource == "accumulator_memory");
  CHECK(violations[0].needed == 124);
  const auto used = used_cores(given({1, 0, 1}));
  REQUIRE(used.size() == 2);
  CHECK(used[0].core == CoreId{1});
  CHECK(used[0].slices == std::vector<std::uint32_t>{0, 2});
  const auto sums = core_footprints(
      chain.chip, given({1, 0, 1}),
      footprints(chain.network, chain.pops, chain.widths, chain.chip, given({1, 0, 1})));
  CHECK(sums[0].neurons == 6);
  CHECK(sums[0].bits(MemoryUnit::accumulator_memory) == 124);
  CHECK(sums[1].bits(MemoryUnit::accumulator_memory) == 60);
}

TEST_CASE("placement: slices that share a core stay together, and links are counted for them") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  for (const bool multicast : {false, true}) {
    ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml").spec();
    testing::grid_of(spec).width = 3;
    testing::grid_of(spec).height = 1;
    spec.topology.multicast = multicast;
    for (CoreKindSpec& kind : spec.core_kinds) kind.max_slices = 16;
    const Chip chip(spec);
    const Mapping start = map_network(network, pops, widths, chip).mapping;
    const Traffic traffic = expected_traffic(network, pops, widths, chip, start);
    const auto together = [](const Mapping& mapping) {
      std::vector<std::vector<std::uint32_t>> groups;
      for (const UsedCore& used : used_cores(mapping)) groups.push_back(used.slices);
      return groups;
    };
    REQUIRE(together(start).size() < start.slices.size());
    std::map<Placement, std::uint64_t> hops;
    for (const Placement strategy :
         {Placement::in_order, Placement::greedy, Placement::annealing, Placement::partition}) {
      const Mapping placed = place(chip, traffic, start, {strategy, 1, 2});
      CHECK(check_mapping(network, pops, widths, chip, placed).empty());
      CHECK(together(placed) == together(start));
      hops[strategy] = packet_hops(traffic, chip, placed);
      const SimulationResult result =
          simulate(network, pops, widths, testing::random_trace(network, 1, 100, 1), chip, placed);
      CHECK(result.hops == hops[strategy]);
    }
    CHECK(place(chip, traffic, start, {Placement::in_order}) == start);
    CHECK(hops[Placement::annealing] <= hops[Placement::greedy]);
    CHECK(hops[Placement::annealing] < hops[Placement::in_order]);
  }
}

TEST_CASE("slicing: layers that share a core stay, others are cut onto free ones") {
  const LayersOnCores chain({2, 2, 8}, 4, 8, 2);
  const Mapping mapping{{whole(1, 2, 1), whole(2, 2, 1), whole(3, 8, 0)}};
  const SpikeTrace trace = testing::random_trace(chain.network, 1, 100, 1);
  const Mapping faster =
      faster_slices(chain.network, chain.pops, chain.widths, chain.chip, mapping, trace);
  CHECK(chain.violations(faster).empty());
  CHECK(places(faster) == Places{{0, 0}, {0, 0}, {1, 0}, {2, 2}, {3, 5}});
}

TEST_CASE("chip: a core holds a slice at least") {
  ChipSpec spec = testing::micro_chip().spec();
  spec.core_kinds[0].max_slices = 0;
  CHECK(testing::message_of([&] { Chip{spec}; }) ==
        "core_kinds.neuron.max_slices: a core needs room for a slice");
  spec.core_kinds[0].max_slices = 2;
  CHECK(Chip(spec).slices_of_kind(0) == 8);
  spec.core_kinds[0].max_slices = 1U << 31;
  CHECK(Chip(spec).slices_of_kind(0) == max_slices_of_kind);
}

}  // namespace
}  // namespace nj
