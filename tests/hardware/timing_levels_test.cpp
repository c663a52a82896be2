#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/population_graph.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

namespace nj {
namespace {

using testing::grid_of;
using testing::MappedNetwork;
using testing::micro_scenario;
using testing::ns;

/// Whether the paths of all steps are made of times that add up to the steps.
bool paths_are_steps(const SimulationResult& result) {
  for (std::size_t i = 0; i < result.path.size(); ++i) {
    const StepPath& path = result.path[i];
    Picoseconds sum;
    for (const Picoseconds part :
         {path.phase, path.transit, path.link_wait, path.service, path.barrier, path.tick}) {
      if (part < Picoseconds{0}) return false;
      sum += part;
    }
    const StepInterval& step = result.timeline.steps[i];
    if (sum != step.end - step.start) return false;
  }
  return result.path.size() == result.timeline.steps.size();
}

SimulationResult run_at(const MappedNetwork& s, TimingLevel level) {
  return simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping,
                  {.timing = level});
}

TEST_CASE("timing levels: the micro scenario without queues, worked out by hand") {
  // As micro_scenario_test, but links let all pass, and what a core sends to another in a step
  // comes at once. Step 1: core 1 serves two packets from 24 on, -> 38; a's spike 1 reaches core 3
  // at 12 + 10 + 20 = 42, served 49. Step 2: core 3 gets one at 12 + 10 = 22, -> 29, and two at
  // 7 + 30 = 37, -> 51; core 2 two at 16, -> 30, and one at 41, -> 48. Of the links 0-2 has most:
  // four packets from 6 on, 6 + 3 * 6 + 10 = 34.
  const SimulationResult result = run_at(micro_scenario(), TimingLevel::analytic);
  const std::vector<StepInterval> expected{{ns(0), ns(131)},
                                           {ns(131), ns(280)},
                                           {ns(280), ns(431)},
                                           {ns(431), ns(541)},
                                           {ns(541), ns(650)}};
  CHECK(result.timeline.steps == expected);
  // A link that is slower than all cores: in step 2 four packets take 3 * 30, and 10 ns to the end.
  MappedNetwork slow = micro_scenario();
  ChipSpec spec = slow.chip.spec();
  grid_of(spec).east_west.cycle = ns(30);
  slow.chip = Chip(spec);
  const StepInterval step = run_at(slow, TimingLevel::analytic).timeline.steps[2];
  CHECK(step.end - step.start == ns(6 + 90 + 10 + 100));
}

TEST_CASE("timing levels: bounds have no packets to record") {
  const MappedNetwork s = micro_scenario();
  CHECK_THROWS_WITH_AS(simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping,
                                {.timing = TimingLevel::analytic, .record_packets = true}),
                       "the level 'analytic' has no single packets to record", Error);
}

TEST_CASE("timing levels: the micro scenario's first step, clocked") {
  // Clock 6 ns; links 12 and 24 ns. Input 0 for core 0 enters at 6 (sent at 3), is there at 7 and
  // served at 14; for core 1 (sent at 4) a cycle later, at 12: 36, 43.
  const SimulationResult result = run_at(micro_scenario(), TimingLevel::flit);
  CHECK(result.timeline.steps[0] == StepInterval{ns(0), ns(143)});
}

TEST_CASE("timing levels: bounds hold where two slices send the same pooled position") {
  // 4 neurons in two slices of 2 rows; windows of rows {0, 1} and {1, 2, 3}. Neurons 1 and 3 fire.
  // Slice 0, two links away, sends both windows, at 4 + 5 + 1 = 10 and 11: there at 40 and 46, as
  // the link is free again after 6. Slice 1, one link away, sends the second at 10: there at 20,
  // served 25. What slice 0 brings takes 5 and then 3, as the second window was there: 45 and 49.
  // Without a queue both come as a bundle at 40: axon_in twice and one window, 48.
  const Network network = Network::build({{"input", Input{{1, 4, 1}, 1}, {}},
                                          {"a", Conv2d{1, 1, 1, 1, 0}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}},
                                          {"a.pool", MaxPool2d{3, 2, 1}, {{"a.lif"}}},
                                          {"b", Conv2d{1, 1, 1, 1, 0}, {{"a.pool"}}},
                                          {"b.lif", Lif{}, {{"b"}}}});
  const MappedNetwork micro = micro_scenario();
  MappedNetwork s{
      network,
      populations(network),
      std::vector<LayerWidths>(network.size(), micro.widths[0]),
      micro.chip,
      {{{1, 0, 1, 0, 2, CoreId{0}}, {1, 0, 1, 2, 4, CoreId{1}}, {2, 0, 1, 0, 2, CoreId{3}}}},
      SpikeTrace(6)};
  s.trace[0] = SpikeTensor(1, {1, 4, 1});
  s.trace[2] = testing::spikes_at(1, {1, 4, 1}, {{0, 1}, {0, 3}});
  s.trace[3] = testing::spikes_at(1, {1, 2, 1}, {{0, 0}, {0, 1}});
  s.trace[5] = SpikeTensor(1, {1, 2, 1});
  const auto second_step = [&](TimingLevel level) {
    const StepInterval step = run_at(s, level).timeline.steps[1];
    return step.end - step.start;
  };
  CHECK(second_step(TimingLevel::event) == ns(49 + 100));
  CHECK(second_step(TimingLevel::analytic) == ns(48 + 100));
}

