#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

// A chip without barriers. The scenario of support/micro_scenario.hpp with handshakes of 3 ns,
// worked out by hand; times in ns. A packet is served in 7; link 0-1 (north-south) takes 20, 0-2
// (east-west) 10, each is kept for 6. Both layers have two accumulator slots.
//
// in, t = 0: 0 - 4: sent to core 0 at 3 (there at 4, served 4 - 11) and to core 1 at 4 (24 - 31).
// in, t = 1: 4 - 10: sent to cores 0, 1, 0, 1 at 7, 8, 9, 10. Core 0 serves 11 - 18, 18 - 25; core
// 1
//   gets them at 30 and 36 (link 0-1 is free at 10 and 16), serves 31 - 38, 38 - 45.
// a.0, t = 0: served at 11, so 14 - 26: spike 1 to core 2 at 25, to core 3 at 26.
// a.1, t = 0: served at 31, so 34 - 44, no spike.
// a.0, t = 1: served at 25, so 28 - 42: spike 0 at 34 and 35, spike 1 at 41 and 42.
// a.1, t = 1: served at 45, so 48 - 60: spike 3 at 59 and 60.
// in, t = 2: needs the slots of t = 0: a.0 done at 26, a.1 at 44: 44 - 46, no spike.
// Link 0-2: 25, 31 (asked at 26), 37 (34), 43 (35), 49 (41), 55 (42). 2-3: 41, 53, 65. 1-3: 59, 65
//   (60). 3-2: 69.
// Core 2 serves 35 - 42 (t = 0); 47 - 54, 59 - 66, 89 - 96 (t = 1).
// Core 3 serves 61 - 68 (t = 0); 73 - 80, 80 - 87 (there at 75), 87 - 94 (at 85) (t = 1).
// b.0, t = 0: a.1 is done at 44, later than what was served at 42: 47 - 57. b.1: served at 68: 71
// - 81. a.0 and a.1, t = 2: in is done at 46, but b.1 has emptied its slot at 81: 81 - 89, no
// spikes. b.0, t = 1: served at 96: 99 - 109. b.1: served at 94: 97 - 107. b.0, t = 2: a is done at
// 89, but b.0 itself at 109: 109 - 117. b.1: 107 - 116.

