#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <vector>

#include "neurojoule/core/event_queue.hpp"

#include "links.hpp"
#include "packet.hpp"
#include "packet_routes.hpp"

namespace nj {

/// Routers with input buffers of stated depth and back-pressure: each channel ends in a queue in
/// order of arrival, and so does each core's unbounded axon-out.
///
/// The first packet of a queue asks for every link that its copies need and holds its place until
/// the last word of the last copy has entered its link; only then the next packet of that queue may
/// ask. A link serves its askers in the order (arrival at this router, new packets before
/// through traffic, source, sequence), passing over those whose channel has no room, and is busy
/// for the packet's service time.
///
/// Invariant: time never goes back. At equal times packets come to their queues, and places get
/// free, before a link chooses; links choose in the order of their numbers. Topology has refused
/// circles of channels that could wait for each other, so every packet arrives: the channel that is
/// last in that order always drains, hence the one before it, and so on.
class BufferedNetwork {
 public:
  /// `spec` has buffers.
  BufferedNetwork(const Topology& topology, const TopologySpec& spec, const PacketRoutes& routes);

  void run(const StepTraffic& traffic);
  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const;
  /// Between two runs.
  void clear_loads();

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  /// A packet, or a copy of it, in a queue, or what is to be sent of the front one over one link.
  struct Copy {
    Picoseconds head;         ///< its head came to this router
    std::uint32_t node = 0;   ///< of the link that it came on, or is to be sent over
    std::uint32_t first = 0;  ///< of its targets
    std::uint32_t core = 0;   ///< that sent it
    std::uint32_t size = 0;
    std::uint32_t next = none;  ///< in its queue
    std::uint32_t queue = 0;    ///< to be sent: from its front
    std::uint32_t channel = 0;  ///< to be sent: on it
  };
  /// A queue of copies before one router: a channel's, or a source's.
  struct Queue {
    std::uint32_t front = none;  ///< position in copies_
    std::uint32_t back = none;
    std::uint32_t asking = 0;  ///< copies that the front one still has to send
    Picoseconds leaves{};      ///< the front one gives its place back, not before this
    std::uint32_t flits = 0;   ///< taken, also by what is on its way
    std::uint32_t held = 0;    ///< packets that take them
    std::uint32_t most = 0;    ///< packets at once so far
  };
  struct LinkState {
    Picoseconds free;
    bool planned = false;           ///< it is to choose once it is free
    Picoseconds stalled_since{-1};  ///< all that ask lack room; -1: not so
    Picoseconds stalled;
    std::uint64_t flits = 0;  ///< carried
    Picoseconds busy;
    std::vector<std::uint32_t> asks;  ///< positions in copies_
  };
  /// What is at the source, the channel, the copy, the queue or the link of an event.
  enum class What : std::uint32_t { inject, arrive, ask, leave, choose };
  struct Event {
    Picoseconds time;
    What what{};
    std::uint32_t place = 0;
    friend bool operator<(const Event& a, const Event& b) {
      if (a.time != b.time) return a.time < b.time;
      return a.what != b.what ? a.what < b.what : a.place < b.place;
    }
  };
  struct Nothing {};

  void push(Picoseconds time, What what, std::uint32_t place) {
    events_.push({time, what, place}, {});
  }
  void handle(const StepTraffic& traffic, const Event& event);
  void append(const StepTraffic& traffic, std::uint32_t queue, std::uint32_t copy);
  void inject(const StepTraffic& traffic, std::uint32_t source);
  void come_to_front(const StepTraffic& traffic, std::uint32_t queue);
  void go_on(const StepTraffic& traffic, std::uint32_t queue);
  void ask(std::uint32_t queue, Copy part);
  void ask_link(std::uint32_t copy);
  void deliver(const StepTraffic& traffic, std::uint32_t queue, const Copy& copy);
  void drop_front(std::uint32_t queue);
  void plan_choice(std::uint32_t link);
  void choose(const StepTraffic& traffic, std::uint32_t link);
  void send(const StepTraffic& traffic, std::uint32_t link, std::uint32_t copy);
  [[nodiscard]] std::uint32_t channels() const {
    return static_cast<std::uint32_t>(links_.links()) * topology_.virtual_channels();
  }
  [[nodiscard]] std::uint32_t link_of(std::uint32_t channel) const {
    return channel / topology_.virtual_channels();
  }
  /// Of two copies that ask for a link: whether the first is served first.
  [[nodiscard]] bool earlier(const Copy& a, const Copy& b) const;
  [[nodiscard]] std::uint32_t keep(const Copy& copy);

  const Topology& topology_;
  const RouteTrees& trees_;
  std::uint32_t depth_;  ///< flits per channel
  Picoseconds within_tile_;
  const LinkTimings& links_;
  std::vector<LinkState> states_;    ///< by link
  std::vector<Queue> queues_;        ///< by channel, then by source
  std::vector<std::uint32_t> next_;  ///< by source: next packet to inject
  std::vector<Copy> copies_;
  std::vector<std::uint32_t> unused_;  ///< positions in copies_
  EventQueue<Nothing, Event> events_;
  /// Links that choose now.
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> choosing_;
  Picoseconds now_;
};

}  // namespace nj
