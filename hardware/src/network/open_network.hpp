#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/event_queue.hpp"

#include "link_bookings.hpp"
#include "links.hpp"
#include "run_sorter.hpp"

namespace nj {

/// Routers whose buffers are unbounded: a packet waits at the link that it wants, first come first
/// served, and equal times by (phase, source, sequence).
///
/// What happens on a link acts only on links that its packets take later, so links are worked
/// through one after another, each for the whole step: all that ask for it are known by then, and
/// come in few sorted runs (one for each link and each source before it). Links of a circle take
/// turns by a queue of events, as every event's key is greater than that of the event that made
/// it. Nothing in the network follows from a delivery; the cores sort them.
class OpenNetwork {
 public:
  OpenNetwork(const Topology& topology, const TopologySpec& spec);

  void run(const StepTraffic& traffic);
  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return links_.loads(); }
  /// Between two runs.
  void clear_loads() { links_.clear_loads(); }

 private:
  struct Key {
    Picoseconds time;
    std::uint64_t order = 0;  ///< phase, source, sequence (first target)
    friend bool operator<(const Key& a, const Key& b) {
      return (a.time < b.time) | ((a.time == b.time) & (a.order < b.order));  // without branches
    }
  };
  /// Targets [sequence, last) of a packet, before a link.
  struct Copy {
    std::uint32_t last = 0;
    std::uint32_t link = 0;
  };
  /// A copy that asks for its link.
  struct Ask {
    Key key;
    Copy copy;
    friend bool operator<(const Ask& a, const Ask& b) { return a.key < b.key; }
  };
  void inject(const StepTraffic& traffic, const PacketSource& source);
  void work_through(const StepTraffic& traffic, std::vector<Ask>& asks);
  void work_through_circle(const StepTraffic& traffic, std::span<const std::uint32_t> links);
  void pass(const StepTraffic& traffic, const Key& key, const Copy& copy);

  const Topology& topology_;
  Picoseconds within_tile_;
  LinkBookings links_;
  std::vector<std::vector<Ask>> asks_;  ///< by link
  RunSorter<Ask> sorter_;
  std::uint32_t group_ = 0;      ///< of the links in work
  EventQueue<Copy, Key> queue_;  ///< of a circle of links in work
  std::vector<Ask> circle_;      ///< what came from outside of it
};

}  // namespace nj
