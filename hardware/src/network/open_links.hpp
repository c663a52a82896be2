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
#include "route_trees.hpp"

namespace nj {

/// When, and before what else of that time, a packet asks for a link.
struct AskKey {
  Picoseconds time;
  std::uint64_t order = 0;  ///< of the first target; with OpenLinks::through
  friend bool operator<(const AskKey& a, const AskKey& b) {  // without branches
    return (a.time < b.time) | ((a.time == b.time) & (a.order < b.order));
  }
};

/// A packet, or a copy of it, before a link that it wants.
struct LinkAsk : AskKey {
  std::uint32_t node = 0;  ///< of that link, in the packet's tree
  std::uint32_t size = 0;  ///< of the packet: position in PacketSizes
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
///     void deliver(std::uint64_t order, std::uint32_t targets, Picoseconds time);
///     void note_pass(const LinkAsk& ask, std::uint32_t link, Picoseconds enters);
class OpenLinks {
 public:
  /// In the order of what has passed a link.
  static constexpr std::uint64_t through = std::uint64_t{1} << 63;

  OpenLinks(const Topology& topology, const TopologySpec& spec, const PacketSizes& sizes,
            const RouteTrees& routes)
      : topology_(topology),
        routes_(routes),
        within_tile_(spec.within_tile),
        links_(topology, spec, sizes),
        lanes_(topology.links().size()),
        circles_(topology.link_groups().count()) {}

  /// Packets from `packet` to before `end` set out, if they are injected before the horizon;
  /// `order` is that of target 0. Returns the next packet.
  template <class Receive>
  std::uint32_t inject(Receive& receive, std::span<const Packet> packets, std::uint64_t order,
                       std::uint32_t packet, std::uint32_t end, Picoseconds horizon) {
    for (; packet != end; ++packet) {
      const Packet& sent = packets[packet];
      if (sent.injected >= horizon) break;
      const RouteTrees::Tree& tree = routes_.tree(sent.route);
      go_on<false>(receive, routes_.node(tree.start), order + sent.first_target, tree.size,
                   sent.injected + within_tile_, [&](const LinkTiming&) { return sent.injected; });
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
                                          [&](const LinkAsk& ask) { pass<false>(packets, ask); });
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
  /// Calls `tell` with each ask that waits, for how many targets, and a time before which none of
  /// these has the packet: those in line before it pass the link first, and then no other is on its
  /// way.
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
        tell(ask, targets_of(ask), there(link, enters));
        free = enters + shortest(link).service;
      }
    }
    for (const Circle& circle : circles_) {
      const auto tell_one = [&](const LinkAsk& ask) {
        const std::uint32_t link = link_of(ask);
        tell(ask, targets_of(ask), there(link, std::max(ask.time, links_.free(link))));
      };
      for (const LinkAsk& ask : circle.asks.waiting()) tell_one(ask);
      for (const auto& [key, copy] : circle.turns.events()) tell_one({key, copy.node, copy.size});
    }
  }

  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return links_.loads(); }
  void clear_loads() { links_.clear_loads(); }

 private:
  struct Copy {
    std::uint32_t node = 0;
    std::uint32_t size = 0;
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
        pass<true>(packets, {key, copy.node, copy.size});
      } else if (next != nullptr) {
        pass<true>(packets, *next);
        asks.drop();
      } else {
        return asks.forget_taken();
      }
    }
  }

  [[nodiscard]] std::uint32_t link_of(const LinkAsk& ask) const {
    return routes_.node(ask.node).link;
  }
  [[nodiscard]] std::uint32_t targets_of(const LinkAsk& ask) const {
    return routes_.node(ask.node).last - routes_.node(ask.node).first;
  }

  template <bool Circular, class Packets>
  void pass(Packets& packets, const LinkAsk& ask) {
    const RouteTrees::Node& node = routes_.node(ask.node);
    const LinkTiming& link = links_.timings().of(node.link, ask.size);
    const Picoseconds enters = links_.book(node.link, ask.size, ask.time);
    packets.note_pass(ask, node.link, enters);
    const Picoseconds head = enters + link.latency;
    go_on<Circular>(packets, node, (ask.order | through) - node.first, ask.size, head + link.tail,
                    [&](const LinkTiming& next) { return head + gap(link, next); });
  }

  /// A packet is at the end of a node's link, which is of a circle or not: `base` is the order of
  /// its target 0, it is delivered at `there`, and ready for a link that follows at `ready` of
  /// that.
  template <bool Circular, class Packets, class Ready>
  void go_on(Packets& packets, const RouteTrees::Node& node, std::uint64_t base, std::uint32_t size,
             Picoseconds there, Ready&& ready) {
    if (node.here_first != node.here_last) {
      packets.deliver((base & ~through) + node.here_first, node.here_last - node.here_first, there);
    }
    for (std::uint32_t i = 0; i < node.child_count; ++i) {
      const std::uint32_t next = node.children + i;
      const RouteTrees::Node& child = routes_.node(next);
      const AskKey then{ready(links_.timings().of(child.link, size)), base + child.first};
      if (Circular && topology_.link_groups().of[child.link] == group_) {
        circles_[group_].turns.push(then, {next, size});
      } else {
        lanes_[child.link].push({then, next, size});
      }
    }
  }

  const Topology& topology_;
  const RouteTrees& routes_;
  Picoseconds within_tile_;
  LinkBookings links_;
  std::vector<Lane<LinkAsk>> lanes_;  ///< by link
  std::vector<Circle> circles_;       ///< by group; of groups of several links
  std::uint32_t group_ = 0;           ///< in work
  RunSorter<LinkAsk> sorter_;
};

}  // namespace nj
