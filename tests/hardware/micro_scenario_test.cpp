#include "support/micro_scenario.hpp"

#include <algorithm>
#include <span>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

// The scenario of support/micro_scenario.hpp, worked out by hand. Times in ns from the start of a
// step. A delivered packet is served in 3 (axon_in) + 2 words * 2 = 7; its 2 weights of 5 bits take
// ceil(10 / 8) = 2 words.
//
// Step 0. I/O: the 2-bit frame is one word, read at 2; input 0 goes to a's two slices.
//   0 -> core 0: sent 3, within tile 0, arrives 4, served 11.
//   0 -> core 1: sent 4, link 0-1 (north-south 20), arrives 24, served 31.
//   End 31 + barrier 100 = 131.
// Step 1 (starts 131). I/O: inputs 0 and 1, sent at 3, 4 and 5, 6.
//   0 -> core 0: arrives 4, served 11.     1 -> core 0: arrives 6, waits for 11, served 18.
//   0 -> core 1: arrives 24, served 31.    1 -> core 1: link free at 4 + 6 = 10, arrives 30, waits
//   for 31, served 38.
//   a, t = 0, all active: core 0: neuron 0 at 5, neuron 1 at 10 fires, sent 11 and 12; core 1: 10.
//   1 -> core 2: link 0-2 (east-west 10) at 11, arrives 21, served 28.
//   1 -> core 3: link 0-2 free at 17, at tile 2 at 27, link 2-3 (20), arrives 47, served 54.
//   End 154; next start 131 + 154 = 285.
// Step 2 (285). No inputs. a, t = 1, all active. Core 0: neuron 0 at 5 fires, sent 6, 7; neuron 1
//   at 12 fires, sent 13, 14. Core 1: neuron 2 at 5; neuron 3 at 10 fires, sent 11, 12.
//   b, t = 0, all active through spike 1 of step 1: done at 10, none fires.
//   0 -> core 2: link 0-2 at 6, arrives 16, served 23.
//   0 -> core 3: link 0-2 at 12, tile 2 at 22, link 2-3 at 22, arrives 42.
//   1 -> core 2: link 0-2 at 18, arrives 28, served 35.
//   1 -> core 3: link 0-2 at 24, tile 2 at 34, link 2-3 at 34, arrives 54.
//   3 -> core 2: x first: link 1-3 at 11, tile 3 at 21, link 3-2 at 21, arrives 41, served 48.
//   3 -> core 3: link 1-3 free at 17, arrives 27, served 34.
//   Core 3 serves 27 -> 34, 42 -> 49, 54 -> 61. End 161; next start 446.
// Step 3 (446). a, t = 2: nothing arrived: 2 * 4 = 8. b, t = 1: active: 10, neuron 2 fires, no
//   consumer. End 110; next start 556.
// Step 4 (556). b, t = 2: nothing arrived: core 2 at 8; core 3: neuron 2 inactive 4, neuron 3
// fires,
//   hence active, at 9. End 109: latency 665.

