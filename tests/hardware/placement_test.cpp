#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/core/rng.hpp>
#include <neurojoule/hardware/placement.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/random_flows.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

using testing::micro_scenario;

/// A small Spikformer on a shipped chip.
struct Spikformer {
  Network network;
  std::vector<Population> pops = populations(network);
  std::vector<LayerWidths> widths = testing::small_widths(network);
  Chip chip;
  Mapping mapping;

  explicit Spikformer(const std::string& name,
                      const testing::SpikformerSize& size = {32, 18, 1, 4, 10})
      : network(testing::small_spikformer(size)),
        chip(load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name)),
        mapping(map_network(network, pops, widths, chip).mapping) {}

  [[nodiscard]] Traffic traffic(std::span<const std::uint64_t> spikes = {}) const {
    return expected_traffic(network, pops, widths, chip, mapping, spikes);
  }
  [[nodiscard]] SimulationResult run(const SpikeTrace& trace, const Mapping& on) const {
    return simulate(network, pops, widths, trace, chip, on);
  }
};

/// The slices on random cores of their kinds.
Mapping shuffled(const Chip& chip, Mapping mapping, std::uint64_t seed) {
  std::vector<std::vector<std::uint32_t>> cores(chip.spec().core_kinds.size());
  for (std::uint32_t c = 0; c < chip.cores().size(); ++c) {
    cores[chip.cores()[c].kind].push_back(c);
  }
  std::uint32_t draw = 0;
  for (LayerSlice& slice : mapping.slices) {
    auto& free = cores[chip.core(slice.core).kind];
    const auto at = static_cast<std::ptrdiff_t>(random_below({seed, 5, 0}, draw++, free.size()));
    slice.core = CoreId{free[static_cast<std::size_t>(at)]};
    free.erase(free.begin() + at);
  }
  return mapping;
}

/// Every neuron fires once: a trace of one time step at 100 percent, pools and adds included.
SpikeTrace all_fire(const Network& network) { return testing::random_trace(network, 1, 100, 1); }

std::vector<Mapping> every_placement(const Spikformer& s, const Traffic& traffic) {
  std::vector<Mapping> mappings;
  for (const Placement strategy :
       {Placement::in_order, Placement::greedy, Placement::annealing, Placement::partition}) {
    mappings.push_back(place(s.chip, traffic, s.mapping, {strategy, 1, 2}));
  }
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    mappings.push_back(shuffled(s.chip, s.mapping, seed));
  }
  return mappings;
}

/// Counts that do not depend on where the slices are.
std::vector<std::pair<ActionKey, std::uint64_t>> placeless(const ActionCounts& actions) {
  std::vector<std::pair<ActionKey, std::uint64_t>> counts;
  for (const auto& [key, count] : actions.entries()) {
    if (key.component == "network.router" || key.action == Action::leak_cycle) continue;
    counts.emplace_back(key, count);
  }
  return counts;
}

TEST_CASE("placement: traffic and its hops, by hand") {
  const auto s = micro_scenario();
  // Each of 2 inputs reaches both slices of a; each of a's slices has 2 neurons, which reach both
  // slices of b. The I/O port is 4.
  const Traffic ones = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  const std::vector<TrafficFlow> expected{{4, {0}, 2, 2}, {4, {1}, 2, 2}, {0, {2}, 2, 2},
                                          {1, {2}, 2, 2}, {0, {3}, 2, 2}, {1, {3}, 2, 2}};
  CHECK(ones.slices == 4);
  CHECK(ones.flows == expected);
  // Links: io (tile 0) - core 0: 0, io - 1: 1; 0 - 2: 1, 1 - 2: 2; 0 - 3: 2, 1 - 3: 1.
  CHECK(packet_hops(ones, s.chip, s.mapping) == 2 * (0 + 1 + 1 + 2 + 2 + 1));
  // 3 spikes of 2 inputs: all reach each slice. 5 spikes of 4 neurons, 2 of them in a slice: 2.5,
  // rounded up.
  const std::vector<std::uint64_t> spikes{3, 5, 0};
  const Traffic some =
      expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping, spikes);
  CHECK(some.flows.front().packets == 3);
  CHECK(some.flows.back().packets == 3);
  CHECK(some.flows.back().neurons == 2);
}

