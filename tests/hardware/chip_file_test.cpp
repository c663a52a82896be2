#include <functional>
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/chip_file.hpp>

#include "good_chip.hpp"
#include "support/changed_text.hpp"
#include "support/chip_text.hpp"
#include "support/micro_scenario.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

Chip parse(const std::string& text) { return testing::chip_of(text); }

/// What reading says when `from` is replaced by `to`.
std::string refusal(const std::string& from, const std::string& to) {
  return testing::chip_refusal(good, from, to);
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
        "bit and below 512 MiB, got 0 bit");
  CHECK(refusal("synapse_memory: {capacity: 128 KiB", "synapse_memory: {capacity: 512 MiB")
            .starts_with("chip.yaml:20:22: core_kinds.neuron.synapse_memory.capacity: "));
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
  CHECK(refusal("role: neuron", "role: [neuron, neuron]") ==
        "chip.yaml:18:20: core_kinds.neuron.role[1]: this role is listed twice");
  CHECK(refusal("role: neuron", "role: array") ==
        "chip.yaml:18:5: core_kinds.neuron.role: an array needs `schedule: streamed` in the chip "
        "file");
  CHECK(refusal("role: [attention]", "role: [attention]\n    attention: values_first") ==
        "chip.yaml:26:3: core_kinds.attention: lacks the key 'score_memory'");
  CHECK(refusal("role: [attention]",
                "role: [attention]\n    score_memory: {capacity: 8 KiB, word: 64 bit}") ==
        "chip.yaml:28:5: core_kinds.attention.score_memory: only an attention core with "
        "`attention: values_first` has it");
  CHECK(refusal("role: [attention]",
                "role: [attention]\n    attention: values_first\n"
                "    score_memory: {capacity: 8 KiB, word: 64 bit}") == "nothing thrown");
  CHECK(refusal("role: neuron", "role: neuron\n    attention: values_first") ==
        "chip.yaml:19:5: core_kinds.neuron.attention: only cores of the role attention have it");
  CHECK(refusal("role: [attention]", "role: encoder") ==
        "chip.yaml:26:3: core_kinds.attention: lacks the key 'synapse_memory'");
  CHECK(refusal("role: neuron", "role: [encoder, nueron]").find("neuron, attention, encoder") !=
        std::string::npos);
  CHECK(refusal("role: [attention]", "role: []")
            .find("a core kind needs a role: neuron, attention, encoder") != std::string::npos);
  CHECK(refusal("max_neurons: 1024", "max_neurons: 0") ==
        "chip.yaml:19:5: core_kinds.neuron.max_neurons: expected 1..2147483647, got 0");
  CHECK(refusal("max_neurons: 1024", "max_neurons: 1024\n    max_fan_in: 0") ==
        "chip.yaml:20:5: core_kinds.neuron.max_fan_in: expected 1..2147483647, got 0");
  CHECK(refusal("max_neurons: 1024", "max_neurons: 1024\n    max_axons: -1") ==
        "chip.yaml:20:5: core_kinds.neuron.max_axons: expected 1..2147483647, got -1");
  CHECK(refusal("max_neurons: 1024", "max_neurons: 1024\n    max_spike_bits: 1") ==
        "chip.yaml:20:5: core_kinds.neuron.max_spike_bits: '1' lacks a unit, expected one of bit, "
        "B, KiB, "
        "MiB, GiB, kbit, Mbit");
  for (const char* time : {"axon_in: 1", "axon_in: -1 ns", "axon_in: 1 pJ", "axon_in: 2 s"}) {
    CAPTURE(time);
    CHECK(refusal("axon_in: 1 ns", time)
              .starts_with("chip.yaml:25:13: core_kinds.neuron.times.axon_in: "));
  }
  CHECK(refusal("capacity: 1 GiB", "capacity: 0 GiB")
            .starts_with("chip.yaml:15:12: off_chip.capacity: expected a capacity above 0"));
  CHECK(refusal("node: 45 nm", "node: 0 nm").starts_with("chip.yaml:3:14: technology.node: "));
  for (const char* voltage : {"voltage: 0 V", "voltage: 1000 V"}) {
    CAPTURE(voltage);
    CHECK(refusal("voltage: 0.9 V", voltage).starts_with("chip.yaml:3:27: technology.voltage: "));
  }
  CHECK(refusal("capacity: 1 GiB", "capacity: 1048576 GiB").starts_with("chip.yaml:15:12: "));
  CHECK(refusal("barrier: 500 ns", "barrier: 500 ns, tick: 2 s")
            .starts_with("chip.yaml:14:36: synchronisation.tick: expected"));
  CHECK(refusal("barrier: 500 ns", "barrier: -500 ns")
            .starts_with("chip.yaml:14:19: synchronisation.barrier: "));
  const std::string path = "synchronisation: {barrier: 500 ns}\ndatapath: ";
  CHECK(refusal("synchronisation: {barrier: 500 ns}", path + "{weight: 8 bit, membrane: 24 bit}") ==
        "nothing thrown");
  CHECK(refusal("synchronisation: {barrier: 500 ns}", path + "{weight: 33 bit}") ==
        "chip.yaml:15:12: datapath.weight: expected 1 bit to 32 bit, got 33 bit");
  CHECK(refusal("synchronisation: {barrier: 500 ns}", path + "{adder: 8 bit}")
            .starts_with("chip.yaml:15:12: datapath.adder: unknown key"));
  CHECK(refusal("barrier: 500 ns", "handshake: 5 ns") == "nothing thrown");
  CHECK(refusal("barrier: 500 ns", "handshake: 0 ns")
            .starts_with("chip.yaml:14:19: synchronisation.handshake: expected 1 ps to"));
  for (const char* other : {"barrier", "tick"}) {
    CHECK(refusal("barrier: 500 ns", std::string("handshake: 5 ns, ") + other + ": 5 ns") ==
          std::string("chip.yaml:14:36: synchronisation.") + other +
              ": a chip with handshakes has neither barrier nor tick");
  }
  CHECK(refusal("barrier: 500 ns", "tick: 5 ns") ==
        "chip.yaml:14:1: synchronisation: lacks the key 'barrier'");
  CHECK(refusal("word: 64 bit", "word: 64").starts_with("chip.yaml:15:29: off_chip.word: "));
  CHECK(refusal("{capacity: 8 KiB, word: 64 bit}", "{capacity: 8 bit, word: 64 bit}")
            .starts_with("chip.yaml:21:43: core_kinds.neuron.accumulator_memory.word: "));
  CHECK(refusal("uniform: 8 bit", "uniform: 17 bit") ==
        "chip.yaml:24:22: core_kinds.neuron.weight_formats.uniform: expected 1 bit to 16 bit, got "
        "17 bit");
  CHECK(refusal("synapse_word: 2 ns, ", "")
            .find("a core with weights needs a synapse_word or a synaptic_operation time") !=
        std::string::npos);
  CHECK(refusal("kind: mesh", "kind: sphere").starts_with("chip.yaml:5:3: topology.kind: "));
  CHECK(refusal("  neuron:\n    role", "  network:\n    role")
            .find("\"network\" is reserved for a component of the chip") != std::string::npos);
}