namespace nj {
namespace {

using testing::a;
using testing::a_lif;
using testing::b;
using testing::b_lif;
using testing::input;
using testing::MappedNetwork;
using testing::micro_scenario;
using testing::ns;
using testing::recorded;

TEST_CASE("micro scenario: the mapper finds the placement of the picture") {
  const MappedNetwork s = micro_scenario();
  const MappingResult result = map_network(s.network, s.populations, s.widths, s.chip);
  CHECK(result.feasible());
  // a.0 on tile 0 (the I/O port), a.1 on tile 1 (1 hop, as tile 2, lower id); for b tiles 2 and 3
  // are both 1 + 2 hops from a's slices.
  CHECK(result.mapping == s.mapping);
}

TEST_CASE("micro scenario: every step starts and ends when worked out by hand") {
  const SimulationResult result = recorded(micro_scenario());
  const std::vector<StepInterval> expected{{ns(0), ns(131)},
                                           {ns(131), ns(285)},
                                           {ns(285), ns(446)},
                                           {ns(446), ns(556)},
                                           {ns(556), ns(665)}};
  CHECK(result.timeline.steps == expected);
  CHECK(result.timeline.latency() == ns(665));
}

TEST_CASE("micro scenario: every packet is sent, arrives and is served when worked out by hand") {
  const SimulationResult result = recorded(micro_scenario());
  const auto packet = [](std::uint32_t step, LayerId layer, std::uint64_t address,
                         std::uint32_t from, std::uint32_t to, std::int64_t start,
                         std::int64_t sent, std::int64_t arrived, std::int64_t served) {
    return PacketRecord{step,
                        layer,
                        address,
                        1,
                        CoreId{from},
                        CoreId{to},
                        ns(start + sent),
                        ns(start + arrived),
                        ns(start + served)};
  };
  const std::uint32_t io = 4;
  // In order of arrival; equal times do not occur across cores here.
  const std::vector<PacketRecord> expected{
      packet(0, input, 0, io, 0, 0, 3, 4, 11),    packet(0, input, 0, io, 1, 0, 4, 24, 31),
      packet(1, input, 0, io, 0, 131, 3, 4, 11),  packet(1, input, 1, io, 0, 131, 5, 6, 18),
      packet(1, a_lif, 1, 0, 2, 131, 11, 21, 28), packet(1, input, 0, io, 1, 131, 4, 24, 31),
      packet(1, input, 1, io, 1, 131, 6, 30, 38), packet(1, a_lif, 1, 0, 3, 131, 12, 47, 54),
      packet(2, a_lif, 0, 0, 2, 285, 6, 16, 23),  packet(2, a_lif, 3, 1, 3, 285, 12, 27, 34),
      packet(2, a_lif, 1, 0, 2, 285, 13, 28, 35), packet(2, a_lif, 3, 1, 2, 285, 11, 41, 48),
      packet(2, a_lif, 0, 0, 3, 285, 7, 42, 49),  packet(2, a_lif, 1, 0, 3, 285, 14, 54, 61)};
  REQUIRE(result.records.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(result.records[i] == expected[i]);
  }
}

TEST_CASE("micro scenario: every count is the one worked out by hand, and there are no others") {
  const SimulationResult result = recorded(micro_scenario());
  ActionCounts expected;
  const auto add = [&](const char* component, Action action, std::uint32_t width, LayerId layer,
                       std::uint64_t count) {
    expected.add({component, action, width, layer}, count);
  };
  // 3 frames of 2 bits.
  add("off_chip.memory", Action::read_bit, 1, input, 6);
  // Packets: 3 input spikes and 4 spikes of a, to 2 cores each.
  add("io.axon_out", Action::packet_inject, 64, input, 6);
  add("neuron.axon_out", Action::packet_inject, 64, a_lif, 8);
  add("neuron.axon_in", Action::packet_deliver, 64, input, 6);
  add("neuron.axon_in", Action::packet_deliver, 64, a_lif, 8);
  // Input: 3 within tile 0, 3 over link 0-1. a: core 0's spikes (1, 0, 1) go 0-2 (1 EW) and 0-2-3
  // (1 EW, 1 NS); core 1's spike goes 1-3-2 (1 EW, 1 NS) and 1-3 (1 EW): 8 EW, 4 NS.
  add("network.router", Action::spike_within_tile, 64, input, 3);
  add("network.router", Action::hop_north_south, 64, input, 3);
  add("network.router", Action::hop_east_west, 64, a_lif, 8);
  add("network.router", Action::hop_north_south, 64, a_lif, 4);
  // Synaptic work: deliveries x 2 neurons, 2 synapse words (10 of 8 bits), 2 accumulator words (20
  // of 16 bits).
  for (const auto& [layer, deliveries] : {std::pair{a, 6U}, std::pair{b, 8U}}) {
    add("neuron.spike_buffer", Action::write_word, 64, layer, deliveries);
    add("neuron.spike_buffer", Action::read_word, 64, layer, deliveries);
    add("neuron.synapse_memory", Action::read_word, 8, layer, 2 * deliveries);
    add("neuron.accumulator_memory", Action::read_word, 16, layer, 2 * deliveries);
    add("neuron.accumulator_memory", Action::write_word, 16, layer, 2 * deliveries);
    add("neuron.synapse_unit", Action::accumulate, 10, layer, 2 * deliveries);
    add("neuron.synapse_unit", Action::synaptic_operation, 5, layer, 2 * deliveries);
  }
  // Neuron phases: 2 slices x 3 steps x (2 accumulator words of 20 bits, 2 membrane words of 24).
  // a is active in t = 0 and 1 (8 updates) and not in t = 2 (4); b likewise, but its neuron 3 fires
  // in t = 2 without input: 9 and 3.
  for (const auto& [layer, active] : {std::pair{a_lif, 8U}, std::pair{b_lif, 9U}}) {
    for (const Action action : {Action::read_word, Action::write_word}) {
      add("neuron.accumulator_memory", action, 16, layer, 12);
      add("neuron.membrane_memory", action, 16, layer, 12);
    }
    add("neuron.neuron_unit", Action::accumulate, 12, layer, 36);
    add("neuron.neuron_unit", Action::shift, 12, layer, 12);
    add("neuron.neuron_unit", Action::compare, 12, layer, 12);
    add("neuron.neuron_unit", Action::neuron_update_active, 12, layer, active);
    add("neuron.neuron_unit", Action::neuron_update_inactive, 12, layer, 12 - active);
  }
  add("chip.synchronisation", Action::barrier, 0, chip_overhead, 5);
  // 665 ns x 4 cores.
  add("neuron.synapse_memory", Action::leak_cycle, 1024, chip_overhead, 2'660'000);
  add("neuron.accumulator_memory", Action::leak_cycle, 64, chip_overhead, 2'660'000);
  add("neuron.membrane_memory", Action::leak_cycle, 32, chip_overhead, 2'660'000);
  add("neuron.spike_buffer", Action::leak_cycle, 1024, chip_overhead, 2'660'000);
  for (const auto& [key, count] : expected.entries()) {
    CAPTURE(key.component);
    CAPTURE(to_string(key.action));
    CAPTURE(key.layer.index);
    CHECK(result.actions.at(key) == count);
  }
  CHECK(result.actions == expected);
  CHECK(result.packets == 14);
  CHECK(result.merged == 0);
  CHECK(result.hops == 15);
}

TEST_CASE("micro scenario: busy and stalled times are the sums worked out by hand") {
  const SimulationResult result = recorded(micro_scenario());
  // Core 0: neuron unit 12 + 14 + 8; 3 deliveries x 7. Core 1: 10 + 12 + 8; 21.
  // Core 2: 10 + 10 + 8; 1 + 3 deliveries x 7. Core 3: 10 + 10 + 9; 28.
  const std::vector<UnitTimes> expected{
      {ns(34), ns(21)}, {ns(30), ns(21)}, {ns(28), ns(28)}, {ns(29), ns(28)}};
  CHECK(result.busy == expected);
  // Synapse units: the end of the last service of each step less what they served. Core 0: 11 - 7
  // and 18 - 14. Core 1: 31 - 7 and 38 - 14. Core 2: 28 - 7 and 48 - 21. Core 3: 54 - 7 and 61 -
  // 21. Neuron units do not wait.
  const std::vector<UnitTimes> stalled{
      {ns(0), ns(8)}, {ns(0), ns(48)}, {ns(0), ns(48)}, {ns(0), ns(87)}};
  CHECK(result.stalled == stalled);
  // Three frames of a word; 2 and 4 packets.
  CHECK(result.io_port == ns(3 * 2 + 6));
}

/// What the link between two tiles carried in a step.
LinkLoad load_between(const Chip& chip, const StepRecord& step, std::uint32_t from,
                      std::uint32_t to) {
  const std::span<const Link> links = chip.topology().links();
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (links[i].from == from && links[i].to == to) return step.links[i];
  }
  FAIL("no such link");
  return {};
}

TEST_CASE("micro scenario: a full buffer stalls its link, and who waits for its packets") {
  const MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  spec.topology.buffer_flits = 1;
  const Chip chip(spec);
  const SimulationResult result = simulate(s.network, s.populations, s.widths, s.trace, chip,
                                           s.mapping, {.step_records = true});
  CHECK(load_between(chip, result.steps[0], 0, 1) == LinkLoad{1, ns(6), 1, ns(0)});
  // Step 1. Over 0-1 at 4; free at 10, but its buffer until 24: the second is at core 1 at 44.
  // Over 0-2 at 11; free at 17, its buffer at 21: the second is at tile 2 at 31, at core 3 at 51.
  const StepRecord& one = result.steps[1];
  CHECK(load_between(chip, one, 0, 1) == LinkLoad{2, ns(12), 1, ns(14)});
  CHECK(load_between(chip, one, 0, 2) == LinkLoad{2, ns(12), 1, ns(4)});
  CHECK(load_between(chip, one, 2, 3) == LinkLoad{1, ns(6), 1, ns(0)});
  // Core 1 serves 24-31 and 44-51.
  CHECK(one.stalled ==
        std::vector<UnitTimes>{{ns(0), ns(4)}, {ns(0), ns(37)}, {ns(0), ns(21)}, {ns(0), ns(51)}});
}

/// Work of a core or of the chip, in nanoseconds.
WorkRecord work(WorkUnit unit, std::uint32_t core, LayerId layer, std::uint32_t step,
                std::uint64_t count, std::int64_t start, std::int64_t end) {
  return {.unit = unit,
          .core = CoreId{core},
          .layer = layer,
          .step = step,
          .count = count,
          .start = ns(start),
          .end = ns(end)};
}

SimulationResult run_recorded(std::size_t most) {
  const MappedNetwork s = micro_scenario();
  return simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping,
                  {.work_records = most});
}

