#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "marks.hpp"
#include "packet.hpp"
#include "plan.hpp"

namespace nj {

/// How long synapse units work for packets.
class SynapseWork {
 public:
  SynapseWork(const Plan& plan, Packing packing);

  /// For one of the packets of one of a sender's steps, counted from anywhere. Of single packets
  /// that bring a receiver the same pooled position in one step the first takes time.
  [[nodiscard]] Picoseconds serve(const Target& target, std::uint32_t step) {
    Receiving& receiver = receivers_[target.receiver];
    if (!receiver.seen.empty() && seen_before(receiver, target.address, step)) {
      return Picoseconds{0};
    }
    return receiver.position_time * static_cast<std::int64_t>(target.positions);
  }

  /// The bundles of one step, before any of them is served.
  void expect(std::span<const Target> bundles);
  /// For the next of them. Where slices send a receiver the same pooled positions, the first
  /// bundles to come take time for as many as they have, the last ones for what is left.
  [[nodiscard]] Picoseconds serve_bundle(const Target& bundle) {
    Receiving& receiver = receivers_[bundle.receiver];
    const std::uint64_t positions = std::min<std::uint64_t>(bundle.positions, receiver.expected);
    receiver.expected -= positions;
    return receiver.position_time * static_cast<std::int64_t>(positions);
  }

 private:
  /// What a receiver got in one step.
  struct Seen {
    std::uint32_t end = 0;  ///< step + 1
    Marks addresses;        ///< counted from the receiver's first
  };
  struct Receiving {
    Picoseconds position_time;   ///< per position reached
    std::uint32_t first = 0;     ///< address that may reach it
    std::vector<Seen> seen{};    ///< as many as steps may come mixed; none where nothing merges
    std::uint64_t expected = 0;  ///< positions of bundles that are still to be served
  };
  static bool seen_before(Receiving& receiver, std::uint32_t address, std::uint32_t step);

  std::vector<Receiving> receivers_;
};

}  // namespace nj
