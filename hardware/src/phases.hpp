#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "neurojoule/hardware/simulate.hpp"

#include "frame_phase.hpp"
#include "neuron_phase.hpp"
#include "plan.hpp"
#include "sent_maps.hpp"
#include "work_recorder.hpp"

namespace nj {

/// Lets the I/O port, encoder units and neuron units work, and notes when they did. Time steps
/// count on where the sample comes several times in a row.
class Phases {
 public:
  /// Throws: as NeuronPhase. `busy` and `stalled` are by core.
  Phases(const Plan& plan, const SpikeTrace& trace, Packing packing, Tally& tally,
         std::vector<UnitTimes>& busy, std::vector<UnitTimes>& stalled, WorkRecorder& work)
      : plan_(plan),
        sent_(plan),
        reached_(plan),
        neurons_(plan, trace, sent_, tally, packing),
        frames_(plan, trace, neurons_.timesteps(), tally),
        slices_(plan.slices.size()),
        busy_(busy),
        stalled_(stalled),
        work_(work) {}

  /// Of the sample.
  [[nodiscard]] std::uint32_t timesteps() const { return neurons_.timesteps(); }

  /// One frame of an input population at the I/O port, which is free from `port` on; moves it on,
  /// and appends the packets.
  void run_input(std::uint32_t population, std::uint32_t t, Picoseconds& port, Outbox& outbox);

  struct Done {
    FrameTimes before;
    Picoseconds idle;  ///< the neuron unit is
  };
  /// Time step t of a slice from `start` on, when its core is free: it encodes its rows of a frame,
  /// if the slice reads frames itself, which moves on `port`; then its neuron unit works, and
  /// appends the packets.
  Done run_slice(std::uint32_t slice, std::uint32_t t, Picoseconds start, Picoseconds& port,
                 Outbox& outbox);

  /// How long the I/O port has worked since the last call.
  [[nodiscard]] Picoseconds take_io_port() { return std::exchange(io_port_, Picoseconds{}); }
  /// By slice: how long the neuron and encoder units of its core have worked for it.
  [[nodiscard]] const std::vector<UnitTimes>& slices() const { return slices_; }

 private:
  FrameTimes encode(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                    std::span<std::uint8_t> reached, Picoseconds& port);

  const Plan& plan_;
  SentMaps sent_;
  ReachedPositions reached_;
  NeuronPhase neurons_;
  FramePhase frames_;
  std::vector<UnitTimes> slices_;
  Picoseconds io_port_;
  std::vector<UnitTimes>& busy_;
  std::vector<UnitTimes>& stalled_;
  WorkRecorder& work_;
};

}  // namespace nj
