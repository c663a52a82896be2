#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "neurojoule/core/ids.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/hardware/timing_level.hpp"

#include "link_ask.hpp"
#include "plain_list.hpp"
#include "plan.hpp"
#include "tally.hpp"

namespace nj {

/// One spike on its way to one receiver, or with multicast to several. Where nothing waits (the
/// level `analytic`), all spikes of a source with the same receivers in one step are one of these.
struct Packet {
  Picoseconds injected;            ///< the first of them
  std::uint32_t first_target = 0;  ///< its targets end where the next packet's begin
  std::uint32_t route = 0;         ///< its tree in RouteTrees, with as many targets
  std::uint32_t count = 1;         ///< of spikes
  std::int16_t value = 1;          ///< of one spike
};

/// Whether each spike becomes packets of its own, or all that go the same ways become one.
enum class Packing { single, bundled };
inline Packing packing(TimingLevel level) {
  return level == TimingLevel::analytic ? Packing::bundled : Packing::single;
}

/// One receiver of one packet.
struct Target {
  std::uint32_t receiver = 0;
  std::uint32_t packet = 0;
  std::uint32_t positions = 0;  ///< reached in the receiver, by all its spikes
  std::uint32_t address = 0;    ///< of the spike, in what its population sends; of a bundle, how
                                ///< many of the positions no slice before has sent
};

/// What a network asks about a receiver.
struct Stop {
  std::uint32_t list = 0;      ///< of arrivals: its core
  std::uint32_t producer = 0;  ///< population that it receives from
};

/// By receiver.
inline std::vector<Stop> stops_of(const Plan& plan) {
  std::vector<Stop> stops;
  for (const Receiver& receiver : plan.receivers) {
    stops.push_back({receiver.core.index, receiver.producer});
  }
  return stops;
}

/// The packets of one step, source by source.
struct Outbox {
  PlainList<Packet> packets;
  PlainList<Target> targets;
  void clear() {
    packets.clear();
    targets.clear();
  }
};

/// What goes before the neuron phase of a slice that reads frames itself.
struct FrameTimes {
  Picoseconds fetch;   ///< from when its core is free until its rows are there
  Picoseconds encode;  ///< of the encoder unit
};

/// What goes before the neuron phase of a slice in a step.
struct Before {
  Picoseconds turn;  ///< its core works for other slices
  FrameTimes frame;
  [[nodiscard]] Picoseconds all() const { return turn + frame.fetch + frame.encode; }
};

/// So it was with packets of one step from this one on.
struct SentAfter {
  std::uint32_t first = 0;
  Before before;
};

/// The packets that one core (or the I/O port) sends in one step: [first, last) of the step's list,
/// in order of injection.
struct PacketSource {
  CoreId core;  ///< number of cores: the I/O port
  std::uint32_t tile = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::uint32_t moved = 0;    ///< by so much, modulo 2^32, the targets of its packets
  std::uint32_t targets = 0;  ///< end of these
};

/// Brings the sources of a step, and the targets of their packets, into the order of cores.
void sort_by_core(std::vector<PacketSource>& sources, const Outbox& outbox,
                  PlainList<Target>& targets);

/// Of a target: `sources` as sort_by_core leaves them.
inline const PacketSource& source_of(std::span<const PacketSource> sources, std::uint32_t target) {
  return *std::upper_bound(sources.begin(), sources.end(), target,
                           [](std::uint32_t t, const PacketSource& s) { return t < s.targets; });
}

/// A packet at the axon-in of a core; cores serve them in this order. Its `order` is a target: a
/// position in the step's targets.
using Arrival = LinkAsk<std::uint32_t>;

/// A packet that enters a link.
struct LinkPass {
  std::uint32_t link = 0;
  Picoseconds time;
  std::uint32_t target = 0;  ///< one of the packet's
  friend auto operator<=>(const LinkPass&, const LinkPass&) = default;
};

/// What the network carries in one step.
struct StepTraffic {
  std::span<const Packet> packets;
  std::span<const PacketSource> sources;    ///< in the order of cores
  std::span<const Target> targets;          ///< of all packets, each in the order of its tree
  std::span<const Stop> stops;              ///< by receiver
  std::span<PlainList<Arrival>> arrivals;   ///< by Stop::list, empty: in any order; see SharedLists
  std::vector<LinkPass>* passes = nullptr;  ///< appended in any order, where there is one

  [[nodiscard]] const Stop& stop(std::uint32_t target) const {
    return stops[targets[target].receiver];
  }
  /// Targets [first, last) of a packet have it.
  void deliver(Picoseconds now, std::uint32_t first, std::uint32_t last) const {
    for (std::uint32_t target = first; target != last; ++target) {
      arrivals[stop(target).list].push_back({now, target});
    }
  }
};

}  // namespace nj
