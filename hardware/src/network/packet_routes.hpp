#pragma once

#include <utility>

#include "links.hpp"
#include "open_routes.hpp"
#include "packet_sizes.hpp"
#include "route_trees.hpp"
#include "shared_lists.hpp"

namespace nj {

/// The packets that a network carries, and their ways: all that a network knows before the first of
/// them comes. Made once, for any number of simulations.
struct PacketRoutes {
  explicit PacketRoutes(const Topology& topology) : trees(topology) {}

  PacketSizes sizes;
  RouteTrees trees;
  LinkTimings timings;  ///< by size
  SharedLists lists;    ///< of arrivals
  OpenRoutes open;      ///< where buffers are unbounded
};

/// Works out the rest from the sizes and the trees of all packets. `lists`: of arrivals.
inline void follow_trees(PacketRoutes& routes, const Topology& topology, const TopologySpec& spec,
                         SharedLists lists) {
  routes.timings = LinkTimings(topology, spec, routes.sizes);
  routes.lists = std::move(lists);
  if (spec.buffer_flits) return;
  routes.open = OpenRoutes(topology, spec, routes.timings, routes.trees, routes.lists);
}

}  // namespace nj
