#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/placement.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/frames_scenario.hpp"
#include "support/mapped_network.hpp"
#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

// Several slices on one core.

namespace nj {
namespace {

using testing::MappedNetwork;
using testing::ns;
using testing::roomy;
using testing::run;

/// The micro scenario with both slices of a on core 0, and both of b on core 2.
MappedNetwork two_on_a_core() {
  MappedNetwork s = testing::micro_scenario();
  ChipSpec spec = s.chip.spec();
  roomy(spec.core_kinds[0], 4, 2);
  s.chip = Chip(spec);
  for (LayerSlice& slice : s.mapping.slices) slice.core = CoreId{slice.population == 1 ? 0U : 2U};
  return s;
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
  CHECK(result.path[2].layer == testing::b);  // it served both slices of b
  // Step 3: b's second slice after the first.
  CHECK(result.path[3].turn == ns(10));
  CHECK(result.path[3].phase == ns(10));
  CriticalPath parts;
  add_to(parts, result.path);
  CHECK(parts.at({PathKind::neuron_unit, chip_overhead, CoreId{2}}) == PathShare{2, 0, ns(10 + 8)});
  CHECK(work_of(result.actions) == work_of(run(testing::micro_scenario()).actions));
}

TEST_CASE("shared cores: what a synapse unit of several layers did last is of no layer") {
  for (const bool barriers : {true, false}) {
    MappedNetwork s = two_on_a_core();
    if (!barriers) s.chip = testing::without_barriers(s.chip, ns(10));
    for (std::uint32_t i = 0; i < 4; ++i) s.mapping.slices[i].core = CoreId{i % 2};
    std::size_t served = 0;
    for (const StepPath& path : run(s).path) {
      if (path.last != WorkUnit::synapse_unit) continue;
      ++served;
      CHECK(path.layer == chip_overhead);
    }
    CHECK(served > 0);
  }
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
  ChipSpec spec = testing::frames_chip();
  spec.core_kinds[0].times.axon_in = ns(200);
  CoreKindSpec& encoder = roomy(spec.core_kinds[1], 12, 2);
  encoder.memories[static_cast<std::size_t>(MemoryUnit::frame_buffer)]->capacity = Bits{48};
  MappedNetwork s = testing::frames_scenario();
  s.chip = Chip(spec);
  s.mapping = {
      {{1, 0, 2, 0, 2, CoreId{1}}, {1, 0, 2, 2, 3, CoreId{1}}, {2, 0, 2, 0, 3, CoreId{0}}}};
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

}  // namespace
}  // namespace nj
