#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/leading_zero.hpp"

#include "chip_fields.hpp"
#include "index_range.hpp"

namespace nj {
namespace {

std::vector<std::string> read_tile(const YamlNode& node, const std::vector<CoreKindSpec>& kinds) {
  std::vector<std::pair<std::string_view, std::string_view>> names;
  for (const CoreKindSpec& kind : kinds) names.emplace_back(kind.name, kind.name);
  std::vector<std::string> tile;
  for (const YamlNode& element : node.elements()) tile.emplace_back(element.one_of(names));
  return tile;
}

/// Cores by ranges of tiles, sorted; every tile is in one range.
std::vector<TileGroup> read_tiles(const YamlNode& node, std::uint64_t tiles,
                                  const std::vector<CoreKindSpec>& kinds) {
  std::vector<std::pair<TileGroup, YamlNode>> found;
  for (const auto& [key, cores] : node.entries()) {
    const auto range = parse_index_range(key);
    if (!range || range->second >= tiles) {
      throw cores.error(
          fmt::format("expected tiles as N or FIRST..LAST, both included, of 0..{}", tiles - 1));
    }
    found.push_back({{range->first, range->second + 1, read_tile(cores, kinds)}, cores});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
  std::vector<TileGroup> groups;
  std::uint32_t next = 0;
  for (auto& [group, place] : found) {
    if (group.begin < next) throw place.error(fmt::format("tile {} is given twice", group.begin));
    if (group.begin > next) throw node.error(fmt::format("tile {} is left out", next));
    next = group.end;
    groups.push_back(std::move(group));
  }
  if (next < tiles) throw node.error(fmt::format("tile {} is left out", next));
  return groups;
}

std::uint32_t read_count(const YamlNode& node, std::int64_t least, std::int64_t most) {
  return static_cast<std::uint32_t>(node.integer(least, most));
}

/// A link, from the keys `width`, `cycle` and `latency` of a map; what it leaves out is as in
/// `usual`.
LinkSpec read_link(const YamlNode& node, LinkSpec usual) {
  if (const auto width = node.find("width")) usual.width_bits = read_width(*width);
  if (const auto cycle = node.find("cycle")) usual.cycle = read_time(*cycle, Picoseconds{1});
  if (const auto latency = node.find("latency")) {
    usual.latency = read_time(*latency, Picoseconds{1});
  }
  return usual;
}

/// `link: {cycle, width}` and the latency of `hop`.
LinkSpec read_link(const YamlNode& network, std::string_view hop, std::uint32_t flit_bits) {
  LinkSpec link;
  const YamlNode common = network.at("link");
  link.width_bits = flit_bits;
  if (const auto width = common.find("width")) link.width_bits = read_width(*width);
  link.cycle = read_time(common.at("cycle"), Picoseconds{1});
  link.latency = read_time(network.at(hop).at("latency"), Picoseconds{1});
  return link;
}

/// The links of an axis of a grid, and the latency of the way back where it has one of its own:
/// from the key of the axis, or from those of both directions.
std::pair<LinkSpec, std::optional<Picoseconds>> read_axis(
    const YamlNode& node, std::string_view axis, const std::array<std::string_view, 2>& directions,
    std::uint32_t flit_bits) {
  const bool both = node.find(axis).has_value();
  bool apart = false;
  for (const std::string_view direction : directions) {
    const auto found = node.find(direction);
    if (found && both) {
      throw found->error(
          fmt::format("there is `{}` too: an axis has one latency, or one each way", axis));
    }
    apart = apart || found;
  }
  if (!apart) return {read_link(node, axis, flit_bits), std::nullopt};
  const LinkSpec there = read_link(node, directions[0], flit_bits);
  return {there, read_link(node, directions[1], flit_bits).latency};
}

GridShape read_grid(const YamlNode& node, bool wraps, std::uint32_t flit_bits) {
  GridShape grid;
  grid.wraps = wraps;
  grid.width = read_count(node.at("width"), 1, max_tiles);
  grid.height = read_count(node.at("height"), 1, max_tiles);
  std::tie(grid.east_west, grid.west_latency) =
      read_axis(node, "hop_east_west", {"hop_east", "hop_west"}, flit_bits);
  std::tie(grid.north_south, grid.south_latency) =
      read_axis(node, "hop_north_south", {"hop_north", "hop_south"}, flit_bits);
  return grid;
}

TreeShape read_tree(const YamlNode& node, std::uint32_t flit_bits) {
  TreeShape tree;
  tree.arity = read_count(node.at("arity"), 2, max_tiles);
  const LinkSpec usual = read_link(node, "hop", flit_bits);
  const YamlNode levels = node.at("levels");
  for (const YamlNode& level : levels.elements()) tree.levels.push_back(read_link(level, usual));
  if (tree.levels.empty()) throw levels.error("a tree needs a level");
  return tree;
}

/// The routers of an edge list by name, those with a tile first.
std::vector<std::string> read_routers(const YamlNode& node, std::uint32_t& tiles) {
  const YamlNode routers = node.at("routers");
  std::vector<std::pair<std::string, bool>> found;  // name, has a tile
  std::map<std::string, std::size_t> places;
  const auto all = routers.elements();
  if (all.empty() || all.size() > max_routers) {
    throw routers.error(fmt::format("expected 1 to {} routers, got {}", max_routers, all.size()));
  }
  const auto chosen = node.find("tiles_at");
  for (const YamlNode& router : all) {
    found.emplace_back(router.name(), !chosen);
    if (!places.emplace(found.back().first, places.size()).second) {
      throw router.error(fmt::format("the router '{}' is listed twice", found.back().first));
    }
  }
  if (chosen) {
    for (const YamlNode& router : chosen->elements()) {
      const auto place = places.find(router.text());
      if (place == places.end()) {
        throw router.error(fmt::format("there is no router '{}'", router.text()));
      }
      if (std::exchange(found[place->second].second, true)) {
        throw router.error(fmt::format("the router '{}' is listed twice", router.text()));
      }
    }
  }
  const auto end = std::stable_partition(found.begin(), found.end(),
                                         [](const auto& router) { return router.second; });
  tiles = static_cast<std::uint32_t>(end - found.begin());
  if (tiles == 0 || tiles > max_tiles) {
    throw(chosen ? *chosen : routers)
        .error(fmt::format("expected 1 to {} tiles, got {}", max_tiles, tiles));
  }
  std::vector<std::string> names;
  for (auto& [name, has_tile] : found) names.push_back(std::move(name));
  return names;
}

EdgeListShape read_edges(const YamlNode& node, std::uint32_t flit_bits) {
  EdgeListShape list;
  list.routers = read_routers(node, list.tiles);
  std::map<std::string, std::uint32_t> places;
  for (std::uint32_t i = 0; i < list.routers.size(); ++i) places[list.routers[i]] = i;
  const auto router = [&](const YamlNode& name) {
    const auto place = places.find(name.text());
    if (place == places.end()) throw name.error("there is no router '" + name.text() + "'");
    return place->second;
  };
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> taken;
  const LinkSpec usual = read_link(node, "hop", flit_bits);
  const YamlNode edges = node.at("edges");
  for (const YamlNode& edge : edges.elements()) {
    const LinkSpec link = read_link(edge, usual);
    const auto pair = edge.find("between");
    std::vector<YamlNode> ends;
    if (pair) {
      ends = pair->elements();
    } else {
      ends = {edge.at("from"), edge.at("to")};
    }
    if (ends.size() != 2) throw edge.error("a link has two ends");
    const std::uint32_t from = router(ends[0]);
    const std::uint32_t to = router(ends[1]);
    if (from == to) throw edge.error("a link leads to another router");
    for (const auto& [a, b] : {std::pair{from, to}, std::pair{to, from}}) {
      if (!pair && a != from) continue;
      if (std::exchange(taken[{a, b}], true)) {
        throw edge.error(
            fmt::format("a second link from {} to {}", list.routers[a], list.routers[b]));
      }
      list.edges.push_back({a, b, link});
    }
  }
  return list;
}

enum class Kind : std::uint8_t { mesh, torus, ring, tree, crossbar, edges, multi_chip };
using Kinds = std::vector<std::pair<std::string_view, Kind>>;

const Kinds& network_kinds() {
  static const Kinds kinds{{"mesh", Kind::mesh},         {"torus", Kind::torus},
                           {"ring", Kind::ring},         {"tree", Kind::tree},
                           {"crossbar", Kind::crossbar}, {"edges", Kind::edges}};
  return kinds;
}

NetworkSpec read_network(const YamlNode& node, Kind kind, std::uint32_t flit_bits) {
  NetworkSpec network;
  switch (kind) {
    case Kind::mesh:
    case Kind::torus:
      network.shape = read_grid(node, kind == Kind::torus, flit_bits);
      network.routing = Routing::dimension_order;
      break;
    case Kind::ring:
      network.shape = RingShape{read_count(node.at("routers"), 1, max_tiles),
                                read_link(node, "hop", flit_bits)};
      network.routing = Routing::dimension_order;
      break;
    case Kind::tree:
      network.shape = read_tree(node, flit_bits);
      break;
    case Kind::crossbar:
      network.shape = CrossbarShape{read_count(node.at("ports"), 1, max_tiles),
                                    read_link(node, "hop", flit_bits)};
      break;
    default:
      network.shape = read_edges(node, flit_bits);
  }
  if (const auto routing = node.find("routing")) {
    network.routing = routing->one_of<Routing>(
        {{"dimension-order", Routing::dimension_order}, {"shortest-path", Routing::shortest_path}});
  }
  return network;
}

NetworkSpec read_network(const YamlNode& node, std::uint32_t flit_bits) {
  return read_network(node, node.at("kind").one_of(network_kinds()), flit_bits);
}

/// A router of a chip by number, or by name in an edge list.
std::uint32_t read_gateway(const YamlNode& node, const NetworkShape& chip) {
  const auto* list = std::get_if<EdgeListShape>(&chip);
  if (list == nullptr) return read_count(node, 0, max_routers);
  const auto place = std::find(list->routers.begin(), list->routers.end(), node.text());
  if (place == list->routers.end()) {
    throw node.error(fmt::format("there is no router '{}'", node.text()));
  }
  return static_cast<std::uint32_t>(place - list->routers.begin());
}

/// `unbounded`, or a number of flits or packets; in flits.
std::optional<std::uint32_t> read_buffer(const YamlNode& node, const TopologySpec& spec) {
  const std::string text = node.text();
  if (text == "unbounded") return std::nullopt;
  constexpr std::uint32_t most = 1'000'000;
  std::uint32_t count = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const bool packets = unit == " packets" || unit == " packet";
  const bool flits = unit == " flits" || unit == " flit";
  if (problem != std::errc{} || !(packets || flits) || count == 0 || count > most) {
    throw node.error(
        fmt::format("expected unbounded, or 1 to {} flits or packets, got '{}'", most, text));
  }
  if (has_leading_zero(text)) {
    throw node.error(fmt::format("{}, got '{}'", leading_zero, text));
  }
  return packets ? count * spec.packet_flits() : count;
}

void read_cores(const YamlNode& node, const std::vector<CoreKindSpec>& kinds, TopologySpec& spec) {
  const std::uint64_t tiles = tile_count(spec);
  const auto differing = node.find("tiles");
  if (!differing) {
    const YamlNode alike = node.at("tile");
    spec.tile = read_tile(alike, kinds);
    if (spec.tile.empty()) throw alike.error("a tile needs a core");
  }
  if (tiles <= max_tiles && differing) {
    if (const auto alike = node.find("tile")) {
      throw alike->error("there is `tiles` too: tiles are all alike, or differ");
    }
    spec.tiles = read_tiles(*differing, tiles, kinds);
  }
  const std::uint64_t cores = core_count(spec, tiles);
  if (cores == 0 && tiles <= max_tiles) throw differing->error("a chip needs a core");
  if (tiles > max_tiles || cores > max_cores) {
    throw node.error(fmt::format("{} tiles with {} cores: expected at most {} tiles and {} cores",
                                 tiles, cores, max_tiles, max_cores));
  }
}

}  // namespace

TopologySpec read_topology(const YamlNode& node, const std::vector<CoreKindSpec>& kinds) {
  TopologySpec spec;
  Kinds known = network_kinds();
  known.emplace_back("multi-chip", Kind::multi_chip);
  const Kind kind = node.at("kind").one_of(known);
  spec.flit_bits = read_width(node.at("flit"));
  const auto packet = node.find("packet");
  spec.packet_bits = packet ? read_width(*packet) : spec.flit_bits;
  if (const auto value = node.find("packet_value")) {
    spec.value_added = value->one_of<bool>({{"included", false}, {"added", true}});
  }
  if (kind == Kind::multi_chip) {
    MultiChipSpec chips{read_network(node.at("chip"), spec.flit_bits),
                        read_network(node.at("between"), spec.flit_bits), 0};
    chips.gateway = read_gateway(node.at("gateway"), chips.chip.shape);
    spec.network = std::move(chips);
  } else {
    spec.network = read_network(node, kind, spec.flit_bits);
  }
  read_cores(node, kinds, spec);
  spec.within_tile = read_time(node.at("within_tile").at("latency"));
  if (const auto multicast = node.find("multicast")) spec.multicast = multicast->boolean();
  if (const auto buffer = node.find("buffer")) spec.buffer_flits = read_buffer(*buffer, spec);
  return spec;
}

}  // namespace nj
