#include <algorithm>
#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/mapping.hpp>
#include <neurojoule/hardware/slicing.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

// Which slices come together on a core where there are fewer cores than slices.

namespace nj {
namespace {

using testing::roomy;

/// input [2, height, width] -> layers `a`, `b`, .. of so many channels, on `cores` of so many
/// neurons.
struct LayersOnCores {
  Network network;
  std::vector<Population> pops;
  std::vector<LayerWidths> widths;
  Chip chip;

  LayersOnCores(const std::vector<std::uint32_t>& layers, std::uint32_t cores,
                std::uint32_t neurons, std::uint32_t slices, std::uint32_t height = 1,
                std::uint32_t width = 1)
      : network(chain(layers, height, width)),
        pops(populations(network)),
        widths(network.size(), testing::micro_scenario().widths[0]),
        chip(chip_with(cores, neurons, slices)) {}

  static Network chain(const std::vector<std::uint32_t>& layers, std::uint32_t height,
                       std::uint32_t width) {
    std::vector<Network::Draft> all{{"input", Input{{2, height, width}, 1}, {}}};
    std::uint32_t before = 2;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      const std::string operand = all.back().name;
      all.push_back({name, Conv2d{before, layers[i], 1, 1, 0}, {{operand}}});
      all.push_back({name + ".lif", Lif{}, {{name}}});
      before = layers[i];
    }
    return Network::build(all);
  }
  static Chip chip_with(std::uint32_t cores, std::uint32_t neurons, std::uint32_t slices) {
    ChipSpec spec = testing::micro_chip().spec();
    testing::grid_of(spec).width = cores;
    testing::grid_of(spec).height = 1;
    roomy(spec.core_kinds[0], neurons, slices);
    return Chip(spec);
  }
  [[nodiscard]] MappingResult mapped() const { return map_network(network, pops, widths, chip); }
  [[nodiscard]] std::vector<Violation> violations(const Mapping& mapping) const {
    return check_mapping(network, pops, widths, chip, mapping);
  }
};

/// Core of each slice, and its first channel.
std::vector<std::pair<std::uint32_t, std::uint32_t>> places(const Mapping& mapping) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
  for (const LayerSlice& slice : mapping.slices) {
    all.emplace_back(slice.core.index, slice.channel_begin);
  }
  return all;
}
using Places = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

LayerSlice whole(std::uint32_t population, std::uint32_t channels, std::uint32_t core) {
  return {population, 0, channels, 0, 1, CoreId{core}};
}

TEST_CASE("mapping: slices share cores where there are too few, evenly") {
  // As many as cores: each has its own.
  CHECK(places(LayersOnCores({3, 2, 1}, 3, 6, 3).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {2, 0}});
  // The largest first, each where least is taken: 3 | 3, then 2 and 1 to core 0 and 1.
  CHECK(places(LayersOnCores({1, 3, 2, 3}, 2, 6, 3).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {1, 0}, {0, 0}});
  // Core 1 has taken two when the last one comes.
  CHECK(places(LayersOnCores({3, 1, 1, 1}, 2, 6, 2).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {1, 0}, {0, 0}});
  // That finds no room for the last one: 3 2 | 3 2. The first core with room does: 3 3 | 2 2 2.
  CHECK(places(LayersOnCores({3, 3, 2, 2, 2}, 2, 6, 3).mapped().mapping) ==
        Places{{0, 0}, {0, 0}, {1, 0}, {1, 0}, {1, 0}});
}

TEST_CASE("mapping: layers are cut to share cores, those that need be") {
  // 12 neurons on 2 cores of 6: one of three layers is in halves.
  const LayersOnCores chain({4, 4, 4}, 2, 6, 4);
  const MappingResult result = chain.mapped();
  CHECK(places(result.mapping) == Places{{0, 0}, {1, 0}, {0, 0}, {1, 2}});
  CHECK(chain.violations(result.mapping).empty());
}

/// Neurons of a slice on a map of that width.
std::uint32_t neurons_of(const LayerSlice& slice, std::uint32_t width) {
  return (slice.channel_end - slice.channel_begin) * (slice.row_end - slice.row_begin) *
         (std::min(slice.column_end, width) - slice.column_begin);
}

