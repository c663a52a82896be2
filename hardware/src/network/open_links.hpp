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
#include "packet.hpp"
#include "packet_routes.hpp"

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

  explicit OpenLinks(const PacketRoutes& routes)
      : routes_(routes.open), links_(routes.timings), lanes_(routes_.lanes()) {
    for (const OpenRoutes::Circle& lanes : routes_.circles()) circles_.push_back({lanes, {}, {}});
  }

  /// Packets from `packet` to before `end` set out, if they are injected before the horizon;
  /// `order` is that of target 0. Returns the next packet.
  std::uint32_t inject(std::span<const Packet> packets, Order order, std::uint32_t packet,
                       std::uint32_t end, Picoseconds horizon) {
    const std::uint32_t* const starts = routes_.starts();
    const Branch* const branches = routes_.branches();
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
      for (; lane != circle.lanes.first; ++lane) work_through(lane, horizon, note_pass);
      work_through_circle(circle, horizon, note_pass);
      lane = circle.lanes.last;
    }
    for (; lane != routes_.links().size(); ++lane) work_through(lane, horizon, note_pass);
  }

  /// What has come to an end: with orders, below `through`, of single targets. Of lists that are
  /// shared only that of the first is filled.
  [[nodiscard]] Lane<Ask>& arrived(std::size_t list) { return lanes_[routes_.lane_of_list(list)]; }
  [[nodiscard]] const Lane<Ask>& arrived(std::size_t list) const {
    return lanes_[routes_.lane_of_list(list)];
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
    for (std::uint32_t lane = 0; lane < routes_.links().size(); ++lane) {
      const std::uint32_t link = routes_.links()[lane];
      lanes_[lane].sort(sorter_);
      Picoseconds free = links_.free(link);
      for (const Ask& ask : lanes_[lane].waiting()) {
        const Picoseconds enters = std::max(ask.time, free);
        tell(ask, routes_.targets_before(ask.onward), there(link, enters));
        free = enters + shortest(link).service;
      }
    }
    for (const Circle& circle : circles_) {
      const auto tell_one = [&](const Ask& ask) {
        const std::uint32_t link = routes_.link_before(ask.onward);
        tell(ask, routes_.targets_before(ask.onward),
             there(link, std::max(ask.time, links_.free(link))));
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
  using Branch = OpenRoutes::Branch;
  struct Circle {
    OpenRoutes::Circle lanes;
    Lane<Ask> asks;                                  ///< of what comes from outside
    EventQueue<std::uint32_t, AskKey<Order>> turns;  ///< what follows
  };

  template <class NotePass>
  void work_through(std::uint32_t at, Picoseconds horizon, const NotePass& note_pass) {
    if (lanes_[at].empty()) return;
    const std::uint32_t link = routes_.links()[at];
    const Branch* const branches = routes_.branches();
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
    const std::uint32_t first = circle.lanes.first;
    const std::uint32_t last = circle.lanes.last;
    Lane<Ask>& asks = circle.asks;
    auto& turns = circle.turns;
    const auto pass = [&](const Ask& ask) {
      const std::uint32_t link = routes_.link_before(ask.onward);
      const Branch* const onward = routes_.branches() + ask.onward;
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

  /// A packet, whose first target is of that order, entered a link or was injected: calls `push`
  /// with the lane and the ask of each branch that follows.
  template <class Push>
  static void go_on(const Branch* branch, Order order, Picoseconds entered, const Push& push) {
    for (;; ++branch) {
      push(branch->lane, Ask{entered + branch->ready, order + more(*branch), branch->onward});
      if (branch->last) return;
    }
  }

  /// A branch's order as a number of ours.
  static Order more(const Branch& branch) {
    constexpr std::uint32_t flag = OpenRoutes::through;
    if constexpr (through == flag) return branch.order;
    return Order{branch.order & ~flag} | Order{(branch.order & flag) != 0} * through;
  }

  const OpenRoutes& routes_;
  LinkBookings links_;
  std::vector<Lane<Ask>> lanes_;
  std::vector<Circle> circles_;
  RunSorter<Ask> sorter_;
};

}  // namespace nj
