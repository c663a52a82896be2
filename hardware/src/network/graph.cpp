#include "graph.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

#include <fmt/core.h>

namespace nj {
namespace {

/// A link without its ends.
struct LooseLink {
  Direction direction{};
  LinkSpec spec;
};

/// Collects the links of a graph in the order in which they get their numbers.
struct Drawing {
  std::vector<Link> links;
  void connect(std::uint32_t a, std::uint32_t b, const LinkSpec& undirected, bool closes = false) {
    const LooseLink way{Direction::undirected, undirected};
    connect(a, b, {way, way}, closes);
  }
  /// Links there and back.
  void connect(std::uint32_t a, std::uint32_t b, const std::array<LooseLink, 2>& ways,
               bool closes) {
    links.push_back({a, b, ways[0].direction, ways[0].spec, closes});
    links.push_back({b, a, ways[1].direction, ways[1].spec, closes});
  }
};

/// Whether a side of that many routers has a link from its end to its start.
bool closes(bool wraps, std::uint32_t routers) { return wraps && routers > 2; }

/// The links there and back along an axis: alike, or of two directions where the way back has a
/// latency of its own.
std::array<LooseLink, 2> ways_along(const LinkSpec& link, Direction axis,
                                    const std::optional<Picoseconds>& back,
                                    const std::array<Direction, 2>& directions) {
  if (!back) return {LooseLink{axis, link}, LooseLink{axis, link}};
  LinkSpec other = link;
  other.latency = *back;
  return {LooseLink{directions[0], link}, LooseLink{directions[1], other}};
}

NetworkGraph draw(const GridShape& grid) {
  Drawing drawing;
  std::vector<std::string> names;
  const auto east_west = ways_along(grid.east_west, Direction::east_west, grid.west_latency,
                                    {Direction::east, Direction::west});
  const auto north_south = ways_along(grid.north_south, Direction::north_south, grid.south_latency,
                                      {Direction::north, Direction::south});
  for (std::uint32_t x = 0; x < grid.width; ++x) {
    for (std::uint32_t y = 0; y < grid.height; ++y) {
      const std::uint32_t tile = x * grid.height + y;
      names.push_back(fmt::format("({},{})", x, y));
      if (x + 1 < grid.width) {
        drawing.connect(tile, tile + grid.height, east_west, false);
      } else if (closes(grid.wraps, grid.width)) {
        drawing.connect(tile, y, east_west, true);
      }
      if (y + 1 < grid.height) {
        drawing.connect(tile, tile + 1, north_south, false);
      } else if (closes(grid.wraps, grid.height)) {
        drawing.connect(tile, x * grid.height, north_south, true);
      }
    }
  }
  return make_graph(grid.width * grid.height, std::move(names), std::move(drawing.links));
}

std::vector<std::string> numbered(std::uint32_t count) {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < count; ++i) names.push_back(fmt::format("tile {}", i));
  return names;
}

NetworkGraph draw(const RingShape& ring) {
  Drawing drawing;
  for (std::uint32_t i = 0; i + 1 < ring.routers; ++i) {
    drawing.connect(i, i + 1, ring.link);
  }
  if (closes(true, ring.routers)) {
    drawing.connect(ring.routers - 1, 0, ring.link, true);
  }
  return make_graph(ring.routers, numbered(ring.routers), std::move(drawing.links));
}

NetworkGraph draw(const TreeShape& tree) {
  const auto leaves = static_cast<std::uint32_t>(tile_count(tree));
  std::vector<std::string> names = numbered(leaves);
  Drawing drawing;
  std::uint32_t first = 0;  // router of the level below
  std::uint32_t count = leaves;
  for (std::size_t level = 0; level < tree.levels.size(); ++level) {
    for (std::uint32_t i = 0; i < count; ++i) {
      drawing.connect(first + i, first + count + i / tree.arity, tree.levels[level]);
    }
    first += count;
    count /= tree.arity;
    for (std::uint32_t i = 0; i < count; ++i) {
      names.push_back(fmt::format("router {} of level {}", i, level + 1));
    }
  }
  return make_graph(leaves, std::move(names), std::move(drawing.links));
}

NetworkGraph draw(const CrossbarShape& crossbar) {
  std::vector<std::string> names = numbered(crossbar.ports);
  names.emplace_back("switch");
  Drawing drawing;
  for (std::uint32_t i = 0; i < crossbar.ports; ++i) {
    drawing.connect(i, crossbar.ports, crossbar.link);
  }
  return make_graph(crossbar.ports, std::move(names), std::move(drawing.links));
}

NetworkGraph draw(const EdgeListShape& list) {
  std::vector<Link> links;
  for (const EdgeListShape::Edge& edge : list.edges) {
    links.push_back({edge.from, edge.to, Direction::undirected, edge.link});
  }
  return make_graph(list.tiles, list.routers, std::move(links));
}

}  // namespace

NetworkGraph make_graph(std::uint32_t tiles, std::vector<std::string> names,
                        std::vector<Link> links) {
  NetworkGraph graph{tiles, std::move(names), std::move(links), {}};
  std::stable_sort(graph.links.begin(), graph.links.end(),
                   [](const Link& a, const Link& b) { return a.from < b.from; });
  graph.first_link.assign(graph.names.size() + 1, 0);
  for (const Link& link : graph.links) ++graph.first_link[link.from + 1];
  for (std::size_t r = 0; r < graph.names.size(); ++r) {
    graph.first_link[r + 1] += graph.first_link[r];
  }
  return graph;
}

NetworkGraph make_graph(const NetworkShape& shape) {
  return std::visit([](const auto& known) { return draw(known); }, shape);
}

NetworkGraph join_graphs(const NetworkGraph& chip, const NetworkGraph& between,
                         std::uint32_t gateway) {
  const JoinedNumbers number{between.tiles, chip.tiles, chip.routers()};
  std::vector<std::string> names(std::size_t{number.chips} * number.routers);
  std::vector<Link> links;
  for (std::uint32_t c = 0; c < number.chips; ++c) {
    for (std::uint32_t r = 0; r < number.routers; ++r) {
      names[number.of(c, r)] = fmt::format("chip {} {}", c, chip.names[r]);
    }
    for (const Link& link : chip.links) {
      links.push_back(
          {number.of(c, link.from), number.of(c, link.to), link.direction, link.spec, link.closes});
    }
  }
  for (std::uint32_t r = number.chips; r < between.routers(); ++r) {
    names.push_back(fmt::format("between chips, {}", between.names[r]));
  }
  for (const Link& link : between.links) {
    links.push_back({number.between(link.from, gateway), number.between(link.to, gateway),
                     Direction::between_chips, link.spec, link.closes});
  }
  return make_graph(number.chips * number.tiles, std::move(names), std::move(links));
}

}  // namespace nj
