#pragma once

#include <array>
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

/// What the spikes of one population did in the network.
struct SenderTally {
  std::uint64_t input_packets = 0;  ///< sent from the I/O port
  std::uint64_t frames = 0;         ///< read from off-chip memory
  std::uint64_t within_tile = 0;
  std::array<std::uint64_t, hop_actions.size()> hops{};  ///< links passed, by Direction
};

/// Plain counters of one sample; turned into ActionCounts once, at its end.
struct Tally {
  explicit Tally(const Plan& plan)
      : receivers(plan.receivers.size()),
        slices(plan.slices.size()),
        senders(plan.populations.size()) {}
  /// Packets sent.
  [[nodiscard]] std::uint64_t packets() const;
  /// Packets that were dropped as another slice had sent them.
  [[nodiscard]] std::uint64_t merged() const;
  /// Links passed.
  [[nodiscard]] std::uint64_t hops() const;
  std::vector<ReceiverTally> receivers;
  std::vector<SliceTally> slices;
  std::vector<SenderTally> senders;
};

/// Adds how long synapse units have worked, by slice that they worked for.
void add_synapse_work(const Plan& plan, const Tally& tally, std::vector<UnitTimes>& slices);

/// The counts as defined in simulate.hpp.
ActionCounts action_counts(const Plan& plan, const Tally& tally, std::uint64_t steps,
                           Picoseconds latency);

}  // namespace nj
