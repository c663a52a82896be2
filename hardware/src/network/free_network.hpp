#pragma once

#include <cstdint>
#include <vector>

#include "links.hpp"
#include "packet.hpp"
#include "packet_routes.hpp"

namespace nj {

/// Packets that never wait: each passes its links as if it were alone in the network, so it is
/// ready for every link of its way, and delivered, no later than in any other network; of a packet
/// of several spikes that is said of the first, and each spike is a packet to the links.
///
/// Bound of a link: its packets keep it for their services. The first cannot enter before the first
/// is ready for it, so the last word enters no sooner than all services, less one cycle, after
/// that; from there its packet has at least the latencies of the links to its farthest receiver.
class FreeNetwork {
 public:
  FreeNetwork(const TopologySpec& spec, const PacketRoutes& routes);

  void run(const StepTraffic& traffic);
  /// The latest bound of any link: not all that `run` carried last is delivered before it.
  [[nodiscard]] Picoseconds least_end() const;
  /// What the links carried since the loads were cleared; nothing waits.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return loads_; }
  void clear_loads() { loads_.assign(loads_.size(), {}); }

 private:
  /// What passed a link in this step.
  struct Passing {
    Picoseconds keeps;  ///< the services of all packets
    Picoseconds first;  ///< the earliest was ready
    Picoseconds rest;   ///< least sum of latencies from here on, to a packet's farthest receiver
  };
  struct Copy {
    std::uint32_t spikes = 1;
    std::uint32_t size = 0;
    std::uint32_t first_target = 0;
  };
  Picoseconds pass(const StepTraffic& traffic, const Copy& copy, Picoseconds now,
                   const RouteTrees::Node& node);

  const RouteTrees& trees_;
  Picoseconds within_tile_;
  const LinkTimings& links_;
  std::vector<Passing> passing_;  ///< by link
  std::vector<LinkLoad> loads_;   ///< by link: since they were cleared
};

}  // namespace nj
