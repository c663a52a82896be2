#include "routes.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/parallel.hpp"

namespace nj {
namespace {

constexpr std::uint32_t destinations_per_chunk = 16;

/// A link's length: latency first, then one per link, so that sums compare in that order.
std::int64_t length_of(const Link& link) {
  constexpr std::int64_t more_than_links_of_a_way = max_routers;
  return link.spec.latency.value() * more_than_links_of_a_way + 1;
}

// Links backwards: distances from a destination are those to it.
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property,
                                    boost::property<boost::edge_weight_t, std::int64_t>>;

Graph reversed(const NetworkGraph& network) {
  Graph graph(network.routers());
  for (const Link& link : network.links) {
    boost::add_edge(link.to, link.from, Graph::edge_property_type(length_of(link)), graph);
  }
  return graph;
}

[[noreturn]] void refuse_gap(const NetworkGraph& graph, std::uint32_t from, std::uint32_t to,
                             const std::string& key) {
  throw Error(ErrorKind::config,
              fmt::format("no way leads from {} to {}", graph.names[from], graph.names[to]),
              {.key = key + ".edges"});  // any other network is whole
}

/// The routers that routes lead to: all tiles, and the gateway.
std::vector<std::uint32_t> goals_of(const NetworkGraph& graph,
                                    std::optional<std::uint32_t> gateway) {
  std::vector<std::uint32_t> goals(graph.tiles);
  std::iota(goals.begin(), goals.end(), 0);
  if (gateway) goals.push_back(*gateway);
  return goals;
}

/// Fills the column of one destination.
void shortest_paths_to(const NetworkGraph& network, const Graph& graph,
                       const std::vector<std::uint32_t>& goals, std::size_t destination,
                       Routes& routes, const std::string& key) {
  constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max();
  const std::uint32_t to = goals[destination];
  std::vector<std::int64_t> distance(network.routers(), far);
  boost::dijkstra_shortest_paths(graph, to,
                                 boost::distance_map(boost::make_iterator_property_map(
                                     distance.begin(), boost::get(boost::vertex_index, graph))));
  for (std::uint32_t from = 0; from < network.routers(); ++from) {
    if (from == to) continue;
    if (distance[from] == far) {
      if (from < network.tiles || from == goals.back()) refuse_gap(network, from, to, key);
      continue;
    }
    const auto out = network.out(from);
    const auto link = std::find_if(out.begin(), out.end(), [&](const Link& candidate) {
      return distance[candidate.to] != far &&
             distance[candidate.to] + length_of(candidate) == distance[from];
    });
    routes.port[std::size_t{from} * routes.destinations + destination] =
        static_cast<std::uint16_t>(link - out.begin());
  }
}

/// One step along a side of `count` routers, from position `at` to another one.
std::uint32_t step_along(std::uint32_t at, std::uint32_t goal, std::uint32_t count, bool closed) {
  if (!closed) return at < goal ? at + 1 : at - 1;
  const std::uint32_t upwards = (goal + count - at) % count;
  return upwards <= count - upwards ? (at + 1) % count : (at + count - 1) % count;
}

std::uint32_t dimension_order_step(const GridShape& grid, std::uint32_t from, std::uint32_t to) {
  const std::uint32_t x = from / grid.height;
  const std::uint32_t y = from % grid.height;
  if (x != to / grid.height) {
    const bool closed = grid.wraps && grid.width > 2;
    return step_along(x, to / grid.height, grid.width, closed) * grid.height + y;
  }
  const bool closed = grid.wraps && grid.height > 2;
  return x * grid.height + step_along(y, to % grid.height, grid.height, closed);
}

std::uint32_t dimension_order_step(const RingShape& ring, std::uint32_t from, std::uint32_t to) {
  return step_along(from, to, ring.routers, ring.routers > 2);
}

template <class Shape>
void dimension_order(const Shape& shape, const NetworkGraph& graph,
                     const std::vector<std::uint32_t>& goals, Routes& routes) {
  for (std::uint32_t from = 0; from < graph.routers(); ++from) {
    const auto out = graph.out(from);
    for (std::uint32_t d = 0; d < routes.destinations; ++d) {
      const std::uint32_t to = goals[d];
      if (to == from) continue;
      const std::uint32_t next = dimension_order_step(shape, from, to);
      std::uint32_t link = 0;
      while (out[link].to != next) ++link;
      routes.port[std::size_t{from} * routes.destinations + d] = static_cast<std::uint16_t>(link);
    }
  }
}

}  // namespace

bool goes_round(const NetworkSpec& network) {
  if (network.routing != Routing::dimension_order) return false;
  if (const auto* grid = std::get_if<GridShape>(&network.shape)) {
    return grid->wraps && (grid->width > 2 || grid->height > 2);
  }
  const auto* ring = std::get_if<RingShape>(&network.shape);
  return ring != nullptr && ring->routers > 2;
}

Routes find_routes(const NetworkSpec& network, const NetworkGraph& graph,
                   std::optional<std::uint32_t> gateway, const std::string& key) {
  const std::vector<std::uint32_t> goals = goals_of(graph, gateway);
  Routes routes{static_cast<std::uint32_t>(goals.size()), {}};
  routes.port.assign(std::size_t{graph.routers()} * routes.destinations, 0);
  if (network.routing == Routing::dimension_order) {
    if (const auto* grid = std::get_if<GridShape>(&network.shape)) {
      dimension_order(*grid, graph, goals, routes);
    } else {
      dimension_order(std::get<RingShape>(network.shape), graph, goals, routes);
    }
    return routes;
  }
  const Graph backwards = reversed(graph);
  parallel_for(routes.destinations, destinations_per_chunk, 0,
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t d = begin; d < end; ++d) {
                   shortest_paths_to(graph, backwards, goals, d, routes, key);
                 }
               });
  return routes;
}

Routes join_routes(const NetworkGraph& chip, const Routes& in_chip, const NetworkGraph& between,
                   const Routes& over, std::uint32_t gateway) {
  const JoinedNumbers number{between.tiles, chip.tiles, chip.routers()};
  Routes routes{number.chips * number.tiles, {}};
  const std::uint32_t routers = number.chips * number.routers + (between.routers() - number.chips);
  routes.port.resize(std::size_t{routers} * routes.destinations);
  const auto beside_chip_links = static_cast<std::uint16_t>(chip.out(gateway).size());
  const auto fill = [&](std::uint32_t router, std::uint32_t to_chip, auto port_to_tile) {
    for (std::uint32_t t = 0; t < number.tiles; ++t) {
      routes.port[std::size_t{router} * routes.destinations + to_chip * number.tiles + t] =
          port_to_tile(t);
    }
  };
  for (std::uint32_t to = 0; to < number.chips; ++to) {
    for (std::uint32_t c = 0; c < number.chips; ++c) {
      for (std::uint32_t r = 0; r < number.routers; ++r) {
        fill(number.of(c, r), to, [&](std::uint32_t t) -> std::uint16_t {
          if (c == to) return in_chip.at(r, t);
          if (r != gateway) return in_chip.at(r, number.tiles);
          return static_cast<std::uint16_t>(beside_chip_links + over.at(c, to));
        });
      }
    }
    for (std::uint32_t r = number.chips; r < between.routers(); ++r) {
      fill(number.between(r, gateway), to, [&](std::uint32_t) { return over.at(r, to); });
    }
  }
  return routes;
}

}  // namespace nj