TEST_CASE("chip file: memories have banks and ports") {
  std::string text = good;
  const std::string memory = "synapse_memory: {capacity: 128 KiB, word: 64 bit";
  text.insert(text.find(memory) + memory.size(), ", banks: 8, ports: 2");
  const MemorySpec read = *parse(text).kind_of(CoreId{0}).memory(MemoryUnit::synapse_memory);
  CHECK(read.banks == 8);
  CHECK(read.ports == 2);
  CHECK(read.rounds(0) == 0);
  CHECK(read.rounds(16) == 1);
  CHECK(read.rounds(17) == 2);
  CHECK(refusal(memory, memory + ", ports: 17") ==
        "chip.yaml:20:55: core_kinds.neuron.synapse_memory.ports: expected 1..16, got 17");
  CHECK(refusal(memory, memory + ", banks: 0") ==
        "chip.yaml:20:55: core_kinds.neuron.synapse_memory.banks: expected 1..4096, got 0");
  CHECK(refusal("{capacity: 4 KiB, word: 64 bit}", "{capacity: 4 KiB, word: 64 bit, banks: 513}")
            .find("513 banks with a word of 64 bit do not fit 4 KiB") != std::string::npos);
  CHECK(refusal("capacity: 1 GiB, word", "capacity: 1 GiB, banks: 2, word")
            .starts_with("chip.yaml:15:29: off_chip.banks: "));
}

