#include <string>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/small_spikformer.hpp"

namespace nj {
namespace {

Chip shipped(const std::string& name) {
  return load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name);
}

TEST_CASE("shipped chips: Loihi 1 has the published figures") {
  const Chip chip = shipped("loihi1.yaml");
  // Davies et al. 2018: 128 cores on 32 tiles, 1024 compartments, 128 KB of synapses.
  CHECK(chip.cores().size() == 128);
  CHECK(chip.topology().tiles() == 32);
  const CoreKindSpec& core = chip.spec().core_kinds[0];
  CHECK(core.max_neurons == 1024);
  CHECK(core.memory(MemoryUnit::synapse_memory)->capacity == Bits{128 * 1024 * 8});
  CHECK(core.times.synaptic_operation == Picoseconds{3'500});
  CHECK(core.times.neuron_update_active == Picoseconds{8'400});
  CHECK(core.times.neuron_update_inactive == Picoseconds{5'300});
  CHECK(chip.spec().topology.within_tile == Picoseconds{2'100});
  for (const Link& link : chip.topology().links()) {
    CHECK(link.spec.latency.value() == (link.direction == Direction::east_west ? 4'100 : 6'500));
    CHECK(link.spec.width_bits == 64);
  }
}

TEST_CASE("shipped chips: the 96-channel Spikformer maps on each, at 8 bits") {
  const Network network = testing::small_spikformer();
  const auto pops = populations(network);
  for (const char* name : {"mesh45.yaml", "loihi1.yaml"}) {
    CAPTURE(name);
    const Chip chip = shipped(name);
    const auto widths = testing::small_widths(network);
    const MappingResult result = map_network(network, pops, widths, chip);
    for (const Violation& violation : result.violations) MESSAGE(violation.message);
    CHECK(result.feasible());
    CHECK(check_mapping(network, pops, widths, chip, result.mapping).empty());
    CHECK(map_network(network, pops, widths, chip).mapping == result.mapping);
    MESSAGE(std::string(name) << ": " << result.mapping.slices.size() << " cores of "
                              << chip.cores().size());
  }
}

TEST_CASE("shipped chips: one input spike on Loihi 1, counts and times by hand") {
  // 1 input -> 3 neurons. Silent but for one spike at t = 0, which reaches 3 neurons.
  const Network network = Network::build({{"input", Input{{1, 1, 1}, 1}, {}},
                                          {"a", Conv2d{1, 3}, {{"input"}}},
                                          {"a.lif", Lif{}, {{"a"}}},
                                          {"head", ClassifierHead{3, 2}, {{"a.lif"}}}});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const Chip chip = shipped("loihi1.yaml");
  const Mapping mapping{{{1, 0, 3, 0, 1, CoreId{0}}, {2, 0, 2, 0, 1, CoreId{4}}}};
  SpikeTrace trace(4);
  SpikeTensor input(1, {1, 1, 1});
  input.set(0, 0);
  SpikeTensor a(1, {3, 1, 1});
  a.set(0, 1);
  trace[0] = input;
  trace[2] = a;
  const SimulationResult result = simulate(network, pops, widths, trace, chip, mapping);
  // Input to core 0 within tile 0; a's spike from tile 0 to core 4 on tile 1: y + 1, north-south.
  // Synaptic operations: 3 + 2 classes. Updates: 3 active, and 2 active classes at the end.
  CHECK(result.actions.at({"core.synapse_unit", Action::synaptic_operation, 8, LayerId{1}}) == 3);
  CHECK(result.actions.at({"core.synapse_unit", Action::synaptic_operation, 8, LayerId{3}}) == 2);
  CHECK(result.actions.total(Action::neuron_update_active) == 5);
  CHECK(result.actions.total(Action::neuron_update_inactive) == 0);
  CHECK(result.actions.total(Action::spike_within_tile) == 1);
  CHECK(result.actions.total(Action::hop_north_south) == 1);
  CHECK(result.actions.total(Action::hop_east_west) == 0);
  // Step 0: frame word 1, axon-out 2.1, within tile 2.1, 3 x 3.5: 15.7 ns.
  // Step 1: updates 8.4 and 8.4, spike 2.1, north-south 6.5, 2 x 3.5: 32.4 ns (third update 27.3).
  // Step 2: 2 classes x 8.4 = 16.8 ns. Each + 465 ns.
  const std::vector<StepInterval> expected{{Picoseconds{0}, Picoseconds{480'700}},
                                           {Picoseconds{480'700}, Picoseconds{480'700 + 497'400}},
                                           {Picoseconds{978'100}, Picoseconds{978'100 + 481'800}}};
  CHECK(result.timeline.steps == expected);
}

}  // namespace
}  // namespace nj
