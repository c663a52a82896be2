#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/event_queue.hpp"
#include "neurojoule/hardware/simulate.hpp"

#include "packet.hpp"
#include "plan.hpp"
#include "tally.hpp"

namespace nj {

/// Which positions of each convolution slice got input, by accumulator slot.
class Touched {
 public:
  explicit Touched(const Plan& plan);
  /// [positions] of one slice for time step t; empty for other kinds of slices.
  [[nodiscard]] std::span<std::uint8_t> slot(std::uint32_t slice, std::uint32_t t) {
    const std::size_t size = positions_[slice];
    return std::span(flags_[slice]).subspan((t % slots_[slice]) * size, size);
  }

 private:
  std::vector<std::size_t> positions_;
  std::vector<std::uint32_t> slots_;
  std::vector<std::vector<std::uint8_t>> flags_;
};

/// Carries the packets of one step from axon-out over links to axon-in, and serves them there.
///
/// Invariant: every event's key is greater than the key of the event that made it, so events are
/// handled in the full order of their keys. A source holds one event until it is injected.
class PacketFlow {
 public:
  /// `records` may be null.
  PacketFlow(const Plan& plan, Touched& touched, Tally& tally, std::vector<CoreBusy>& busy,
             std::vector<PacketRecord>* records);

  /// Returns when the last packet is served; `start` when there are none.
  Picoseconds run(std::uint32_t step, Picoseconds start, std::span<const Packet> packets,
                  std::span<const PacketSource> sources);

 private:
  struct Hop {
    std::uint32_t packet = 0;
    std::uint32_t tile = 0;    ///< where it is
    std::uint32_t source = 0;  ///< position in sources
  };
  void send(EventKey key, Hop hop, std::uint32_t tile);
  void pass_link(EventKey key, Hop hop);
  [[nodiscard]] Picoseconds serve(const EventKey& key, const Packet& packet);
  [[nodiscard]] Picoseconds work(const Packet& packet);
  void record(const EventKey& key, const Packet& packet, Picoseconds served);

  const Plan& plan_;
  Touched& touched_;
  Tally& tally_;
  std::vector<CoreBusy>& busy_;
  std::vector<PacketRecord>* records_;
  std::vector<Picoseconds> link_free_;            ///< per link
  std::vector<Picoseconds> core_free_;            ///< per core: synapse unit
  std::vector<std::vector<std::uint32_t>> seen_;  ///< per merging receiver: step + 1, by address
  EventQueue<Hop> queue_;
  std::span<const Packet> packets_;
  std::uint32_t step_ = 0;
};

}  // namespace nj
