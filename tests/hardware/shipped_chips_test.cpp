#include <algorithm>
#include <set>
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
  for (const char* name : {"mesh45.yaml", "loihi1.yaml", "loihi1_fitted.yaml", "spinnaker2.yaml"}) {
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

/// What a chip lacks for the 96-channel Spikformer, `layer: resource`, each once.
std::set<std::string> lacking(const std::string& name, std::uint8_t weight_bits) {
  const Network network = testing::small_spikformer();
  const auto pops = populations(network);
  std::set<std::string> lacks;
  const auto widths = testing::small_widths(network, weight_bits);
  for (const Violation& v : map_network(network, pops, widths, shipped(name)).violations) {
    lacks.insert(v.layer + ": " + v.resource);
  }
  return lacks;
}

TEST_CASE("shipped chips: what TrueNorth and Speck lack for the 96-channel Spikformer") {
  // 8-bit weights do not go into a binary crossbar; 2-bit ones do, but the stem's third layer has
  // 3 x 3 x 24 = 216 synapses, of 128.
  CHECK(lacking("truenorth.yaml", 8).count("stem0: weight_format") == 1);
  const auto ternary = lacking("truenorth.yaml", 2);
  CHECK(ternary.count("stem0: spike_bits") == 1);
  CHECK(ternary.count("stem0: weight_format") == 0);
  CHECK(ternary.count("stem2: fan_in") == 1);
  CHECK(ternary.count("block0.attention: role") == 1);
  const auto speck = lacking("speck.yaml", 8);
  CHECK(speck.count("stem0: spike_bits") == 1);
  CHECK(speck.count("block0.attention: role") == 1);
  const auto no_core = [](const std::string& what) { return what.ends_with(": cores"); };
  CHECK(std::any_of(speck.begin(), speck.end(), no_core));  // the nine are taken
}

TEST_CASE("shipped chips: TrueNorth's cores have the published sizes") {
  const Chip chip = shipped("truenorth.yaml");
  CHECK(chip.cores().size() == 4096);
  const CoreKindSpec& core = chip.spec().core_kinds[0];
  CHECK(core.max_neurons == 256);
  CHECK(core.memory(MemoryUnit::synapse_memory)->capacity == Bits{256 * 256});
  CHECK(core.weight_formats.supports({Scheme::ternary, 2}));
  CHECK(core.weight_formats.supports({Scheme::binary, 1}));
  CHECK(!core.weight_formats.supports({Scheme::uniform, 3}));
  CHECK(!core.weight_formats.supports({Scheme::power_of_two, 2}));
  CHECK(chip.spec().tick == Picoseconds{1'000'000'000});  // 1 kHz
}

TEST_CASE("shipped chips: SpiNNaker2 has 152 elements, Speck nine cores of four sizes") {
  const Chip spinnaker = shipped("spinnaker2.yaml");
  CHECK(spinnaker.cores().size() == 152);
  CHECK(spinnaker.core(CoreId{76}).tile == 21);
  std::uint64_t sram = 24 * 8192;  // programs
  for (const auto& memory : spinnaker.spec().core_kinds[0].memories) {
    if (memory) sram += memory->capacity.value();
  }
  CHECK(sram == 128 * 8192);
  const Chip speck = shipped("speck.yaml");
  std::uint64_t neurons = 0;
  std::uint64_t weights = 0;
  for (std::uint32_t i = 0; i < speck.cores().size(); ++i) {
    const CoreKindSpec& kind = speck.kind_of(CoreId{i});
    neurons += kind.max_neurons;
    weights += kind.memory(MemoryUnit::synapse_memory)->capacity.value() / 8;
    CHECK(kind.memory(MemoryUnit::membrane_memory)->capacity == Bits{kind.max_neurons * 16ULL});
    CHECK(kind.max_fan_in == 16U * 16 * 1024);
  }
  CHECK(speck.cores().size() == 9);
  CHECK(neurons == 327'680);  // 3 x 64 Ki + 2 x 32 Ki + 4 x 16 Ki, as published
  CHECK(weights == 272 * 1024);
}

TEST_CASE("shipped chips: Loihi 1 fitted differs from the published one in times alone") {
  const Chip fitted = shipped("loihi1_fitted.yaml");
  const Chip published = shipped("loihi1.yaml");
  const CoreTimes& times = fitted.spec().core_kinds[0].times;
  CHECK(times.axon_in == Picoseconds{16'000});
  CHECK(times.neuron_update_active == Picoseconds{6'000 + 3'700});
  CHECK(times.axon_out == Picoseconds{5'100 + 30'000});
  CHECK(times.score_word == published.spec().core_kinds[0].times.score_word);
  CHECK(fitted.spec().barrier == Picoseconds{1'800'000});
  CHECK(fitted.cores().size() == published.cores().size());
  CHECK(fitted.spec().core_kinds[0].max_neurons == 1024);
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
  // A tick of 490 ns makes the short steps longer, 15.7 + 465 and 16.8 + 465 ns, not the long one.
  ChipSpec ticking = chip.spec();
  ticking.tick = Picoseconds{490'000};
  const std::vector<StepInterval> ticked{{Picoseconds{0}, Picoseconds{490'000}},
                                         {Picoseconds{490'000}, Picoseconds{490'000 + 497'400}},
                                         {Picoseconds{987'400}, Picoseconds{987'400 + 490'000}}};
  CHECK(simulate(network, pops, widths, trace, Chip(ticking), mapping).timeline.steps == ticked);
}

}  // namespace
}  // namespace nj
