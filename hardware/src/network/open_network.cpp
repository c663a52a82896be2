#include "open_network.hpp"

#include <algorithm>
#include <limits>

namespace nj {
namespace {

// A key's `order`: new packets (0) before through traffic (1), then the source, then its sequence.
constexpr std::uint64_t forward_phase = std::uint64_t{1} << 56;
constexpr unsigned source_shift = 32;
constexpr std::uint64_t source_mask = (std::uint64_t{1} << 24) - 1;

}  // namespace

OpenNetwork::OpenNetwork(const Topology& topology, const TopologySpec& spec)
    : topology_(topology),
      packet_flits_(spec.packet_flits()),
      within_tile_(spec.within_tile),
      links_(link_timings(topology, spec.packet_bits)),
      bookings_(links_.size()) {}

/// The first injection of each source.
void OpenNetwork::start(const StepTraffic& traffic) {
  Picoseconds first{std::numeric_limits<std::int64_t>::max()};
  Picoseconds last{0};
  for (const PacketSource& source : traffic.sources) {
    if (source.first == source.last) continue;
    first = std::min(first, traffic.packets[source.first].injected);
    last = std::max(last, traffic.packets[source.last - 1].injected);
  }
  const auto packets = static_cast<std::int64_t>(traffic.packets.size());
  if (packets == 0) return;
  queue_.start(first, Picoseconds{(last - first).value() / packets});
  for (std::uint32_t s = 0; s < traffic.sources.size(); ++s) {
    push_next(traffic, traffic.sources[s].first, s);
  }
}

/// A packet that stays in its tile meets no other, so it needs no turn.
void OpenNetwork::push_next(const StepTraffic& traffic, std::uint32_t packet,
                            std::uint32_t source) {
  const PacketSource& from = traffic.sources[source];
  for (; packet != from.last; ++packet) {
    const Picoseconds time = traffic.packets[packet].injected;
    const std::uint32_t first = traffic.packets[packet].first_target;
    const std::uint32_t last = traffic.last_target(packet);
    if (last - first != 1 || way_of(topology_, from.tile, traffic, first) != Branch::here) {
      return queue_.push({time, std::uint64_t{from.core.index} << source_shift | packet},
                         {0, source});
    }
    count_within_tile(traffic, first, last);
    deliver(traffic, from.core.index, time + within_tile_, first, last);
  }
}

void OpenNetwork::run(const StepTraffic& traffic) {
  start(traffic);
  while (!queue_.empty()) {
    const auto [key, copy] = queue_.pop();
    const auto sequence = static_cast<std::uint32_t>(key.order);
    if (key.order < forward_phase) {
      push_next(traffic, sequence + 1, copy.link);
      inject(traffic, copy.link, key.time, sequence);
    } else {
      const auto core = static_cast<std::uint32_t>(key.order >> source_shift & source_mask);
      pass(traffic, core, key.time, sequence, copy);
    }
  }
}

void OpenNetwork::inject(const StepTraffic& traffic, std::uint32_t source, Picoseconds now,
                         std::uint32_t packet) {
  const PacketSource& from = traffic.sources[source];
  const std::uint32_t last = traffic.last_target(packet);
  for (std::uint32_t first = traffic.packets[packet].first_target; first != last;) {
    const Branch branch = split(topology_, from.tile, traffic, first, last);
    if (branch.link == Branch::here) {
      count_within_tile(traffic, first, branch.last);
      deliver(traffic, from.core.index, now + within_tile_, first, branch.last);
    } else {
      pass(traffic, from.core.index, now, first, {branch.last, branch.link});
    }
    first = branch.last;
  }
}

void OpenNetwork::pass(const StepTraffic& traffic, std::uint32_t core, Picoseconds now,
                       std::uint32_t first, Copy copy) {
  const LinkTiming& link = links_[copy.link];
  Booking& booking = bookings_[copy.link];
  const Picoseconds departs = std::max(now, booking.free);
  booking.free = departs + link.service;
  booking.longest_wait = std::max(booking.longest_wait, departs - now);
  ++booking.packets;
  if (traffic.passes != nullptr) traffic.passes->push_back({copy.link, departs, first});
  count_hop(traffic, first, link.direction);
  const Picoseconds head = departs + link.latency;
  while (first != copy.last) {
    const Branch branch = split(topology_, link.to, traffic, first, copy.last);
    if (branch.link == Branch::here) {
      deliver(traffic, core, head + link.tail, first, branch.last);
    } else {
      queue_.push({head + gap(link, links_[branch.link]),
                   forward_phase | std::uint64_t{core} << source_shift | first},
                  {branch.last, branch.link});
    }
    first = branch.last;
  }
}

std::vector<LinkLoad> OpenNetwork::loads() const {
  std::vector<LinkLoad> loads;
  loads.reserve(links_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const Booking& booking = bookings_[i];
    // Packets ahead of one that waits leave one service time apart, so its wait counts them.
    const std::int64_t service = links_[i].service.value();
    const auto queue =
        static_cast<std::uint64_t>((booking.longest_wait.value() + service - 1) / service);
    loads.push_back({booking.packets * packet_flits_,
                     links_[i].service * static_cast<std::int64_t>(booking.packets), queue});
  }
  return loads;
}

void OpenNetwork::clear_loads() {
  for (Booking& booking : bookings_) booking = {booking.free, Picoseconds{0}, 0};
}

}  // namespace nj
