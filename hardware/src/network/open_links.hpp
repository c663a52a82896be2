#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "neurojoule/core/event_queue.hpp"

#include "lane.hpp"
#include "link_ask.hpp"
#include "link_bookings.hpp"
#include "links.hpp"
#include "route_trees.hpp"
#include "shared_lists.hpp"

namespace nj {

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
/// An `Order` is an unsigned number. Orders grow with (source, sequence) and are below `through`;
/// those of the targets of one packet are consecutive.
template <class Order>
class OpenLinks {
 public:
  using Ask = LinkAsk<Order>;
  /// In the order of what has passed a link.
  static constexpr Order through = Order{1} << (std::numeric_limits<Order>::digits - 1);

  /// `routes`: of all packets. `ends`: lists of arrivals.
  OpenLinks(const Topology& topology, const TopologySpec& spec, const PacketSizes& sizes,
            const RouteTrees& routes, const SharedLists& ends)
      : topology_(topology),
        routes_(routes),
        within_tile_(spec.within_tile),
        links_(topology, spec, sizes) {
    const std::vector<std::uint32_t> lane_of = order_links();
    lanes_.resize(first_end_ + ends.size());
    follow_routes(ends, lane_of);
  }

  /// Packets from `packet` to before `end` set out, if they are injected before the horizon;
  /// `order` is that of target 0. Returns the next packet.
  std::uint32_t inject(std::span<const Packet> packets, Order order, std::uint32_t packet,
                       std::uint32_t end, Picoseconds horizon) {
    const std::uint32_t* const starts = starts_.data();
    const Branch* const branches = branches_.data();
    Lane<Ask>* const lanes = lanes_.data();
    for (; packet != end; ++packet) {
      const Packet& sent = packets[packet];
      if (sent.injected >= horizon) break;
      go_on(branches + starts[sent.route], order + sent.first_target, sent.injected,
            [lanes](std::uint32_t lane, const Ask& next) { lanes[lane].push(next); });
    }
    return packet;
  }

  /// Works through all that asks for a link before the horizon; calls `note_pass(ask, link,
  /// enters)` for each.
  template <class NotePass>
  void run(Picoseconds horizon, const NotePass& note_pass) {
    std::uint32_t lane = 0;
    for (Circle& circle : circles_) {
      for (; lane != circle.first; ++lane) work_through(lane, horizon, note_pass);
      work_through_circle(circle, horizon, note_pass);
      lane = circle.last;
    }
    for (; lane != first_end_; ++lane) work_through(lane, horizon, note_pass);
  }

  /// What has come to an end: with orders, below `through`, of single targets. Of lists that are
  /// shared only that of the first is filled.
  [[nodiscard]] Lane<Ask>& arrived(std::size_t list) { return lanes_[first_end_ + list]; }
  [[nodiscard]] const Lane<Ask>& arrived(std::size_t list) const {
    return lanes_[first_end_ + list];
  }

  /// Copies of packets in the network, and arrivals.
  [[nodiscard]] std::size_t waiting() const {
    std::size_t count = 0;
    for (const Lane<Ask>& asks : lanes_) count += asks.size();
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
    for (std::uint32_t lane = 0; lane < first_end_; ++lane) {
      const std::uint32_t link = link_of_[lane];
      lanes_[lane].sort(sorter_);
      Picoseconds free = links_.free(link);
      for (const Ask& ask : lanes_[lane].waiting()) {
        const Picoseconds enters = std::max(ask.time, free);
        tell(ask, targets_of(ask), there(link, enters));
        free = enters + shortest(link).service;
      }
    }
    for (const Circle& circle : circles_) {
      const auto tell_one = [&](const Ask& ask) {
        const std::uint32_t link = link_of(ask);
        tell(ask, targets_of(ask), there(link, std::max(ask.time, links_.free(link))));
      };
      for (const Ask& ask : circle.asks.waiting()) tell_one(ask);
      for (const auto& [key, onward] : circle.turns.events()) {
        tell_one({key.time, key.order, onward});
      }
    }
  }

  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return links_.loads(); }
  void clear_loads() { links_.clear_loads(); }

