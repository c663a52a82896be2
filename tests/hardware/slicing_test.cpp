#include <algorithm>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>
#include <neurojoule/hardware/slicing.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

namespace nj {
namespace {

using testing::ns;

/// input [2] -> a (4 neurons) -> b (4 neurons) at `rows` positions, all of which fire once, on
/// `cores` cores that hold each of them whole. Per spike: axon_in 3 ns, and 2 ns for each of the 4
/// 5-bit weights in words of 5 bits; neurons take 5 ns, and 1 ns per packet that they send.
struct Row {
  Network network;
  std::vector<Population> pops;
  std::vector<LayerWidths> widths;
  Chip chip;
  SpikeTrace trace;
  Mapping fewest;

  Row(
      std::uint32_t rows, std::uint32_t cores,
      const std::function<void(ChipSpec&)>& change = [](ChipSpec&) {})
      : network(Network::build({{"input", Input{{2, rows, 1}, 1}, {}},
                                {"a", Conv2d{2, 4, 1, 1, 0}, {{"input"}}},
                                {"a.lif", Lif{}, {{"a"}}},
                                {"b", Conv2d{4, 4, 1, 1, 0}, {{"a.lif"}}},
                                {"b.lif", Lif{}, {{"b"}}}})),
        pops(populations(network)),
        widths(testing::micro_scenario().widths),
        chip(chip_with(cores, change)),
        trace(testing::random_trace(network, 1, 100, 1)),
        fewest(map_network(network, pops, widths, chip).mapping) {}

