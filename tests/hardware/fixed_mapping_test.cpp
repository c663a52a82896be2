#include <algorithm>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/hardware/fixed_mapping.hpp>
#include <neurojoule/hardware/mapping_report.hpp>
#include <neurojoule/hardware/placement.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

using testing::message_of;
using testing::micro_scenario;

FixedMapping read(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "m.yaml");
  FixedMapping mapping = read_fixed_mapping(document.root().at("fixed"));
  document.finish();
  return mapping;
}

Mapping resolved(const std::string& text) {
  const auto s = micro_scenario();
  return resolve(read(text), s.network, s.populations, s.widths, s.chip);
}

/// The picture's mapping, with the four slices as given.
std::string text(const std::string& a0, const std::string& a1, const std::string& b0,
                 const std::string& b1) {
  return "fixed:\n  a:\n  - {" + a0 + "}\n  - {" + a1 + "}\n  b:\n  - {" + b0 + "}\n  - {" + b1 +
         "}\n";
}

std::string mapping_refusal(const std::string& a0, const std::string& a1,
                            const std::string& b0 = "channels: 0..1, core: 2",
                            const std::string& b1 = "channels: 2..3, core: 3") {
  return message_of([&] { resolved(text(a0, a1, b0, b1)); });
}

TEST_CASE("fixed mapping: any order of slices gives the mapping that was meant") {
  const Mapping expected = micro_scenario().mapping;
  CHECK(resolved(text("channels: 0..1, rows: 0..0, core: 0", "channels: 2..3, rows: 0, core: 1",
                      "channels: 2..3, core: 3", "channels: 0..1, core: 2")) == expected);
  CHECK(resolved("fixed: {b: [{channels: 0..1, core: 2}, {channels: 2..3, core: 3}], "
                 "a: [{channels: 2..3, core: 1}, {channels: 0..1, core: 0}]}") == expected);
}

TEST_CASE("fixed mapping: what is written reads back to the same mapping") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const Chip chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml");
  const Mapping mapping = map_network(network, pops, widths, chip).mapping;
  const std::string written = "fixed:\n" + to_yaml(fixed_mapping(network, pops, mapping), 2);
  const FixedMapping again = read(written);
  CHECK(resolve(again, network, pops, widths, chip) == mapping);
  CHECK("fixed:\n" + to_yaml(again, 2) == written);
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "mapping.yaml", written);
  CHECK(resolve(load_fixed_mapping(folder / "mapping.yaml"), network, pops, widths, chip) ==
        mapping);
  write_file_atomically(folder / "mapping.yaml", written + "fixd: 1\n");
  CHECK(message_of([&] {
          load_fixed_mapping(folder / "mapping.yaml");
        }).find("fixd: unknown key") != std::string::npos);
}

TEST_CASE("fixed mapping: overlap, gap, core twice, wrong core and wrong range, at their places") {
  const std::string a0 = "channels: 0..1, core: 0";
  const std::string a1 = "channels: 2..3, core: 1";
  CHECK(mapping_refusal(a0, "channels: 1..2, core: 1") ==
        "m.yaml:4:5: fixed.a[1]: layer \"a\" has neurons that are placed twice, on core 0 and on "
        "core 1");
  CHECK(mapping_refusal(a0, "channels: 2..2, core: 1") ==
        "m.yaml:2:3: fixed.a: layer \"a\" has neurons without a core");
  CHECK(mapping_refusal(a0, "channels: 2..3, core: 0") ==
        "m.yaml:4:5: fixed.a[1]: layer \"a\" shares core 0 with another slice of it");
  // Every line of more mistakes says where, as it would alone: both layers all on core 0.
  CHECK(message_of([] {
          resolved(
              "fixed:\n  a:\n  - {core: 0}\n  - {channels: 3, core: 1}\n  b:\n  - {core: 0}\n");
        })
            .find("\nm.yaml:6:5: fixed.b[0]: layer \"b\" shares core 0 with layer \"a\"\n"
                  "m.yaml:6:5: fixed.b[0]: layer \"b\" needs 4 of neurons") != std::string::npos);
  CHECK(mapping_refusal("channels: 4, core: 0", "channels: 5, core: 1") ==
        "m.yaml:3:5: fixed.a[0]: channels 4..4 of a layer that has 0..3\n"
        "m.yaml:4:5: fixed.a[1]: channels 5..5 of a layer that has 0..3");
  CHECK(mapping_refusal(a0, "channels: 2..3, core: 4") ==
        "m.yaml:4:5: fixed.a[1]: layer \"a\" is placed on a core that does not exist");
  CHECK(mapping_refusal(a0, "channels: 2..4, core: 1") ==
        "m.yaml:4:5: fixed.a[1]: channels 2..4 of a layer that has 0..3");
  CHECK(mapping_refusal(a0, "channels: 2..3, rows: 1, core: 1") ==
        "m.yaml:4:5: fixed.a[1]: rows 1..1 of a layer that has 0..0");
  // Cores of two neurons.
  CHECK(mapping_refusal("channels: 0..2, core: 0", "channels: 3..3, core: 1")
            .starts_with("m.yaml:3:5: fixed.a[0]: layer \"a\" needs 3 of neurons on a \"neuron\" "
                         "core, which has 2"));
  CHECK(message_of([] {
          resolved(
              "fixed: {a: [{channels: 0..1, core: 0}, {channels: 2..3, core: "
              "1}]}");
        }) == "m.yaml:1:1: fixed: layer \"b\" has neurons without a core");
}

