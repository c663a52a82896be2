#pragma once

#include <cstdint>

#include "links.hpp"
#include "plan.hpp"

namespace nj {

/// Packets that meet no other on their way.
class Transits {
 public:
  explicit Transits(const Plan& plan) : plan_(plan) {}

  /// From axon-out on a tile to the axon-in of a receiver.
  [[nodiscard]] Picoseconds to(const Receiver& receiver, std::uint32_t from) const {
    if (from == receiver.tile) return plan_.chip.spec().topology.within_tile;
    return idle_time(plan_.chip.topology(), plan_.routes.timings, size(receiver.producer), from,
                     receiver.tile);
  }
  /// A link is kept by a packet of a population.
  [[nodiscard]] Picoseconds service(std::uint32_t link, std::uint32_t population) const {
    return plan_.routes.timings.of(link, size(population)).service;
  }

 private:
  [[nodiscard]] std::uint32_t size(std::uint32_t population) const {
    return find_size(plan_.routes.sizes, plan_.packet_bits(population));
  }

  const Plan& plan_;
};

}  // namespace nj
