#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/models/quantized_network.hpp"

// What NeuroBench 2.3.0 measures (metrics/workload/synaptic_operations.py, activation_sparsity.py,
// metrics/static/footprint.py), from spike trains: products of weights and inputs. Its names stand
// in quotes.
namespace nj {

/// Products of one weighted layer, exact.
///
/// `effective` products are those in which neither input nor weight is zero; of a layer that reads
/// only 0, 1 and -1 in a time step of a sample they are `acs` of that step, else `macs`. `dense`
/// are all products of the positions that a window sees within the map. Biases are none.
struct EffectiveOperations {
  std::uint64_t macs = 0;   ///< "Effective_MACs"
  std::uint64_t acs = 0;    ///< "Effective_ACs"
  std::uint64_t dense = 0;  ///< "Dense"
  EffectiveOperations& operator+=(const EffectiveOperations& other);
  friend bool operator==(const EffectiveOperations&, const EffectiveOperations&) = default;
};

/// Sums over samples.
struct EffectiveActivity {
  std::uint64_t samples = 0;
  std::vector<EffectiveOperations> layers;  ///< by LayerId; zero where there are no weights
  std::uint64_t activations = 0;            ///< outputs of Lif layers, by time step
  std::uint64_t zeros = 0;                  ///< those that are no spikes

  [[nodiscard]] EffectiveOperations total() const;
  /// "ActivationSparsity": zeros of all activations; 0 where there are none.
  [[nodiscard]] double activation_sparsity() const;
};

/// Counts over samples: their trains, and of a network with a head what it reads (see
/// Execution::head_inputs). `threads` 0: as many as there are processors.
EffectiveActivity effective_activity(const QuantizedNetwork& network,
                                     std::span<const SpikeTrace> traces,
                                     std::span<const std::vector<double>> head_inputs,
                                     unsigned threads);

/// "Footprint" in bytes, rounded up: weights as stored (scales included), and a bias per output
/// channel in a membrane's word (the head's in 64 bits; 32 bits for float32).
std::uint64_t footprint_bytes(const QuantizedNetwork& network);

}  // namespace nj
