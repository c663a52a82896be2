#pragma once

#include <variant>

#include "neurojoule/hardware/timing_level.hpp"

#include "buffered_network.hpp"
#include "flit_network.hpp"
#include "free_network.hpp"
#include "open_network.hpp"

namespace nj {

using AnyNetwork = std::variant<FreeNetwork, OpenNetwork, BufferedNetwork, FlitNetwork>;

/// The network of a level, for packets that fit its buffers. Throws: as FlitNetwork.
inline AnyNetwork make_network(const Topology& topology, const TopologySpec& spec,
                               TimingLevel level, const PacketRoutes& routes) {
  if (level == TimingLevel::analytic) return FreeNetwork(spec, routes);
  if (level == TimingLevel::flit) return FlitNetwork(topology, spec, routes);
  if (spec.buffer_flits) return BufferedNetwork(topology, spec, routes);
  return OpenNetwork(routes);
}

/// Carries a step's packets; returns a time before which not all of them are delivered.
inline Picoseconds run_step(AnyNetwork& network, const StepTraffic& traffic) {
  std::visit([&](auto& one) { one.run(traffic); }, network);
  const auto* free = std::get_if<FreeNetwork>(&network);
  return free != nullptr ? free->least_end() : Picoseconds{0};
}

/// The lists of arrivals that a network fills.
inline SharedLists lists_of(const AnyNetwork& network, const PacketRoutes& routes) {
  return std::holds_alternative<OpenNetwork>(network) ? routes.lists
                                                      : SharedLists(routes.lists.size());
}

/// What the links carried since the last call.
inline std::vector<LinkLoad> take_loads(AnyNetwork& network) {
  return std::visit(
      [](auto& one) {
        std::vector<LinkLoad> loads = one.loads();
        one.clear_loads();
        return loads;
      },
      network);
}

}  // namespace nj