TEST_CASE("micro scenario: what every unit did, and its sums") {
  const SimulationResult result = run_recorded(1'000);
  // Steps 0 and 1 as above. Packets served without a pause are one record: on core 0 4-11 and
  // 11-18, on core 1 24-31 and 31-38. So are those that a link takes one right after the other: 0-2
  // at 11 and 17, 0-1 at 4 and 10.
  const MappedNetwork s = micro_scenario();
  const auto over = [&](std::uint32_t from, std::uint32_t to, LayerId layer, std::uint32_t step,
                        std::uint64_t count, std::int64_t start, std::int64_t end) {
    WorkRecord record = work(WorkUnit::link, 0, layer, step, count, start, end);
    const std::span<const Link> links = s.chip.topology().links();
    const auto link = std::find_if(links.begin(), links.end(),
                                   [&](const Link& l) { return l.from == from && l.to == to; });
    record.link = static_cast<std::uint32_t>(link - links.begin());
    return record;
  };
  std::vector<WorkRecord> expected{work(WorkUnit::io_port, 0, input, 0, 2, 0, 4),
                                   over(0, 1, input, 0, 1, 4, 10),
                                   work(WorkUnit::synapse_unit, 0, input, 0, 1, 4, 11),
                                   work(WorkUnit::synapse_unit, 1, input, 0, 1, 24, 31),
                                   work(WorkUnit::barrier, 0, chip_overhead, 0, 0, 31, 131),
                                   work(WorkUnit::io_port, 0, input, 1, 4, 131, 137),
                                   work(WorkUnit::neuron_unit, 0, a, 0, 2, 131, 143),
                                   work(WorkUnit::neuron_unit, 1, a, 0, 0, 131, 141),
                                   over(0, 2, a, 0, 2, 142, 154),
                                   over(0, 1, input, 1, 2, 135, 147),
                                   over(2, 3, a, 0, 1, 158, 164),
                                   work(WorkUnit::synapse_unit, 0, input, 1, 2, 135, 149),
                                   work(WorkUnit::synapse_unit, 1, input, 1, 2, 155, 169),
                                   work(WorkUnit::synapse_unit, 2, a, 0, 1, 152, 159),
                                   work(WorkUnit::synapse_unit, 3, a, 0, 1, 178, 185),
                                   work(WorkUnit::barrier, 0, chip_overhead, 1, 0, 185, 285)};
  if (expected[8].link > expected[9].link) std::swap(expected[8], expected[9]);
  REQUIRE(result.work.size() > expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(result.work[i] == expected[i]);
  }
  CHECK_FALSE(result.work_until);
  std::vector<UnitTimes> sums(4);
  for (const WorkRecord& record : result.work) {
    UnitTimes& core = sums[record.core.index];
    if (record.unit == WorkUnit::neuron_unit) core.neuron_unit += record.end - record.start;
    if (record.unit == WorkUnit::synapse_unit) core.synapse_unit += record.end - record.start;
  }
  CHECK(sums == result.busy);
  std::vector<Picoseconds> kept(result.links.size());
  for (const WorkRecord& record : result.work) {
    if (record.unit == WorkUnit::link) kept[record.link] += record.end - record.start;
  }
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i] == result.links[i].busy);
  CHECK(recorded(micro_scenario()).work.empty());
}