/// micro_scenario with multicast.
testing::MappedNetwork multicast_scenario() {
  auto s = micro_scenario();
  ChipSpec spec = s.chip.spec();
  spec.topology.multicast = true;
  s.chip = Chip(spec);
  return s;
}

TEST_CASE("placement: traffic with multicast and its hops, by hand") {
  auto s = multicast_scenario();
  const auto traffic = [&] {
    return expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  };
  // As before, but each spike is one packet for both slices.
  const std::vector<TrafficFlow> expected{{4, {0, 1}, 2, 2}, {0, {2, 3}, 2, 2}, {1, {2, 3}, 2, 2}};
  CHECK(traffic().flows == expected);
  // io (tile 0) - cores 0 and 1, above it: one link. From 0 to core 2, beside it, and on to 3: two.
  // From 1 to 3, beside it, and on to 2: two.
  CHECK(packet_hops(traffic(), s.chip, s.mapping) == 2 * (1 + 2 + 2));
  // Slices of a across: io - 0 and 3: two. From 0 to 2 and 1, each beside it: two. From 3: two.
  std::swap(s.mapping.slices[1].core, s.mapping.slices[3].core);
  CHECK(packet_hops(traffic(), s.chip, s.mapping) == 2 * (2 + 2 + 2));
  const Mapping annealed = place(s.chip, traffic(), s.mapping, {Placement::annealing});
  CHECK(packet_hops(traffic(), s.chip, annealed) == 2 * (1 + 2 + 2));
}

TEST_CASE("placement: the best of three annealed ones is the best of all") {
  // 6 slices on 2 x 3 tiles.
  ChipSpec spec = testing::micro_chip().spec();
  testing::grid_of(spec).height = 3;
  const Chip chip{spec};
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const Traffic traffic = testing::random_flows(6, seed);
    Mapping mapping;
    for (std::uint32_t i = 0; i < 6; ++i) {
      mapping.slices.push_back({.population = 1, .core = CoreId{i}});
    }
    std::uint64_t annealed = packet_hops(traffic, chip, mapping);
    for (std::uint64_t again = 0; again < 3; ++again) {
      const PlacementOptions options{Placement::annealing, again};
      annealed =
          std::min(annealed, packet_hops(traffic, chip, place(chip, traffic, mapping, options)));
    }
    std::vector<std::uint32_t> cores{0, 1, 2, 3, 4, 5};
    std::uint64_t least = packet_hops(traffic, chip, mapping);
    do {
      for (std::uint32_t i = 0; i < 6; ++i) mapping.slices[i].core = CoreId{cores[i]};
      least = std::min(least, packet_hops(traffic, chip, mapping));
    } while (std::next_permutation(cores.begin(), cores.end()));
    CHECK(annealed == least);
  }
}

/// 12 tiles in a mesh, or in a circle of one way with a short cut, of two kinds of cores each.
std::vector<Chip> chips_of_two_kinds() {
  ChipSpec spec = testing::micro_chip().spec();
  spec.core_kinds.push_back(spec.core_kinds.front());
  spec.core_kinds.back().name = "other";
  spec.topology.tile = {"neuron", "other"};
  testing::grid_of(spec).width = 3;
  testing::grid_of(spec).height = 4;
  EdgeListShape circle{{}, 12, {}};
  const LinkSpec link{64, Picoseconds{6'000}, Picoseconds{10'000}};
  for (std::uint32_t i = 0; i < 12; ++i) {
    circle.routers.push_back("r" + std::to_string(i));
    circle.edges.push_back({i, (i + 1) % 12, link});
  }
  circle.edges.push_back({2, 8, link});
  ChipSpec one_way = spec;
  one_way.topology.network = NetworkSpec{circle};
  return {Chip(spec), Chip(one_way)};
}