TEST_CASE("fixed mapping: a core without the layer's role is refused") {
  const auto s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  CoreKindSpec attention = spec.core_kinds[0];
  attention.name = "attention";
  attention.roles = {CoreRole::attention};
  attention.times.coincidence_word = Picoseconds{1};
  attention.times.score_word = Picoseconds{1};
  spec.core_kinds.push_back(attention);
  spec.topology.tile = {"neuron", "attention"};
  const FixedMapping fixed = read(text("channels: 0..1, core: 0", "channels: 2..3, core: 1",
                                       "channels: 0..1, core: 2", "channels: 2..3, core: 4"));
  CHECK(message_of([&] {
          resolve(fixed, s.network, s.populations, s.widths, Chip(spec));
        }).starts_with("m.yaml:4:5: fixed.a[1]: layer \"a\" is placed on a core without its role"));
}

TEST_CASE("fixed mapping: names and values that mean nothing are refused at their places") {
  const auto of = [](const std::string& yaml) { return message_of([&] { resolved(yaml); }); };
  CHECK(of("fixed: {c: [{core: 0}]}") ==
        "m.yaml:1:9: fixed.c: the network has no layer 'c' to place");
  CHECK(of("fixed: {a.lif: [{core: 0}]}") ==
        "m.yaml:1:9: fixed.a.lif: layer 'a.lif' is placed with 'a'");
  CHECK(of("fixed: {input: [{core: 0}]}") ==
        "m.yaml:1:9: fixed.input: input 'input' needs no core");
  CHECK(of("fixed: {a: []}") == "m.yaml:1:9: fixed.a: expected at least one slice");
  CHECK(of("fixed: {a: [{core: 65536}]}") ==
        "m.yaml:1:14: fixed.a[0].core: expected 0..65535, got 65536");
  CHECK(of("fixed: {a: [{channels: 0..1}]}").find("core") != std::string::npos);
  CHECK(of("fixed: {a: [{core: 0, row: 1}]}") ==
        "m.yaml:1:23: fixed.a[0].row: unknown key, did you mean 'rows'?");
  for (const std::string range :
       {"3..1", "1..", "..1", "-1", "1...2", "01", "99999999999", "a..b"}) {
    CAPTURE(range);
    CHECK(
        of("fixed: {a: [{core: 0, channels: '" + range + "'}]}") ==
        "m.yaml:1:23: fixed.a[0].channels: expected an index or FIRST..LAST, both included, got '" +
            range + "'");
  }
  CHECK(of("fixed: {a: [{core: 0}, {core: 0}, {core: 0}, {core: 0}, {core: 0}]}") ==
        "m.yaml:1:1: fixed: 5 slices for 4 cores, which hold 4 at most");
}

TEST_CASE("mapping report: why each slice is as large as it is, and what it adds, by hand") {
  const auto s = micro_scenario();
  const Traffic traffic = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  const auto slices =
      explain_mapping(s.network, s.populations, s.widths, s.chip, s.mapping, traffic);
  REQUIRE(slices.size() == 4);
  // One part fewer is all 4 channels: 4 neurons on cores of 2; 4 x 10 x 2 accumulator bits of 64;
  // 4 x 12 membrane bits of 32.
  const std::vector<CutLimit> limits{{"channels", "neurons", 4, 2},
                                     {"channels", "accumulator_memory", 80, 64},
                                     {"channels", "membrane_memory", 48, 32}};
  CHECK(slices[0].limits == limits);
  CHECK(slices[0].use.neurons == 2);
  // Each slice of a gets 2 packets, of b 2 + 2; ways as in placement_test.cpp.
  CHECK(slices[0].packets == 2);
  CHECK(slices[0].packet_hops == 0);
  CHECK(slices[1].packet_hops == 2);
  CHECK(slices[3].packets == 4);
  CHECK(slices[3].packet_hops == 2 * 2 + 2 * 1);
  std::uint64_t sum = 0;
  for (const SlicePlacement& slice : slices) sum += slice.packet_hops;
  CHECK(sum == packet_hops(traffic, s.chip, s.mapping));
  CHECK(message_of([&] {
          explain_mapping(s.network, s.populations, s.widths, s.chip, s.mapping, {3, {}});
        }) == "the traffic is of 3 slices, the mapping has 4");
}

