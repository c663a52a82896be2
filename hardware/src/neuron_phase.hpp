#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/activity.hpp"

#include "packet.hpp"
#include "plan.hpp"
#include "sender.hpp"
#include "sent_maps.hpp"
#include "tally.hpp"

namespace nj {

/// Lets neuron units and the I/O port work through one time step and list the packets they send.
/// Time steps count on where the sample comes several times in a row.
class NeuronPhase {
 public:
  /// Throws: Error(shape) when a train that a population needs is missing or does not fit.
  NeuronPhase(const Plan& plan, const SpikeTrace& trace, SentMaps& sent, Tally& tally,
              Packing packing);

  /// Of the sample.
  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }

  struct Done {
    Picoseconds idle;  ///< the unit is
    std::uint64_t packets = 0;
  };
  /// Appends the packets of a slice's time step. `reached` as ReachedPositions has it.
  Done run_slice(std::uint32_t slice, std::uint32_t step, Picoseconds start,
                 std::span<const std::uint8_t> reached, Outbox& outbox);
  /// The same for one frame of an input population at the I/O port.
  Done run_input(std::uint32_t population, std::uint32_t step, Picoseconds start, Outbox& outbox);

 private:
  /// What a pooling population has sent, and which windows a neuron's row and column fall into.
  struct Pooling {
    std::vector<Range> rows;
    std::vector<Range> columns;
    Marks sent;  ///< by the slice in work
  };
  template <class Train>
  const Train& train(LayerId layer) const;
  Picoseconds run_neurons(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                          std::span<const std::uint8_t> reached);
  Picoseconds run_adds(std::uint32_t slice, std::uint32_t t, Picoseconds start);
  Picoseconds run_head(std::uint32_t slice, std::uint32_t t, Picoseconds start);
  void start_pooling(const SlicePlan& slice);
  Picoseconds pool(std::uint32_t slice, std::uint32_t y, std::uint32_t x, std::uint32_t channel,
                   Picoseconds clock);

  const Plan& plan_;
  const SpikeTrace& trace_;
  Tally& tally_;
  Sender sender_;
  std::uint32_t timesteps_ = 0;
  std::vector<Pooling> pooling_;  ///< by population
};

}  // namespace nj
