#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/hardware/simulate.hpp"

#include "plan.hpp"

namespace nj {

/// What one receiver got, over the whole sample.
struct ReceiverTally {
  std::uint64_t delivered = 0;
  std::uint64_t merged = 0;
  std::uint64_t operands = 0;   ///< (packet, port) pairs that were used
  std::uint64_t positions = 0;  ///< reached, over all ports
};

/// What the encoder and neuron units of one slice did.
struct SliceTally {
  std::uint64_t phases = 0;  ///< neuron phases run
  std::uint64_t active = 0;
  std::uint64_t inactive = 0;
  std::uint64_t pooled = 0;           ///< (spike, window) pairs
  std::uint64_t injected = 0;         ///< packets
  std::uint64_t row_words = 0;        ///< attention: q, k, v words read
  std::uint64_t and_bits = 0;         ///< attention
  std::uint64_t coincidences = 0;     ///< attention
  std::uint64_t score_additions = 0;  ///< attention
  std::uint64_t product_reads = 0;    ///< attention: rows of K^T V
  std::uint64_t product_writes = 0;   ///< likewise
  std::uint64_t frames = 0;           ///< that it read itself
  std::uint64_t frame_words = 0;      ///< read from the frame buffer
  std::uint64_t frame_positions = 0;  ///< (value, position) pairs multiplied
};

/// What came to the I/O port for one population.
struct InputTally {
  std::uint64_t injected = 0;  ///< packets
  std::uint64_t frames = 0;    ///< read from off-chip memory
};

/// Plain counters of one sample; turned into ActionCounts once, at its end.
struct Tally {
  explicit Tally(const Plan& plan)
      : receivers(plan.receivers.size()),
        slices(plan.slices.size()),
        inputs(plan.populations.size()),
        packets(plan.trees.size()) {}
  /// Packets that were dropped as another slice had sent them.
  [[nodiscard]] std::uint64_t merged() const;
  /// All packets sent.
  [[nodiscard]] std::uint64_t sent() const;
  std::vector<ReceiverTally> receivers;
  std::vector<SliceTally> slices;
  std::vector<InputTally> inputs;      ///< by population
  std::vector<std::uint64_t> packets;  ///< sent, one a spike; as Plan::trees
};

/// Adds how long synapse units have worked, by slice that they worked for.
void add_synapse_work(const Plan& plan, const Tally& tally, std::vector<UnitTimes>& slices);

/// The counts as defined in simulate.hpp.
ActionCounts action_counts(const Plan& plan, const Tally& tally, std::uint64_t steps,
                           Picoseconds latency);
/// Links passed, by packets and their copies.
std::uint64_t hops(const ActionCounts& counts);

}  // namespace nj