 private:
  /// A link that follows a node, or an end. Those of a node are next to each other.
  struct Branch {
    Picoseconds ready;  ///< after the packet entered the node's link, or was injected
    Order order = 0;    ///< more than that of the packet at the node
    std::uint32_t lane = 0;
    std::uint32_t onward = 0;  ///< the first branch that follows this one; none at an end
    std::uint16_t size = 0;    ///< of the packet
    bool last = false;         ///< of the node
  };
  /// Links in which packets may go round: those of the lanes [first, last).
  struct Circle {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    Lane<Ask> asks;                                  ///< of what comes from outside
    EventQueue<std::uint32_t, AskKey<Order>> turns;  ///< what follows
  };

  /// Gives a lane to each link that is part of a way, in the order in which they are worked
  /// through. Returns the lanes by link.
  std::vector<std::uint32_t> order_links() {
    constexpr std::uint32_t unused = RouteTrees::no_link;
    constexpr std::uint32_t used = unused - 1;
    std::vector<std::uint32_t> lane_of(topology_.links().size(), unused);
    for (std::uint32_t i = 0; i != routes_.nodes(); ++i) {
      const std::uint32_t link = routes_.node(i).link;
      if (link != RouteTrees::no_link) lane_of[link] = used;
    }
    const auto lanes = [&] { return static_cast<std::uint32_t>(link_of_.size()); };
    const LinkGroups& groups = topology_.link_groups();
    for (std::uint32_t group = 0; group != groups.count(); ++group) {
      const std::uint32_t first = lanes();
      for (const std::uint32_t link : groups.group(group)) {
        if (lane_of[link] == unused) continue;
        lane_of[link] = lanes();
        link_of_.push_back(link);
      }
      if (lanes() - first > 1) circles_.push_back({first, lanes(), {}, {}});
    }
    first_end_ = link_of_.size();
    return lane_of;
  }

  /// Works out what follows each node.
  void follow_routes(const SharedLists& ends, std::span<const std::uint32_t> lane_of) {
    std::vector<std::uint32_t> onward;  // by node: its first branch
    for (std::uint32_t i = 0; i != routes_.nodes(); ++i) {
      const RouteTrees::Node& node = routes_.node(i);
      onward.push_back(static_cast<std::uint32_t>(nodes_.size()));
      const auto lists = std::ranges::count_if(
          routes_.lists(node), [&](std::uint32_t list) { return ends[list].further == 0; });
      nodes_.insert(nodes_.end(), static_cast<std::size_t>(lists) + node.child_count, i);
    }
    for (std::uint32_t i = 0; i != routes_.nodes(); ++i) {
      add_branches(routes_.node(i), ends, lane_of, onward);
    }
    for (std::uint32_t tree = 0; tree != routes_.trees(); ++tree) {
      starts_.push_back(onward[routes_.tree(tree).start]);
    }
  }

  void add_branches(const RouteTrees::Node& node, const SharedLists& ends,
                    std::span<const std::uint32_t> lane_of, std::span<const std::uint32_t> onward) {
    const LinkTimings& timings = links_.timings();
    const bool start = node.link == RouteTrees::no_link;
    const LinkTiming* const link = start ? nullptr : &timings.of(node.link, node.size);
    const Picoseconds there = start ? within_tile_ : link->latency + link->tail;
    const auto size = static_cast<std::uint16_t>(node.size);
    Order order = node.here_first - node.first;
    for (const std::uint32_t list : routes_.lists(node)) {
      const Order own = order++;
      if (ends[list].further != 0) continue;
      branches_.push_back({there, own, static_cast<std::uint32_t>(first_end_) + list, 0, size});
    }
    for (std::uint32_t child = node.children; child != node.children + node.child_count; ++child) {
      const RouteTrees::Node& next = routes_.node(child);
      const Picoseconds ready =
          start ? Picoseconds{0} : link->latency + gap(*link, timings.of(next.link, next.size));
      order = next.first - node.first;
      branches_.push_back(
          {ready, start ? order : order | through, lane_of[next.link], onward[child], size});
    }
    branches_.back().last = true;
  }

