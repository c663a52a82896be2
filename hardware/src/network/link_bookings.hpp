#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "links.hpp"

namespace nj {

/// Links that take packets in the order in which they ask, each for its service time.
class LinkBookings {
 public:
  LinkBookings(const Topology& topology, const TopologySpec& spec, const PacketSizes& sizes)
      : timings_(topology, spec, sizes), bookings_(timings_.links()) {
    if (sizes.size() > 1) lines_.resize(timings_.links());
  }

  [[nodiscard]] const LinkTimings& timings() const { return timings_; }

  /// A packet asks for a link, no sooner than all that asked before; returns when it enters it.
  Picoseconds book(std::uint32_t link, std::uint32_t size, Picoseconds now) {
    Booking& booking = bookings_[link];
    const Picoseconds service = timings_.of(link, size).service;
    const Picoseconds departs = std::max(now, booking.free);
    booking.free = departs + service;
    booking.busy += service;
    booking.flits += timings_.flits(size);
    if (lines_.empty()) {
      booking.longest_wait = std::max(booking.longest_wait, departs - now);
    } else {
      lines_[link].join(now, departs);
    }
    return departs;
  }

  /// What asks for a link from now on enters it no sooner.
  [[nodiscard]] Picoseconds free(std::uint32_t link) const { return bookings_[link].free; }

  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const;
  void clear_loads();

 private:
  struct Booking {
    Picoseconds free;
    Picoseconds busy;
    std::uint64_t flits = 0;
    Picoseconds longest_wait;  ///< where all packets are of one size
  };
  /// Packets of several sizes that wait for a link.
  struct Line {
    std::deque<Picoseconds> departs;
    std::size_t most = 0;
    void join(Picoseconds now, Picoseconds when) {
      while (!departs.empty() && departs.front() <= now) departs.pop_front();
      if (when > now) departs.push_back(when);
      most = std::max(most, departs.size());
    }
  };
  LinkTimings timings_;
  std::vector<Booking> bookings_;  ///< by link
  std::vector<Line> lines_;        ///< by link, where there are several sizes
};

}  // namespace nj
