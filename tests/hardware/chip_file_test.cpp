#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/chip_file.hpp>

#include "support/chip_text.hpp"
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

using Files = std::map<std::string, std::string>;  ///< name and text

/// Chip files in a folder of their own; `good.yaml` is there.
class ChipFiles {
 public:
  explicit ChipFiles(const Files& files) {
    write_file_atomically(folder_ / "good.yaml", good);
    for (const auto& [name, text] : files) write_file_atomically(folder_ / name, text);
  }
  [[nodiscard]] Chip load(const std::string& name) const { return load_chip(folder_ / name); }
  [[nodiscard]] std::string text(const std::string& name) const {
    return chip_text(load_chip_document(folder_ / name));
  }
  /// What loading a file says, without the folder's name.
  [[nodiscard]] std::string refusal(const std::string& name) const {
    std::string message = testing::message_of([&] { static_cast<void>(load(name)); });
    const std::string prefix = folder_.path().string() + "/";
    for (auto at = message.find(prefix); at != std::string::npos; at = message.find(prefix)) {
      message.erase(at, prefix.size());
    }
    return message;
  }

 private:
  testing::TemporaryFolder folder_;
};

/// What a file with these lines under `base: good.yaml` says.
std::string variant_refusal(const std::string& lines) {
  return ChipFiles(Files{{"variant.yaml", "base: good.yaml\n" + lines}}).refusal("variant.yaml");
}

TEST_CASE("chip file: a variant states what differs from its base") {
  const ChipFiles files(
      Files{{"variant.yaml",
             "base: good.yaml\nname: variant\ntopology: {width: 3, multicast: true}\n"
             "core_kinds:\n  neuron: {synapse_memory: {capacity: 64 KiB}}\n"},
            {"second.yaml", "base: variant.yaml\nname: second\ntopology: {height: 2}\n"}});
  const Chip chip = files.load("second.yaml");
  CHECK(chip.spec().name == "second");
  CHECK(chip.spec().description == "two tiles");
  CHECK(chip.topology().tiles() == 6);
  CHECK(chip.spec().topology.multicast);
  const auto& memory = chip.kind_of(CoreId{0}).memory(MemoryUnit::synapse_memory);
  CHECK(memory->capacity == Bits{64 * 8192});
  CHECK(memory->word_bits == 64);  // the base's
  // Stated outright it is the same chip, to the letter.
  std::string whole = good;
  for (const auto& [from, to] : {std::pair{"name: test", "name: second"},
                                 {"width: 2", "width: 3"},
                                 {"height: 1", "height: 2"},
                                 {"128 KiB", "64 KiB"},
                                 {"latency: 2.1 ns}", "latency: 2.1 ns}\n  multicast: true"}}) {
    whole.replace(whole.find(from), std::string(from).size(), to);
  }
  CHECK(files.text("second.yaml") == ChipFiles(Files{{"whole.yaml", whole}}).text("whole.yaml"));
  // The text is a chip file itself, and stays what it is.
  const ChipFiles again(Files{{"text.yaml", files.text("second.yaml")}});
  CHECK(again.load("text.yaml").cores().size() == 12);
  CHECK(again.text("text.yaml") == files.text("second.yaml"));
  CHECK(again.text("good.yaml") != files.text("second.yaml"));
}

TEST_CASE("chip file: a variant has no keys that its base would not know either") {
  for (const char* key : {"chip", "between", "gateway"}) {
    CAPTURE(key);
    CHECK(variant_refusal("topology: {" + std::string(key) + ": 7}\n")
              .starts_with("variant.yaml:2:12: topology." + std::string(key) + ": unknown key"));
  }
  const std::string array = "base: " NJ_SOURCE_DIR "/hardware/chips/pe_array45.yaml\n";
  for (const char* lines :
       {"topology: {kind: mesh}\n", "synchronisation: {barrier: 1 ns}\n", "synchronisation: 7\n"}) {
    CAPTURE(lines);
    const std::string said = ChipFiles(Files{{"array.yaml", array + lines}}).refusal("array.yaml");
    CHECK(said.starts_with("array.yaml:2:1: "));
    CHECK(said.find("unknown key") != std::string::npos);
  }
}

TEST_CASE("chip file: another kind of topology replaces the base's, and so do tiles") {
  const ChipFiles files(Files{
      {"ring.yaml",
       "base: good.yaml\ntopology: {kind: ring, routers: 3, tile: [neuron], "
       "flit: 8 bit, link: {cycle: 1 ns}, hop: {latency: 1 ns}, "
       "within_tile: {latency: 1 ns}}\n"},
      {"tiles.yaml", "base: good.yaml\ntopology: {tiles: {1: [attention, neuron], 0: [neuron]}}\n"},
      {"alike.yaml", "base: tiles.yaml\ntopology: {tile: [attention]}\n"}});
  CHECK(files.load("ring.yaml").cores().size() == 3);
  const Chip tiles = files.load("tiles.yaml");
  REQUIRE(tiles.cores().size() == 3);  // tile by tile
  CHECK(tiles.kind_of(CoreId{0}).name == "neuron");
  CHECK(tiles.kind_of(CoreId{1}).name == "attention");
  CHECK(tiles.core(CoreId{1}).tile == 1);
  CHECK(tiles.core(CoreId{2}).tile == 1);
  CHECK(tiles.cores_of_kind(0) == 2);
  CHECK(files.load("alike.yaml").cores_of_kind(1) == 2);
}

