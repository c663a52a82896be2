#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "neurojoule/core/event_queue.hpp"

#include "lane.hpp"
#include "link_bookings.hpp"
#include "links.hpp"

namespace nj {

/// When, and before what else of that time, a packet asks for a link.
struct AskKey {
  Picoseconds time;
  std::uint64_t order = 0;  ///< of the first target; with OpenLinks::through
  friend bool operator<(const AskKey& a, const AskKey& b) {  // without branches
    return (a.time < b.time) | ((a.time == b.time) & (a.order < b.order));
  }
};

/// Targets of a packet, before a link that they want.
struct LinkAsk : AskKey {
  std::uint32_t last = 0;  ///< where the targets end
  std::uint32_t link = 0;
};

/// Links with unbounded buffers: a packet waits at the link that it wants, first come first served;
/// of one time, new packets go before through traffic, and then it is by source and sequence.
///
/// What happens on a link acts only on links that its packets take later. So links are worked
/// through one after another, each for all that asks for it before a horizon: this is known then,
/// if all packets that are injected before the horizon are, and comes in few sorted runs (one for
/// each link and each source before it). Links of a circle take turns by a queue of events, as
/// every event's key is greater than that of the event that made it. Nothing in the network follows
/// from a delivery.
///
/// `Packets` says what an order means. Orders grow with (source, sequence) and are below `through`;
/// those of the targets of one packet are consecutive.
///
///     std::pair<const StepTraffic&, std::uint32_t> find(std::uint64_t order);  // and the target
///     void deliver(const StepTraffic& traffic, std::uint64_t order, Picoseconds time,
///                  std::uint32_t first, std::uint32_t last);  // `order` is that of the first
///     void note_pass(const LinkAsk& ask, std::uint32_t first, Picoseconds enters);
class OpenLinks {
 public:
  /// In the order of what has passed a link.
  static constexpr std::uint64_t through = std::uint64_t{1} << 63;

  OpenLinks(const Topology& topology, const TopologySpec& spec, const PacketSizes& sizes)
      : topology_(topology),
        within_tile_(spec.within_tile),
        links_(topology, spec, sizes),
        lanes_(topology.links().size()),
        circles_(topology.link_groups().count()) {}

  /// Packets from `packet` to before `end` set out from a tile, if they are injected before the
  /// horizon; `order` is that of target 0. Returns the next packet.
  template <class Packets>
  std::uint32_t inject(Packets& packets, const StepTraffic& traffic, std::uint32_t tile,
                       std::uint64_t order, std::uint32_t packet, std::uint32_t end,
                       Picoseconds horizon) {
    for (; packet != end; ++packet) {
      const Picoseconds now = traffic.packets[packet].injected;
      if (now >= horizon) break;
      const std::uint32_t last = traffic.last_target(packet);
      for (std::uint32_t first = traffic.packets[packet].first_target; first != last;) {
        const Branch branch = split(topology_, tile, traffic, first, last);
        if (branch.link == Branch::here) {
          count_within_tile(traffic, first, branch.last);
          packets.deliver(traffic, order + first, now + within_tile_, first, branch.last);
        } else {
          lanes_[branch.link].push({{now, order + first}, branch.last, branch.link});
        }
        first = branch.last;
      }
    }
    return packet;
  }

  /// Works through all that asks for a link before the horizon.
  template <class Packets>
  void run(Packets& packets, Picoseconds horizon) {
    const LinkGroups& groups = topology_.link_groups();
    for (group_ = 0; group_ < groups.count(); ++group_) {
      const auto links = groups.group(group_);
      if (links.size() == 1) {
        lanes_[links.front()].take_before(horizon, sorter_,
                                          [&](const LinkAsk& ask) { pass(packets, ask); });
      } else {
        work_through_circle(packets, links, horizon);
      }
    }
  }

