#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include <neurojoule/hardware/carry.hpp>

// The rules of topology_spec.hpp once more, as plainly as possible: one picosecond after the other,
// everything in lists, no events. It shares no code with the network beyond its routes.
namespace nj::testing {

class ReferenceNetwork {
 public:
  ReferenceNetwork(const Topology& topology, const TopologySpec& spec)
      : topology_(topology),
        spec_(spec),
        free_(topology.links().size(), 0),
        stalled_(topology.links().size()),
        most_waiting_(topology.links().size(), 0) {
    const std::size_t channels = topology.links().size() * topology.virtual_channels();
    queues_.resize(channels + topology.tiles());
    depth_ = spec.buffer_flits;
  }

  /// Arrival times by message and destination; nullopt when something has not arrived by `limit`.
  std::optional<std::vector<std::vector<Picoseconds>>> run(const std::vector<Message>& messages,
                                                           std::int64_t limit) {
    add(messages);
    for (std::int64_t now = 0; now < limit && left_ != 0; ++now) tick(now);
    if (left_ != 0) return std::nullopt;
    return arrived_;
  }

  /// By link: how long it was free, and what was ready for it had no room.
  [[nodiscard]] const std::vector<Picoseconds>& stalled() const { return stalled_; }
  /// By link: most packets at once that wait to enter it.
  [[nodiscard]] const std::vector<std::uint64_t>& most_waiting() const { return most_waiting_; }

 private:
  struct Goal {
    std::size_t message;
    std::size_t destination;
    std::uint32_t tile;
  };
  struct Copy {
    std::vector<Goal> goals;
    std::uint32_t core;
    std::uint32_t number;  ///< of its first goal, counted over all packets of all tiles
    std::int64_t head;     ///< its head is at the router
    std::uint32_t value;   ///< bits
  };
  struct Ask {
    Copy copy;
    std::size_t queue;
    std::uint32_t channel;
    std::int64_t ready;
  };
  struct Queue {
    std::vector<Copy> copies;
    bool at_front = false;  ///< the first one has asked
    std::size_t asking = 0;
    std::int64_t leaves = 0;
    std::uint32_t flits = 0;  ///< taken
  };
  struct Flight {
    Copy copy;
    std::uint32_t channel;
  };

  [[nodiscard]] std::size_t channels() const { return queues_.size() - topology_.tiles(); }
  [[nodiscard]] const Link& link(std::size_t channel) const {
    return topology_.links()[channel / topology_.virtual_channels()];
  }
  [[nodiscard]] std::int64_t bits(const Copy& copy) const {
    const bool longer = spec_.value_added && copy.value != 1;
    return std::int64_t{spec_.packet_bits} + (longer ? copy.value : 0);
  }
  [[nodiscard]] std::uint32_t flits(const Copy& copy) const {
    std::uint32_t flits = 0;
    for (std::int64_t left = bits(copy); left > 0; left -= spec_.flit_bits) ++flits;
    return flits;
  }
  [[nodiscard]] std::int64_t words(std::size_t channel, const Copy& copy) const {
    std::int64_t words = 0;
    for (std::int64_t left = bits(copy); left > 0; left -= link(channel).spec.width_bits) ++words;
    return words;
  }
  [[nodiscard]] std::int64_t service(std::size_t channel, const Copy& copy) const {
    return words(channel, copy) * link(channel).spec.cycle.value();
  }
  [[nodiscard]] std::int64_t tail(std::size_t channel, const Copy& copy) const {
    return (words(channel, copy) - 1) * link(channel).spec.cycle.value();
  }
  [[nodiscard]] std::uint32_t router(std::size_t queue) const {
    return queue < channels() ? link(queue).to : static_cast<std::uint32_t>(queue - channels());
  }

