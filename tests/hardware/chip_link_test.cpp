#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/placement.hpp>

#include "support/micro_scenario.hpp"
#include "support/random_flows.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

/// A ring of chips, each a row of tiles with one core; the gateway of each is its tile 1.
Chip chips_in_ring(std::uint32_t chips, std::uint32_t tiles) {
  ChipSpec spec = testing::micro_chip().spec();
  const LinkSpec link{64, Picoseconds{6'000}, Picoseconds{10'000}};
  spec.topology.network = MultiChipSpec{NetworkSpec{GridShape{tiles, 1, false, link, link}},
                                        NetworkSpec{RingShape{chips, link}}, 1};
  return Chip(spec);
}

/// Packets x links of a mapping, link by link: a packet for several tiles is copied where their
/// ways part, and links between chips count as `chip_link`.
std::uint64_t walked_links(const Traffic& traffic, const Chip& chip, const Mapping& mapping,
                           std::uint32_t chip_link) {
  const Topology& topology = chip.topology();
  const auto tile_of = [&](std::uint32_t slice) {
    return slice == traffic.slices ? 0 : chip.core(mapping.slices[slice].core).tile;
  };
  std::uint64_t sum = 0;
  for (const TrafficFlow& flow : traffic.flows) {
    std::set<std::vector<std::uint32_t>> ways;  // up to each link
    for (const std::uint32_t to : flow.to) {
      std::vector<std::uint32_t> way;
      for (std::uint32_t router = tile_of(flow.from); router != tile_of(to);) {
        way.push_back(topology.next_link(router, tile_of(to)));
        router = topology.links()[way.back()].to;
        ways.insert(way);
      }
    }
    for (const std::vector<std::uint32_t>& way : ways) {
      const bool between = topology.links()[way.back()].direction == Direction::between_chips;
      sum += flow.packets * (between ? chip_link : 1);
    }
  }
  return sum;
}

Mapping in_order(std::uint32_t slices) {
  Mapping mapping;
  for (std::uint32_t i = 0; i < slices; ++i) {
    mapping.slices.push_back({.population = 1, .core = CoreId{i}});
  }
  return mapping;
}

/// What a greedy choice knows: a spike of each neuron, from slices before one, to these and it.
Traffic until(std::uint32_t slice, const Traffic& traffic) {
  Traffic first{traffic.slices, {}};
  for (const TrafficFlow& flow : traffic.flows) {
    if (flow.from >= slice && flow.from != traffic.slices) continue;
    TrafficFlow part{flow.from, {}, flow.neurons, flow.neurons};
    for (const std::uint32_t to : flow.to) {
      if (to <= slice) part.to.push_back(to);
    }
    if (!part.to.empty()) first.flows.push_back(part);
  }
  return first;
}

TEST_CASE("links between chips: each greedy choice has the shortest ways, as they count") {
  const Chip chip = chips_in_ring(4, 3);
  std::size_t changed = 0;
  for (const std::uint32_t chip_link : {1U, 7U}) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      CAPTURE(seed);
      const Traffic traffic = testing::random_flows(10, seed);
      Mapping mapping = in_order(10);
      const PlacementOptions options{.strategy = Placement::greedy, .chip_link = chip_link};
      const Mapping greedy = place(chip, traffic, mapping, options);
      if (greedy != place(chip, traffic, mapping, {})) ++changed;
      std::vector<bool> free(12, true);
      for (std::uint32_t i = 0; i < 10; ++i) {
        const Traffic known = until(i, traffic);
        std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
        CoreId best;
        for (std::uint32_t core = 0; core < 12; ++core) {
          if (!free[core]) continue;
          mapping.slices[i].core = CoreId{core};
          const std::uint64_t links = walked_links(known, chip, mapping, chip_link);
          if (links >= fewest) continue;
          fewest = links;
          best = CoreId{core};
        }
        CHECK(greedy.slices[i].core == best);
        mapping.slices[i].core = best;
        free[best.index] = false;
      }
    }
  }
  CHECK(changed > 6);
}