/// One spike of each neuron from slices before one, to these and it.
Traffic known_before(std::uint32_t slice, const Traffic& traffic) {
  Traffic first{traffic.slices, {}};
  for (const TrafficFlow& flow : traffic.flows) {
    if (flow.from >= slice && flow.from != traffic.slices) continue;
    TrafficFlow part{flow.from, {}, flow.neurons, flow.neurons};
    std::ranges::copy_if(flow.to, std::back_inserter(part.to),
                         [&](std::uint32_t to) { return to <= slice; });
    if (!part.to.empty()) first.flows.push_back(part);
  }
  return first;
}

TEST_CASE("placement: each greedy choice passes the fewest links") {
  for (const Chip& chip : chips_of_two_kinds()) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      CAPTURE(seed);
      const Traffic traffic = testing::random_flows(16, seed);
      Mapping mapping;
      for (std::uint32_t i = 0; i < 16; ++i) {
        mapping.slices.push_back({.population = 1, .core = CoreId{23 - i}});
      }
      const Mapping greedy = place(chip, traffic, mapping, {Placement::greedy});
      std::set<std::uint32_t> free;
      for (std::uint32_t core = 0; core < 24; ++core) free.insert(core);
      for (std::uint32_t i = 0; i < 16; ++i) {
        const Traffic known = known_before(i, traffic);
        const std::uint32_t kind = chip.core(mapping.slices[i].core).kind;
        std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
        CoreId best;
        for (const std::uint32_t core : free) {
          if (chip.core({core}).kind != kind) continue;
          mapping.slices[i].core = CoreId{core};
          const std::uint64_t links = packet_hops(known, chip, mapping);
          if (links >= fewest) continue;
          fewest = links;
          best = CoreId{core};
        }
        CHECK(greedy.slices[i].core == best);
        mapping.slices[i].core = best;
        free.erase(best.index);
      }
    }
  }
}

TEST_CASE("placement: spikes that nobody sent make no traffic") {
  const auto s = micro_scenario();
  const std::vector<std::uint64_t> silence(3, 0);
  const Traffic none =
      expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping, silence);
  CHECK(std::ranges::all_of(none.flows, [](const auto& flow) { return flow.packets == 0; }));
  CHECK(packet_hops(none, s.chip, s.mapping) == 0);
  for (const Placement strategy : {Placement::annealing, Placement::partition}) {
    const Mapping placed = place(s.chip, none, s.mapping, {strategy});
    CHECK(check_mapping(s.network, s.populations, s.widths, s.chip, placed).empty());
  }
}

