#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "neurojoule/hardware/simulate.hpp"

#include "links.hpp"

namespace nj {

/// Links that take packets in the order in which they ask, each for its service time.
class LinkBookings {
 public:
  explicit LinkBookings(const LinkTimings& timings)
      : timings_(timings), bookings_(timings.links()), loads_(timings.links()) {
    if (timings.sizes() > 1) lines_.resize(timings.links());
  }

  [[nodiscard]] const LinkTimings& timings() const { return timings_; }

  /// A packet asks for a link, no sooner than all that asked before; returns when it enters it.
  Picoseconds book(std::uint32_t link, std::uint32_t size, Picoseconds now) {
    const Picoseconds departs = std::max(now, bookings_[link].free);
    if (lines_.empty()) {
      bookings_[link].longest_wait = std::max(bookings_[link].longest_wait, departs - now);
    } else {
      lines_[link].join(now, departs);
    }
    bookings_[link].free = departs + timings_.of(link, size).service;
    count(link, size, 1);
    return departs;
  }

  /// The same of many: items with a `time`, whose size is that of `size_of`, in their order. Calls
  /// `enter` with each and when it enters the link.
  template <class Items, class SizeOf, class Enter>
  void book_all(std::uint32_t link, const Items& items, const SizeOf& size_of, const Enter& enter) {
    if (!lines_.empty()) {
      for (const auto& item : items) enter(item, book(link, size_of(item), item.time));
      return;
    }
    const Picoseconds service = timings_.of(link, 0).service;
    auto [free, longest_wait] = bookings_[link];
    for (const auto& item : items) {
      const Picoseconds departs = std::max(item.time, free);
      free = departs + service;
      longest_wait = std::max(longest_wait, departs - item.time);
      enter(item, departs);
    }
    bookings_[link].free = free;
    bookings_[link].longest_wait = longest_wait;
    count(link, 0, items.size());
  }

  /// What asks for a link from now on enters it no sooner.
  [[nodiscard]] Picoseconds free(std::uint32_t link) const { return bookings_[link].free; }

  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const;
  void clear_loads();

 private:
  struct Booking {
    Picoseconds free;
    Picoseconds longest_wait;  ///< where all packets are of one size
  };
  /// What a link carried.
  struct Load {
    Picoseconds busy;
    std::uint64_t flits = 0;
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
  void count(std::uint32_t link, std::uint32_t size, std::size_t packets) {
    loads_[link].busy += timings_.of(link, size).service * static_cast<std::int64_t>(packets);
    loads_[link].flits += std::uint64_t{packets} * timings_.flits(size);
  }

  const LinkTimings& timings_;
  std::vector<Booking> bookings_;  ///< by link
  std::vector<Load> loads_;        ///< by link
  std::vector<Line> lines_;        ///< by link, where there are several sizes
};

}  // namespace nj