  void add(const std::vector<Message>& messages) {
    std::uint32_t number = 0;
    for (std::uint32_t tile = 0; tile < topology_.tiles(); ++tile) {
      std::vector<Copy> sent;
      std::vector<std::size_t> order;
      for (std::size_t m = 0; m < messages.size(); ++m) {
        if (messages[m].from == tile) order.push_back(m);
      }
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return messages[a].injected < messages[b].injected;
      });
      for (const std::size_t m : order) {
        std::vector<Goal> goals;
        for (std::size_t d = 0; d < messages[m].to.size(); ++d) {
          goals.push_back({m, d, messages[m].to[d]});
          if (spec_.multicast) continue;
          sent.push_back({{goals.back()},
                          tile,
                          number++,
                          messages[m].injected.value(),
                          messages[m].value_bits});
        }
        if (!spec_.multicast || goals.empty()) continue;
        sent.push_back({goals, tile, number, messages[m].injected.value(), messages[m].value_bits});
        number += static_cast<std::uint32_t>(goals.size());
      }
      queues_[channels() + tile].copies = sent;
    }
    left_ = number;
    for (const Message& message : messages) arrived_.emplace_back(message.to.size());
  }

  /// The copies that part from `copy` at a router: goals that go the same way stay together.
  [[nodiscard]] std::vector<std::pair<std::uint32_t, Copy>> parts(const Copy& copy,
                                                                  std::uint32_t at) const {
    std::vector<std::pair<std::uint32_t, Copy>> all;
    for (const Goal& goal : copy.goals) {
      const std::uint32_t way = goal.tile == at ? here : topology_.next_link(at, goal.tile);
      auto part = std::find_if(all.begin(), all.end(),
                               [&](const auto& known) { return known.first == way; });
      if (part == all.end())
        part = all.insert(all.end(), {way, {{}, copy.core, 0, copy.head, copy.value}});
      part->second.goals.push_back(goal);
    }
    std::uint32_t number = copy.number;
    for (auto& [way, part] : all) {
      part.number = number;
      number += static_cast<std::uint32_t>(part.goals.size());
    }
    return all;
  }

  void deliver(const Copy& copy, std::int64_t time) {
    for (const Goal& goal : copy.goals) {
      arrived_[goal.message][goal.destination] = Picoseconds{time};
      --left_;
    }
  }

  void tick(std::int64_t now) {
    for (std::size_t i = 0; i < flights_.size();) {
      if (flights_[i].copy.head != now) {
        ++i;
        continue;
      }
      queues_[flights_[i].channel].copies.push_back(flights_[i].copy);
      flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    do {
      while (move_queues(now)) {
      }
    } while (send_one(now));
    note_stalls(now);
  }

  /// What is ready for a free link now, and has not gone, has no room.
  void note_stalls(std::int64_t now) {
    for (std::size_t l = 0; l < free_.size(); ++l) {
      const auto ready = std::count_if(asks_.begin(), asks_.end(), [&](const Ask& ask) {
        return ask.channel / topology_.virtual_channels() == l && ask.ready <= now;
      });
      if (ready != 0 && free_[l] <= now) stalled_[l] += Picoseconds{1};
      most_waiting_[l] = std::max(most_waiting_[l], static_cast<std::uint64_t>(ready));
    }
  }

  /// Whether a queue's front has come or gone.
  bool move_queues(std::int64_t now) {
    bool moved = false;
    for (std::size_t q = 0; q < queues_.size(); ++q) {
      Queue& queue = queues_[q];
      if (queue.at_front && queue.asking == 0 && queue.leaves <= now) {
        if (q < channels()) queue.flits -= flits(queue.copies.front());
        queue.copies.erase(queue.copies.begin());
        queue.at_front = false;
        moved = true;
      }
      if (!queue.at_front && !queue.copies.empty() && queue.copies.front().head <= now) {
        come_to_front(q, now);
        moved = true;
      }
    }
    return moved;
  }

  void come_to_front(std::size_t q, std::int64_t now) {
    Queue& queue = queues_[q];
    queue.at_front = true;
    queue.leaves = now;
    const Copy front = queue.copies.front();
    for (const auto& [way, part] : parts(front, router(q))) {
      if (way == here) {
        const std::int64_t there = q < channels() ? std::max(now, front.head + tail(q, front))
                                                  : now + spec_.within_tile.value();
        if (q < channels()) queue.leaves = there;
        deliver(part, there);
        continue;
      }
      const std::uint32_t channel = channel_on(way, q);
      const std::int64_t gap =
          q < channels() ? std::max<std::int64_t>(0, tail(q, front) - tail(channel, front)) : 0;
      // Unbounded buffers: the place is given back at once, so nothing waits behind this packet.
      if (depth_) ++queue.asking;
      asks_.push_back({part, q, channel, q < channels() ? std::max(now, front.head + gap) : now});
    }
    if (!depth_) queue.leaves = now;
  }

  /// Rings have two virtual channels: a packet is on the second from where the ring closes, as long
  /// as it stays in the ring.
  [[nodiscard]] std::uint32_t channel_on(std::uint32_t out, std::size_t q) const {
    const std::uint32_t count = topology_.virtual_channels();
    if (count == 1) return out;
    const Link& next = topology_.links()[out];
    if (next.closes) return 2 * out + 1;
    if (q >= channels() || link(q).direction != next.direction) return 2 * out;
    return 2 * out + static_cast<std::uint32_t>(q % 2);
  }

  /// Lets the lowest numbered link that can send something send it.
  bool send_one(std::int64_t now) {
    for (std::size_t l = 0; l < free_.size(); ++l) {
      if (free_[l] > now) continue;
      std::size_t best = asks_.size();
      for (std::size_t a = 0; a < asks_.size(); ++a) {
        const Ask& ask = asks_[a];
        if (ask.channel / topology_.virtual_channels() != l || ask.ready > now) continue;
        if (depth_ && queues_[ask.channel].flits + flits(ask.copy) > *depth_) continue;
        if (best == asks_.size() || key(ask) < key(asks_[best])) best = a;
      }
      if (best == asks_.size()) continue;
      const Ask ask = asks_[best];
      asks_.erase(asks_.begin() + static_cast<std::ptrdiff_t>(best));
      free_[l] = now + service(ask.channel, ask.copy);
      Flight flight{ask.copy, ask.channel};
      flight.copy.head = now + link(ask.channel).spec.latency.value();
      flights_.push_back(flight);
      if (depth_) {
        queues_[ask.channel].flits += flits(ask.copy);
        --queues_[ask.queue].asking;
        queues_[ask.queue].leaves =
            std::max(queues_[ask.queue].leaves, now + tail(ask.channel, ask.copy));
      }
      return true;
    }
    return false;
  }

  /// First come (to the router; unbounded: ready for the link), new packets first, source, number.
  [[nodiscard]] std::tuple<std::int64_t, bool, std::uint32_t, std::uint32_t> key(
      const Ask& ask) const {
    return {depth_ ? ask.copy.head : ask.ready, ask.queue < channels(), ask.copy.core,
            ask.copy.number};
  }

  static constexpr std::uint32_t here = 0xFFFFFFFFU;
  const Topology& topology_;
  const TopologySpec& spec_;
  std::optional<std::uint32_t> depth_;
  std::vector<std::int64_t> free_;    ///< by link
  std::vector<Picoseconds> stalled_;  ///< by link
  std::vector<std::uint64_t> most_waiting_;
  std::vector<Queue> queues_;  ///< by channel, then by tile
  std::vector<Ask> asks_;
  std::vector<Flight> flights_;
  std::vector<std::vector<Picoseconds>> arrived_;
  std::size_t left_ = 0;
};

}  // namespace nj::testing
