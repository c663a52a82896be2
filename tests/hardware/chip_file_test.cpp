#include <functional>
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/chip.hpp>

#include "support/micro_scenario.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

const std::string good = R"(name: test
description: two tiles
technology: {node: 45 nm, voltage: 0.9 V}
topology:
  kind: mesh
  width: 2
  height: 1
  tile: [neuron, attention]
  flit: 64 bit
  link: {cycle: 1 ns}
  hop_east_west: {latency: 4.1 ns}
  hop_north_south: {latency: 6.5 ns}
  within_tile: {latency: 2.1 ns}
synchronisation: {barrier: 500 ns}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 1 ns, axon_out: 1 ns}
core_kinds:
  neuron:
    role: neuron
    max_neurons: 1024
    synapse_memory: {capacity: 128 KiB, word: 64 bit}
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    spike_buffer: {capacity: 4 KiB, word: 64 bit}
    weight_formats: {uniform: 8 bit, power_of_two: 4 bit}
    times: {axon_in: 1 ns, synapse_word: 2 ns, neuron_update_active: 3 ns, neuron_update_inactive: 2 ns, axon_out: 1 ns}
  attention:
    role: [attention]
    max_neurons: 512
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    spike_buffer: {capacity: 4 KiB, word: 64 bit}
    times: {axon_in: 1 ns, neuron_update_active: 3 ns, neuron_update_inactive: 2 ns, axon_out: 1 ns, coincidence_word: 1 ns, score_word: 1 ns}
)";

Chip parse(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "chip.yaml");
  Chip chip = read_chip(document.root());
  document.finish();
  return chip;
}

/// What reading says when `from` is replaced by `to`.
std::string refusal(const std::string& from, const std::string& to) {
  std::string text = good;
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return testing::message_of([&] { parse(text); });
}