/// The time of two global steps amid many samples in a row of two time steps each.
Picoseconds steady(const MappedNetwork& s, TimingLevel level) {
  const std::uint32_t levels = population_graph(s.network, s.populations, false).levels();
  const auto steps = simulate(s.network, s.populations, s.widths, s.trace, s.chip, s.mapping,
                              {.timing = level, .in_a_row = levels})
                         .timeline.steps;
  return steps[levels + 3].end - steps[levels + 1].end;
}

TEST_CASE("timing levels: counts are the same at all, and steps never shorter than the bounds") {
  MappedNetwork s{.network = testing::small_spikformer({.channels = 32, .pixels = 18, .blocks = 1}),
                  .populations = {},
                  .widths = {},
                  .chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/loihi1.yaml"),
                  .mapping = {},
                  .trace = {}};
  s.populations = populations(s.network);
  s.widths = testing::small_widths(s.network);
  s.trace = testing::random_trace(s.network, 2, 10, 3);
  s.mapping = map_network(s.network, s.populations, s.widths, s.chip).mapping;
  const auto without_leakage = [](const ActionCounts& actions) {
    ActionCounts rest;
    for (const auto& [key, count] : actions.entries()) {
      if (key.action != Action::leak_cycle) rest.add(key, count);
    }
    return rest;
  };
  bool waits = false;
  for (const bool multicast : {false, true}) {
    for (const std::uint32_t words : {1U, 8U}) {
      for (const std::uint32_t packets : {0U, 2U}) {
        CAPTURE(multicast);
        CAPTURE(words);
        CAPTURE(packets);
        ChipSpec spec = s.chip.spec();
        spec.topology.multicast = multicast;
        grid_of(spec).east_west.width_bits = grid_of(spec).north_south.width_bits = 64 / words;
        if (packets != 0) spec.topology.buffer_flits = packets;
        s.chip = Chip(spec);
        const SimulationResult bound = run_at(s, TimingLevel::analytic);
        CHECK(paths_are_steps(bound));
        CHECK(bound.merged > 0);
        const Simulator simulator(s.network, s.populations, s.widths, s.chip, s.mapping);
        for (const TimingLevel level : {TimingLevel::event, TimingLevel::flit}) {
          const SimulationResult result = run_at(s, level);
          CHECK(simulator.interval(s.trace, level) == steady(s, level));
          CHECK(without_leakage(result.actions) == without_leakage(bound.actions));
          CHECK(result.packets == bound.packets);
          CHECK(result.merged == bound.merged);
          CHECK(result.hops == bound.hops);
          CHECK(result.busy == bound.busy);
          CHECK(paths_are_steps(result));
          for (std::size_t i = 0; i < bound.links.size(); ++i) {
            CHECK(result.links[i].flits == bound.links[i].flits);
            CHECK(result.links[i].busy == bound.links[i].busy);
          }
          REQUIRE(result.timeline.steps.size() == bound.timeline.steps.size());
          for (std::size_t i = 0; i < bound.timeline.steps.size(); ++i) {
            const StepInterval& step = result.timeline.steps[i];
            const StepInterval& least = bound.timeline.steps[i];
            CHECK(step.end - step.start >= least.end - least.start);
          }
          waits = waits || result.timeline.latency() > bound.timeline.latency();
          CHECK(run_at(s, level) == result);
        }
      }
    }
  }
  CHECK(waits);
}

}  // namespace
}  // namespace nj
