#include <filesystem>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/hardware/chip_file.hpp>

#include "good_chip.hpp"
#include "support/changed_text.hpp"
#include "support/chip_text.hpp"
#include "support/thrown.hpp"

// Chip files that build on others (base) and core kinds that are like others (like).
namespace nj {
namespace {

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

TEST_CASE("chip file: of several bases each changes those before it") {
  const ChipFiles files(
      Files{{"host.yaml",
             "core_kinds:\n"
             "  host: {like: neuron, max_neurons: 7}\n"
             "  neuron: {max_neurons: 50, max_fan_in: null}\n"},
            {"more.yaml", "base: host.yaml\ncore_kinds: {host: {max_neurons: 8, max_fan_in: 9}}\n"},
            {"ring.yaml",
             "topology: {kind: ring, flit: 8 bit, link: {cycle: 1 ns}, hop: {latency: 1 ns}, "
             "within_tile: {latency: 1 ns}}\n"},
            {"fan.yaml", "base: good.yaml\ncore_kinds: {neuron: {max_fan_in: 60}}\n"},
            {"both.yaml", "base: [fan.yaml, host.yaml]\ntopology: {tile: [neuron, host]}\n"},
            {"other.yaml", "base: [host.yaml, fan.yaml]\ntopology: {tile: [neuron, host]}\n"},
            {"most.yaml",
             "base: [fan.yaml, more.yaml]\ntopology: {tile: [neuron, host]}\n"
             "core_kinds: {host: {max_fan_in: 10}}\n"},
            {"turned.yaml",
             "base: [good.yaml, ring.yaml]\ntopology: {routers: 3, tile: [neuron, neuron]}\n"},
            {"one.yaml", "base: [good.yaml]\nname: one\n"}});
  const auto kind = [&](const char* file, std::uint32_t core) {
    return files.load(file).kind_of(CoreId{core});
  };
  CHECK(kind("both.yaml", 0).max_neurons == 50);
  CHECK(kind("both.yaml", 1).max_neurons == 7);
  CHECK_FALSE(kind("both.yaml", 0).max_fan_in);
  CHECK(kind("other.yaml", 0).max_fan_in == 60);
  CHECK(kind("other.yaml", 1).max_neurons == 7);
  CHECK(kind("most.yaml", 1).max_neurons == 8);
  CHECK(kind("most.yaml", 1).max_fan_in == 10);
  const auto turned = std::get<NetworkSpec>(files.load("turned.yaml").spec().topology.network);
  CHECK(std::get<RingShape>(turned.shape).routers == 3);
  CHECK(files.load("one.yaml").spec().name == "one");
  CHECK(files.load("one.yaml").cores().size() == files.load("good.yaml").cores().size());
}

TEST_CASE("chip file: null leaves a key out, whether or not a base has it") {
  const std::string kinds =
      "core_kinds: {neuron: {max_fan_in: 60}, small: {like: neuron, max_axons: 9}}\n";
  const ChipFiles files(
      Files{{"fan.yaml", "base: good.yaml\ntopology: {tile: [neuron, small]}\n" + kinds},
            {"none.yaml",
             "base: fan.yaml\nsynchronisation: {handshake: 1 ns, barrier: null, tick: null}\n"
             "datapath: null\ncore_kinds:\n"
             "  small: {max_fan_in: null, max_axons: null, axon_table: null}\n"},
            {"plain.yaml",
             "base: good.yaml\ntopology: {tile: [neuron, small]}\n"
             "synchronisation: {handshake: 1 ns}\n"
             "core_kinds: {neuron: {max_fan_in: 60}, small: {like: neuron}}\n"},
            {"misspelt.yaml", "base: good.yaml\ncore_kinds: {neuron: {max_fann_in: null}}\n"}});
  const Chip chip = files.load("none.yaml");
  CHECK(chip.spec().handshake == Picoseconds{1'000});
  CHECK(chip.kind_of(CoreId{0}).max_fan_in == 60);
  CHECK_FALSE(chip.kind_of(CoreId{1}).max_fan_in);  // like neuron, but for this
  CHECK_FALSE(chip.kind_of(CoreId{1}).max_axons);
  CHECK(files.text("none.yaml").find("null") == std::string::npos);
  CHECK(files.load("plain.yaml").kind_of(CoreId{1}).max_fan_in == 60);
  CHECK(files.refusal("misspelt.yaml") ==
        "misspelt.yaml:2:23: core_kinds.neuron.max_fann_in: unknown key, did you mean "
        "'max_fan_in'?");
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
            {"lost2.yaml", "base: [good.yaml, lst.yaml]\n"},
            {"none.yaml", "base: []\n"},
            {"x.yaml", "base: [good.yaml, y.yaml]\n"},
            {"y.yaml", "base: [good.yaml, ./x.yaml]\n"},
            {"part.yaml", "core_kinds: {a: {role: neuron}}\n"},
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
  CHECK(files.refusal("lost2.yaml").starts_with("lost2.yaml:1:19: base[1]: lst.yaml: "));
  CHECK(files.refusal("none.yaml") == "none.yaml:1:1: base: expected at least one value");
  CHECK(files.refusal("x.yaml") ==
        "y.yaml:1:19: base[1]: chip files that build on themselves: x.yaml -> y.yaml -> x.yaml");
  CHECK(files.refusal("part.yaml") == "part.yaml:1:1: lacks the key 'name'");
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
  for (int i = 0; i < 30; ++i) {
    const std::string next = "g" + std::to_string(i + 1) + ".yaml";
    chain["g" + std::to_string(i) + ".yaml"] = "base: [" + next + ", " + next + "]\n";
  }
  chain["g30.yaml"] = "name: x\n";
  const ChipFiles files(chain);
  CHECK(files.refusal("self.yaml") ==
        "self.yaml:1:1: base: chip files that build on themselves: self.yaml -> self.yaml");
  CHECK(files.refusal("f0.yaml") ==
        "f64.yaml:1:1: base: more than 64 chip files build on each other");
  CHECK(files.refusal("g0.yaml").ends_with(": more than 64 chip files build on each other"));
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
}  // namespace
}  // namespace nj
