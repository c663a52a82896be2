#include "neurojoule/hardware/topology.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"

#include "chip_fields.hpp"
#include "network/channel_order.hpp"
#include "network/graph.hpp"
#include "network/routes.hpp"

namespace nj {
namespace {

void check_count(const std::string& key, std::uint64_t count, std::uint64_t least,
                 std::uint64_t limit) {
  if (count < least || count > limit) {
    refuse(key, fmt::format("expected {}..{}, got {}", least, limit, count));
  }
}

void check_above_zero(const std::string& key, Picoseconds time) {
  if (time < Picoseconds{1} || time > max_chip_time) {
    refuse(key, fmt::format("expected {} to {}, got {}", to_string(Picoseconds{1}),
                            to_string(max_chip_time), to_string(time)));
  }
}

void check_link(const std::string& key, const std::string& hop, const LinkSpec& link) {
  check_count(key + ".link.width", link.width_bits, 1, max_packet_bits);
  check_above_zero(key + ".link.cycle", link.cycle);
  check_above_zero(fmt::format("{}.{}.latency", key, hop), link.latency);
}

/// Checks what a shape holds, its number of tiles apart.
struct ShapeCheck {
  const std::string& key;

  void operator()(const GridShape& grid) const {
    check_link(key, "hop_east_west", grid.east_west);
    check_link(key, "hop_north_south", grid.north_south);
    if (grid.west_latency) check_above_zero(key + ".hop_west.latency", *grid.west_latency);
    if (grid.south_latency) check_above_zero(key + ".hop_south.latency", *grid.south_latency);
  }
  void operator()(const RingShape& ring) const { check_link(key, "hop", ring.link); }
  void operator()(const TreeShape& tree) const {
    check_count(key + ".arity", tree.arity, 2, max_tiles);
    if (tree.levels.empty()) refuse(key + ".levels", "a tree needs a level");
    for (const LinkSpec& link : tree.levels) check_link(key, "hop", link);
  }
  void operator()(const CrossbarShape& crossbar) const { check_link(key, "hop", crossbar.link); }
  void operator()(const EdgeListShape& list) const {
    check_count(key + ".routers", list.routers.size(), list.tiles, max_routers);
    check_count(key + ".edges", list.edges.size(), 0, max_links);
    if (std::set(list.routers.begin(), list.routers.end()).size() != list.routers.size()) {
      refuse(key + ".routers", "two routers have the same name");
    }
    std::set<std::pair<std::uint32_t, std::uint32_t>> ends;
    for (const EdgeListShape::Edge& edge : list.edges) {
      check_link(key, "hop", edge.link);
      if (std::max(edge.from, edge.to) >= list.routers.size()) {
        refuse(key + ".edges", "a link ends at a router that is not there");
      }
      const std::string name =
          fmt::format("{} -> {}", list.routers[edge.from], list.routers[edge.to]);
      if (edge.from == edge.to) refuse(key + ".edges", "a link leads nowhere: " + name);
      if (!ends.emplace(edge.from, edge.to).second) {
        refuse(key + ".edges", "two links lead the same way: " + name);
      }
    }
  }
};

void check_tiles(const std::string& key, std::uint64_t tiles) {
  if (tiles == 0 || tiles > max_tiles) {
    refuse(key, fmt::format("expected 1 to {} tiles, got {}", max_tiles, tiles));
  }
}

void check_network(const std::string& key, const NetworkSpec& network) {
  check_tiles(key, tile_count(network.shape));
  std::visit(ShapeCheck{key}, network.shape);
  if (network.routing == Routing::dimension_order &&
      !std::holds_alternative<GridShape>(network.shape) &&
      !std::holds_alternative<RingShape>(network.shape)) {
    refuse(key + ".routing", "dimension-order needs a mesh, a torus or a ring");
  }
}

void check_packets(const TopologySpec& spec) {
  check_count("topology.flit", spec.flit_bits, 1, max_packet_bits);
  check_count("topology.packet", spec.packet_bits, 1, max_packet_bits);
  if (spec.buffer_flits && *spec.buffer_flits < spec.packet_flits()) {
    refuse("topology.buffer", fmt::format("a packet of {} flits does not fit a buffer of {}",
                                          spec.packet_flits(), *spec.buffer_flits));
  }
}

struct Routed {
  NetworkGraph graph;
  Routes routes;
};

Routed route(const NetworkSpec& network) {
  NetworkGraph graph = make_graph(network.shape);
  Routes routes = find_routes(network, graph, std::nullopt, "topology");
  return {std::move(graph), std::move(routes)};
}

Routed route(const MultiChipSpec& chips) {
  const NetworkGraph chip = make_graph(chips.chip.shape);
  const NetworkGraph between = make_graph(chips.between.shape);
  check_count("topology.gateway", chips.gateway, 0, chip.routers() - 1);
  check_count("topology", std::uint64_t{chip.routers()} * between.tiles + between.routers(), 1,
              max_routers);
  const Routes in_chip = find_routes(chips.chip, chip, chips.gateway, "topology.chip");
  const Routes over = find_routes(chips.between, between, std::nullopt, "topology.between");
  return {join_graphs(chip, between, chips.gateway),
          join_routes(chip, in_chip, between, over, chips.gateway)};
}

/// The key that decides on the routes of one network.
std::string routes_key(const std::string& key, const NetworkSpec& network) {
  return key + (std::holds_alternative<EdgeListShape>(network.shape) ? ".edges" : ".routing");
}

/// The key that decides on routes over those links, which are of one network or of two.
std::string routes_key(const TopologySpec& spec, const std::vector<Link>& links) {
  if (const auto* network = std::get_if<NetworkSpec>(&spec.network)) {
    return routes_key("topology", *network);
  }
  const auto& chips = std::get<MultiChipSpec>(spec.network);
  const auto between = [](const Link& link) { return link.direction == Direction::between_chips; };
  const auto count = static_cast<std::size_t>(std::count_if(links.begin(), links.end(), between));
  if (count == 0) return routes_key("topology.chip", chips.chip);
  if (count == links.size()) return routes_key("topology.between", chips.between);
  return "topology";
}

void refuse_waiting_circle(const Topology& topology, const TopologySpec& spec) {
  constexpr std::size_t most_shown = 6;
  std::vector<Link> links;
  std::vector<std::string> names;
  for (const std::uint32_t channel : find_waiting_circle(topology)) {
    const Link& link = topology.links()[channel / topology.virtual_channels()];
    links.push_back(link);
    names.push_back(
        fmt::format("{} -> {}", topology.router_name(link.from), topology.router_name(link.to)));
  }
  if (links.empty()) return;
  if (names.size() > most_shown) {
    const std::string rest = fmt::format(".. and {} more", names.size() - most_shown);
    names.resize(most_shown);
    names.push_back(rest);
  }
  refuse(routes_key(spec, links),
         fmt::format("full buffers could wait for each other in a circle: {}; use another routing, "
                     "or buffer: unbounded",
                     fmt::join(names, ", ")));
}

}  // namespace

Topology::Topology(const TopologySpec& spec) {
  check_packets(spec);
  check_tiles("topology", tile_count(spec));
  bool rings = false;
  if (const auto* network = std::get_if<NetworkSpec>(&spec.network)) {
    check_network("topology", *network);
    rings = goes_round(*network);
  } else {
    const auto& chips = std::get<MultiChipSpec>(spec.network);
    check_network("topology.chip", chips.chip);
    check_network("topology.between", chips.between);
    rings = goes_round(chips.chip) || goes_round(chips.between);
  }
  virtual_channels_ = rings && spec.buffer_flits ? 2 : 1;
  auto [graph, routes] =
      std::visit([&](const auto& network) { return route(network); }, spec.network);
  check_count("topology", graph.routers(), 1, max_routers);
  tiles_ = graph.tiles;
  names_ = std::move(graph.names);
  links_ = std::move(graph.links);
  first_link_ = std::move(graph.first_link);
  port_ = std::move(routes.port);
  hops_ = way_lengths(1);
  if (spec.buffer_flits) {
    refuse_waiting_circle(*this, spec);
  } else {
    link_groups_ = group_links(*this);
  }
}

std::uint32_t Topology::channel_after(std::uint32_t channel, std::uint32_t link) const {
  if (virtual_channels_ == 1) return link;
  const bool goes_on = channel != no_channel &&
                       links_[channel / virtual_channels_].direction == links_[link].direction;
  const std::uint32_t before = goes_on ? channel % virtual_channels_ : 0;
  return link * virtual_channels_ + (links_[link].closes ? 1 : before);
}

/// All ways to a tile through one router are the same from there on.
std::vector<std::uint16_t> Topology::way_lengths(std::uint32_t chip_link) const {
  static_assert(max_routers <= max_way_length);
  constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint16_t> lengths;
  lengths.reserve(std::size_t{tiles_} * tiles_);
  std::vector<std::uint32_t> left(routers());  // by router
  std::vector<std::uint32_t> way;              // links from routers of which it is not known yet
  for (std::uint32_t tile = 0; tile < tiles_; ++tile) {
    left.assign(left.size(), unknown);
    left[tile] = 0;
    for (std::uint32_t from = 0; from < tiles_; ++from) {
      for (std::uint32_t router = from; left[router] == unknown; router = links_[way.back()].to) {
        way.push_back(next_link(router, tile));
      }
      for (; !way.empty(); way.pop_back()) {
        const Link& link = links_[way.back()];
        left[link.from] = left[link.to] + link.counts(chip_link);
      }
      if (left[from] > max_way_length) {
        throw Error(ErrorKind::config,
                    fmt::format("a way counts as {} links, more than {}, where one between chips "
                                "counts as {}",
                                left[from], max_way_length, chip_link));
      }
      lengths.push_back(static_cast<std::uint16_t>(left[from]));
    }
  }
  return lengths;
}

}  // namespace nj
