#pragma once

#include "neurojoule/hardware/simulate.hpp"

#include "packet.hpp"
#include "plan.hpp"

namespace nj {

/// What a synapse unit did for a packet of the producer's time step t.
inline WorkRecord service_record(const Plan& plan, const Receiver& receiver, const Packet& packet,
                                 std::uint32_t t, Picoseconds begins, Picoseconds served) {
  return {.unit = WorkUnit::synapse_unit,
          .core = receiver.core,
          .layer = plan.populations[receiver.producer].lead,
          .step = t,
          .count = packet.count,
          .start = begins,
          .end = served};
}

/// What a link did for a packet of a producer's time step t.
inline WorkRecord link_record(const Plan& plan, std::uint32_t producer, std::uint32_t t,
                              std::uint32_t link, Picoseconds enters, Picoseconds service) {
  return {.unit = WorkUnit::link,
          .core = {},
          .link = link,
          .layer = plan.populations[producer].lead,
          .step = t,
          .count = 1,
          .start = enters,
          .end = enters + service};
}

/// The journey of a packet from the core that sent it to one of its receivers.
inline PacketRecord packet_record(const Plan& plan, const Target& target, const Packet& packet,
                                  std::uint32_t step, CoreId from, Picoseconds arrived,
                                  Picoseconds served) {
  const Receiver& receiver = plan.receivers[target.receiver];
  return {step,
          plan.populations[receiver.producer].output(),
          target.address,
          packet.value,
          from,
          receiver.core,
          packet.injected,
          arrived,
          served};
}

}  // namespace nj