namespace nj {
namespace {

using testing::MappedNetwork;
using testing::ns;
using testing::timeless_counts;
using testing::without_barriers;

SimulationResult run_without_barriers(const SimulationOptions& options = {}) {
  const MappedNetwork s = testing::micro_scenario();
  return simulate(s.network, s.populations, s.widths, s.trace, without_barriers(s.chip, ns(3)),
                  s.mapping, options);
}

using Span = std::pair<Picoseconds, Picoseconds>;

/// When the units of one kind worked, by core and time step.
std::map<std::pair<std::uint32_t, std::uint32_t>, Span> spans(const SimulationResult& result,
                                                              WorkUnit unit) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Span> found;
  for (const WorkRecord& record : result.work) {
    if (record.unit != unit) continue;
    const auto [span, fresh] =
        found.try_emplace({record.core.index, record.step}, record.start, record.end);
    if (!fresh) span->second.second = record.end;
  }
  return found;
}

TEST_CASE("dataflow: every phase starts and ends when worked out by hand") {
  const SimulationResult result = run_without_barriers({.work_records = 1'000});
  const std::map<std::pair<std::uint32_t, std::uint32_t>, Span> phases{
      {{0, 0}, {ns(14), ns(26)}}, {{0, 1}, {ns(28), ns(42)}},  {{0, 2}, {ns(81), ns(89)}},
      {{1, 0}, {ns(34), ns(44)}}, {{1, 1}, {ns(48), ns(60)}},  {{1, 2}, {ns(81), ns(89)}},
      {{2, 0}, {ns(47), ns(57)}}, {{2, 1}, {ns(99), ns(109)}}, {{2, 2}, {ns(109), ns(117)}},
      {{3, 0}, {ns(71), ns(81)}}, {{3, 1}, {ns(97), ns(107)}}, {{3, 2}, {ns(107), ns(116)}}};
  CHECK(spans(result, WorkUnit::neuron_unit) == phases);
  const std::map<std::pair<std::uint32_t, std::uint32_t>, Span> frames{
      {{0, 0}, {ns(0), ns(4)}}, {{0, 1}, {ns(4), ns(10)}}, {{0, 2}, {ns(44), ns(46)}}};
  CHECK(spans(result, WorkUnit::io_port) == frames);
  const std::vector<StepInterval> steps{{ns(0), ns(81)}, {ns(81), ns(109)}, {ns(109), ns(117)}};
  CHECK(result.timeline.steps == steps);
}

TEST_CASE("dataflow: phases are kept with their ends and packets, inputs first") {
  const SimulationResult result = run_without_barriers({.step_records = true});
  const LayerId input{0};
  const LayerId a{1};
  const LayerId b{3};
  const auto phase = [](LayerId layer, std::uint32_t core, std::uint32_t t, std::int64_t start,
                        std::int64_t end, std::uint64_t packets) {
    return PhaseRecord{layer, CoreId{core}, t, ns(start), ns(end), packets};
  };
  const std::vector<PhaseRecord> expected{
      phase(input, 4, 0, 0, 4, 2), phase(input, 4, 1, 4, 10, 4), phase(input, 4, 2, 44, 46, 0),
      phase(a, 0, 0, 14, 26, 2),   phase(a, 0, 1, 28, 42, 4),    phase(a, 0, 2, 81, 89, 0),
      phase(a, 1, 0, 34, 44, 0),   phase(a, 1, 1, 48, 60, 2),    phase(a, 1, 2, 81, 89, 0),
      phase(b, 2, 0, 47, 57, 0),   phase(b, 2, 1, 99, 109, 0),   phase(b, 2, 2, 109, 117, 0),
      phase(b, 3, 0, 71, 81, 0),   phase(b, 3, 1, 97, 107, 0),   phase(b, 3, 2, 107, 116, 0)};
  REQUIRE(result.phases.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(result.phases[i] == expected[i]);
  }
  CHECK(run_without_barriers().phases.empty());
}

TEST_CASE("dataflow: every packet is sent, arrives and is served when worked out by hand") {
  const SimulationResult result = run_without_barriers({.record_packets = true});
  const LayerId input{0};
  const LayerId a{2};
  const auto packet = [](std::uint32_t t, LayerId layer, std::uint64_t address, std::uint32_t from,
                         std::uint32_t to, std::int64_t sent, std::int64_t arrived,
                         std::int64_t served) {
    return PacketRecord{t,          layer,    address,     1,         CoreId{from},
                        CoreId{to}, ns(sent), ns(arrived), ns(served)};
  };
  const std::vector<PacketRecord> expected{
      packet(0, input, 0, 4, 0, 3, 4, 11),   packet(1, input, 0, 4, 0, 7, 8, 18),
      packet(1, input, 1, 4, 0, 9, 10, 25),  packet(0, input, 0, 4, 1, 4, 24, 31),
      packet(1, input, 0, 4, 1, 8, 30, 38),  packet(0, a, 1, 0, 2, 25, 35, 42),
      packet(1, input, 1, 4, 1, 10, 36, 45), packet(1, a, 0, 0, 2, 34, 47, 54),
      packet(1, a, 1, 0, 2, 41, 59, 66),     packet(0, a, 1, 0, 3, 26, 61, 68),
      packet(1, a, 0, 0, 3, 35, 73, 80),     packet(1, a, 3, 1, 3, 60, 75, 87),
      packet(1, a, 1, 0, 3, 42, 85, 94),     packet(1, a, 3, 1, 2, 59, 89, 96)};
  REQUIRE(result.records.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(result.records[i] == expected[i]);
  }
}

TEST_CASE("dataflow: of one time, a new packet takes a link before one that passes through") {
  // a on cores 0 and 2, b on 1 and 3. The input is there 10 ns later on core 2 than on core 0, and
  // as much later than a.0 a.1 works: when spike 1 of a.0 is at router 2, spike 3 leaves core 2.
  MappedNetwork s = testing::micro_scenario();
  std::swap(s.mapping.slices[1].core, s.mapping.slices[2].core);
  s.trace[2] = testing::spikes_at(3, {4, 1, 1}, {{0, 1}, {0, 3}});
  const SimulationResult result =
      simulate(s.network, s.populations, s.widths, s.trace, without_barriers(s.chip, ns(3)),
               s.mapping, {.record_packets = true});
  const auto to_core_3 = [&](std::uint64_t address) {
    return std::ranges::find_if(result.records, [&](const PacketRecord& record) {
      return record.destination == CoreId{3} && record.address == address;
    });
  };
  const auto passes = to_core_3(1);
  const auto leaves = to_core_3(3);
  REQUIRE(passes != result.records.end());
  REQUIRE(leaves != result.records.end());
  CHECK(passes->injected == ns(26));
  CHECK(leaves->injected == ns(36));
  CHECK(leaves->arrived == ns(36 + 20));
  CHECK(passes->arrived == ns(26 + 10 + 6 + 20));  // the link was kept for 6
}

TEST_CASE("dataflow: busy and stalled times are the sums worked out by hand") {
  const SimulationResult result = run_without_barriers();
  // Busy as with barriers. Stalled: the end of the last phase or service less what was busy.
  const std::vector<UnitTimes> busy{
      {ns(34), ns(21)}, {ns(30), ns(21)}, {ns(28), ns(28)}, {ns(29), ns(28)}};
  CHECK(result.busy == busy);
  const std::vector<UnitTimes> stalled{{ns(89 - 34), ns(25 - 21)},
                                       {ns(89 - 30), ns(45 - 21)},
                                       {ns(117 - 28), ns(96 - 28)},
                                       {ns(116 - 29), ns(94 - 28)}};
  CHECK(result.stalled == stalled);
  CHECK(result.io_port == ns(4 + 6 + 2));
}

TEST_CASE("dataflow: the chain of what waited for what goes back to the start") {
  const SimulationResult result = run_without_barriers();
  const LayerId input{0}, a{1}, b{3};
  const auto part = [](WorkUnit last, std::uint32_t core, LayerId layer, WorkUnit sender,
                       std::uint32_t sender_core, LayerId sender_layer, std::int64_t phase,
                       std::int64_t transit, std::int64_t service, std::int64_t handshake) {
    StepPath path{};
    path.last = last;
    path.core = CoreId{core};
    path.layer = layer;
    path.sender = sender;
    path.sender_core = CoreId{sender_core};
    path.sender_layer = sender_layer;
    path.phase = ns(phase);
    path.transit = ns(transit);
    path.service = ns(service);
    path.handshake = ns(handshake);
    return path;
  };
  const WorkUnit neurons = WorkUnit::neuron_unit;
  const WorkUnit synapses = WorkUnit::synapse_unit;
  // The packet of t = 0 comes to core 1 at 24, which then serves until 45; 3 from core 1 to core 2.
  const std::vector<StepPath> expected{
      part(synapses, 1, a, WorkUnit::io_port, 0, input, 4, 20, 21, 3),
      part(synapses, 2, b, neurons, 1, a, 11, 30, 7, 3),
      part(neurons, 2, b, neurons, 2, b, 10, 0, 0, 0),
      part(neurons, 2, b, neurons, 2, b, 8, 0, 0, 0)};
  CHECK(result.path == expected);
}

TEST_CASE("dataflow: counts are those with barriers, but for these and leakage") {
  const MappedNetwork s = testing::micro_scenario();
  const SimulationResult with =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping);
  const SimulationResult without = run_without_barriers();
  CHECK(without.actions.total(Action::barrier) == 0);
  // 117 ns on 4 cores with 4 memories each.
  CHECK(without.actions.total(Action::leak_cycle) == 117'000 * 4 * 4);
  CHECK(timeless_counts(without) == timeless_counts(with));
  CHECK(without.packets == with.packets);
  CHECK(without.hops == with.hops);
}

TEST_CASE("dataflow: packets of two sizes are those with barriers") {
  MappedNetwork s = testing::micro_scenario();
  s.widths[0].output_bits = 4;
  ChipSpec spec = s.chip.spec();
  spec.topology.value_added = true;
  s.chip = Chip(spec);
  const auto simulated = [&](const Chip& chip) {
    return simulate(s.network, s.populations, s.widths, s.trace, chip, s.mapping,
                    {.work_records = 1000});
  };
  const SimulationResult with = simulated(s.chip);
  const SimulationResult without = simulated(without_barriers(s.chip, ns(3)));
  CHECK(timeless_counts(without) == timeless_counts(with));
  CHECK(without.actions.at({"io.axon_out", Action::packet_inject, 68, LayerId{0}}) == 6);
  // Two words of 6 ns on each link for inputs, one for the spikes of a.
  Picoseconds inputs, spikes;
  for (const WorkRecord& record : without.work) {
    if (record.unit == WorkUnit::link) {
      (record.layer == LayerId{0} ? inputs : spikes) += record.end - record.start;
    }
  }
  CHECK(inputs == ns(3 * 12));
  CHECK(spikes == ns(6) * static_cast<std::int64_t>(without.hops - 3));
  for (std::size_t i = 0; i < with.links.size(); ++i) {
    CHECK(without.links[i].flits == with.links[i].flits);
    CHECK(without.links[i].busy == with.links[i].busy);
  }
}

TEST_CASE("dataflow: a sample that comes twice does everything twice, the second time sooner") {
  const SimulationResult once = run_without_barriers();
  const SimulationResult twice = run_without_barriers({.in_a_row = 2});
  CHECK(twice.packets == 2 * once.packets);
  CHECK(twice.timeline.steps.size() == 6);
  CHECK(twice.timeline.latency() < once.timeline.latency() * 2);
  for (const auto& [key, count] : once.actions.entries()) {
    if (key.action == Action::leak_cycle) continue;
    CAPTURE(to_string(key.action));
    CHECK(twice.actions.at(key) == 2 * count);
  }
}

/// mesh45 with other links, where much ends at the same time: neurons take none, all else some
/// nanoseconds.
Chip chip_of_ties(const NetworkShape& shape, std::uint32_t neurons, Picoseconds axon_out) {
  ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml").spec();
  spec.topology.network = NetworkSpec{shape, Routing::shortest_path};
  spec.topology.within_tile = ns(1);
  spec.off_chip.axon_out = ns(1);
  for (CoreKindSpec& kind : spec.core_kinds) {
    kind.max_neurons = neurons;
    kind.times.neuron_update_active = {};
    kind.times.neuron_update_inactive = {};
    kind.times.axon_out = axon_out;
    kind.times.axon_in = ns(1);
    kind.times.synapse_word = ns(2);
    kind.times.coincidence_word = ns(1);
    kind.times.score_word = ns(1);
  }
  return without_barriers(Chip(std::move(spec)), ns(1));
}

Network convolutions() {
  return Network::build({{"input", Input{{2, 6, 6}, 1}, {}},
                         {"a", Conv2d{2, 8, 3, 1, 1}, {{"input"}}},
                         {"a.lif", Lif{}, {{"a"}}},
                         {"b", Conv2d{8, 8, 3, 1, 1}, {{"a.lif"}}},
                         {"b.lif", Lif{}, {{"b"}}},
                         {"c", Conv2d{8, 8, 3, 1, 1}, {{"b.lif"}}},
                         {"c.lif", Lif{}, {{"c"}}},
                         {"head", ClassifierHead{8, 4}, {{"c.lif"}}}});
}

/// Runs a sample with its work recorded, which is done in the order of time, and without.
void check_order(const Network& network, const Chip& chip, std::uint32_t percent,
                 std::uint64_t seed) {
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const MappingResult mapped = map_network(network, pops, widths, chip);
  REQUIRE(mapped.feasible());
  const SpikeTrace trace = testing::random_trace(network, 4, percent, seed);
  const SimulationResult free = simulate(network, pops, widths, trace, chip, mapped.mapping,
                                         {.record_packets = true, .in_a_row = 2});
  CHECK(std::is_sorted(
      free.records.begin(), free.records.end(),
      [](const PacketRecord& a, const PacketRecord& b) { return a.arrived < b.arrived; }));
  SimulationResult ordered =
      simulate(network, pops, widths, trace, chip, mapped.mapping,
               {.record_packets = true, .work_records = 10'000'000, .in_a_row = 2});
  std::map<WorkUnit, Picoseconds> last;  // start
  for (const WorkRecord& record : ordered.work) {
    const bool starts_phase = record.unit == WorkUnit::neuron_unit && !chip.reads_frames();
    if (!starts_phase && record.unit != WorkUnit::io_port) continue;
    CHECK(record.start >= last[record.unit]);
    last[record.unit] = record.start;
  }
  ordered.work.clear();
  CHECK(free == ordered);
}

TEST_CASE("dataflow: phases that run ahead of packets change nothing, on any network of links") {
  const Network transformer =
      testing::small_spikformer({.channels = 16, .pixels = 16, .blocks = 1, .heads = 2});
  const LinkSpec link{64, ns(1), ns(2)};
  const LinkSpec slow{64, ns(9), ns(60)};
  const std::vector<NetworkShape> shapes{
      GridShape{8, 4, false, link, link}, GridShape{8, 4, false, slow, link},
      GridShape{6, 6, true, link, link}, RingShape{32, link}, CrossbarShape{32, link}};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    for (std::uint32_t seed = 0; seed < 24; ++seed) {
      CAPTURE(i);
      CAPTURE(seed);
      const Chip chip = chip_of_ties(shapes[i], 16U << seed % 3, ns(1 + seed % 2));
      check_order(convolutions(), chip, seed % 5, seed);
      if (seed < 3) check_order(transformer, chip_of_ties(shapes[i], 64, ns(1)), seed, seed);
    }
  }
}

TEST_CASE("dataflow: cores that read frames have the I/O port in the order of their starts") {
  // The slots of b, for which the add waits, are free at other times than those of a.
  const Network network =
      Network::build({{"input", Input{{2, 6, 6}, 3}, {}},
                      {"a", Conv2d{2, 8, 3, 1, 1}, {{"input"}}},
                      {"a.lif", Lif{}, {{"a"}}},
                      {"b", Conv2d{2, 8, 3, 1, 1}, {{"input"}}},
                      {"b.lif", Lif{}, {{"b"}}},
                      {"c", Conv2d{8, 8, 3, 1, 1}, {{"a.lif"}}},
                      {"c.lif", Lif{}, {{"c"}}},
                      {"add", ResidualAdd{}, {{"c.lif"}, {"b.lif", Port::residual}}},
                      {"head", ClassifierHead{8, 4}, {{"add"}}}});
  const std::string root = NJ_SOURCE_DIR;
  const auto find = [&](const std::string& name, const std::filesystem::path&) {
    return std::filesystem::path(root + "/hardware/chips/" + name + ".yaml");
  };
  const Chip chip = without_barriers(load_chip(root + "/examples/mesh45_frames.yaml", find), ns(1));
  for (std::uint32_t seed = 0; seed < 4; ++seed) check_order(network, chip, 20, seed);
}

TEST_CASE("dataflow: other levels are refused") {
  for (const TimingLevel level : {TimingLevel::analytic, TimingLevel::flit}) {
    CHECK(testing::message_of([&] {
            (void)run_without_barriers({.timing = level});
          }).starts_with("this chip is not simulated at the level '"));
  }
}

TEST_CASE(
    "dataflow: pooled positions that two slices send count once, however far apart they are") {
  // The first layer, 2 x 18 x 18, is cut after row 8. Both slices have spikes in the pooling
  // windows of rows 7 to 9; the first fires everywhere and comes to them last, the second nowhere
  // else, so that it is there with the next time step.
  const Network network =
      testing::small_spikformer({.channels = 16, .pixels = 18, .blocks = 1, .heads = 2});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml").spec();
  for (CoreKindSpec& kind : spec.core_kinds) {
    kind.max_neurons = 324;
    kind.times.axon_out = ns(50);
  }
  const Chip chip(spec);
  const Chip free = without_barriers(chip, ns(7));
  const MappingResult mapped = map_network(network, pops, widths, free);
  REQUIRE(mapped.feasible());
  REQUIRE(mapped.mapping.slices[0].row_end == 9);
  SpikeTrace trace = testing::random_trace(network, 6, 5, 3);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> fired;
  const FeatureShape shape{2, 18, 18};
  for (std::uint32_t t = 0; t < 6; ++t) {
    for (std::uint32_t y = 0; y < 10; ++y) {
      for (std::uint32_t x = 0; x < 18; ++x) fired.push_back({t, shape.address(0, y, x)});
    }
  }
  trace[network.find("stem0.lif")->index] = testing::spikes_at(6, shape, fired);
  const SimulationResult with = simulate(network, pops, widths, trace, chip, mapped.mapping);
  const SimulationResult without = simulate(network, pops, widths, trace, free, mapped.mapping);
  CHECK(with.merged >= 6 * 9);
  CHECK(without.merged == with.merged);
  CHECK(timeless_counts(without) == timeless_counts(with));
}

}  // namespace
}  // namespace nj
