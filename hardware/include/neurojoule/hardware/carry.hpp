#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/hardware/timing_level.hpp"
#include "neurojoule/hardware/topology.hpp"

// The network of a chip by itself: messages in, arrivals out.
namespace nj {

/// What one link carried.
struct LinkLoad {
  std::uint64_t flits = 0;
  Picoseconds busy;  ///< the link was kept by packets
  /// Most packets at once: waiting to enter the link where buffers are unbounded, else (and at the
  /// level `flit`) in, or on the way to, the fullest buffer at its end; 0 at the level `analytic`.
  std::uint64_t max_queue = 0;
  /// The link was free and a packet ready for it, but none could enter as the buffer at its end had
  /// no room (at the level `flit`, as far as its router knew); 0 where buffers are unbounded and at
  /// the level `analytic`.
  Picoseconds stalled{};
  /// Adds what it carried at another time.
  LinkLoad& operator+=(const LinkLoad& other) {
    flits += other.flits;
    busy += other.busy;
    max_queue = std::max(max_queue, other.max_queue);
    stalled += other.stalled;
    return *this;
  }
  friend bool operator==(const LinkLoad&, const LinkLoad&) = default;
};

/// One packet for each of some tiles, or with multicast one that is copied where routes part.
struct Message {
  Picoseconds injected;
  std::uint32_t from = 0;         ///< tile
  std::vector<std::uint32_t> to;  ///< tiles, all different
  std::uint32_t value_bits = 1;   ///< 1 .. 32; more than 1 where the spike is graded
};

struct CarriedMessages {
  std::vector<std::vector<Picoseconds>> arrived;  ///< [message][destination]
  std::vector<LinkLoad> links;
  std::array<std::uint64_t, hop_actions.size()> hops{};  ///< links passed, by Direction
  Picoseconds end;  ///< of the last arrival; at the level `analytic` no sooner, links considered
  friend bool operator==(const CarriedMessages&, const CarriedMessages&) = default;
};

/// Carries messages over the idle network that `topology` was made of. A tile sends its messages in
/// order of injection, equal times in the given order. Throws: Error(shape) when a tile is not
/// there or listed twice, a time is negative or a value too wide; Error(capacity) where a packet
/// does not fit a buffer, and at the level `flit` for routers with over 2^22 pairs of an input and
/// an output.
CarriedMessages carry(const Topology& topology, const TopologySpec& spec,
                      std::span<const Message> messages, TimingLevel level = TimingLevel::event);

}  // namespace nj