/// Whether two slices of a layer have all neurons of the smallest block around them.
bool are_block(const LayerSlice& a, const LayerSlice& b, std::uint32_t width) {
  const LayerSlice around{a.population,
                          std::min(a.channel_begin, b.channel_begin),
                          std::max(a.channel_end, b.channel_end),
                          std::min(a.row_begin, b.row_begin),
                          std::max(a.row_end, b.row_end),
                          a.core,
                          std::min(a.column_begin, b.column_begin),
                          std::max(a.column_end, b.column_end)};
  return neurons_of(around, width) == neurons_of(a, width) + neurons_of(b, width);
}

TEST_CASE("mapping: slices of a layer on one core are one where they are a block") {
  // b is in quarters; three of them share core 1.
  CHECK(places(LayersOnCores({4, 8}, 2, 6, 12).mapped().mapping) == Places{{0, 0}, {0, 0}, {1, 2}});
  // In sixths: the first four, and the last one, which does not follow them.
  CHECK(places(LayersOnCores({4, 6}, 2, 5, 12).mapped().mapping) ==
        Places{{0, 0}, {1, 0}, {0, 4}, {1, 5}});

  std::size_t mapped = 0;
  std::size_t together = 0;  // slices of a layer that share a core and are no block
  std::size_t larger = 0;    // slices that two of an even cut have become
  const auto look = [&](const LayersOnCores& chain, std::uint32_t width) {
    const MappingResult result = chain.mapped();
    if (!result.feasible()) return;
    ++mapped;
    CHECK(chain.violations(result.mapping).empty());
    const std::vector<LayerSlice>& slices = result.mapping.slices;
    CHECK(std::is_sorted(slices.begin(), slices.end(), [](const auto& one, const auto& next) {
      return std::tie(one.population, one.row_begin, one.column_begin, one.channel_begin) <
             std::tie(next.population, next.row_begin, next.column_begin, next.channel_begin);
    }));
    for (auto slice = slices.begin(); slice != slices.end(); ++slice) {
      CHECK((slice->column_begin != 0 || slice->column_end != width));  // that is all_columns
      for (auto other = slices.begin(); other != slice; ++other) {
        if (other->population != slice->population) continue;
        if (neurons_of(*slice, width) >= 2 * neurons_of(*other, width)) ++larger;
        if (other->core != slice->core) continue;
        ++together;
        CHECK_FALSE(are_block(*other, *slice, width));
      }
    }
  };
  for (const std::uint32_t a : {1U, 2U, 4U, 6U}) {
    for (const std::uint32_t b : {2U, 3U, 5U, 6U}) {
      for (std::uint32_t c = 1; c <= 3; ++c) {
        for (std::uint32_t height = 1; height <= 3; ++height) {
          for (std::uint32_t width = 1; width <= 4; ++width) {
            const std::uint32_t neurons = (a + b + c) * height * width;
            look(LayersOnCores({a, b, c}, 2, (neurons + 1) / 2, 12, height, width), width);
            look(LayersOnCores({a, b, c}, 3, (neurons + 2) / 3, 12, height, width), width);
          }
        }
      }
    }
  }
  CHECK(mapped > 1'000);
  CHECK(together > 100);
  CHECK(larger > 100);
}

TEST_CASE("mapping: slices that find no room are refused, with how many cores would do") {
  const auto refusal = [](const LayersOnCores& chain) {
    const MappingResult result = chain.mapped();
    CHECK(result.mapping.slices.empty());
    REQUIRE(result.violations.size() == 1);
    CHECK(result.violations[0].resource == "cores");
    return result.violations[0].message;
  };
  // 13 neurons on 12.
  CHECK(refusal(LayersOnCores({3, 3, 3, 2, 2}, 2, 6, 3)) ==
        "layer \"e\" finds no room beside others on the 2 cores of kind \"neuron\"; all together "
        "need 3 or more");
  // 10 neurons on 10, whole in 3 cores, and with 2 slices on a core in no more than 4 slices.
  CHECK(refusal(LayersOnCores({4, 4, 2}, 2, 5, 2)) ==
        "layer \"c\" finds no room beside others on the 2 cores of kind \"neuron\"; 3 would do");
  // 20 neurons on 21: whole in 5 cores, in halves three to a core.
  CHECK(refusal(LayersOnCores({4, 4, 4, 4, 4}, 3, 7, 4)) ==
        "layer \"e\" finds no room beside others on the 3 cores of kind \"neuron\"; 4 would do");
  CHECK(refusal(LayersOnCores({4, 4, 4}, 1, 7, 16)) ==
        "layer \"b\" finds no room beside others on the one core of kind \"neuron\"; all together "
        "need 2 or more");
  CHECK(refusal(LayersOnCores({1, 1, 1, 1, 1}, 2, 6, 2)) ==
        "layer \"e\" needs room for 1 more slice on 2 cores of kind \"neuron\", which take 0 more");
}

TEST_CASE("mapping: a last resort gets what others do not take, or have no cores for") {
  const LayersOnCores layers({4, 2, 8}, 2, 4, 1);
  ChipSpec spec = layers.chip.spec();
  CoreKindSpec host = spec.core_kinds[0];
  host.name = "host";
  host.last_resort = true;
  roomy(host, 64, 8);
  spec.core_kinds.insert(spec.core_kinds.begin(), host);
  spec.topology.tile.clear();
  spec.topology.tiles = {TileGroup{0, 1, {"neuron", "host"}}, TileGroup{1, 2, {"neuron"}}};
  const auto cores = [&](const ChipSpec& on) {
    const MappingResult result = map_network(layers.network, layers.pops, layers.widths, Chip(on));
    REQUIRE(result.feasible());
    return places(result.mapping);
  };
  // Cores 0 and 2 of 4 neurons; c would need two of them when none is left.
  CHECK(cores(spec) == Places{{0, 0}, {2, 0}, {1, 0}});
  // The others take no uniform weights: all on the host.
  spec.core_kinds[1].weight_formats.uniform_bits = 0;
  spec.core_kinds[1].weight_formats.power_of_two_bits = 8;
  CHECK(cores(spec) == Places{{1, 0}, {1, 0}, {1, 0}});
  // Without being a last resort, it takes the first layer, as no kind needs fewer slices and it is
  // the first; the second has another core to itself, for the third there are two too few.
  spec = layers.chip.spec();
  host.last_resort = false;
  spec.core_kinds.insert(spec.core_kinds.begin(), host);
  spec.topology.tile.clear();
  spec.topology.tiles = {TileGroup{0, 1, {"neuron", "host"}}, TileGroup{1, 2, {"neuron"}}};
  CHECK(cores(spec) == Places{{1, 0}, {0, 0}, {1, 0}});
}

TEST_CASE("mapping: cores of several kinds are shared when none is free, all of them") {
  LayersOnCores layers({3, 3, 3, 3}, 1, 6, 3);
  ChipSpec spec = layers.chip.spec();
  spec.core_kinds.push_back(spec.core_kinds[0]);
  spec.core_kinds[1].name = "other";
  spec.topology.tile = {"neuron", "other"};
  layers.chip = Chip(spec);
  CHECK(places(layers.mapped().mapping) == Places{{0, 0}, {1, 0}, {0, 0}, {1, 0}});
  // The other kind is larger: after 3 of 6 and 3 of 12 neurons it is filled least.
  spec.core_kinds[1].max_neurons = 12;
  layers.chip = Chip(spec);
  CHECK(places(layers.mapped().mapping) == Places{{0, 0}, {1, 0}, {1, 0}, {1, 0}});
  // There are two of the first kind, and one of the other: after 3 and 3 and 3 of 6 each that would
  // be 9 of 12, or 6 of 6.
  spec.core_kinds[1].max_neurons = 6;
  spec.topology.tile = {"neuron", "neuron", "other"};
  layers.chip = Chip(spec);
  CHECK(places(layers.mapped().mapping) == Places{{0, 0}, {1, 0}, {2, 0}, {0, 0}});
}

TEST_CASE("mapping: slices on one core fit together, each from a word on") {
  LayersOnCores chain({3, 3, 3}, 2, 6, 2);
  const auto given = [](std::initializer_list<std::uint32_t> cores) {
    Mapping mapping;
    std::uint32_t population = 0;
    for (const std::uint32_t core : cores) mapping.slices.push_back(whole(++population, 3, core));
    return mapping;
  };
  CHECK(chain.violations(given({0, 0, 1})).empty());
  auto violations = chain.violations(given({1, 1, 1}));
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].message ==
        "layer \"c\" shares core 1 with layer \"b\" and others: a \"neuron\" core takes 2 slices");
  CHECK(violations[0].needed == 3);
  CHECK(violations[0].available == 2);
  CHECK(violations[0].slice == 2);

  const LayersOnCores small({3, 3, 3}, 2, 5, 3);
  violations = small.violations(given({0, 1, 0}));
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].message ==
        "layer \"c\" needs 6 of neurons on a \"neuron\" core, which has 5, with what is on core 0 "
        "before it");
  CHECK(violations[0].slice == 2);

  // Neurons of a have 2 inputs, those of b 3; each slice hears of its own.
  const auto with_inputs = [&](std::uint32_t axons, std::uint32_t fan_in) {
    ChipSpec spec = chain.chip.spec();
    spec.core_kinds[0].max_axons = axons;
    spec.core_kinds[0].max_fan_in = fan_in;
    return check_mapping(chain.network, chain.pops, chain.widths, Chip(spec), given({0, 0, 1}));
  };
  CHECK(with_inputs(5, 3).empty());
  violations = with_inputs(4, 3);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].resource == "axons");
  CHECK(violations[0].needed == 5);

  // Sums of 3 x 10 bits in two slots, in words of 16: four words, then 60 bits.
  const auto with_sums = [&](std::uint64_t bits) {
    ChipSpec spec = chain.chip.spec();
    spec.core_kinds[0].memories[1]->capacity = Bits{bits};
    return check_mapping(chain.network, chain.pops, chain.widths, Chip(spec), given({0, 0, 1}));
  };
  CHECK(with_sums(124).empty());
  violations = with_sums(123);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].resource == "accumulator_memory");
  CHECK(violations[0].needed == 124);
  const auto used = used_cores(given({1, 0, 1}));
  REQUIRE(used.size() == 2);
  CHECK(used[0].core == CoreId{1});
  CHECK(used[0].slices == std::vector<std::uint32_t>{0, 2});
  const auto sums = core_footprints(
      chain.chip, given({1, 0, 1}),
      footprints(chain.network, chain.pops, chain.widths, chain.chip, given({1, 0, 1})));
  CHECK(sums[0].neurons == 6);
  CHECK(sums[0].bits(MemoryUnit::accumulator_memory) == 124);
  CHECK(sums[1].bits(MemoryUnit::accumulator_memory) == 60);
}