TEST_CASE("placement: the four strategies, by hand") {
  const auto s = micro_scenario();
  const Traffic traffic = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  const auto cores = [&](Placement strategy) {
    std::vector<std::uint32_t> found;
    const Mapping placed = place(s.chip, traffic, s.mapping, {strategy});
    for (const LayerSlice& slice : placed.slices) found.push_back(slice.core.index);
    return found;
  };
  CHECK(cores(Placement::in_order) == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(cores(Placement::greedy) == std::vector<std::uint32_t>{0, 1, 2, 3});
  // On a square with as many slices as cores, what counts is where a is: each slice of b has one
  // slice of a next to it and one at 0 .. 2 links. With a on 0 and 1 (next to each other), the cost
  // is 2 (inputs) + 2 x (1 + 2 + 2 + 1) = 14; with a on 0 and 3 (across), each of b's has a's at
  // one link: 2 x 2 (inputs) + 2 x 4 = 12.
  const Mapping annealed = place(s.chip, traffic, s.mapping, {Placement::annealing});
  CHECK(packet_hops(traffic, s.chip, s.mapping) == 14);
  CHECK(packet_hops(traffic, s.chip, annealed) == 12);
}

TEST_CASE("placement: greedy does not depend on spikes") {
  for (const char* name : {"mesh45.yaml", "loihi1.yaml", "spinnaker2.yaml"}) {
    const Spikformer s(name);
    const std::vector<std::uint64_t> silence(s.pops.size(), 0);
    CHECK(place(s.chip, s.traffic(), s.mapping, {}) ==
          place(s.chip, s.traffic(silence), s.mapping, {}));
  }
}

TEST_CASE("placement: when every neuron fires once, the chip passes as many links as expected") {
  for (const char* name : {"mesh45.yaml", "loihi1.yaml", "spinnaker2.yaml"}) {
    const Spikformer s(name);
    const Traffic traffic = s.traffic();
    const SpikeTrace trace = all_fire(s.network);
    std::uint64_t packets = 0;
    for (const TrafficFlow& flow : traffic.flows) packets += flow.packets;
    for (const Mapping& mapping : every_placement(s, traffic)) {
      const SimulationResult result = s.run(trace, mapping);
      CHECK(result.packets == packets);
      CHECK(result.hops == packet_hops(traffic, s.chip, mapping));
    }
  }
}

TEST_CASE("placement: what the chip does is the same under any placement, its ways are not") {
  for (const char* name : {"mesh45.yaml", "loihi1.yaml", "spinnaker2.yaml"}) {
    const Spikformer s(name);
    const SpikeTrace trace = testing::random_trace(s.network, 3, 12, 7);
    const SimulationResult first = s.run(trace, s.mapping);
    const auto counts = placeless(first.actions);
    std::vector<std::uint64_t> hops;
    for (const Mapping& mapping : every_placement(s, s.traffic())) {
      CHECK(check_mapping(s.network, s.pops, s.widths, s.chip, mapping).empty());
      const SimulationResult result = s.run(trace, mapping);
      CHECK(result.packets == first.packets);
      CHECK(result.merged == first.merged);
      CHECK(placeless(result.actions) == counts);
      hops.push_back(result.hops);
    }
    std::sort(hops.begin(), hops.end());
    CHECK(hops.front() < hops.back());
  }
}

TEST_CASE("placement: annealing is never worse than greedy, and a seed gives one placement") {
  const Spikformer unicast("loihi1.yaml", {});
  const Spikformer multicast("spinnaker2.yaml", {});
  const std::vector<std::uint64_t> spikes(unicast.pops.size(), 1000);
  const std::vector<std::pair<const Spikformer&, Traffic>> cases{
      {unicast, unicast.traffic()},
      {unicast, unicast.traffic(spikes)},
      {multicast, multicast.traffic(spikes)}};
  for (const auto& [s, traffic] : cases) {
    const auto placed = [&](PlacementOptions options) {
      return place(s.chip, traffic, s.mapping, options);
    };
    const auto cost = [&](const Mapping& mapping) { return packet_hops(traffic, s.chip, mapping); };
    const std::uint64_t greedy = cost(placed({Placement::greedy}));
    std::vector<Mapping> seeds;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      for (const std::uint32_t effort : {1U, 2U}) {
        const Mapping mapping = placed({Placement::annealing, seed, effort});
        CHECK(cost(mapping) <= greedy);
        CHECK(mapping == placed({Placement::annealing, seed, effort}));
        seeds.push_back(mapping);
      }
      CHECK(placed({Placement::partition, seed}) == placed({Placement::partition, seed}));
    }
    // 104 slices on 128 or 152 cores: there is something to gain.
    CHECK(std::all_of(seeds.begin(), seeds.end(),
                      [&](const Mapping& mapping) { return cost(mapping) < greedy; }));
    CHECK(std::any_of(seeds.begin(), seeds.end(),
                      [&](const Mapping& mapping) { return mapping != seeds.front(); }));
  }
}

TEST_CASE("placement: partition is never worse than greedy") {
  for (const Chip& chip : chips_of_two_kinds()) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      CAPTURE(seed);
      const Traffic traffic = testing::random_flows(8, seed);
      Mapping mapping;
      for (std::uint32_t i = 0; i < 8; ++i) {
        mapping.slices.push_back({.population = 1, .core = CoreId{i}});
      }
      const auto cost = [&](Placement strategy) {
        return packet_hops(traffic, chip, place(chip, traffic, mapping, {strategy}));
      };
      CHECK(cost(Placement::partition) <= cost(Placement::greedy));
    }
  }
}

