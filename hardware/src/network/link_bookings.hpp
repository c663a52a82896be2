#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "links.hpp"

namespace nj {

/// Links that take packets in the order in which they ask, each for its service time.
class LinkBookings {
 public:
  LinkBookings(const Topology& topology, const TopologySpec& spec)
      : packet_flits_(spec.packet_flits()),
        timings_(link_timings(topology, spec.packet_bits)),
        bookings_(timings_.size()) {}

  [[nodiscard]] const LinkTiming& operator[](std::uint32_t link) const { return timings_[link]; }

  /// A packet asks for a link, no sooner than all that asked before; returns when it enters it.
  Picoseconds book(std::uint32_t link, Picoseconds now) {
    Booking& booking = bookings_[link];
    const Picoseconds departs = std::max(now, booking.free);
    booking.free = departs + timings_[link].service;
    booking.longest_wait = std::max(booking.longest_wait, departs - now);
    ++booking.packets;
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
    Picoseconds longest_wait;
    std::uint64_t packets = 0;
  };
  std::uint32_t packet_flits_;
  std::vector<LinkTiming> timings_;
  std::vector<Booking> bookings_;  ///< by link
};

}  // namespace nj
