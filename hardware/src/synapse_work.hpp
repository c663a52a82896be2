#pragma once

#include <cstdint>
#include <span>
#include <vector>

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

/// Notes that input reached these positions of a slice; nothing for an empty slot.
void touch(std::span<std::uint8_t> slot, const SlicePlan& slice, Range rows, Range columns);

/// What packets do to the slices that receive them.
class SynapseWork {
 public:
  SynapseWork(const Plan& plan, Touched& touched, Tally& tally);

  /// Does the synaptic work of a packet of the producer's time step t on its slice; returns the
  /// time that it takes.
  [[nodiscard]] Picoseconds serve(std::uint32_t receiver, const Packet& packet, std::uint32_t t);

 private:
  const Plan& plan_;
  Touched& touched_;
  Tally& tally_;
  /// Per merging receiver: t + 1, by accumulator slot and address; without barriers packets of
  /// several time steps come mixed.
  std::vector<std::vector<std::uint32_t>> seen_;
};

}  // namespace nj