TEST_CASE("placement: annealing and partition tell how far they are, and can be stopped") {
  const Spikformer s("mesh45.yaml");
  PlacementOptions options{Placement::annealing, 1, 1};
  SUBCASE("annealing") {}
  SUBCASE("partition") { options.strategy = Placement::partition; }
  std::vector<std::size_t> told;
  const Mapping placed = place(s.chip, s.traffic(), s.mapping, options);
  options.progress = [&](std::size_t done, std::size_t slices) {
    CHECK(slices == s.mapping.slices.size());
    told.push_back(done);
  };
  CHECK(place(s.chip, s.traffic(), s.mapping, options) == placed);
  REQUIRE(told.size() > 2);
  CHECK(told.front() == 0);
  CHECK(std::ranges::is_sorted(told));
  CHECK(told.back() == s.mapping.slices.size());
  options.progress = [](std::size_t done, std::size_t) {
    if (done != 0) throw Error(ErrorKind::config, "stopped");
  };
  CHECK(testing::message_of([&] { place(s.chip, s.traffic(), s.mapping, options); }) == "stopped");
}

TEST_CASE("placement: a full chip leaves the partition no room, and it fits all the same") {
  Spikformer s("mesh45.yaml");
  // As many tiles as the neuron cores need: one row, three neuron cores each.
  const auto slices = static_cast<std::uint32_t>(s.mapping.slices.size());
  ChipSpec spec = s.chip.spec();
  testing::grid_of(spec).height = 1;
  for (CoreKindSpec& kind : spec.core_kinds) kind.max_slices = 1;
  for (std::uint32_t width = (slices + 3) / 4;; ++width) {
    testing::grid_of(spec).width = width;
    s.chip = Chip(spec);
    const MappingResult result = map_network(s.network, s.pops, s.widths, s.chip);
    if (!result.feasible()) continue;
    s.mapping = result.mapping;
    break;
  }
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Mapping placed = place(s.chip, s.traffic(), s.mapping, {Placement::partition, seed});
    CHECK(check_mapping(s.network, s.pops, s.widths, s.chip, placed).empty());
    CHECK(packet_hops(s.traffic(), s.chip, placed) <
          packet_hops(s.traffic(), s.chip, shuffled(s.chip, s.mapping, seed)));
  }
}

TEST_CASE("placement: what does not go together is refused") {
  const auto s = micro_scenario();
  const Traffic traffic = expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping);
  const auto placed = [&](const Traffic& with, PlacementOptions options) {
    return testing::message_of([&] { place(s.chip, with, s.mapping, options); });
  };
  CHECK(placed(traffic, {Placement::annealing, 1, 0}) ==
        "expected a placement effort of 1..1000, got 0");
  CHECK(placed(traffic, {Placement::annealing, 1, 1001}) ==
        "expected a placement effort of 1..1000, got 1001");
  CHECK(placed({3, {}}, {}) == "the traffic is of 3 slices, the mapping has 4");
  const auto expected = [&](const std::vector<std::uint64_t>& spikes) {
    return testing::message_of(
        [&] { expected_traffic(s.network, s.populations, s.widths, s.chip, s.mapping, spikes); });
  };
  CHECK(expected({1}) == "expected spikes of 3 populations, got 1");
  CHECK(expected({0, (std::uint64_t{1} << 48) + 1, 0}) ==
        "a: sends more spikes than a traffic estimate can hold");
  // 2^48 of a: 2 slices of b get half of them from each of a's slices: 2^49 in all.
  CHECK(expected({0, std::uint64_t{1} << 48, 0}) == "more than 2^48 packets are expected");
  // With multicast they are 2^48 packets, which count at each slice that they reach.
  const auto m = multicast_scenario();
  const std::vector<std::uint64_t> spikes{0, std::uint64_t{1} << 48, 0};
  CHECK(testing::message_of([&] {
          expected_traffic(m.network, m.populations, m.widths, m.chip, m.mapping, spikes);
        }) == "more than 2^48 packets are expected");
}

}  // namespace
}  // namespace nj