TEST_CASE("mapping report: the best other core of each slice, by hand") {
  auto s = micro_scenario();
  const auto explain = [&] {
    const Traffic traffic = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
    return explain_mapping(s.network, s.populations, s.widths, s.chip, s.mapping, traffic);
  };
  // No core is free. a0 on (0,0) gets from the I/O port there, and sends to (1,0) and (1,1), always
  // 2 packets.
  for (const SlicePlacement& slice : explain()) CHECK_FALSE(slice.best_other);
  CHECK(explain()[0].hops_both_ways == 2 * (0 + 1 + 2));
  // A third column of tiles: core 4 on (2,0), 5 on (2,1).
  ChipSpec spec = s.chip.spec();
  testing::grid_of(spec).width = 3;
  s.chip = Chip(spec);
  auto slices = explain();
  const auto check = [&](std::size_t i, std::uint64_t here, std::uint32_t core,
                         std::uint64_t there) {
    CAPTURE(i);
    CHECK(slices[i].hops_both_ways == here);
    CHECK(slices[i].best_other == CoreId{core});
    CHECK(slices[i].best_other_hops == there);
  };
  check(0, 2 * (0 + 1 + 2), 4, 2 * (2 + 1 + 2));  // core 5: 2 x (3 + 2 + 1)
  check(1, 2 * (1 + 2 + 1), 4, 2 * (2 + 1 + 2));  // core 5: 2 x (3 + 2 + 1)
  check(2, 2 * (1 + 2), 4, 2 * (2 + 3));          // core 5: 2 x (3 + 2), the same
  check(3, 2 * (2 + 1), 4, 2 * (2 + 3));          // core 5: the same
  // b1 far out, on core 4: core 3 is free and nearer to (0,0) and (0,1). What the move gains is
  // what the whole mapping does.
  s.mapping.slices[3].core = CoreId{4};
  slices = explain();
  check(3, 2 * (2 + 3), 3, 2 * (2 + 1));
  const Traffic traffic = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  const std::uint64_t before = packet_hops(traffic, s.chip, s.mapping);
  s.mapping.slices[3].core = CoreId{3};
  CHECK(before - packet_hops(traffic, s.chip, s.mapping) == 2 * (2 + 3) - 2 * (2 + 1));
}

TEST_CASE("mapping report: the best other core is of the slice's kind, and none gains more") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  for (const char* name : {"mesh45.yaml", "spinnaker2.yaml"}) {
    const Chip chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name);
    Mapping mapping = map_network(network, pops, widths, chip).mapping;
    const Traffic traffic = expected_traffic(network, pops, widths, chip, mapping);
    // Apart, so that tiles have free cores of several kinds.
    std::vector<std::vector<CoreId>> cores(chip.spec().core_kinds.size());
    for (std::uint32_t c = 0; c < chip.cores().size(); ++c) {
      cores[chip.cores()[c].kind].push_back(CoreId{c});
    }
    std::vector<std::size_t> next(cores.size(), 0);
    for (LayerSlice& slice : mapping.slices) {
      const std::uint32_t kind = chip.core(slice.core).kind;
      const std::size_t apart = cores[kind].size() / mapping.slices.size();
      slice.core = cores[kind][std::max<std::size_t>(apart, 1) * next[kind]++];
    }
    const auto slices = explain_mapping(network, pops, widths, chip, mapping, traffic);
    const std::uint64_t before = packet_hops(traffic, chip, mapping);
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const CoreId home = mapping.slices[i].core;
      std::optional<CoreId> best;
      std::uint64_t least = 0;
      for (std::uint32_t c = 0; c < chip.cores().size(); ++c) {
        const bool taken =
            std::any_of(slices.begin(), slices.end(),
                        [&](const SlicePlacement& slice) { return slice.slice.core.index == c; });
        if (taken || chip.cores()[c].kind != chip.core(home).kind) continue;
        mapping.slices[i].core = CoreId{c};
        const std::uint64_t hops = packet_hops(traffic, chip, mapping);
        if (best && hops >= least) continue;
        best = CoreId{c};
        least = hops;
      }
      mapping.slices[i].core = home;
      REQUIRE(best);
      CHECK(slices[i].best_other == best);
      CHECK(slices[i].best_other_hops + before == slices[i].hops_both_ways + least);
    }
  }
}

TEST_CASE("mapping report: every limit named keeps the mapper from fewer slices") {
  const Network network = testing::small_spikformer();
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const Chip chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/loihi1.yaml");
  const Mapping mapping = map_network(network, pops, widths, chip).mapping;
  const Traffic traffic = expected_traffic(network, pops, widths, chip, mapping);
  std::vector<std::uint32_t> count(pops.size(), 0);
  for (const LayerSlice& slice : mapping.slices) ++count[slice.population];
  for (const SlicePlacement& slice :
       explain_mapping(network, pops, widths, chip, mapping, traffic)) {
    // The fewest slices: one that is not whole has a reason.
    CHECK(slice.limits.empty() == (count[slice.slice.population] == 1));
    for (const CutLimit& limit : slice.limits) CHECK(limit.needed > limit.available);
  }
}

}  // namespace
}  // namespace nj
