#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph.hpp"

namespace nj {

/// The way out of every router towards some destinations.
struct Routes {
  std::uint32_t destinations = 0;
  /// [router][destination]: outgoing link of the router, 0-based, times `virtual_channels`, plus
  /// the virtual channel; 0 where the router is the destination, or no tile's way leads through it.
  std::vector<std::uint16_t> port;
  [[nodiscard]] std::uint16_t at(std::uint32_t router, std::uint32_t destination) const {
    return port[std::size_t{router} * destinations + destination];
  }
};

/// Whether routes of that network go round rings, so that bounded buffers need two virtual
/// channels.
bool goes_round(const NetworkSpec& network);

/// Routes of a checked network to all its tiles and, as the last destination when there is one, to
/// router `gateway`. `key` names the network in errors. Throws: Error(config) when a tile or the
/// gateway cannot be reached from another of these.
Routes find_routes(const NetworkSpec& network, const NetworkGraph& graph,
                   std::optional<std::uint32_t> gateway, const std::string& key);

/// Routes in the graph that `join_graphs` makes.
Routes join_routes(const NetworkGraph& chip, const Routes& in_chip, const NetworkGraph& between,
                   const Routes& over, std::uint32_t gateway);

}  // namespace nj
