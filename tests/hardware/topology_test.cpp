#include <doctest/doctest.h>

#include <neurojoule/hardware/topology.hpp>

namespace nj {
namespace {

const LinkTimes times{Picoseconds{1}, Picoseconds{2}, Picoseconds{3}};

TEST_CASE("topology: a mesh has two links per neighbouring pair, with its direction's latency") {
  const Topology mesh = Topology::mesh(3, 2, times);
  // 3 x 2: horizontal pairs 2 * 2, vertical pairs 3 * 1; two directions each.
  CHECK(mesh.tiles() == 6);
  CHECK(mesh.links().size() == 14);
  for (const Link& link : mesh.links()) {
    const bool vertical = link.from / 2 == link.to / 2;  // tile id -> x = id / height
    CHECK((link.direction == Direction::north_south) == vertical);
    CHECK(link.latency.value() == (vertical ? 3 : 2));
  }
}

TEST_CASE("topology: a route goes along x first, then along y") {
  const Topology mesh = Topology::mesh(3, 2, times);
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
  const Topology mesh = Topology::mesh(8, 4, times);
  for (std::uint32_t a = 0; a < 32; ++a) {
    for (std::uint32_t b = 0; b < 32; ++b) {
      const auto distance = [](std::uint32_t i, std::uint32_t j) { return i < j ? j - i : i - j; };
      CHECK(mesh.hops(a, b) == distance(a / 4, b / 4) + distance(a % 4, b % 4));
    }
  }
}

TEST_CASE("topology: a single tile has no links") {
  CHECK(Topology::mesh(1, 1, times).links().empty());
  CHECK(Topology::mesh(1, 1, times).hops(0, 0) == 0);
}

}  // namespace
}  // namespace nj
