#include "neurojoule/hardware/topology_spec.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace nj {
namespace {

// No description has more tiles than this; absurd ones stop here.
constexpr std::uint64_t most = std::uint64_t{1} << 40;

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > most / b ? most : a * b;
}

struct TileCount {
  std::uint64_t operator()(const GridShape& grid) const { return product(grid.width, grid.height); }
  std::uint64_t operator()(const RingShape& ring) const { return ring.routers; }
  std::uint64_t operator()(const TreeShape& tree) const {
    std::uint64_t count = 1;
    for (std::size_t level = 0; level < tree.levels.size() && count < most; ++level) {
      count = product(count, tree.arity);
    }
    return count;
  }
  std::uint64_t operator()(const CrossbarShape& crossbar) const { return crossbar.ports; }
  std::uint64_t operator()(const EdgeListShape& list) const { return list.tiles; }
};

struct Name {
  std::string operator()(const GridShape& grid) const {
    return fmt::format("{} of {} x {} tiles", grid.wraps ? "torus" : "mesh", grid.width,
                       grid.height);
  }
  std::string operator()(const RingShape& ring) const {
    return fmt::format("ring of {} tiles", ring.routers);
  }
  std::string operator()(const TreeShape& tree) const {
    return fmt::format("tree of {} tiles, {} levels of {} branches", tile_count(tree),
                       tree.levels.size(), tree.arity);
  }
  std::string operator()(const CrossbarShape& crossbar) const {
    return fmt::format("crossbar of {} tiles", crossbar.ports);
  }
  std::string operator()(const EdgeListShape& list) const {
    return fmt::format("network of {} routers, {} links and {} tiles", list.routers.size(),
                       list.edges.size(), list.tiles);
  }
};

}  // namespace

std::uint64_t tile_count(const NetworkShape& shape) { return std::visit(TileCount{}, shape); }

std::uint64_t tile_count(const TopologySpec& spec) {
  if (const auto* network = std::get_if<NetworkSpec>(&spec.network)) {
    return tile_count(network->shape);
  }
  const auto& chips = std::get<MultiChipSpec>(spec.network);
  return product(tile_count(chips.chip.shape), tile_count(chips.between.shape));
}

std::uint64_t core_count(const TopologySpec& spec, std::uint64_t tiles) {
  if (spec.tiles.empty()) return product(tiles, spec.tile.size());
  std::uint64_t cores = 0;
  for (const TileGroup& group : spec.tiles) {
    cores += product(group.end - group.begin, group.cores.size());
  }
  return cores;
}

std::string to_string(const TopologySpec& spec) {
  if (const auto* network = std::get_if<NetworkSpec>(&spec.network)) {
    return std::visit(Name{}, network->shape);
  }
  const auto& chips = std::get<MultiChipSpec>(spec.network);
  return fmt::format("{} chips, each a {}", tile_count(chips.between.shape),
                     std::visit(Name{}, chips.chip.shape));
}

}  // namespace nj