  static Chip chip_with(std::uint32_t cores, const std::function<void(ChipSpec&)>& change) {
    ChipSpec spec = testing::micro_chip().spec();
    testing::grid_of(spec).width = cores;
    testing::grid_of(spec).height = 1;
    CoreKindSpec& kind = spec.core_kinds[0];
    kind.max_neurons = 16;
    for (auto& memory : kind.memories) {
      if (memory) memory->capacity = Bits{4096};
    }
    kind.memories[static_cast<std::size_t>(MemoryUnit::synapse_memory)]->word_bits = 5;
    change(spec);
    return Chip(spec);
  }
  [[nodiscard]] Mapping faster() const {
    return faster_slices(network, pops, widths, chip, fewest, trace);
  }
};

/// The slices of a population as they are cut, without their cores.
std::vector<std::vector<std::uint32_t>> cuts_of(const Mapping& mapping, std::uint32_t population) {
  std::vector<std::vector<std::uint32_t>> cuts;
  for (const LayerSlice& slice : mapping.slices) {
    if (slice.population != population) continue;
    cuts.push_back({slice.channel_begin, slice.channel_end, slice.row_begin, slice.row_end});
  }
  return cuts;
}
using Cuts = std::vector<std::vector<std::uint32_t>>;

/// What the busiest core works.
Picoseconds longest_work(const SimulationResult& result) {
  Picoseconds most;
  for (const UnitTimes& core : result.busy) {
    most = std::max({most, core.neuron_unit + core.encoder_unit, core.synapse_unit});
  }
  return most;
}

TEST_CASE("slicing: the layer that works longest is cut first, by hand") {
  // 4 rows. On one core each, a takes 16 x (5 + 1) = 96 ns for neurons and packets, b 16 x 11 = 176
  // ns for what it gets. b in 2 takes 88; then a in 2, 48; b in 4 would need two more cores.
  const Row four(4, 4);
  REQUIRE(four.fewest.slices.size() == 2);
  const Mapping faster = four.faster();
  CHECK(cuts_of(faster, 1) == Cuts{{0, 4, 0, 2}, {0, 4, 2, 4}});
  CHECK(cuts_of(faster, 2) == Cuts{{0, 4, 0, 2}, {0, 4, 2, 4}});
  const auto work = [&](const Row& s, const Mapping& mapping) {
    return longest_work(simulate(s.network, s.pops, s.widths, s.trace, s.chip, mapping));
  };
  CHECK(work(four, four.fewest) == ns(176));
  CHECK(work(four, faster) == ns(88));
  // With three cores b alone is cut, and a is what works longest.
  const Row three(4, 3);
  CHECK(cuts_of(three.faster(), 1) == Cuts{{0, 4, 0, 4}});
  CHECK(cuts_of(three.faster(), 2) == Cuts{{0, 4, 0, 2}, {0, 4, 2, 4}});
  CHECK(work(three, three.faster()) == ns(96));
  // With six, three of b would hold 2 rows as two do; b in four.
  CHECK(cuts_of(Row(4, 6).faster(), 2).size() == 4);
  // Without a free core all stays.
  const Row two(4, 2);
  CHECK(two.faster() == two.fewest);
}

TEST_CASE("slicing: what more slices cost those who send to them") {
  // One row, so that b is cut by channels, and a sends each spike twice. b takes 4 x (3 + 4 x 30) =
  // 492 ns whole and 252 in halves; a 4 x (5 + 85) = 360 ns, and 700 when b is in halves.
  const auto slow = [](ChipSpec& spec) {
    spec.core_kinds[0].times.synapse_word = ns(30);
    spec.core_kinds[0].times.axon_out = ns(85);
  };
  const Row three(1, 3, slow);
  CHECK(three.faster() == three.fewest);
  // A fourth core lets a be in halves, too: 350 ns.
  const Row four(1, 4, slow);
  CHECK(cuts_of(four.faster(), 1) == Cuts{{0, 2, 0, 1}, {2, 4, 0, 1}});
  CHECK(cuts_of(four.faster(), 2) == Cuts{{0, 2, 0, 1}, {2, 4, 0, 1}});
}

TEST_CASE("slicing: of equal numbers of slices those that take the least time") {
  // 3 rows: 2 rows of 4 channels are 8 neurons, 3 rows of 2 are 6.
  CHECK(cuts_of(Row(3, 4).faster(), 2) == Cuts{{0, 2, 0, 3}, {2, 4, 0, 3}});
}

/// How many slices there were whenever the search told.
std::vector<std::size_t> told(const Row& s) {
  std::vector<std::size_t> slices;
  static_cast<void>(
      faster_slices(s.network, s.pops, s.widths, s.chip, s.fewest, s.trace,
                    [&](std::size_t so_many, std::size_t) { slices.push_back(so_many); }));
  return slices;
}

TEST_CASE("slicing: more slices are tried where they may help, and taken where they do") {
  // One row; neurons and their packets take no time. All channels of b share a word: it is no use
  // to part them.
  const auto one_word = [](ChipSpec& spec) {
    CoreKindSpec& kind = spec.core_kinds[0];
    kind.memories[static_cast<std::size_t>(MemoryUnit::synapse_memory)]->word_bits = 20;
    kind.times.neuron_update_active = kind.times.neuron_update_inactive = {};
    kind.times.axon_out = {};
  };
  const Row shared(1, 4, one_word);
  CHECK(shared.faster() == shared.fewest);
  CHECK(told(shared) == std::vector<std::size_t>{2});
  // Each packet takes 3 ns, and every half of b gets all of them: that shows when it is tried.
  const Row packets(1, 3, [&](ChipSpec& spec) {
    one_word(spec);
    spec.core_kinds[0].times.synapse_word = {};
  });
  CHECK(packets.faster() == packets.fewest);
  CHECK(told(packets) == std::vector<std::size_t>{2, 3});
}

TEST_CASE("slicing: no layer is cut that is done within a tick") {
  const Row slow(4, 4, [](ChipSpec& spec) { spec.tick = ns(176); });
  CHECK(slow.faster() == slow.fewest);
  const Row fast(4, 4, [](ChipSpec& spec) { spec.tick = Picoseconds{175'999}; });
  CHECK(cuts_of(fast.faster(), 2).size() == 2);
  CHECK(cuts_of(fast.faster(), 1).size() == 1);
}

TEST_CASE("slicing: kernels that do not fit whole are not put together again") {
  // 4 x 4 x 5 bits and 4 scales of 32 are 208 bits, half of them 104. In 4 rows of 4 channels, b
  // would take as long as in 2 rows of 2.
  const Row s(4, 8, [](ChipSpec& spec) {
    spec.core_kinds[0].memories[static_cast<std::size_t>(MemoryUnit::synapse_memory)]->capacity =
        Bits{128};
  });
  CHECK(cuts_of(s.fewest, 2) == Cuts{{0, 2, 0, 4}, {2, 4, 0, 4}});
  CHECK(cuts_of(s.faster(), 2) == Cuts{{0, 2, 0, 2}, {2, 4, 0, 2}, {0, 2, 2, 4}, {2, 4, 2, 4}});
}

TEST_CASE("slicing: where nothing fires neurons alone are work, and all cores may be idle") {
  Row s(4, 4);
  s.trace = testing::random_trace(s.network, 1, 0, 1);  // 16 neurons of 4 ns in each layer
  CHECK(cuts_of(s.faster(), 1) == Cuts{{0, 4, 0, 2}, {0, 4, 2, 4}});
  CHECK(cuts_of(s.faster(), 2) == Cuts{{0, 4, 0, 2}, {0, 4, 2, 4}});
  Row free(4, 4, [](ChipSpec& spec) {
    spec.core_kinds[0].times.neuron_update_active = {};
    spec.core_kinds[0].times.neuron_update_inactive = {};
  });
  free.trace = s.trace;
  CHECK(free.faster() == free.fewest);
}

TEST_CASE("slicing: on an array all stays") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const Chip chip = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/pe_array45.yaml");
  const Mapping mapping = map_network(network, pops, widths, chip).mapping;
  const SpikeTrace trace = testing::random_trace(network, 2, 10, 1);
  CHECK(faster_slices(network, pops, widths, chip, mapping, trace) == mapping);
}

/// Work that does not depend on how layers are cut.
std::vector<std::uint64_t> work_counts(const ActionCounts& actions) {
  return {actions.total(Action::synaptic_operation), actions.total(Action::neuron_update_active),
          actions.total(Action::neuron_update_inactive)};
}

TEST_CASE("slicing: a transformer is faster, does the same, and fits") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const SpikeTrace trace = testing::random_trace(network, 3, 15, 1);
  const auto load = [](const std::string& name) {
    return load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name + ".yaml");
  };
  std::vector<std::pair<std::string, Chip>> chips;
  for (const char* name : {"mesh45", "loihi1", "loihi1_fitted", "spinnaker2"}) {
    chips.emplace_back(name, load(name));
  }
  chips.emplace_back("without barriers", testing::without_barriers(load("mesh45"), ns(10)));
  for (const auto& [name, chip] : chips) {
    CAPTURE(name);
    const Mapping fewest = map_network(network, pops, widths, chip).mapping;
    const Mapping faster = faster_slices(network, pops, widths, chip, fewest, trace);
    CHECK(check_mapping(network, pops, widths, chip, faster).empty());
    const auto before = simulate(network, pops, widths, trace, chip, fewest);
    const auto after = simulate(network, pops, widths, trace, chip, faster);
    CHECK(longest_work(after) * 2 < longest_work(before));
    CHECK(after.timeline.latency() < before.timeline.latency());
    CHECK(work_counts(after.actions) == work_counts(before.actions));
    CHECK(faster_slices(network, pops, widths, chip, fewest, trace) == faster);
  }
}

TEST_CASE("slicing: cores that read frames are cut by what encoder and neurons take together") {
  const Network network = testing::small_spikformer({32, 18, 1, 4, 10});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  const SpikeTrace trace = testing::random_trace(network, 1, 10, 1);
  const auto encoders = [&](std::int64_t products, std::int64_t neurons) {
    const std::filesystem::path root = NJ_SOURCE_DIR;
    const auto shipped = [&](const std::string& name, const std::filesystem::path&) {
      return root / "hardware/chips" / (name + ".yaml");
    };
    ChipSpec spec = load_chip(root / "examples/mesh45_frames.yaml", shipped).spec();
    for (CoreKindSpec& kind : spec.core_kinds) {
      if (!kind.encoder_unit) continue;
      kind.max_neurons = 1 << 16;
      for (auto& memory : kind.memories) {
        if (memory) memory->capacity = Bits{1 << 20};
      }
      kind.times = {};
      kind.times.multiply_accumulate = ns(products);
      kind.times.neuron_update_inactive = ns(neurons);
      kind.times.neuron_update_active = ns(neurons);
    }
    const Chip chip(spec);
    const Mapping fewest = map_network(network, pops, widths, chip).mapping;
    const Mapping faster = faster_slices(network, pops, widths, chip, fewest, trace);
    CHECK(check_mapping(network, pops, widths, chip, faster).empty());
    CHECK(cuts_of(fewest, 1).size() == 1);
    return cuts_of(faster, 1).size();
  };
  CHECK(encoders(0, 0) == 1);
  CHECK(encoders(1'000, 0) == 4);  // all that there are
  CHECK(encoders(0, 1'000) == 4);
}

TEST_CASE("slicing: tells how far it is, and ends when told to") {
  const Row s(4, 4);
  CHECK(told(s) == std::vector<std::size_t>{2, 3, 4});
  CHECK_THROWS_AS(faster_slices(s.network, s.pops, s.widths, s.chip, s.fewest, s.trace,
                                [](std::size_t, std::size_t) { throw std::runtime_error("stop"); }),
                  std::runtime_error);
}

}  // namespace
}  // namespace nj