  [[nodiscard]] std::size_t waiting() const {
    std::size_t count = 0;
    for (const Lane<LinkAsk>& asks : lanes_) count += asks.size();
    for (const Circle& circle : circles_) count += circle.asks.size() + circle.turns.size();
    return count;
  }
  /// Calls `tell` with each ask that waits and a time before which none of its targets has the
  /// packet: those in line before it pass the link first, and then no other is on its way.
  template <class Tell>
  void for_each_ask(Tell&& tell) {
    const auto shortest = [&](std::uint32_t link) { return links_.timings().of(link, 0); };
    const auto there = [&](std::uint32_t link, Picoseconds enters) {
      return enters + shortest(link).latency + shortest(link).tail;
    };
    for (std::uint32_t link = 0; link < lanes_.size(); ++link) {
      lanes_[link].sort(sorter_);
      Picoseconds free = links_.free(link);
      for (const LinkAsk& ask : lanes_[link].waiting()) {
        const Picoseconds enters = std::max(ask.time, free);
        tell(ask, there(link, enters));
        free = enters + shortest(link).service;
      }
    }
    for (const Circle& circle : circles_) {
      for (const LinkAsk& ask : circle.asks.waiting()) {
        tell(ask, there(ask.link, std::max(ask.time, links_.free(ask.link))));
      }
      for (const auto& [key, copy] : circle.turns.events()) {
        tell(LinkAsk{key, copy.last, copy.link},
             there(copy.link, std::max(key.time, links_.free(copy.link))));
      }
    }
  }

  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return links_.loads(); }
  void clear_loads() { links_.clear_loads(); }

 private:
  struct Copy {
    std::uint32_t last = 0;
    std::uint32_t link = 0;
  };
  /// Links in which packets may go round.
  struct Circle {
    Lane<LinkAsk> asks;  ///< of what comes from outside
    EventQueue<Copy, AskKey> turns;
  };

  template <class Packets>
  void work_through_circle(Packets& packets, std::span<const std::uint32_t> links,
                           Picoseconds horizon) {
    auto& [asks, turns] = circles_[group_];
    for (const std::uint32_t link : links) lanes_[link].move_to(asks);
    asks.sort(sorter_);
    while (true) {
      const LinkAsk* next = asks.next(horizon);
      if (!turns.empty() && turns.top().key.time < horizon &&
          (next == nullptr || turns.top().key < *next)) {
        const auto [key, copy] = turns.pop();
        pass(packets, {key, copy.last, copy.link});
      } else if (next != nullptr) {
        pass(packets, *next);
        asks.drop();
      } else {
        return asks.forget_taken();
      }
    }
  }

  template <class Packets>
  void pass(Packets& packets, const LinkAsk& ask) {
    const std::uint32_t last = ask.last;
    const auto [traffic, begin] = packets.find(ask.order);
    const std::uint64_t base = ask.order - begin;  // of target 0
    const std::uint32_t size = traffic.stop(begin).size;
    const LinkTiming& link = links_.timings().of(ask.link, size);
    const Picoseconds enters = links_.book(ask.link, size, ask.time);
    packets.note_pass(ask, begin, enters);
    count_hop(traffic, begin, link.direction);
    const Picoseconds head = enters + link.latency;
    for (std::uint32_t first = begin; first != last;) {
      const Branch branch = split(topology_, link.to, traffic, first, last);
      const std::uint64_t order = base + first;
      if (branch.link == Branch::here) {
        packets.deliver(traffic, order & ~through, head + link.tail, first, branch.last);
      } else {
        const AskKey then{head + gap(link, links_.timings().of(branch.link, size)),
                          order | through};
        if (topology_.link_groups().of[branch.link] == group_) {
          circles_[group_].turns.push(then, {branch.last, branch.link});
        } else {
          lanes_[branch.link].push({then, branch.last, branch.link});
        }
      }
      first = branch.last;
    }
  }

  const Topology& topology_;
  Picoseconds within_tile_;
  LinkBookings links_;
  std::vector<Lane<LinkAsk>> lanes_;  ///< by link
  std::vector<Circle> circles_;       ///< by group; of groups of several links
  std::uint32_t group_ = 0;           ///< in work
  RunSorter<LinkAsk> sorter_;
};

}  // namespace nj