  template <class NotePass>
  void work_through(std::uint32_t at, Picoseconds horizon, const NotePass& note_pass) {
    if (lanes_[at].empty()) return;
    const std::uint32_t link = link_of_[at];
    const Branch* const branches = branches_.data();
    Lane<Ask>* const lanes = lanes_.data();
    const std::span<const Ask> asks = lanes[at].take_before(horizon, sorter_);
    links_.book_all(
        link, asks, [branches](const Ask& ask) { return branches[ask.onward].size; },
        [&](const Ask& ask, Picoseconds enters) {
          note_pass(ask, link, enters);
          go_on(branches + ask.onward, ask.order & ~through, enters,
                [lanes](std::uint32_t lane, const Ask& next) { lanes[lane].push(next); });
        });
  }

  template <class NotePass>
  void work_through_circle(Circle& circle, Picoseconds horizon, const NotePass& note_pass) {
    const std::uint32_t first = circle.first;
    const std::uint32_t last = circle.last;
    Lane<Ask>& asks = circle.asks;
    auto& turns = circle.turns;
    const auto pass = [&](const Ask& ask) {
      const std::uint32_t link = link_of(ask);
      const Branch* const onward = &branches_[ask.onward];
      const Picoseconds enters = links_.book(link, onward->size, ask.time);
      note_pass(ask, link, enters);
      go_on(onward, ask.order & ~through, enters, [&](std::uint32_t lane, const Ask& next) {
        if (lane >= first && lane < last) {
          turns.push(next.key(), next.onward);
        } else {
          lanes_[lane].push(next);
        }
      });
    };
    for (std::uint32_t lane = first; lane != last; ++lane) {
      for (const Ask& ask : lanes_[lane].waiting()) asks.push(ask);
      lanes_[lane].clear();
    }
    asks.sort(sorter_);
    while (true) {
      const Ask* next = asks.next(horizon);
      if (!turns.empty() && turns.top().key.time < horizon &&
          (next == nullptr || turns.top().key < next->key())) {
        const auto [key, onward] = turns.pop();
        pass({key.time, key.order, onward});
      } else if (next != nullptr) {
        pass(*next);
        asks.drop();
      } else {
        return;
      }
    }
  }

  [[nodiscard]] std::uint32_t link_of(const Ask& ask) const {
    return routes_.node(nodes_[ask.onward]).link;
  }
  [[nodiscard]] std::uint32_t targets_of(const Ask& ask) const {
    const RouteTrees::Node& node = routes_.node(nodes_[ask.onward]);
    return node.last - node.first;
  }

  /// A packet, whose first target is of that order, entered a link or was injected: calls `push`
  /// with the lane and the ask of each branch that follows.
  template <class Push>
  static void go_on(const Branch* branch, Order order, Picoseconds entered, const Push& push) {
    for (;; ++branch) {
      push(branch->lane, Ask{entered + branch->ready, order + branch->order, branch->onward});
      if (branch->last) return;
    }
  }

  const Topology& topology_;
  const RouteTrees& routes_;
  Picoseconds within_tile_;
  LinkBookings links_;
  std::vector<std::uint32_t> link_of_;  ///< by lane
  std::size_t first_end_ = 0;
  std::vector<Lane<Ask>> lanes_;       ///< of links, in the order of work, then of ends
  std::vector<Circle> circles_;        ///< in the order of their lanes
  std::vector<std::uint32_t> starts_;  ///< by tree: the first branch
  std::vector<Branch> branches_;       ///< of all nodes
  std::vector<std::uint32_t> nodes_;   ///< by branch: what it follows
  RunSorter<Ask> sorter_;
};

}  // namespace nj