TEST_CASE("slicing: layers that share a core stay, others are cut onto free ones") {
  const LayersOnCores chain({2, 2, 8}, 4, 8, 2);
  const Mapping mapping{{whole(1, 2, 1), whole(2, 2, 1), whole(3, 8, 0)}};
  const SpikeTrace trace = testing::random_trace(chain.network, 1, 100, 1);
  const Mapping faster =
      faster_slices(chain.network, chain.pops, chain.widths, chain.chip, mapping, trace);
  CHECK(chain.violations(faster).empty());
  CHECK(places(faster) == Places{{0, 0}, {0, 0}, {1, 0}, {2, 2}, {3, 5}});
}

TEST_CASE("slicing: a layer whose slices are no even cut stays") {
  const LayersOnCores chain({1, 2}, 4, 8, 2, 2);
  Mapping mapping{{whole(1, 1, 3), whole(2, 2, 0), whole(2, 1, 1), whole(2, 2, 2)}};
  mapping.slices[0].row_end = 2;
  for (const std::size_t s : {2U, 3U}) {  // the channels of row 1, apart
    mapping.slices[s].row_begin = 1;
    mapping.slices[s].row_end = 2;
  }
  mapping.slices[3].channel_begin = 1;
  REQUIRE(chain.violations(mapping).empty());
  const SpikeTrace trace = testing::random_trace(chain.network, 1, 100, 1);
  const Mapping faster =
      faster_slices(chain.network, chain.pops, chain.widths, chain.chip, mapping, trace);
  CHECK(faster == mapping);
}

TEST_CASE("chip: a core holds a slice at least") {
  ChipSpec spec = testing::micro_chip().spec();
  spec.core_kinds[0].max_slices = 0;
  CHECK(testing::message_of([&] { Chip{spec}; }) ==
        "core_kinds.neuron.max_slices: a core needs room for a slice");
  spec.core_kinds[0].max_slices = 2;
  CHECK(Chip(spec).slices_of_kind(0) == 8);
  spec.core_kinds[0].max_slices = 1U << 31;
  CHECK(Chip(spec).slices_of_kind(0) == max_slices_of_kind);
}

}  // namespace
}  // namespace nj
