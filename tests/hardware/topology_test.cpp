#include <algorithm>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <neurojoule/hardware/topology.hpp>

#include "support/thrown.hpp"

namespace nj {
namespace {

const LinkSpec horizontal{64, Picoseconds{1}, Picoseconds{2}};
const LinkSpec vertical{64, Picoseconds{1}, Picoseconds{3}};

Topology mesh_of(std::uint32_t width, std::uint32_t height) {
  TopologySpec spec;
  spec.network =
      NetworkSpec{GridShape{width, height, false, horizontal, vertical}, Routing::dimension_order};
  return Topology(spec);
}

TEST_CASE("topology: a mesh has two links per neighbouring pair, with its direction's latency") {
  const Topology mesh = mesh_of(3, 2);
  // 3 x 2: horizontal pairs 2 * 2, vertical pairs 3 * 1; two directions each.
  CHECK(mesh.tiles() == 6);
  CHECK(mesh.links().size() == 14);
  for (const Link& link : mesh.links()) {
    const bool upright = link.from / 2 == link.to / 2;  // tile id -> x = id / height
    CHECK((link.direction == Direction::north_south) == upright);
    CHECK(link.spec == (upright ? vertical : horizontal));
  }
}

TEST_CASE("topology: a route goes along x first, then along y") {
  const Topology mesh = mesh_of(3, 2);
  // Tile 0 = (0,0) to tile 5 = (2,1): (1,0) = 2, (2,0) = 4, then 5.
  const std::vector<std::uint32_t> expected{2, 4, 5};
  std::vector<std::uint32_t> visited;
  for (std::uint32_t tile = 0; tile != 5;) {
    tile = mesh.links()[mesh.next_link(tile, 5)].to;
    visited.push_back(tile);
  }
  CHECK(visited == expected);
}

TEST_CASE("topology: hops are the Manhattan distance between all tiles") {
  const Topology mesh = mesh_of(8, 4);
  for (std::uint32_t a = 0; a < 32; ++a) {
    for (std::uint32_t b = 0; b < 32; ++b) {
      const auto distance = [](std::uint32_t i, std::uint32_t j) { return i < j ? j - i : i - j; };
      CHECK(mesh.hops(a, b) == distance(a / 4, b / 4) + distance(a % 4, b % 4));
    }
  }
}

/// Whether on all routes no link is in an earlier group than the one before it.
bool groups_follow_routes(const Topology& topology) {
  const LinkGroups& groups = topology.link_groups();
  for (std::uint32_t from = 0; from < topology.tiles(); ++from) {
    for (std::uint32_t to = 0; to < topology.tiles(); ++to) {
      std::uint32_t before = 0;
      for (std::uint32_t router = from; router != to;) {
        const std::uint32_t link = topology.next_link(router, to);
        if (groups.of[link] < before) return false;
        before = groups.of[link];
        router = topology.links()[link].to;
      }
    }
  }
  return true;
}

TEST_CASE(
    "topology: links of a mesh come one by one, each before those that follow it on a route") {
  const Topology mesh = mesh_of(4, 3);
  CHECK(mesh.link_groups().count() == mesh.links().size());
  CHECK(groups_follow_routes(mesh));
}

TEST_CASE("topology: links of a torus that packets may go round on share a group") {
  TopologySpec spec;
  spec.network = NetworkSpec{GridShape{5, 5, true, horizontal, vertical}, Routing::dimension_order};
  const Topology torus(spec);
  const LinkGroups& groups = torus.link_groups();
  CHECK(groups_follow_routes(torus));
  // 5 rows and 5 columns, two ways round each; on a ring of 5 a packet takes 2 links at most, so
  // each of them may be the second one.
  CHECK(groups.count() == 20);
  for (std::uint32_t g = 0; g < groups.count(); ++g) {
    CHECK(groups.group(g).size() == 5);
    for (const std::uint32_t link : groups.group(g)) {
      CHECK(groups.of[link] == g);
      CHECK(torus.links()[link].direction == torus.links()[groups.group(g).front()].direction);
    }
  }
}

TEST_CASE("topology: a torus goes the shorter way round, up when both are as long") {
  TopologySpec spec;
  spec.network = NetworkSpec{GridShape{4, 3, true, horizontal, vertical}, Routing::dimension_order};
  const Topology torus(spec);
  CHECK(torus.tiles() == 12);
  CHECK(torus.links().size() == 48);  // 12 routers x 4 neighbours
  CHECK(torus.virtual_channels() == 1);
  CHECK(to_string(spec) == "torus of 4 x 3 tiles");
  const auto ring = [](std::uint32_t a, std::uint32_t b, std::uint32_t n) {
    const std::uint32_t up = (b + n - a) % n;
    return std::min(up, n - up);
  };
  for (std::uint32_t a = 0; a < 12; ++a) {
    for (std::uint32_t b = 0; b < 12; ++b) {
      CHECK(torus.hops(a, b) == ring(a / 3, b / 3, 4) + ring(a % 3, b % 3, 3));
    }
  }
  // (0,0) to (2,0): two ways of 2, so up over (1,0) = tile 3. (0,0) to (3,0) = tile 9: over the
  // edge.
  CHECK(torus.links()[torus.next_link(0, 6)].to == 3);
  CHECK(torus.links()[torus.next_link(0, 9)].to == 9);
}

TEST_CASE("topology: bounded buffers on a ring change the virtual channel where it closes") {
  TopologySpec spec;
  spec.network = NetworkSpec{RingShape{5, horizontal}, Routing::dimension_order};
  spec.buffer_flits = 1;
  const Topology ring(spec);
  REQUIRE(ring.virtual_channels() == 2);
  const auto link = [&](std::uint32_t from, std::uint32_t to) { return ring.next_link(from, to); };
  // 3 -> 4 -> 0 -> 1: channel 0 as injected, 1 on the link that closes the ring, and from there on.
  const std::uint32_t first = ring.channel_after(no_channel, link(3, 4));
  const std::uint32_t second = ring.channel_after(first, link(4, 0));
  const std::uint32_t third = ring.channel_after(second, link(0, 1));
  CHECK(first == 2 * link(3, 4));
  CHECK(second == 2 * link(4, 0) + 1);
  CHECK(third == 2 * link(0, 1) + 1);
  // Injected at 0, it is on channel 0 of the same link.
  CHECK(ring.channel_after(no_channel, link(0, 1)) == 2 * link(0, 1));
  // Downwards the ring closes between 0 and 4 as well.
  CHECK(ring.links()[ring.next_link(1, 4)].to == 0);
  CHECK(ring.channel_after(2 * link(1, 0), link(0, 4)) == 2 * link(0, 4) + 1);
}

TEST_CASE("topology: a torus starts on virtual channel 0 again where it turns") {
  TopologySpec spec;
  spec.network = NetworkSpec{GridShape{4, 3, true, horizontal, vertical}, Routing::dimension_order};
  spec.buffer_flits = 1;
  const Topology torus(spec);
  // (3,0) = 9 over the edge to (0,0) = 0, then up to (0,1) = 1: 1, then 0.
  const std::uint32_t across = torus.channel_after(no_channel, torus.next_link(9, 1));
  CHECK(across % 2 == 1);
  CHECK(torus.channel_after(across, torus.next_link(0, 1)) % 2 == 0);
}

TEST_CASE("topology: a tree has its tiles at the leaves and each level's links between levels") {
  TopologySpec spec;
  const LinkSpec wide{128, Picoseconds{1}, Picoseconds{5}};
  spec.network = NetworkSpec{TreeShape{2, {horizontal, wide, wide}}};
  const Topology tree(spec);
  CHECK(tree.tiles() == 8);
  CHECK(tree.routers() == 8 + 4 + 2 + 1);
  CHECK(tree.links().size() == 2 * (8 + 4 + 2));
  CHECK(tree.router_name(14) == "router 0 of level 3");
  CHECK(tree.hops(0, 1) == 2);
  CHECK(tree.hops(0, 2) == 4);
  CHECK(tree.hops(0, 7) == 6);
  for (const Link& link : tree.links()) {
    CHECK(link.direction == Direction::undirected);
    CHECK(link.spec == (std::min(link.from, link.to) < 8 ? horizontal : wide));
  }
}

TEST_CASE("topology: a crossbar has one switch, two links away from every other tile") {
  TopologySpec spec;
  spec.network = NetworkSpec{CrossbarShape{4, horizontal}};
  const Topology crossbar(spec);
  CHECK(crossbar.tiles() == 4);
  CHECK(crossbar.router_name(4) == "switch");
  CHECK(crossbar.links().size() == 8);
  CHECK(crossbar.hops(0, 3) == 2);
}

/// a(0) - b(1) - c(2) both ways, a -> d(3) -> c one way; d has no tile.
EdgeListShape diamond(std::int64_t latency_by_d) {
  const LinkSpec slow{64, Picoseconds{1}, Picoseconds{10}};
  const LinkSpec by_d{64, Picoseconds{1}, Picoseconds{latency_by_d}};
  return {{"a", "b", "c", "d"},
          3,
          {{0, 1, slow}, {1, 0, slow}, {1, 2, slow}, {2, 1, slow}, {0, 3, by_d}, {3, 2, by_d}}};
}

TEST_CASE("topology: shortest paths take the least latency, then the lowest link") {
  const auto second = [](std::int64_t latency_by_d) {
    TopologySpec spec;
    spec.network = NetworkSpec{diamond(latency_by_d)};
    const Topology graph(spec);
    return graph.links()[graph.next_link(0, 2)].to;
  };
  CHECK(second(9) == 3);   // 18 by d, 20 by b
  CHECK(second(10) == 1);  // equal: the link to b is listed first
  CHECK(second(11) == 1);
}

TEST_CASE("topology: chips are joined at their gateways, tiles counted chip by chip") {
  TopologySpec spec;
  const LinkSpec slow{8, Picoseconds{10}, Picoseconds{100}};
  spec.network = MultiChipSpec{
      NetworkSpec{GridShape{2, 2, false, horizontal, vertical}, Routing::dimension_order},
      NetworkSpec{CrossbarShape{3, slow}}, 1};
  const Topology chips(spec);
  CHECK(chips.tiles() == 12);
  CHECK(chips.routers() == 13);
  CHECK(chips.links().size() == 3 * 8 + 6);
  CHECK(chips.router_name(5) == "chip 1 (0,1)");
  CHECK(chips.router_name(12) == "between chips, switch");
  CHECK(to_string(spec) == "3 chips, each a mesh of 2 x 2 tiles");
  CHECK(chips.hops(4, 7) == 2);  // within chip 1
  // Tile 2 = chip 0 (1,0): to the gateway (0,1) 2 hops, over the switch 2, from gateway 5 to tile 4
  // = (0,0) 1.
  CHECK(chips.hops(2, 4) == 5);
  for (const Link& link : chips.links()) {
    CHECK((link.direction == Direction::between_chips) == (link.from == 12 || link.to == 12));
  }
}

TEST_CASE("topology: what cannot work is refused by name") {
  const auto message = [](TopologySpec spec) {
    return testing::message_of([&] { static_cast<void>(Topology(spec)); });
  };
  const auto network = [&](NetworkShape shape, Routing routing = Routing::shortest_path) {
    TopologySpec spec;
    spec.network = NetworkSpec{std::move(shape), routing};
    return spec;
  };
  CHECK(message(network(RingShape{})) == "topology: expected 1 to 4096 tiles, got 0");
  CHECK(message(network(TreeShape{1000, std::vector<LinkSpec>(8, horizontal)})) ==
        "topology: expected 1 to 4096 tiles, got 1099511627776");
  CHECK(message(network(TreeShape{1, {horizontal}})) == "topology.arity: expected 2..4096, got 1");
  CHECK(message(network(TreeShape{2, {horizontal}}, Routing::dimension_order)) ==
        "topology.routing: dimension-order needs a mesh, a torus or a ring");
  CHECK(message(network(RingShape{3, {0, Picoseconds{1}, Picoseconds{1}}})) ==
        "topology.link.width: expected 1..65536, got 0");
  CHECK(message(network(RingShape{3, {1, Picoseconds{1}, Picoseconds{0}}}))
            .starts_with("topology.hop.latency: expected"));
  GridShape grid{3, 3, false, horizontal, vertical};
  grid.south_latency = Picoseconds{0};
  CHECK(message(network(grid)).starts_with("topology.hop_south.latency: expected"));
  EdgeListShape one_way = diamond(1);
  one_way.edges.erase(one_way.edges.begin() + 3);  // c -> b
  CHECK(message(network(one_way)) == "topology.edges: no way leads from c to a");
  EdgeListShape twice = diamond(1);
  twice.edges.push_back(twice.edges.front());
  CHECK(message(network(twice)) == "topology.edges: two links lead the same way: a -> b");
  EdgeListShape stray = diamond(1);
  stray.edges.push_back({0, 9, horizontal});
  CHECK(message(network(stray)) == "topology.edges: a link ends at a router that is not there");
  TopologySpec small = network(RingShape{3, horizontal});
  small.flit_bits = 16;
  small.buffer_flits = 3;
  CHECK(message(small) == "topology.buffer: a packet of 4 flits does not fit a buffer of 3");
  TopologySpec chips;
  chips.network = MultiChipSpec{NetworkSpec{RingShape{64, horizontal}},
                                NetworkSpec{RingShape{65, horizontal}}, 0};
  CHECK(message(chips) == "topology: expected 1 to 4096 tiles, got 4160");
  chips.network = MultiChipSpec{NetworkSpec{RingShape{4, horizontal}},
                                NetworkSpec{RingShape{2, horizontal}}, 4};
  CHECK(message(chips) == "topology.gateway: expected 0..3, got 4");
}

TEST_CASE("topology: a circle of full buffers is refused, and its links are named") {
  TopologySpec spec;
  spec.network = NetworkSpec{RingShape{5, horizontal}, Routing::shortest_path};
  static_cast<void>(Topology(spec));  // unbounded
  spec.buffer_flits = 8;
  // Two links up is the shortest way between tiles at that distance, so each link up may wait for
  // the next one, all round.
  CHECK(testing::message_of([&] { static_cast<void>(Topology(spec)); }) ==
        "topology.routing: full buffers could wait for each other in a circle: tile 0 -> tile 1, "
        "tile 1 -> tile 2, tile 2 -> tile 3, tile 3 -> tile 4, tile 4 -> tile 0; use another "
        "routing, or buffer: unbounded");
  spec.network = NetworkSpec{RingShape{5, horizontal}, Routing::dimension_order};
  static_cast<void>(Topology(spec));  // two virtual channels
  // In a ring of 4, the lower numbered links of the ties leave the circle open.
  spec.network = NetworkSpec{RingShape{4, horizontal}, Routing::shortest_path};
  static_cast<void>(Topology(spec));
}

TEST_CASE("topology: a single tile has no links") {
  CHECK(mesh_of(1, 1).links().empty());
  CHECK(mesh_of(1, 1).hops(0, 0) == 0);
}

}  // namespace
}  // namespace nj