TEST_CASE("links between chips: the best of three annealed placements is the best of all") {
  const Chip chip = chips_in_ring(3, 2);
  std::size_t changed = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    const Traffic traffic = testing::random_flows(6, seed);
    const auto links = [&](const Mapping& mapping) {
      return walked_links(traffic, chip, mapping, 5);
    };
    Mapping mapping = in_order(6);
    CHECK(walked_links(traffic, chip, mapping, 1) == packet_hops(traffic, chip, mapping));
    std::uint64_t annealed = links(mapping);
    std::uint64_t equal = annealed;  // links between chips count as one
    for (std::uint64_t again = 0; again < 3; ++again) {
      PlacementOptions options{.strategy = Placement::annealing, .seed = again};
      equal = std::min(equal, links(place(chip, traffic, mapping, options)));
      options.chip_link = 5;
      annealed = std::min(annealed, links(place(chip, traffic, mapping, options)));
    }
    std::vector<std::uint32_t> cores(6);
    std::iota(cores.begin(), cores.end(), 0U);
    std::uint64_t least = annealed;
    do {
      for (std::uint32_t i = 0; i < 6; ++i) mapping.slices[i].core = CoreId{cores[i]};
      least = std::min(least, links(mapping));
    } while (std::next_permutation(cores.begin(), cores.end()));
    CHECK(annealed == least);
    if (least < equal) ++changed;
  }
  CHECK(changed > 2);
}

TEST_CASE("links between chips: partition knows them, and each slice stays on its kind of core") {
  const Chip chip = chips_in_ring(4, 3);
  std::uint64_t counted = 0;
  std::uint64_t equal = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Traffic traffic = testing::random_flows(10, seed);
    PlacementOptions options{.strategy = Placement::partition, .seed = seed};
    equal += walked_links(traffic, chip, place(chip, traffic, in_order(10), options), 50);
    options.chip_link = 50;
    const Mapping mapping = place(chip, traffic, in_order(10), options);
    CHECK(mapping == place(chip, traffic, in_order(10), options));
    counted += walked_links(traffic, chip, mapping, 50);
    std::set<std::uint32_t> cores;
    for (const LayerSlice& slice : mapping.slices) cores.insert(slice.core.index);
    CHECK(cores.size() == 10);
  }
  CHECK(counted < equal);
}

TEST_CASE("links between chips: partition puts slices that talk to each other on one chip") {
  // Seven circles of four slices, and as many chips of four tiles.
  const Chip chip = chips_in_ring(7, 4);
  Traffic traffic{28, {}};
  for (std::uint32_t slice = 0; slice < 28; ++slice) {
    traffic.flows.push_back({slice, {(slice + 7) % 28}, 1, 10});
  }
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    const PlacementOptions options{
        .strategy = Placement::partition, .seed = seed, .effort = 1, .chip_link = 10};
    const Mapping mapping = place(chip, traffic, in_order(28), options);
    CHECK(walked_links(traffic, chip, mapping, 1) == walked_links(traffic, chip, mapping, 100));
  }
}

TEST_CASE("links between chips: on one chip there are none, and what is too much is refused") {
  const Chip one = testing::micro_chip();
  const Traffic few = testing::random_flows(4, 1);
  for (const Placement strategy : {Placement::greedy, Placement::annealing, Placement::partition}) {
    const PlacementOptions options{.strategy = strategy, .chip_link = 1000};
    CHECK(place(one, few, in_order(4), options) ==
          place(one, few, in_order(4), {.strategy = strategy}));
  }
  const auto refusal = [](const Chip& chip, std::uint32_t chip_link) {
    return testing::message_of(
        [&] { place(chip, testing::random_flows(4, 1), in_order(4), {.chip_link = chip_link}); });
  };
  CHECK(refusal(one, 0) == "expected links between chips to count as 1..1000, got 0");
  CHECK(refusal(one, 1001) == "expected links between chips to count as 1..1000, got 1001");
  CHECK(refusal(chips_in_ring(64, 2), 1000) == "nothing thrown");  // 32 of them, and 2 links
  CHECK(refusal(chips_in_ring(66, 2), 1000) ==
        "a way counts as 33002 links, more than 32767, where one between chips counts as 1000");
}

}  // namespace
}  // namespace nj
