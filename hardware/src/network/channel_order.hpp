#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

// What may follow what on the routes from tile to tile: two-step dependencies of all these routes
// are looked at, and no others.
namespace nj {

/// Channels that may wait for each other in a circle; empty when there is no circle.
std::vector<std::uint32_t> find_waiting_circle(const Topology& topology);

/// The groups of Topology::link_groups; the topology has one virtual channel.
LinkGroups group_links(const Topology& topology);

}  // namespace nj