TEST_CASE("chip file: hops of each way replace the base's axis, and the reverse") {
  const ChipFiles files(
      Files{{"ways.yaml",
             "base: good.yaml\ntopology: {hop_east: {latency: 1 ns}, hop_west: {latency: 5 ns}}\n"},
            {"west.yaml", "base: ways.yaml\ntopology: {hop_west: {latency: 6 ns}}\n"},
            {"axis.yaml", "base: west.yaml\ntopology: {hop_east_west: {latency: 7 ns}}\n"},
            {"half.yaml", "base: good.yaml\ntopology: {hop_east: {latency: 1 ns}}\n"}});
  const auto latencies = [&](const char* name) {  // good.yaml has two tiles: one link each way
    const Chip chip = files.load(name);
    const auto links = chip.topology().links();
    return std::pair{links[0].spec.latency.value(), links[1].spec.latency.value()};
  };
  CHECK(latencies("ways.yaml") == std::pair{std::int64_t{1'000}, std::int64_t{5'000}});
  CHECK(latencies("west.yaml") == std::pair{std::int64_t{1'000}, std::int64_t{6'000}});
  CHECK(latencies("axis.yaml") == std::pair{std::int64_t{7'000}, std::int64_t{7'000}});
  CHECK(files.refusal("half.yaml").find("lacks the key 'hop_west'") != std::string::npos);
}