TEST_CASE("micro scenario: work is recorded for whole steps, and changes nothing else") {
  // Step 0 has 5 records and step 1 has 11.
  SimulationResult one = run_recorded(15);
  CHECK(one.work.size() == 5);
  CHECK(one.work_until == ns(131));
  const SimulationResult two = run_recorded(16);
  CHECK(two.work.size() == 16);
  CHECK(two.work_until == ns(285));
  one.work.clear();
  one.work_until.reset();
  CHECK(one == run_recorded(0));
}

/// A step whose last unit served a packet; times in nanoseconds.
StepPath served(std::uint32_t core, LayerId layer, WorkUnit sender, std::uint32_t sender_core,
                LayerId sender_layer, std::int64_t phase, std::int64_t transit,
                std::int64_t link_wait, std::int64_t service) {
  return {.last = WorkUnit::synapse_unit,
          .core = CoreId{core},
          .layer = layer,
          .sender = sender,
          .sender_core = CoreId{sender_core},
          .sender_layer = sender_layer,
          .phase = ns(phase),
          .transit = ns(transit),
          .link_wait = ns(link_wait),
          .service = ns(service),
          .barrier = ns(100),
          .tick = ns(0)};
}

/// A step that a neuron unit ends.
StepPath neurons(std::uint32_t core, LayerId layer, std::int64_t phase) {
  StepPath path = served(core, layer, WorkUnit::neuron_unit, core, layer, phase, 0, 0, 0);
  path.last = WorkUnit::neuron_unit;
  return path;
}

