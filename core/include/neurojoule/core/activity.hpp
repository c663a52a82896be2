#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

namespace nj {

/// Exact operation counts of one layer in one time step. What each kind is:
///
/// * spikes: non-zero outputs of a layer that sends spikes (input, lif, pool, add).
/// * spike_values: sum of those outputs' values (equal to spikes for binary layers).
/// * binary_accumulates: weight additions caused by binary inputs, with true border fan-out.
/// * graded_multiplies: weight * value products caused by graded inputs, likewise. An add operand
///   (ResidualAdd) counts one binary accumulate per incoming spike, one graded multiply per graded
///   value.
/// * attention_coincidences: pairs (n, m, j) with q[n,j] = k[m,j] = 1; of a SpikeAnd, its spikes.
/// * attention_accumulates: score additions, sum over (n, m) with a non-zero score of the spikes of
///   v[m] in that head (product order (Q K^T) V).
/// * transposed_coincidences, transposed_accumulates: what the other product order, Q (K^T V),
/// would
///   do: (m, i, j) with k[m,i] = v[m,j] = 1 in one head, and for each spike of q one row of the
///   head's channels. Not part of synaptic_events.
/// * neuron_updates: membranes updated (all neurons of a lif layer, every step).
/// * stream_additions: words of a stream that were added (ResidualAdd and AveragePool2d of
/// streams).
/// * overflows: accumulators and attention scores that did not fit their word.
/// * saturations: membranes, synaptic currents and stream words clipped to their word.
struct StepCounts {
  std::uint64_t spikes = 0;
  std::uint64_t spike_values = 0;
  std::uint64_t binary_accumulates = 0;
  std::uint64_t graded_multiplies = 0;
  std::uint64_t attention_coincidences = 0;
  std::uint64_t attention_accumulates = 0;
  std::uint64_t transposed_coincidences = 0;
  std::uint64_t transposed_accumulates = 0;
  std::uint64_t neuron_updates = 0;
  std::uint64_t stream_additions = 0;
  std::uint64_t overflows = 0;
  std::uint64_t saturations = 0;

  /// All weight or score additions: binary + graded + attention (both kinds).
  [[nodiscard]] std::uint64_t synaptic_events() const {
    return binary_accumulates + graded_multiplies + attention_coincidences + attention_accumulates;
  }
  StepCounts& operator+=(const StepCounts& other);
  friend bool operator==(const StepCounts&, const StepCounts&) = default;
};

/// Counts of one layer, `steps[t]`.
struct LayerActivity {
  std::vector<StepCounts> steps;
  [[nodiscard]] StepCounts total() const;
  friend bool operator==(const LayerActivity&, const LayerActivity&) = default;
};

/// What a network did: counts by layer (indexed by LayerId) and time step, over `samples` samples.
struct Activity {
  std::uint64_t samples = 0;
  std::uint32_t timesteps = 0;
  std::vector<LayerActivity> layers;

  Activity() = default;
  /// Zero counts.
  Activity(std::size_t layer_count, std::uint32_t timesteps);
  /// Adds another run of the same network; integers, so any order gives the same result.
  Activity& operator+=(const Activity& other);
  [[nodiscard]] StepCounts total() const;
  friend bool operator==(const Activity&, const Activity&) = default;
};

/// The spike trains of one sample, indexed by LayerId; nullopt for layers that send no spikes
/// (Conv2d, attention, head).
using SpikeTrace = std::vector<std::optional<SpikeTrain>>;

}  // namespace nj
