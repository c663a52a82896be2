#pragma once

#include <cstdint>
#include <span>
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
  /// Time step t of a slice from `start` on: its core encodes its rows of a frame, if it reads
  /// frames itself, which moves on `port`; then its neuron unit works, and appends the packets.
  Done run_slice(std::uint32_t slice, std::uint32_t t, Picoseconds start, Picoseconds& port,
                 Outbox& outbox);

 private:
  FrameTimes encode(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                    std::span<std::uint8_t> reached, Picoseconds& port);

  const Plan& plan_;
  SentMaps sent_;
  ReachedPositions reached_;
  NeuronPhase neurons_;
  FramePhase frames_;
  std::vector<UnitTimes>& busy_;
  std::vector<UnitTimes>& stalled_;
  WorkRecorder& work_;
};

}  // namespace nj