TEST_CASE("micro scenario: the way to the end of each step, worked out by hand") {
  const SimulationResult result = recorded(micro_scenario());
  // Step 0: the packet to core 1, sent at 4, 20 over link 0-1, served for 7: 31.
  // Step 1: the packet to core 3 is sent at 12, waits for link 0-2 until 17, takes 10 + 20 and
  // 7: 54. Step 2: core 3 serves 27-34, 42-49 and 54-61, with pauses, so that the last packet
  // decides: sent
  //   at 14, at link 0-2 until 24 (10), there at 54 (10 + 20), served at 61.
  // Step 3: cores 2 and 3 both end at 10 with b: the first. Step 4: core 3 at 9, core 2 at 8.
  const std::vector<StepPath> expected{served(1, a, WorkUnit::io_port, 0, input, 4, 20, 0, 7),
                                       served(3, b, WorkUnit::neuron_unit, 0, a, 12, 30, 5, 7),
                                       served(3, b, WorkUnit::neuron_unit, 0, a, 14, 30, 10, 7),
                                       neurons(2, b, 10), neurons(3, b, 9)};
  REQUIRE(result.path.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(result.path[i] == expected[i]);
  }
}

TEST_CASE("micro scenario: packets served without a pause are on the way to the end") {
  MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  spec.core_kinds[0].times.axon_in = ns(23);  // 27 per packet
  spec.tick = ns(300);
  s.chip = Chip(spec);
  const SimulationResult result = recorded(s);
  // Step 0: 24 + 27 = 51, 100 for the barrier, then waits for the tick at 300.
  CHECK(result.path[0].service == ns(27));
  CHECK(result.path[0].tick == ns(300 - 151));
  // Step 1: core 1 serves from 24 to 51, and the packet that comes at 30 until 78: both count, and
  // the way goes on with the first, sent at 4. Core 3: 47 to 74.
  CHECK(result.path[1] == [] {
    StepPath path = served(1, LayerId{1}, WorkUnit::io_port, 0, LayerId{0}, 4, 20, 0, 54);
    path.tick = ns(300 - 178);
    return path;
  }());
  // A packet that comes as the unit becomes free did not wait: with 2 + 4 = 6 per packet, core 1
  // serves 24-30 and 30-36. The second was sent at 6 and waited for its link until 10.
  spec.core_kinds[0].times.axon_in = ns(2);
  spec.tick = ns(0);
  s.chip = Chip(spec);
  s.trace[2] = testing::spikes_at(3, {4, 1, 1}, {});
  CHECK(recorded(s).path[1] ==
        served(1, LayerId{1}, WorkUnit::io_port, 0, LayerId{0}, 6, 20, 4, 6));
}

