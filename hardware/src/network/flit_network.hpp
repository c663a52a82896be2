#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "event_wheel.hpp"
#include "links.hpp"
#include "packet.hpp"
#include "packet_routes.hpp"

namespace nj {

/// Routers word by word, in clock cycles.
///
/// Clock. One tick is the longest time that divides the cycles of all links. Packets enter the
/// network at the first tick not before their injection, and latencies are rounded up to ticks. A
/// hop's latency covers the pipeline of its router (route computation, channel allocation, switch
/// allocation, switch and link traversal): a word that nothing holds up passes it in one latency.
///
/// Words. A packet of P bits passes a link of width w in ceil(P / w) words, one per link cycle. A
/// word can enter its link when its bits have come in. The first of a packet waits until all of
/// them could follow without a gap, if nothing held them up (as in topology_spec.hpp).
///
/// Buffers. Each channel ends in a queue of `buffer_flits`; each source has one without bounds. The
/// first packet of a queue is routed, and the next one tick after the last word of the one before
/// has left. Unbounded buffers have a queue per output (virtual output queues): every packet is
/// routed when its head comes.
///
/// Credits. A router knows the free flits of each channel that it sends on. A flit is taken when
/// the word with its first bit enters the link; when the word with its last bit has left the queue
/// on all ways of its packet, its credit goes back, and is there after the latency of the link.
///
/// Allocation, at each tick: first channels, then the switch.
/// * A free channel goes to one of the inputs with a packet for it, in turn (round robin); packets
///   of one input first come, first served. The packet keeps it to its last word (wormhole).
/// * A link that is free grants one of its channels whose packet has a word, and credits for it, in
///   turn. An input (a link's end, or a source) accepts one of its grants, in turn; copies of one
///   packet that stand at the same bit go together. Turns move on when they are accepted: one
///   iteration of iSLIP (McKeown, IEEE/ACM Trans. Networking 7(2), 1999).
///
/// Multicast. A packet is copied where its routes part; its copies proceed independently. A queue
/// has room for a whole packet (Topology sees to it), so the words of its first packet can all come
/// in whatever its copies wait for, and a channel that is held by a packet is given back as long as
/// the buffer at its own end drains: with channels that cannot wait for each other in a circle,
/// every packet arrives.
///
/// Delivery and what stays in the tile are never held up, as in the other levels.
class FlitNetwork {
 public:
  /// Throws: Error(capacity) for over `max_pairs` pairs of input and output in all routers.
  FlitNetwork(const Topology& topology, const TopologySpec& spec, const PacketRoutes& routes);

  void run(const StepTraffic& traffic);
  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const;
  /// Between two runs.
  void clear_loads();

  static constexpr std::uint64_t max_pairs = std::uint64_t{1} << 22;

 private:
  using Tick = std::uint64_t;  ///< of the step in work: it starts before the first injection
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  struct LinkWords {
    std::uint32_t width = 0;
    std::uint32_t from = 0;  ///< router
    Tick cycle = 0;
    Tick latency = 0;
  };
  /// A packet, or a copy, in a queue or on its way to it.
  struct Worm {
    std::uint32_t node = 0;   ///< of the link that it came on
    std::uint32_t first = 0;  ///< of its targets
    std::uint32_t core = 0;   ///< that sent it
    std::uint32_t queue = 0;  ///< channel, or channels() + source
    std::uint32_t size = 0;
    std::uint32_t bits = 0;   ///< that have come
    std::uint32_t flits = 0;  ///< that have left
    std::uint32_t part = none;
    std::uint32_t parts = 0;    ///< that are not sent
    std::uint32_t next = none;  ///< behind it in the queue
    bool routed = false;
    bool delivered = false;  ///< to the targets at this router, if there are any
    Tick head = 0;           ///< its first word came
  };
  /// What one worm sends on one channel.
  struct Part {
    std::uint32_t worm = 0;
    std::uint32_t channel = 0;
    std::uint32_t node = 0;       ///< of that link
    std::uint32_t bits = 0;       ///< sent
    std::uint32_t copy = none;    ///< the worm that it makes at the other end
    std::uint32_t other = none;   ///< next part of the worm
    std::uint32_t behind = none;  ///< waits behind it for the channel
  };
  struct Line {
    std::uint32_t front = none;
    std::uint32_t back = none;
  };
  struct Queue {
    Line worms;
    std::uint32_t input = 0;  ///< number among the inputs of the router
    std::uint32_t port = 0;   ///< link, or links + source: virtual channels share it
    std::uint32_t held = 0;   ///< worms in it or on their way
    std::uint32_t most = 0;
  };
  struct Channel {
    std::uint32_t holder = none;  ///< part
    std::uint32_t waiting = 0;    ///< parts
    std::uint32_t turn = 0;       ///< input that is next
    std::uint32_t credits = 0;    ///< flits
    std::uint32_t inputs = 0;     ///< of the router
    std::size_t lines = 0;        ///< in lines_: one per input
  };
  struct Output {
    Tick free = 0;
    Tick wake = 0;
    Tick asked = 0;           ///< is in asked_ at this tick
    std::uint32_t turn = 0;   ///< virtual channel that is next
    std::uint64_t flits = 0;  ///< carried
    Picoseconds busy;
    Tick stalled_since = 0;  ///< all words that are ready lack credits; 0: not so
    Tick stalled = 0;
  };
  struct Grant {
    std::uint32_t port = 0;
    std::uint32_t link = 0;
    std::uint32_t channel = 0;
  };
  struct Event {
    enum class What : std::uint32_t { inject, word, front, ask, credit, wake };
    What what{};
    std::uint32_t at = 0;     ///< source, worm, queue, part, channel, link
    std::uint32_t count = 0;  ///< credit: flits
  };

