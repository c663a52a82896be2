#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "packet.hpp"
#include "plan.hpp"

namespace nj {

/// How long synapse units work for packets.
class SynapseWork {
 public:
  SynapseWork(const Plan& plan, Packing packing);

  /// For one of the packets of one of a sender's steps, counted from anywhere. Of single packets
  /// that bring a receiver the same pooled position in one step the first takes time.
  [[nodiscard]] Picoseconds serve(const Target& target, std::span<const Packet> packets,
                                  std::uint32_t step) {
    Receiving& receiver = receivers_[target.receiver];
    if (receiver.merges && seen_before(receiver, packets[target.packet].address, step)) {
      return Picoseconds{0};
    }
    return receiver.position_time * static_cast<std::int64_t>(target.positions);
  }

 private:
  struct Receiving {
    Picoseconds position_time;  ///< per position reached
    std::uint32_t slots = 1;
    bool merges = false;
    std::uint32_t first = 0;            ///< address that may reach it
    std::vector<std::uint32_t> seen{};  ///< [slots, addresses from there on]: step + 1
  };
  static bool seen_before(Receiving& receiver, std::uint32_t address, std::uint32_t step);

  std::vector<Receiving> receivers_;
};

}  // namespace nj