TEST_CASE("micro scenario: shares of the path add up to the latency") {
  const SimulationResult result = recorded(micro_scenario());
  CriticalPath path;
  add_to(path, result.path);
  const auto share = [&](PathKind kind, LayerId layer, CoreId core) {
    return path.at({kind, layer, core});
  };
  CHECK(share(PathKind::io_port, input, no_core) == PathShare{1, 0, ns(4)});
  CHECK(share(PathKind::transit, input, no_core) == PathShare{1, 0, ns(20)});
  CHECK(share(PathKind::synapse_unit, a, CoreId{1}) == PathShare{1, 1, ns(7)});
  CHECK(share(PathKind::neuron_unit, a, CoreId{0}) == PathShare{2, 0, ns(26)});
  CHECK(share(PathKind::transit, a, CoreId{0}) == PathShare{2, 0, ns(60)});
  CHECK(share(PathKind::link_wait, a, CoreId{0}) == PathShare{2, 0, ns(15)});
  CHECK(share(PathKind::synapse_unit, b, CoreId{3}) == PathShare{2, 2, ns(14)});
  CHECK(share(PathKind::neuron_unit, b, CoreId{2}) == PathShare{1, 1, ns(10)});
  CHECK(share(PathKind::neuron_unit, b, CoreId{3}) == PathShare{1, 1, ns(9)});
  CHECK(share(PathKind::barrier, chip_overhead, no_core) == PathShare{5, 0, ns(500)});
  CHECK(path.size() == 10);
  Picoseconds sum;
  for (const auto& [part, of] : path) sum += of.time;
  CHECK(sum == result.timeline.latency());
}

