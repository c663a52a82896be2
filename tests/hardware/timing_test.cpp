#include <functional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"

namespace nj {
namespace {

using testing::grid_of;
using testing::MappedNetwork;
using testing::micro_scenario;
using testing::ns;
using testing::recorded;

/// The micro scenario with other chip times.
MappedNetwork with(const std::function<void(ChipSpec&)>& change) {
  MappedNetwork s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  change(spec);
  s.chip = Chip(spec);
  return s;
}

const PacketRecord& to_core(const SimulationResult& result, std::uint32_t step,
                            std::uint64_t address, std::uint32_t core) {
  for (const PacketRecord& record : result.records) {
    if (record.step == step && record.address == address && record.destination.index == core) {
      return record;
    }
  }
  FAIL("no such packet");
  return result.records.front();
}

TEST_CASE("timing: a link is not free one picosecond before its cycle ends, and is free at it") {
  // Step 1: inputs 0 and 1 leave for core 1 at 4 and 6 ns, over the same link of 20 ns.
  const auto arrival = [](std::int64_t cycle) {
    const SimulationResult result = recorded(
        with([&](ChipSpec& spec) { grid_of(spec).north_south.cycle = Picoseconds{cycle}; }));
    return to_core(result, 1, 1, 1).arrived - result.timeline.steps[1].start;
  };
  CHECK(arrival(1'999) == ns(26));               // free at 5.999: not delayed
  CHECK(arrival(2'000) == ns(26));               // free at 6.000: not delayed
  CHECK(arrival(2'001) == Picoseconds{26'001});  // free at 6.001: waits 1 ps
  CHECK(arrival(60'000) == ns(4 + 60 + 20));
}

TEST_CASE("timing: a packet is served at once when it arrives as the core becomes free") {
  // Step 1: packets arrive at core 0 at 4 and 6 ns; service is axon_in + 2 words.
  const auto served = [](std::int64_t axon_in) {
    const SimulationResult result = recorded(with([&](ChipSpec& spec) {
      spec.core_kinds[0].times.synapse_word = Picoseconds{0};
      spec.core_kinds[0].times.axon_in = Picoseconds{axon_in};
    }));
    return to_core(result, 1, 1, 0).served - result.timeline.steps[1].start;
  };
  CHECK(served(1'999) == Picoseconds{6'000 + 1'999});
  CHECK(served(2'000) == ns(8));
  CHECK(served(2'001) == Picoseconds{4'000 + 2 * 2'001});
}

TEST_CASE("timing: a step ends with its slowest unit, be it neurons or packets") {
  const auto end_of_step_1 = [](std::int64_t update) {
    const SimulationResult result = recorded(with([&](ChipSpec& spec) {
      spec.core_kinds[0].times.neuron_update_active = Picoseconds{update};
    }));
    return result.timeline.steps[1].end - result.timeline.steps[1].start - ns(100);
  };
  // With u per neuron: spike 1 leaves for core 3 at 2u + 2 and is served 42 ns later (5 -> 54: link
  // 0-2 once 6 ns later, see micro_scenario_test).
  CHECK(end_of_step_1(5'000) == ns(54));
  CHECK(end_of_step_1(5'001) == Picoseconds{54'002});
}

TEST_CASE("timing: per-operation service counts operations, not words") {
  const SimulationResult result = recorded(with([](ChipSpec& spec) {
    spec.core_kinds[0].times.synapse_word = Picoseconds{0};
    spec.core_kinds[0].times.synaptic_operation = Picoseconds{3'500};
  }));
  const PacketRecord& first = result.records.front();
  CHECK(first.served - first.arrived == ns(3 + 7));  // axon_in + 2 operations x 3.5 ns
}

TEST_CASE("timing: banks and ports let words of one memory be accessed at once") {
  // A spike reads 2 words of weights (2 channels x 5 bits), reads and writes 2 words of sums (2 x
  // 10 of 16 bits), 3 ns after it came.
  const auto service = [](const std::function<void(CoreKindSpec&)>& change) {
    const SimulationResult result =
        recorded(with([&](ChipSpec& spec) { change(spec.core_kinds[0]); }));
    return result.records.front().served - result.records.front().arrived;
  };
  using Kind = CoreKindSpec;
  CHECK(service([](Kind&) {}) == ns(3 + 2 * 2));
  CHECK(service([](Kind& core) { core.memories[0]->banks = 2; }) == ns(3 + 2));
  CHECK(service([](Kind& core) { core.memories[0]->ports = 2; }) == ns(3 + 2));
  CHECK(service([](Kind& core) { core.memories[0]->ports = core.memories[0]->banks = 2; }) ==
        ns(3 + 2));
  CHECK(service([](Kind& core) { core.times.accumulator_word = ns(10); }) == ns(7 + 4 * 10));
  CHECK(service([](Kind& core) {
          core.times.accumulator_word = ns(10);
          core.memories[1]->banks = 3;
        }) == ns(7 + 2 * 10));
}

TEST_CASE("timing: neurons wait for the words of their memories") {
  // Step 1, core 0: neuron 1 fires at 2 x 5 ns. Neuron 0 (12 bits of membrane, 10 of sums) needs
  // the first word of 16 bits of each memory, neuron 1 the second; each is read and written.
  const auto injected = [](const std::function<void(CoreKindSpec&)>& change) {
    const SimulationResult result =
        recorded(with([&](ChipSpec& spec) { change(spec.core_kinds[0]); }));
    return to_core(result, 1, 1, 2).injected - result.timeline.steps[1].start;
  };
  using Kind = CoreKindSpec;
  CHECK(injected([](Kind&) {}) == ns(10 + 1));
  CHECK(injected([](Kind& core) { core.times.membrane_word = ns(1); }) == ns(10 + 2 * 2 + 1));
  const auto both = [](std::uint32_t ports) {
    return [ports](Kind& core) {
      core.times.membrane_word = core.times.accumulator_word = ns(1);
      core.memories[1]->ports = core.memories[2]->ports = ports;
    };
  };
  CHECK(injected(both(1)) == ns(10 + 4 * 2 + 1));
  CHECK(injected(both(2)) == ns(10 + 4 * 1 + 1));
  CHECK(injected(both(3)) == ns(10 + 2 + 2 + 1));  // 2 accesses, then 4, in rounds of 3: 1, 2
}

TEST_CASE("timing: the input waits for the off-chip word that holds it") {
  const SimulationResult result =
      recorded(with([](ChipSpec& spec) { spec.off_chip.word_bits = 1; }));
  // One value per word of 2 ns: input 0 at 2, copies sent 3 and 4; input 1 at max(4, 4), sent 5, 6.
  CHECK(to_core(result, 1, 1, 1).injected - result.timeline.steps[1].start == ns(6));
  const SimulationResult slow = recorded(with([](ChipSpec& spec) {
    spec.off_chip.word_bits = 1;
    spec.off_chip.word_time = Picoseconds{10'000};
  }));
  CHECK(to_core(slow, 1, 1, 1).injected - slow.timeline.steps[1].start == ns(22));
  // Step 2 has no spikes, yet its frame takes 2 words of 10 ns, and a's packets end at 61 ns.
  CHECK(slow.timeline.steps[2].end - slow.timeline.steps[2].start == ns(161));
}

TEST_CASE("timing: of packets that come at one time, that of the lower core is served first") {
  // Two slices of a, the first on core 2, one link away from core 0 like the second on core 1.
  MappedNetwork s = with([](ChipSpec& spec) {
    grid_of(spec).north_south = grid_of(spec).east_west;
    spec.core_kinds[0].max_neurons = 4;
  });
  s.network = Network::build({{"input", Input{{1, 1, 2}, 1}, {}},
                              {"a", Conv2d{1, 1, 1, 1, 0}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}},
                              {"b", Conv2d{1, 1, 1, 1, 0}, {{"a.lif"}}},
                              {"b.lif", Lif{}, {{"b"}}}});
  s.populations = populations(s.network);
  s.widths.resize(5, s.widths.front());
  s.mapping = {{{1, 0, 1, 0, 1, CoreId{2}, 0, 1},
                {1, 0, 1, 0, 1, CoreId{1}, 1, 2},
                {2, 0, 1, 0, 1, CoreId{0}}}};
  s.trace = SpikeTrace(5);
  s.trace[0] = SpikeTensor(1, {1, 1, 2});
  SpikeTensor both(1, {1, 1, 2});
  both.set(0, 0);
  both.set(0, 1);
  s.trace[2] = both;
  s.trace[4] = SpikeTensor(1, {1, 1, 2});
  const SimulationResult result = recorded(s);
  REQUIRE(result.records.size() == 2);
  const PacketRecord& first = to_core(result, 1, 1, 0);
  const PacketRecord& second = to_core(result, 1, 0, 0);
  CHECK(first.source == CoreId{1});
  CHECK(second.source == CoreId{2});
  CHECK(first.arrived == second.arrived);
  CHECK(first.served < second.served);
}

TEST_CASE("timing: a shared link serialises a burst exactly") {
  // 1 x 2 mesh: I/O at tile 0, four neurons on the core of tile 1. 40 inputs of one frame leave one
  // per 1 ns, the link takes one per 6 ns: packet i departs at 1 + 6 i.
  MappedNetwork s = with([](ChipSpec& spec) {
    grid_of(spec).width = 1;
    spec.off_chip.word_time = Picoseconds{0};
    spec.core_kinds[0].max_neurons = 4;
    spec.core_kinds[0].memories[1]->capacity = Bits{1024};
    spec.core_kinds[0].memories[2]->capacity = Bits{1024};
    spec.core_kinds[0].memories[0]->capacity = Bits{65'536};
  });
  s.network = Network::build({{"input", Input{{40, 1, 1}, 1}, {}},
                              {"a", Conv2d{40, 4, 1, 1, 0}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}}});
  s.populations = populations(s.network);
  s.widths.resize(3);
  s.mapping = {{{1, 0, 4, 0, 1, CoreId{1}}}};
  s.trace = SpikeTrace(3);
  SpikeTensor all(1, {40, 1, 1});
  for (std::uint64_t a = 0; a < 40; ++a) all.set(0, a);
  s.trace[0] = all;
  s.trace[2] = SpikeTensor(1, {4, 1, 1});
  const SimulationResult result = recorded(s);
  REQUIRE(result.records.size() == 40);
  for (std::int64_t i = 0; i < 40; ++i) {
    const PacketRecord& record = result.records[static_cast<std::size_t>(i)];
    CHECK(record.address == static_cast<std::uint64_t>(i));
    CHECK(record.injected == ns(1 + i));
    CHECK(record.arrived == ns(1 + 6 * i + 20));
  }
}

TEST_CASE("timing: a step of packets with several flits, bounded buffers and multicast") {
  // The micro scenario's step 1 with packets of 128 bits on links of 64: two words of 6 ns. Input 0
  // leaves the port at 3 ns, input 1 at 4 ns, each one packet for cores 0 and 1. In tile 0 they
  // take 1 ns; the link to tile 1 is entered at 3 and, free after 12 ns, at 15: heads after 20,
  // tails 6 later. Without multicast inputs 0 leave at 3 and 4, inputs 1 at 5 and 6: 4 and 16 on
  // the link.
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    const auto packet = [&](bool multicast, std::uint64_t address, std::uint32_t core) {
      const SimulationResult result = recorded(with([&](ChipSpec& spec) {
        spec.topology.packet_bits = 128;
        spec.topology.multicast = multicast;
        if (bounded) spec.topology.buffer_flits = 4;
      }));
      const PacketRecord& record = to_core(result, 1, address, core);
      const Picoseconds start = result.timeline.steps[1].start;
      return std::pair(record.injected - start, record.arrived - start);
    };
    CHECK(packet(false, 0, 0) == std::pair(ns(3), ns(4)));
    CHECK(packet(false, 0, 1) == std::pair(ns(4), ns(4 + 26)));
    CHECK(packet(false, 1, 1) == std::pair(ns(6), ns(16 + 26)));
    CHECK(packet(true, 0, 0) == std::pair(ns(3), ns(4)));
    CHECK(packet(true, 0, 1) == std::pair(ns(3), ns(3 + 26)));
    // With bounded buffers it stands behind input 0, whose second word enters the link at 9.
    CHECK(packet(true, 1, 0) == std::pair(ns(4), ns(bounded ? 10 : 5)));
    CHECK(packet(true, 1, 1) == std::pair(ns(4), ns(15 + 26)));
  }
}

TEST_CASE("timing: a skip connection waits in a slot until its consumer's time step") {
  // input -> a -> b, add(b.lif, a.lif): a is at depth 1, the add at depth 3. A spike of a at t = 0
  // reaches the add in step 1 and makes it send in step 3.
  MappedNetwork s = with([](ChipSpec& spec) {
    spec.topology.tile = {"neuron", "neuron"};
    spec.core_kinds[0].memories[1]->capacity = Bits{1024};
  });
  s.network = Network::build({{"input", Input{{2, 1, 1}, 1}, {}},
                              {"a", Conv2d{2, 4, 1, 1, 0}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}},
                              {"b", Conv2d{4, 4, 1, 1, 0}, {{"a.lif"}}},
                              {"b.lif", Lif{}, {{"b"}}},
                              {"add", ResidualAdd{}, {{"b.lif"}, {"a.lif", Port::residual}}},
                              {"head", ClassifierHead{4, 2}, {{"add"}}}});
  s.populations = populations(s.network);
  s.widths.resize(7, s.widths[0]);
  const MappingResult mapped = map_network(s.network, s.populations, s.widths, s.chip);
  REQUIRE(mapped.feasible());
  s.mapping = mapped.mapping;
  s.trace = testing::micro_trace();
  s.trace.resize(7);
  s.trace[2] = testing::spikes_at(3, {4, 1, 1}, {{0, 1}});
  s.trace[4] = testing::spikes_at(3, {4, 1, 1}, {{0, 1}});
  GradedTensor sums(3, {4, 1, 1});
  sums.step(0)[1] = 2;
  s.trace[5] = sums;
  const SimulationResult result = recorded(s);
  const LayerId a{2}, add{5}, head{6};
  std::uint32_t from_a = 0;
  std::uint32_t from_add = 0;
  for (const PacketRecord& record : result.records) {
    if (record.layer == a) {
      CHECK(record.step == 1);
      ++from_a;
    }
    if (record.layer == add) {
      CHECK(record.step == 3);
      CHECK(record.value == 2);
      ++from_add;
    }
  }
  CHECK(from_a == 3);  // two slices of b, one of the add
  CHECK(from_add == 1);
  CHECK(result.timeline.steps.size() == 3 + 5 - 1);
  // The add: one operation per operand spike, no synapse memory; slots 1 + (3 - 1).
  CHECK(result.actions.at({"neuron.synapse_unit", Action::synaptic_operation, 1, add}) == 2);
  CHECK(result.actions.at({"neuron.synapse_memory", Action::read_word, 8, add}) == 0);
  CHECK(footprints(s.network, s.populations, s.widths, s.chip, s.mapping)[4].bits(
            MemoryUnit::accumulator_memory) == 2 * 10 * 3);
  // The head: a graded value, 2 classes of 5 bits: 2 operations, 2 multiplies; sums read once.
  CHECK(result.actions.at({"neuron.synapse_unit", Action::multiply, 5, head, 1}) == 2);
  CHECK(result.actions.at({"neuron.neuron_unit", Action::neuron_update_active, 10, head}) == 2);
}

TEST_CASE("timing: a graded spike's packet is as long as its value, where that is added") {
  // Inputs of 4 bits in packets of 68: two words of 64, service 12 and tail 6. Core 1 gets input 0
  // of step 1, sent at 4, at 4 + 20 + 6, and input 1, sent at 6, for which the link is free at 16.
  MappedNetwork s = with([](ChipSpec& spec) { spec.topology.value_added = true; });
  s.widths[0].output_bits = 4;
  const SimulationResult result = recorded(s);
  CHECK(to_core(result, 1, 0, 1).arrived - result.timeline.steps[1].start == ns(30));
  CHECK(to_core(result, 1, 1, 1).arrived - result.timeline.steps[1].start == ns(42));
  CHECK(result.timeline.steps[0].end == ns(30 + 7 + 100));
  // a's spikes are 1 bit: 64 bits, one word, as worked out in micro_scenario_test.
  CHECK(to_core(result, 1, 1, 3).arrived - result.timeline.steps[1].start == ns(47));
  const LayerId input{0}, a{2};
  CHECK(result.actions.at({"io.axon_out", Action::packet_inject, 68, input}) == 6);
  CHECK(result.actions.at({"neuron.axon_in", Action::packet_deliver, 68, input}) == 6);
  CHECK(result.actions.at({"network.router", Action::hop_north_south, 68, input}) == 3);
  CHECK(result.actions.at({"network.router", Action::spike_within_tile, 68, input}) == 3);
  CHECK(result.actions.at({"neuron.axon_out", Action::packet_inject, 64, a}) == 8);
  // Link 0-1 carries inputs only: three packets of two words.
  const auto& links = s.chip.topology().links();
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (links[i].from != 0 || links[i].to != 1) continue;
    CHECK(result.links[i].flits == 6);
    CHECK(result.links[i].busy == ns(36));
    CHECK(result.links[i].max_queue == 1);
  }
  // The same value within the packet's bits.
  s.chip = with([](ChipSpec&) {}).chip;
  CHECK(recorded(s).timeline == recorded(micro_scenario()).timeline);
}

TEST_CASE("timing: packets that no buffer holds are refused by layer") {
  MappedNetwork s = with([](ChipSpec& spec) {
    spec.topology.value_added = true;
    spec.topology.buffer_flits = 1;
  });
  s.widths[0].output_bits = 4;
  CHECK_THROWS_WITH_AS(
      recorded(s), "input: layer \"input\" sends packets of 2 flits, a buffer of the network has 1",
      Error);
  const MappingResult mapped = map_network(s.network, s.populations, s.widths, s.chip);
  REQUIRE(mapped.violations.size() == 1);
  CHECK(mapped.violations[0].resource == "buffer");
}

TEST_CASE("timing: samples in a row share global steps") {
  // Three levels, three time steps: inputs of the second sample come in steps 3 to 5. Step 3: I/O
  // as in step 0, 31, but b and a end later with what they hold: 10. Step 4: I/O as in step 1, and
  // a's t = 0 of the second sample, as in step 1: 54. Step 5: a's t = 1, as in step 2: 61, beside
  // frame 2. Then steps 6 and 7 are as 3 and 4 were, as there is no third sample: 10 and 9.
  const MappedNetwork s = micro_scenario();
  const SimulationResult twice =
      simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping, {.in_a_row = 2});
  std::vector<Picoseconds> lasted;
  for (const StepInterval& step : twice.timeline.steps) lasted.push_back(step.end - step.start);
  CHECK(lasted ==
        std::vector{ns(131), ns(154), ns(161), ns(131), ns(154), ns(161), ns(110), ns(109)});
  CHECK(twice.packets == 28);
  // A sample ends with step 4, and then every three steps: 131 + 154 + 161.
  const Simulator simulator(s.network, s.populations, s.widths, s.chip, s.mapping);
  CHECK(simulator.interval(s.trace, TimingLevel::event) == ns(446));
}

}  // namespace
}  // namespace nj
