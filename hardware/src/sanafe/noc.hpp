#pragma once

#include <cstdint>
#include <vector>

#include "event_wheel.hpp"
#include "replay.hpp"

// A step's messages in a concentrated mesh: one router per tile, all its cores on it.
//
// There are two networks of routers (subnets); a core's messages take them in turn. In each:
// * A message is one flit. Each input of a router, from a core or from a neighbour, is a queue of
//   `buffer` flits, first come, first served: the first flit holds up all behind it.
// * Flits go along x, then along y, then to their core. An output takes the first flits of the
//   inputs that want it in turn (round robin), one in `allocation` cycles, and only when there is
//   room at its end. `passage` later the flit is there.
// With `stages` a flit passes a router stage by stage. At the end of each cycle, a channel that no
// flit holds goes to one of the inputs whose first flit wants it, in turn; then the flit that holds
// it waits for a credit, and is given the switch; then it leaves its buffer, the channel is free,
// and the next flit is the buffer's first. The credit of its place is back some cycles later; that
// of a place at a core at once.
// Senders. A core waits the generation time of a message, then for room in its router's input, and
// goes on to the next when the message is in.
// Receivers. A core that is idle takes the first flit of each subnet and processes them one after
// the other; until then `ejected` flits of each subnet wait at it.
// The end. What a core's neurons take after its last message ("rest") runs on until the last
// message of all has left its core; then the network drains; then the longest rest runs to its
// end. This is the order of events in the reference, see docs/sanafe.md.
namespace nj::sanafe {

class Noc {
 public:
  /// Throws: Error(unsupported) for more cores on a tile, Error(capacity) for a larger chip, than
  /// the limits below.
  explicit Noc(NocShape shape);

  /// Cycles from the start of the step to its end, without the barrier.
  std::uint64_t run(const StepTraffic& traffic);

 private:
  static constexpr std::uint32_t subnets = 2;
  static constexpr std::uint32_t max_tile_cores = 60;
  static constexpr std::uint64_t max_routes = std::uint64_t{1} << 28;
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  struct Flit {
    std::uint32_t to = 0;  ///< core
    std::uint32_t processing = 0;
  };
  struct Event {
    enum class Kind : std::uint32_t {
      generated,
      arrived,
      output_free,
      core_idle,
      channel_held,  ///< these with stages
      left,
      credit
    };
    Kind kind{};
    std::uint32_t at = 0;  ///< core, queue or output
    Flit flit{};           ///< of `arrived`
  };
  /// Flits in order: an input of a router, or what waits at a core.
  struct Queue {
    std::uint32_t first_slot = 0;
    std::uint32_t feeder = none;        ///< output that fills it
    std::uint32_t core = 0;             ///< that takes flits from it
    std::uint32_t first_output = none;  ///< of the router; none: a core takes the flits
    std::uint32_t routes = 0;           ///< of the router, in routes_
    std::uint8_t mask = 0;              ///< slots - 1
    std::uint8_t head = 0;
    std::uint8_t present = 0;
    std::uint8_t input = 0;  ///< number among the router's inputs
  };
  /// What fills a queue: an output of a router, or a core that sends.
  struct Output {
    std::uint64_t wanting = 0;  ///< inputs whose first flit wants it; of a core 1: its next message
    std::uint64_t free_at = 0;
    std::uint32_t queue = none;     ///< at its end
    std::uint32_t first_input = 0;  ///< queue of the router's input 0
    std::uint8_t room = 0;          ///< flits that the queue takes, besides those under way
    std::uint8_t last = 0;          ///< input served last
    bool wakes = false;
    bool asked = false;         ///< is in asked_
    bool held = false;          ///< its channel, by input `last`
    bool wants_switch = false;  ///< for that input
  };
  struct Core {
    std::uint32_t next = 0;  ///< message
    std::uint32_t end = 0;
    std::uint32_t subnet = 0;  ///< of the next message
    bool busy = false;         ///< processing
  };

  void fill_columns();
  void check_size() const;
  [[nodiscard]] std::uint32_t routers() const;
  [[nodiscard]] std::uint32_t own(std::uint32_t router) const;
  std::uint32_t add_queue(Queue queue, std::uint8_t capacity);
  void add_ports(std::uint32_t subnet, const std::vector<std::uint32_t>& first);
  void connect(std::uint32_t output, std::uint32_t queue, std::uint8_t capacity);
  void connect_core(std::uint32_t core, std::uint32_t port);
  void connect_routers(std::uint32_t subnet, const std::vector<std::uint32_t>& first);
  void make_routes();
  void handle(const Event& event);
  void generate_next(std::uint32_t core);
  void inject(std::uint32_t core);
  void arrive(std::uint32_t queue, Flit flit);
  void push(Queue& queue, Flit flit);
  [[nodiscard]] Flit first(const Queue& queue) const;
  [[nodiscard]] std::uint32_t wanted(const Queue& queue, Flit flit) const;
  void serve(std::uint32_t output);
  void take(Output& output);
  void send(const Output& output, Flit flit);
  void take_turn(Output& output);
  void allocate();
  void advance(std::uint32_t output);
  Flit leave(std::uint32_t queue);
  void refill(std::uint32_t output);
  void process(std::uint32_t core);

  NocShape shape_;
  std::vector<std::uint8_t> routes_;  ///< [router * cores + core]: output of the router
  std::vector<Queue> queues_;
  std::vector<Flit> slots_;
  std::uint32_t eject_ = 0;  ///< queues from here on are at cores: [core * subnets + subnet]
  std::vector<Output> outputs_;
  std::uint32_t senders_ = 0;         ///< outputs from here on are cores: [core * subnets + subnet]
  std::vector<std::uint32_t> asked_;  ///< outputs to look at when this cycle ends
  std::vector<Core> cores_;
  EventWheel<Event> wheel_;
  const StepTraffic* traffic_ = nullptr;
  std::uint64_t last_injection_ = 0;
  std::uint64_t drained_ = 0;
  std::vector<std::uint64_t> sent_at_;  ///< [core]: last message
};

}  // namespace nj::sanafe
