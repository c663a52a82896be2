#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/hardware/joined_numbers.hpp"
#include "neurojoule/hardware/topology.hpp"

// Routers and links before their routes are known.
namespace nj {

/// Routers below `tiles` have a tile. Links are sorted by `from`.
struct NetworkGraph {
  std::uint32_t tiles = 0;
  std::vector<std::string> names;         ///< per router
  std::vector<Link> links;                ///< position = number of the link
  std::vector<std::uint32_t> first_link;  ///< [routers + 1]

  [[nodiscard]] std::uint32_t routers() const { return static_cast<std::uint32_t>(names.size()); }
  [[nodiscard]] std::span<const Link> out(std::uint32_t router) const {
    return std::span(links).subspan(first_link[router],
                                    first_link[router + 1] - first_link[router]);
  }
};

/// Sorts the links by their router, those of one router in the given order.
NetworkGraph make_graph(std::uint32_t tiles, std::vector<std::string> names,
                        std::vector<Link> links);

/// The graph of a checked shape.
NetworkGraph make_graph(const NetworkShape& shape);

/// `chip` once per tile of `between`, joined at `gateway`. Tiles of all chips come first, chip by
/// chip, then their other routers, then those of `between` that stand for no chip. Links of a
/// router keep their order; those between chips come last.
NetworkGraph join_graphs(const NetworkGraph& chip, const NetworkGraph& between,
                         std::uint32_t gateway);

}  // namespace nj
