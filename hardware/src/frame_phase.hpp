#pragma once

#include <cstdint>
#include <span>

#include "neurojoule/core/activity.hpp"

#include "packet.hpp"
#include "plan.hpp"
#include "sent_maps.hpp"
#include "tally.hpp"

namespace nj {

/// Lets encoder units read frames and add up what their slices get of them, before the neuron phase
/// of the same step.
class FramePhase {
 public:
  /// The trains of inputs are there and fit, with `timesteps` each (check_trains).
  FramePhase(const Plan& plan, const SpikeTrace& trace, std::uint32_t timesteps, Tally& tally)
      : plan_(plan), trace_(trace), timesteps_(timesteps), tally_(tally) {}

  /// Runs a time step of a slice that reads frames itself, from `start` on. `port` is when the
  /// memory of frames is free; it is moved to when it is free again. What the frame reaches is
  /// added to `reached` (ReachedPositions).
  FrameTimes run(std::uint32_t slice, std::uint32_t step, Picoseconds start,
                 std::span<std::uint8_t> reached, Picoseconds& port);

 private:
  /// What depends on the values of a frame.
  struct Work {
    std::uint64_t words = 0;      ///< read from the frame buffer
    std::uint64_t rounds = 0;     ///< the same, in accesses one after the other
    std::uint64_t positions = 0;  ///< (value, position) pairs
  };
  Work look(const SlicePlan& slice, std::uint32_t step, std::span<std::uint8_t> reached) const;

  const Plan& plan_;
  const SpikeTrace& trace_;
  std::uint32_t timesteps_;
  Tally& tally_;
};

}  // namespace nj