  void prepare(const StepTraffic& traffic);
  void handle(const StepTraffic& traffic, const Event& event);
  void plan_injection(const StepTraffic& traffic, std::uint32_t source);
  void inject(const StepTraffic& traffic, std::uint32_t source);
  void word_comes(const StepTraffic& traffic, std::uint32_t worm);
  [[nodiscard]] bool enqueue(std::uint32_t worm);
  void route(const StepTraffic& traffic, std::uint32_t worm);
  void add_part(std::uint32_t worm, std::uint32_t node);
  [[nodiscard]] Tick wait_for_words(std::uint32_t from, std::uint32_t to,
                                    std::uint32_t packet_bits) const;
  void ask(std::uint32_t part);
  void deliver_here(const StepTraffic& traffic, Worm& worm);
  void free_flits(const StepTraffic& traffic, std::uint32_t worm);
  void finish(const StepTraffic& traffic, std::uint32_t worm);
  void want(std::uint32_t link);
  void wake(std::uint32_t link, Tick when);
  void allocate(const StepTraffic& traffic);
  void grant(std::uint32_t link);
  void hold(std::uint32_t channel);
  [[nodiscard]] std::uint32_t bits_after_next(const Part& part, std::uint32_t link) const;
  [[nodiscard]] bool has_word(std::uint32_t channel) const;
  [[nodiscard]] bool has_room(std::uint32_t channel) const;
  void accept(const StepTraffic& traffic, std::size_t begin, std::size_t end);
  void send(const StepTraffic& traffic, const Grant& grant);
  void start_copy(std::uint32_t part, std::uint32_t link);

  [[nodiscard]] std::uint32_t channels() const {
    return static_cast<std::uint32_t>(channels_.size());
  }
  [[nodiscard]] std::uint32_t link_of(std::uint32_t channel) const {
    return channel / topology_.virtual_channels();
  }
  [[nodiscard]] Tick tick_of(Picoseconds time) const;
  [[nodiscard]] Picoseconds now() const;

  const Topology& topology_;
  const RouteTrees& trees_;
  const PacketSizes& sizes_;
  std::uint32_t flit_bits_;
  bool bounded_;
  std::uint32_t depth_ = 0;  ///< flits of a queue, where bounded
  Picoseconds within_tile_;
  Picoseconds tick_;
  std::int64_t origin_ = 0;  ///< ticks at which the step in work starts
  const LinkTimings& links_;
  std::vector<LinkWords> words_;       ///< by link
  std::vector<Output> outputs_;        ///< by link
  std::vector<Channel> channels_;      ///< by channel
  std::vector<std::uint32_t> inputs_;  ///< by router: links that end there
  std::vector<Queue> queues_;          ///< by channel, then by source
  std::vector<std::uint32_t> next_;    ///< by source: packet to inject
  std::vector<std::uint32_t> turns_;   ///< by port: link that is next
  std::vector<Line> lines_;            ///< by channel and input: parts that wait
  std::vector<Worm> worms_;
  std::vector<std::uint32_t> unused_worms_;
  std::vector<Part> parts_;
  std::vector<std::uint32_t> unused_parts_;
  std::vector<std::uint32_t> asked_;  ///< links to allocate at this tick
  std::vector<Grant> grants_;
  EventWheel<Event> wheel_;
};

}  // namespace nj
