#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/activity.hpp"

#include "packet.hpp"
#include "plan.hpp"
#include "synapse_work.hpp"
#include "tally.hpp"

namespace nj {

/// Lets neuron units and the I/O port work through one time step and list the packets they send.
/// Time steps count on where the sample comes several times in a row.
class NeuronPhase {
 public:
  /// Throws: Error(shape) when a train that a population needs is missing or does not fit.
  NeuronPhase(const Plan& plan, const SpikeTrace& trace, Touched& touched, Tally& tally);

  /// Of the sample.
  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }
  /// Appends the packets of a slice's time step; returns when its neuron unit is idle again.
  Picoseconds run_slice(std::uint32_t slice, std::uint32_t step, Picoseconds start, Outbox& outbox);
  /// The same for one frame of an input population at the I/O port.
  Picoseconds run_input(std::uint32_t population, std::uint32_t step, Picoseconds start,
                        Outbox& outbox);

 private:
  struct Place {
    std::uint32_t y = 0;
    std::uint32_t x = 0;
    std::uint32_t channel = 0;
  };
  /// The unit at work: its clock runs on with every neuron and packet.
  struct Unit {
    std::uint32_t population = 0;
    Picoseconds clock;
    Picoseconds axon_out;
    std::uint64_t sent = 0;
    Outbox& outbox;
  };

  template <class Train>
  const Train& train(LayerId layer) const;
  Picoseconds run_neurons(std::uint32_t slice, std::uint32_t step, Unit& unit);
  Picoseconds run_adds(std::uint32_t slice, std::uint32_t t, Unit& unit);
  Picoseconds run_head(std::uint32_t slice, std::uint32_t t, Unit& unit);
  void send(Unit& unit, Place place, std::int16_t value) const;
  void pool(Unit& unit, std::uint32_t slice, Place place);

  const Plan& plan_;
  const SpikeTrace& trace_;
  Touched& touched_;
  Tally& tally_;
  bool multicast_;
  std::uint32_t timesteps_ = 0;
  std::vector<std::vector<std::uint64_t>> pooled_;  ///< per pooling population: visit, by address
  std::uint64_t visit_ = 0;                         ///< grows with every (slice, step)
};

}  // namespace nj