TEST_CASE("micro scenario: what each step did, link by link and core by core") {
  const MappedNetwork s = micro_scenario();
  const SimulationResult result = simulate(s.network, s.populations, s.widths, s.trace, s.chip,
                                           s.mapping, {.step_records = true});
  REQUIRE(result.steps.size() == 5);
  // Step 1: inputs 0 and 1 to cores 0 and 1, spike 1 of a to cores 2 and 3. Links keep a packet for
  // 6. Over 0-1 at 4 and, instead of at 6, at 10; over 0-2 at 11 and, instead of at 12, at 17.
  const StepRecord& one = result.steps[1];
  CHECK(one.packets == 6);
  CHECK(one.hops == 5);
  CHECK(load_between(s.chip, one, 0, 1) == LinkLoad{2, ns(12), 1});
  CHECK(load_between(s.chip, one, 0, 2) == LinkLoad{2, ns(12), 1});
  CHECK(load_between(s.chip, one, 2, 3) == LinkLoad{1, ns(6), 0});
  CHECK(load_between(s.chip, one, 1, 3) == LinkLoad{});
  CHECK(one.busy ==
        std::vector<UnitTimes>{{ns(12), ns(14)}, {ns(10), ns(14)}, {ns(0), ns(7)}, {ns(0), ns(7)}});
  CHECK(one.stalled ==
        std::vector<UnitTimes>{{ns(0), ns(4)}, {ns(0), ns(24)}, {ns(0), ns(21)}, {ns(0), ns(47)}});
  CHECK(one.io_port == ns(6));
  CHECK(one.actions.at({"neuron.axon_in", Action::packet_deliver, 64, LayerId{0}}) == 4);
  CHECK(one.actions.at({"neuron.axon_in", Action::packet_deliver, 64, LayerId{2}}) == 2);
  CHECK(one.actions.at({"chip.synchronisation", Action::barrier, 0, chip_overhead}) == 1);
  CHECK(one.actions.at({"neuron.membrane_memory", Action::leak_cycle, 32, chip_overhead}) ==
        154'000 * 4);
  // Step 2: over 0-2 at 6, and instead of at 7, 13 and 14 at 12, 18 and 24: the last one waits 10,
  // which is two packets. Nothing over 0-1: the mark of step 1 is not that of step 2.
  CHECK(load_between(s.chip, result.steps[2], 0, 2) == LinkLoad{4, ns(24), 2});
  CHECK(load_between(s.chip, result.steps[2], 0, 1) == LinkLoad{});
  CHECK(result.steps[3].packets == 0);
  CHECK(result.steps[2].io_port == ns(2));
  CHECK(result.steps[3].busy[2] == UnitTimes{ns(10), ns(0)});
  CHECK(result.steps[3].stalled == std::vector<UnitTimes>(4));
}

TEST_CASE("micro scenario: records of steps add up to the totals, and change nothing else") {
  for (const bool buffered : {false, true}) {
    CAPTURE(buffered);
    MappedNetwork s = micro_scenario();
    ChipSpec spec = s.chip.spec();
    if (buffered) spec.topology.buffer_flits = 1;
    s.chip = Chip(spec);
    SimulationResult result = simulate(s.network, s.populations, s.widths, s.trace, s.chip,
                                       s.mapping, {.step_records = true});
    SimulationResult sums;
    sums.busy.resize(result.busy.size());
    sums.stalled.resize(result.busy.size());
    sums.links.resize(result.links.size());
    for (const StepRecord& step : result.steps) {
      sums.actions += step.actions;
      sums.packets += step.packets;
      sums.hops += step.hops;
      sums.io_port += step.io_port;
      for (std::size_t i = 0; i < step.busy.size(); ++i) sums.busy[i] += step.busy[i];
      for (std::size_t i = 0; i < step.busy.size(); ++i) sums.stalled[i] += step.stalled[i];
      for (std::size_t i = 0; i < step.links.size(); ++i) sums.links[i] += step.links[i];
    }
    CHECK(sums.actions == result.actions);
    CHECK(sums.packets == result.packets);
    CHECK(sums.hops == result.hops);
    CHECK(sums.busy == result.busy);
    CHECK(sums.stalled == result.stalled);
    CHECK(sums.io_port == result.io_port);
    for (std::size_t i = 0; i < result.busy.size(); ++i) {
      const Picoseconds sum = result.busy[i].synapse_unit + result.stalled[i].synapse_unit;
      CHECK(sum <= result.timeline.latency());
    }
    CHECK(sums.links == result.links);
    result.steps.clear();
    CHECK(result == simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping));
  }
}

TEST_CASE("micro scenario: silence costs neuron phases, frames, barriers and leakage only") {
  MappedNetwork s = micro_scenario();
  for (auto& train : s.trace) {
    if (train) train = testing::spikes_at(3, shape_of(*train), {});
  }
  const SimulationResult result = recorded(s);
  CHECK(result.packets == 0);
  for (const Action action :
       {Action::synaptic_operation, Action::packet_inject, Action::packet_deliver,
        Action::hop_east_west, Action::hop_north_south, Action::spike_within_tile,
        Action::neuron_update_active, Action::multiply}) {
    CHECK(result.actions.total(action) == 0);
  }
  // 8 neurons x 3 steps; steps take 2 (frame) or 8 (two inactive neurons) + 100.
  CHECK(result.actions.total(Action::neuron_update_inactive) == 24);
  CHECK(result.actions.total(Action::barrier) == 5);
  CHECK(result.actions.total(Action::read_bit) == 6);
  CHECK(result.timeline.latency() == ns(102 + 4 * 108));
}

}  // namespace
}  // namespace nj
