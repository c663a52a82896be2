#pragma once

#include <cstdint>
#include <vector>

#include "bucket_queue.hpp"
#include "links.hpp"

namespace nj {

/// Routers whose buffers are unbounded: a packet waits at the link that it wants, first come first
/// served, and equal times by (phase, source, sequence).
///
/// Invariant: every event's key is greater than the key of the event that made it, so a link is
/// booked in the full order of the keys. A source holds one event until its last packet is
/// injected. Nothing follows from a delivery in the network, so deliveries are no events: the cores
/// sort them. Nor do packets that stay in their tile, which use no link.
class OpenNetwork {
 public:
  OpenNetwork(const Topology& topology, const TopologySpec& spec);

  void run(const StepTraffic& traffic);
  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const;
  /// Between two runs.
  void clear_loads();

 private:
  struct Key {
    Picoseconds time;
    std::uint64_t order = 0;  ///< phase, source, sequence (first target)
    friend bool operator<(const Key& a, const Key& b) {
      return (a.time < b.time) | ((a.time == b.time) & (a.order < b.order));  // without branches
    }
  };
  /// Targets [sequence, last) at a router, about to take a link.
  struct Copy {
    std::uint32_t last = 0;
    std::uint32_t link = 0;  ///< of a new packet: position of its source
  };
  struct Booking {
    Picoseconds free;
    Picoseconds longest_wait;
    std::uint64_t packets = 0;
  };
  void start(const StepTraffic& traffic);
  void push_next(const StepTraffic& traffic, std::uint32_t packet, std::uint32_t source);
  void inject(const StepTraffic& traffic, std::uint32_t source, Picoseconds now,
              std::uint32_t packet);
  void pass(const StepTraffic& traffic, std::uint32_t core, Picoseconds now, std::uint32_t first,
            Copy copy);

  const Topology& topology_;
  std::uint32_t packet_flits_;
  Picoseconds within_tile_;
  std::vector<LinkTiming> links_;
  std::vector<Booking> bookings_;  ///< by link
  BucketQueue<Copy, Key> queue_;
};

}  // namespace nj