TEST_CASE("chip file: what replaces a base's network does so in the parts of several chips too") {
  const std::string several =
      "base: good.yaml\ntopology: {kind: multi-chip, gateway: 0, tile: [neuron], flit: 8 bit, "
      "within_tile: {latency: 1 ns}, chip: {kind: mesh, width: 2, height: 1, link: {cycle: 1 ns}, "
      "hop_east_west: {latency: 3 ns}, hop_north_south: {latency: 3 ns}}, between: {kind: ring, "
      "routers: 3, link: {cycle: 1 ns}, hop: {latency: 9 ns}}}\n";
  const ChipFiles files(
      Files{{"several.yaml", several},
            {"ways.yaml",
             "base: several.yaml\n"
             "topology: {chip: {hop_east: {latency: 4 ns}, hop_west: {latency: 5 ns}}}\n"},
            {"tree.yaml",
             "base: ways.yaml\ntopology: {between: {kind: tree, arity: 2, levels: [{}], "
             "link: {cycle: 1 ns}, hop: {latency: 7 ns}}}\n"}});
  const auto network = [&](const char* name) {
    return std::get<MultiChipSpec>(files.load(name).spec().topology.network);
  };
  const auto grid = std::get<GridShape>(network("ways.yaml").chip.shape);
  CHECK(grid.east_west.latency == Picoseconds{4'000});
  CHECK(grid.west_latency == Picoseconds{5'000});
  CHECK(grid.north_south.latency == Picoseconds{3'000});
  CHECK(std::get<RingShape>(network("ways.yaml").between.shape).routers == 3);
  CHECK(files.load("ways.yaml").cores().size() == 6);
  CHECK(std::get<TreeShape>(network("tree.yaml").between.shape).arity == 2);
  CHECK(files.load("tree.yaml").cores().size() == 4);
}

TEST_CASE("chip file: a core kind is like another, whatever the other is like in the end") {
  const ChipFiles files(
      Files{{"variant.yaml",
             "base: good.yaml\n"
             "topology: {tile: [large, largest]}\n"
             "core_kinds:\n"
             "  largest: {like: large, times: {axon_in: 9 ns}}\n"
             "  large: {like: neuron, max_neurons: 4096}\n"
             "  neuron: {weight_formats: {uniform: 4 bit, power_of_two: none}}\n"}});
  const Chip chip = files.load("variant.yaml");
  const CoreKindSpec& largest = chip.kind_of(CoreId{1});
  CHECK(largest.max_neurons == 4096);
  CHECK(largest.times.axon_in == Picoseconds{9'000});
  CHECK(largest.times.axon_out == Picoseconds{1'000});
  CHECK(largest.memory(MemoryUnit::synapse_memory)->capacity == Bits{1'048'576});
  CHECK(largest.weight_formats.uniform_bits == 4);
  CHECK(largest.weight_formats.power_of_two_bits == 0);
  CHECK(files.text("variant.yaml").find("like") == std::string::npos);
}

TEST_CASE("chip file: mistakes in variants are refused in the file where they are") {
  CHECK(variant_refusal("topology: {wdith: 3}\n") ==
        "variant.yaml:2:12: topology.wdith: unknown key, did you mean 'width'?");
  CHECK(variant_refusal("core_kinds:\n  neuron:\n    max_neuron: 3\n") ==
        "variant.yaml:4:5: core_kinds.neuron.max_neuron: unknown key, did you mean 'max_neurons'?");
  CHECK(variant_refusal("core_kinds: {nueron: {max_neurons: 3}}\n") ==
        "variant.yaml:2:14: core_kinds.nueron: lacks the key 'role'");
  CHECK(variant_refusal("core_kinds: {large: {like: nueron}}\n") ==
        "variant.yaml:2:22: core_kinds.large.like: there is no core kind 'nueron', did you mean "
        "'neuron'?");
  CHECK(variant_refusal("core_kinds: {a: {like: b}, b: {like: c}, c: {like: b}}\n") ==
        "variant.yaml:2:46: core_kinds.c.like: core kinds that are like themselves: b -> c -> b");
  CHECK(variant_refusal("topology: {kind: ring}\n") ==
        "variant.yaml:2:1: topology: lacks the key 'flit'");
  const ChipFiles files(
      Files{{"a.yaml", "name: a\nbase: b.yaml\n"},
            {"b.yaml", "base: c.yaml\n"},
            {"c.yaml", "base: ./b.yaml\n"},
            {"lost.yaml", "base: lst.yaml\n"},
            {"list.yaml", "- 1\n"},
            {"of_list.yaml", "base: list.yaml\n"},
            {"broken.yaml", "base: good.yaml\nsynchronisation: {barrier: 3}\n"},
            {"of_broken.yaml", "base: broken.yaml\nname: x\n"},
            {"mended.yaml", "base: broken.yaml\nsynchronisation: {barrier: 3 ns}\n"},
            {"free.yaml", "base: good.yaml\nsynchronisation: {handshake: 4 ns}\n"},
            {"freer.yaml", "base: free.yaml\nname: x\n"},
            {"bound.yaml", "base: free.yaml\nsynchronisation: {barrier: 4 ns}\n"},
            {"full.yaml", "base: free.yaml\ntopology: {buffer: 1 packets}\n"},
            {"stray.yaml", "base: good.yaml\nnmae: 3\n"},
            {"of_stray.yaml", "base: stray.yaml\n"}});
  CHECK(files.refusal("a.yaml") ==
        "c.yaml:1:1: base: chip files that build on themselves: b.yaml -> c.yaml -> b.yaml");
  CHECK(files.refusal("lost.yaml").starts_with("lost.yaml:1:1: base: lst.yaml: "));
  CHECK(files.refusal("of_list.yaml") == "list.yaml:1:1: expected a map of keys");
  CHECK(files.refusal("of_broken.yaml").starts_with("broken.yaml:2:19: synchronisation.barrier: "));
  CHECK(files.refusal("mended.yaml") == "nothing thrown");
  CHECK(files.load("free.yaml").spec().handshake == Picoseconds{4'000});
  CHECK(files.load("free.yaml").spec().barrier == Picoseconds{});
  CHECK(files.load("freer.yaml").spec().handshake == Picoseconds{4'000});
  CHECK(files.load("bound.yaml").spec().barrier == Picoseconds{4'000});
  CHECK_FALSE(files.load("bound.yaml").spec().handshake);
  CHECK(files.refusal("full.yaml") ==
        "full.yaml:2:12: topology.buffer: a chip with handshakes needs unbounded buffers");
  CHECK(files.refusal("of_stray.yaml") ==
        "stray.yaml:2:1: nmae: unknown key, did you mean 'name'?");
}

TEST_CASE("chip file: endless bases and kinds are refused before they cost anything") {
  Files chain{{"self.yaml", "base: ./self.yaml\n"}};
  for (int i = 0; i < 70; ++i) {
    chain["f" + std::to_string(i) + ".yaml"] = "base: f" + std::to_string(i + 1) + ".yaml\n";
  }
  const ChipFiles files(chain);
  CHECK(files.refusal("self.yaml") ==
        "self.yaml:1:1: base: chip files that build on themselves: self.yaml -> self.yaml");
  CHECK(files.refusal("f0.yaml") ==
        "f64.yaml:1:1: base: more than 64 chip files build on each other");
  CHECK(files.refusal("f10.yaml").starts_with("f69.yaml:1:1: base: f70.yaml: "));  // 60 bases
  std::string kinds = "core_kinds:\n";
  for (int i = 0; i < 256; ++i) {
    kinds += "  k" + std::to_string(i) + ": {like: k" + std::to_string(i + 1) + "}\n";
  }
  CHECK(variant_refusal(kinds) ==
        "variant.yaml:2:1: core_kinds: expected at most 256 core kinds, got 258");
  const std::string loop = testing::message_of([] {
    const testing::TemporaryFolder folder;
    std::filesystem::create_symlink("loop.yaml", folder / "loop.yaml");
    write_file_atomically(folder / "chip.yaml", "base: loop.yaml\n");
    static_cast<void>(load_chip(folder / "chip.yaml"));
  });
  CHECK(loop.find("chip.yaml:1:1: base: ") != std::string::npos);
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