TEST_CASE("chip file: missing and unknown keys are refused, with a hint") {
  CHECK(refusal(", coincidence_word: 1 ns", "").find("coincidence_word") != std::string::npos);
  CHECK(refusal("max_neurons: 512", "max_neuron: 512").find("max_neurons") != std::string::npos);
  CHECK(refusal("flit: 64 bit", "flit: 64 bit\n  wdith: 3")
            .starts_with("chip.yaml:10:3: topology.wdith: "));
  CHECK(refusal("    membrane_memory: {capacity: 4 KiB, word: 64 bit}\n", "")
            .find("membrane_memory") != std::string::npos);
}

TEST_CASE("chip file: ranges of tiles cover each tile once") {
  const std::string tile = "tile: [neuron, attention]";
  CHECK(refusal(tile, "tiles: {0: [neuron], 0..1: [neuron]}") ==
        "chip.yaml:8:24: topology.tiles.0..1: tile 0 is given twice");
  CHECK(refusal(tile, "tiles: {1: [neuron]}") ==
        "chip.yaml:8:3: topology.tiles: tile 0 is left out");
  CHECK(refusal(tile, "tiles: {0: [neuron]}") ==
        "chip.yaml:8:3: topology.tiles: tile 1 is left out");
  const std::string expected = "expected tiles as N or FIRST..LAST, both included, of 0..1";
  for (const char* range : {"0..2", "1..0", "0..", "all", "0-1", "00..1", "0..4294967296"}) {
    CAPTURE(range);
    CHECK(refusal(tile, std::string("tiles: {") + range + ": [neuron]}") ==
          std::string("chip.yaml:8:11: topology.tiles.") + range + ": " + expected);
  }
  CHECK(refusal(tile, "tiles: {0..1: []}") == "chip.yaml:8:3: topology.tiles: a chip needs a core");
  CHECK(refusal(tile, "tiles: {0: [], 1: [neuron]}") == "nothing thrown");
  CHECK(refusal(tile, "tile: []") == "chip.yaml:8:3: topology.tile: a tile needs a core");
  CHECK(refusal(tile, "tiles: {0..1: [gpu]}")
            .starts_with("chip.yaml:8:18: topology.tiles.0..1[0]: "));
  CHECK(refusal(tile, "tiles: {0..1: [neuron]}\n  " + tile)
            .starts_with("chip.yaml:9:3: topology.tile: there is `tiles` too"));
  CHECK(refusal(tile, "").starts_with("chip.yaml:4:1: topology: lacks the key 'tile'"));
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
          s.topology.tiles = {{0, 2, {"neuron"}}};
        }) == "topology.tile: tiles are all alike, or differ");
  CHECK(message([](ChipSpec& s) {
          s.topology.tile.clear();
          s.topology.tiles = {{0, 2, {"neuron"}}, {3, 4, {"neuron"}}};
        }) == "topology.tiles: tile 2 is left out or given twice");
  CHECK(message([](ChipSpec& s) {
          testing::grid_of(s).east_west.cycle = {};
        }).starts_with("topology.link.cycle: expected"));
  CHECK(message([](ChipSpec& s) { s.core_kinds[0].max_fan_in = 0; }) ==
        "core_kinds.neuron.max_fan_in: a neuron needs a synapse");
  CHECK(message([](ChipSpec& s) { s.core_kinds[0].max_spike_bits = 0; }) ==
        "core_kinds.neuron.max_spike_bits: a spike has a bit");
  CHECK(message([](ChipSpec& s) { s.core_kinds[0].max_axons = 0; }) ==
        "core_kinds.neuron.max_axons: a core needs an axon");
  CHECK(message([](ChipSpec& s) { s.core_kinds[0].memories[1].reset(); }) ==
        "core_kinds.neuron.accumulator_memory: this role needs it");
  CHECK(message([](ChipSpec& s) { s.core_kinds.push_back(s.core_kinds[0]); }) ==
        "core_kinds: the name \"neuron\" is empty, reserved or taken");
}

}  // namespace
}  // namespace nj