TEST_CASE("chip file: a good one gives the chip it describes") {
  const Chip chip = parse(good);
  REQUIRE(chip.cores().size() == 4);
  CHECK(chip.core(CoreId{2}).tile == 1);
  CHECK(chip.kind_of(CoreId{2}).name == "neuron");
  CHECK(chip.kind_of(CoreId{3}).has(CoreRole::attention));
  CHECK(chip.cores_of_kind(1) == 2);
  CHECK(chip.topology().links()[0].spec.latency == Picoseconds{4'100});
  CHECK(chip.spec().barrier == Picoseconds{500'000});
  CHECK(chip.kind_of(CoreId{0}).memory(MemoryUnit::synapse_memory)->capacity == Bits{1'048'576});
  CHECK(!chip.kind_of(CoreId{1}).memory(MemoryUnit::synapse_memory));
  CHECK(chip.kind_of(CoreId{0}).weight_formats.supports({Scheme::uniform, 8}));
  CHECK(!chip.kind_of(CoreId{0}).weight_formats.supports({Scheme::power_of_two, 5}));
  CHECK(!chip.kind_of(CoreId{0}).weight_formats.supports({Scheme::float32, 32}));
}

TEST_CASE("chip file: each mistake is refused at its place") {
  CHECK(refusal("width: 2", "width: 1000000000") ==
        "chip.yaml:6:3: topology.width: expected 1..4096, got 1000000000");
  CHECK(refusal("width: 2\n  height: 1", "width: 4096\n  height: 4096") ==
        "chip.yaml:4:1: topology: 16777216 tiles with 33554432 cores: expected at most 4096 tiles "
        "and 65536 cores");
  CHECK(refusal("synapse_memory: {capacity: 128 KiB", "synapse_memory: {capacity: 0 KiB") ==
        "chip.yaml:20:22: core_kinds.neuron.synapse_memory.capacity: expected a capacity above 0 "
        "bit, got 0 bit");
  CHECK(refusal("[neuron, attention]", "[neuron, atention]")
            .starts_with("chip.yaml:8:18: topology.tile[1]: "));
  CHECK(refusal("latency: 4.1 ns", "latency: 4.1")
            .starts_with("chip.yaml:11:19: topology.hop_east_west.latency: "));
  CHECK(refusal("latency: 4.1 ns", "latency: -4.1 ns")
            .starts_with("chip.yaml:11:19: topology.hop_east_west.latency: "));
  CHECK(refusal("latency: 4.1 ns", "latency: 4.1 pJ")
            .starts_with("chip.yaml:11:19: topology.hop_east_west.latency: "));
  CHECK(refusal("latency: 4.1 ns", "latency: 0 ns")
            .starts_with("chip.yaml:11:19: topology.hop_east_west.latency: expected"));
  CHECK(refusal("barrier: 500 ns", "barrier: 500 s")
            .starts_with("chip.yaml:14:19: synchronisation.barrier: expected"));
  CHECK(refusal("role: neuron", "role: nueron")
            .starts_with("chip.yaml:18:5: core_kinds.neuron.role: "));
  CHECK(refusal("max_neurons: 1024", "max_neurons: 0") ==
        "chip.yaml:19:5: core_kinds.neuron.max_neurons: expected 1..2147483647, got 0");
  CHECK(refusal("word: 64 bit", "word: 64").starts_with("chip.yaml:15:29: off_chip.word: "));
  CHECK(refusal("{capacity: 8 KiB, word: 64 bit}", "{capacity: 8 bit, word: 64 bit}")
            .starts_with("chip.yaml:21:43: core_kinds.neuron.accumulator_memory.word: "));
  CHECK(refusal("uniform: 8 bit", "uniform: 17 bit") ==
        "chip.yaml:24:22: core_kinds.neuron.weight_formats.uniform: expected 1 bit to 16 bit, got "
        "17 bit");
  CHECK(refusal("synapse_word: 2 ns, ", "")
            .find("a neuron core needs a synapse_word or a synaptic_operation time") !=
        std::string::npos);
  CHECK(refusal("kind: mesh", "kind: sphere").starts_with("chip.yaml:5:3: topology.kind: "));
  CHECK(refusal("  neuron:\n    role", "  network:\n    role")
            .find("\"network\" is reserved for a component of the chip") != std::string::npos);
}

TEST_CASE("chip file: missing and unknown keys are refused, with a hint") {
  CHECK(refusal(", coincidence_word: 1 ns", "").find("coincidence_word") != std::string::npos);
  CHECK(refusal("max_neurons: 512", "max_neuron: 512").find("max_neurons") != std::string::npos);
  CHECK(refusal("flit: 64 bit", "flit: 64 bit\n  wdith: 3")
            .starts_with("chip.yaml:10:3: topology.wdith: "));
  CHECK(refusal("    membrane_memory: {capacity: 4 KiB, word: 64 bit}\n", "")
            .find("membrane_memory") != std::string::npos);
}

TEST_CASE("chip: a description built in code is checked too") {
  const auto message = [](const std::function<void(ChipSpec&)>& change) {
    ChipSpec spec = testing::micro_chip().spec();
    change(spec);
    return testing::message_of([&] { static_cast<void>(Chip(spec)); });
  };
  CHECK(message([](ChipSpec&) {}) == "nothing thrown");
  CHECK(message([](ChipSpec& s) { testing::grid_of(s).width = 100'000; }) ==
        "topology: expected 1 to 4096 tiles, got 200000");
  CHECK(message([](ChipSpec& s) { s.topology.tile = {"gpu"}; }) ==
        "topology.tile: unknown core kind \"gpu\"");
  CHECK(message([](ChipSpec& s) {
          testing::grid_of(s).east_west.cycle = {};
        }).starts_with("topology.link.cycle: expected"));
  CHECK(message([](ChipSpec& s) { s.core_kinds[0].memories[1].reset(); }) ==
        "core_kinds.neuron.accumulator_memory: this role needs it");
  CHECK(message([](ChipSpec& s) { s.core_kinds.push_back(s.core_kinds[0]); }) ==
        "core_kinds: the name \"neuron\" is empty, reserved or taken");
}

}  // namespace
}  // namespace nj
