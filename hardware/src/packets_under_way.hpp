#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "dataflow_stages.hpp"
#include "lane.hpp"
#include "network/open_links.hpp"
#include "packet.hpp"

namespace nj {

/// The packets of the phases that have started and what the network does with them, without
/// barriers: up to a horizon before which no other phase starts.
class PacketsUnderWay {
 public:
  using Links = OpenLinks<std::uint64_t>;  ///< an order: source, then how many targets before
  /// A packet on a link.
  struct Pass {
    AskKey<std::uint64_t> key;
    Turn turn;  ///< whose packet it is
    std::uint32_t link = 0;
    Picoseconds enters;
  };
  /// Where a target of a phase is.
  struct Found {
    const Outbox& outbox;
    std::uint32_t target = 0;
    Turn turn;
  };

  /// `passes`: appended to, link by link; may be null.
  PacketsUnderWay(const Plan& plan, const Stages& stages, std::vector<Pass>* passes);

  /// Where the packets of a phase go, emptied; until its consumers have served them all.
  Outbox& open(Turn turn);
  /// The packets of a phase are there.
  void send(Turn turn);
  /// Takes all packets through the network that are on their way before the horizon.
  void run(Picoseconds horizon);
  /// Calls `serve` with (Links::Ask, Found) for all that has arrived before the horizon of the last
  /// run; core by core, in the order of arrival.
  template <class Serve>
  void serve(Picoseconds horizon, Serve&& serve) {
    for (const UsedCore& used : plan_.cores) {
      Lane<Links::Ask>& arrivals = links_.arrived(used.core.index);
      if (arrivals.empty()) continue;
      for (const Links::Ask& arrived : arrivals.take_before(horizon, sorter_)) {
        const Box& box = box_of(arrived.order);
        serve(arrived, Found{box.outbox, target_in(box, arrived.order), box.turn});
      }
    }
  }
  /// Copies of packets in the network and arrivals.
  [[nodiscard]] std::size_t waiting() const { return links_.waiting(); }
  /// Calls `tell` with (slice, Turn, time) for all of them: at that slice no sooner.
  template <class Tell>
  void for_each_waiting(Tell&& tell) {
    links_.for_each_ask([&](const Links::Ask& ask, std::uint32_t targets, Picoseconds time) {
      const Box& box = box_of(ask.order);
      const std::uint32_t first = target_in(box, ask.order);
      for (std::uint32_t i = 0; i < targets; ++i) tell(slice_at(box, first + i), box.turn, time);
    });
    for (const UsedCore& used : plan_.cores) {
      for (const Links::Ask& arrived : links_.arrived(used.core.index).waiting()) {
        const Box& box = box_of(arrived.order);
        tell(slice_at(box, target_in(box, arrived.order)), box.turn, arrived.time);
      }
    }
  }
  /// What the links carried.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return links_.loads(); }

 private:
  static constexpr unsigned position_bits = 39;
  static constexpr std::uint64_t positions = std::uint64_t{1} << position_bits;
  /// The packets of one phase.
  struct Box {
    std::uint64_t begin = 0;    ///< targets that its source sent to before
    std::uint64_t targets = 0;  ///< in it
    Turn turn;
    std::uint32_t next = 0;  ///< packet that is not in the network yet
    Outbox outbox;
  };

  /// Boxes of a source are next to each other, and an order is in one of them.
  [[nodiscard]] const Box& box_of(std::uint64_t order) const {
    const std::uint64_t source = (order & ~Links::through) >> position_bits;
    const std::uint64_t position = order & (positions - 1);
    const Box* box = first_box_[source];
    while (position - box->begin >= box->targets) ++box;
    return *box;
  }
  static std::uint32_t target_in(const Box& box, std::uint64_t order) {
    return static_cast<std::uint32_t>((order & (positions - 1)) - box.begin);
  }
  Box& box_of(Turn turn);
  [[nodiscard]] std::uint32_t slice_at(const Box& box, std::uint32_t target) const {
    return plan_.receivers[box.outbox.targets[target].receiver].slice;
  }

  const Plan& plan_;
  const Stages& stages_;
  std::vector<Pass>* passes_;
  Links links_;
  /// Of the phases that may be under way, source by source.
  std::vector<Box> boxes_;
  std::vector<Range> stage_boxes_;     ///< its own among these
  std::vector<const Box*> first_box_;  ///< by source
  std::vector<std::uint64_t> sent_;    ///< by source: targets so far
  std::vector<Box*> leaving_;          ///< not all of their packets are in the network
  RunSorter<Links::Ask> sorter_;
};

}  // namespace nj
