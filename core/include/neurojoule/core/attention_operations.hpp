#pragma once

#include <cstdint>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"

namespace nj {

/// Operations of one matrix product of attention, under the conventions in use.
struct ProductOperations {
  std::uint64_t dense = 0;       ///< every product, as of an array that skips nothing
  std::uint64_t gated = 0;       ///< those whose first operand spikes (of a product with V: V)
  std::uint64_t coincident = 0;  ///< those whose both operands are not zero
  friend bool operator==(const ProductOperations&, const ProductOperations&) = default;
};

/// What spiking self-attention does in both product orders, which give the same currents. With N
/// tokens, C channels and d channels of a head, over all steps and samples:
///
/// | product | dense | gated | coincident |
/// |---|---|---|---|
/// | Q K^T | N^2 C | N spikes(q) | attention_coincidences |
/// | (Q K^T) V | N^2 C | N spikes(v) | attention_accumulates |
/// | K^T V | N C d | d spikes(k) | transposed_coincidences |
/// | Q (K^T V) | N C d | d spikes(q) | transposed_accumulates |
///
/// Papers differ in which they count, so an energy without its convention says little.
struct AttentionOperations {
  ProductOperations scores;
  ProductOperations score_values;
  ProductOperations key_values;
  ProductOperations query_values;
};

/// Throws: Error(config) when the layer is no SpikingSelfAttention.
AttentionOperations attention_operations(const Network& network, LayerId attention,
                                         const Activity& activity);

}  // namespace nj
