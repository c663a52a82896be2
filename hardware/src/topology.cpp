#include "neurojoule/hardware/topology.hpp"

#include <algorithm>

#include <boost/graph/adjacency_list.hpp>

namespace nj {
namespace {

using Graph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, Link>;

void connect(Graph& graph, std::uint32_t a, std::uint32_t b, Direction direction,
             const LinkTimes& times) {
  const Picoseconds latency =
      direction == Direction::east_west ? times.east_west : times.north_south;
  boost::add_edge(a, b, Link{a, b, direction, times.cycle, latency}, graph);
  boost::add_edge(b, a, Link{b, a, direction, times.cycle, latency}, graph);
}

Graph mesh_graph(std::uint32_t width, std::uint32_t height, const LinkTimes& times) {
  Graph graph(std::size_t{width} * height);
  for (std::uint32_t x = 0; x < width; ++x) {
    for (std::uint32_t y = 0; y < height; ++y) {
      const std::uint32_t tile = x * height + y;
      if (x + 1 < width) connect(graph, tile, tile + height, Direction::east_west, times);
      if (y + 1 < height) connect(graph, tile, tile + 1, Direction::north_south, times);
    }
  }
  return graph;
}

/// The neighbour to go to from one tile of a mesh to another: along x first, then along y.
std::uint32_t dimension_order_step(std::uint32_t from, std::uint32_t to, std::uint32_t height) {
  const std::uint32_t x = from / height;
  const std::uint32_t goal_x = to / height;
  if (x != goal_x) return x < goal_x ? from + height : from - height;
  return from < to ? from + 1 : from - 1;
}

}  // namespace

Topology Topology::mesh(std::uint32_t width, std::uint32_t height, const LinkTimes& times) {
  const Graph graph = mesh_graph(width, height, times);
  Topology topology;
  topology.tiles_ = width * height;
  topology.port_.resize(std::size_t{topology.tiles_} * topology.tiles_);
  for (std::uint32_t from = 0; from < topology.tiles_; ++from) {
    const auto first = static_cast<std::uint32_t>(topology.links_.size());
    topology.first_link_.push_back(first);
    const auto [begin, end] = boost::out_edges(from, graph);
    for (auto edge = begin; edge != end; ++edge) topology.links_.push_back(graph[*edge]);
    for (std::uint32_t to = 0; to < topology.tiles_; ++to) {
      if (to == from) continue;
      const std::uint32_t next = dimension_order_step(from, to, height);
      std::uint32_t port = 0;
      while (topology.links_[first + port].to != next) ++port;
      topology.port_[std::size_t{from} * topology.tiles_ + to] = static_cast<std::uint8_t>(port);
    }
  }
  return topology;
}

std::uint32_t Topology::hops(std::uint32_t from, std::uint32_t to) const {
  std::uint32_t count = 0;
  for (std::uint32_t tile = from; tile != to; ++count) tile = links_[next_link(tile, to)].to;
  return count;
}

}  // namespace nj
