#pragma once

#include <cstdint>
#include <vector>

#include "links.hpp"

namespace nj {

/// Packets that never wait: each passes its links as if it were alone in the network, so it is
/// ready for every link of its way, and delivered, no later than in any other network; of a packet
/// of several spikes that is said of the first, and each spike is a packet to the links.
///
/// Bound of a link: its n packets keep it for n services. The first cannot enter before the first
/// is ready for it, so the last word enters no sooner than n services, less one cycle, after that;
/// from there its packet has at least the latencies of the links to its farthest receiver.
class FreeNetwork {
 public:
  FreeNetwork(const Topology& topology, const TopologySpec& spec);

  void run(const StepTraffic& traffic);
  /// The latest bound of any link: not all that `run` carried last is delivered before it.
  [[nodiscard]] Picoseconds least_end() const;
  /// What the links carried since the loads were cleared; nothing waits.
  [[nodiscard]] std::vector<LinkLoad> loads() const;
  void clear_loads();

 private:
  /// What passed a link in this step.
  struct Passing {
    std::int64_t packets = 0;
    Picoseconds first;  ///< the earliest was ready
    Picoseconds rest;   ///< least sum of latencies from here on, to a packet's farthest receiver
  };
  struct Copy {
    std::uint32_t core = 0;  ///< that sent it
    std::uint32_t spikes = 1;
  };
  Picoseconds pass(const StepTraffic& traffic, const Copy& copy, Picoseconds now,
                   std::uint32_t first, const Branch& branch);

  const Topology& topology_;
  std::uint32_t packet_flits_;
  Picoseconds within_tile_;
  std::vector<LinkTiming> links_;
  std::vector<Passing> passing_;        ///< by link
  std::vector<std::uint64_t> packets_;  ///< by link: since the loads were cleared
};

}  // namespace nj
