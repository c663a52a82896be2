#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/mapping.hpp"

namespace nj {

/// Everything that decides how much of a core a piece of one population needs.
struct SliceNeeds {
  const Operator* op = nullptr;  ///< the lead
  FeatureShape shape;            ///< [C, H, W] of the neurons
  FeatureShape input;            ///< of the first operand
  std::uint32_t operands = 0;
  std::uint32_t spike_bits = 1;  ///< of the widest operand
  bool sees_input = false;       ///< an operand is an input
  bool reads_frames = false;     ///< it reads that input itself
  LayerWidths lead;
  std::uint32_t membrane_bits = 0;  ///< 0 without a Lif
  std::uint32_t slots = 1;
  std::uint32_t channel_unit = 1;  ///< channels that stay together: a head's in attention
};

inline std::uint32_t ceil_divide(std::uint32_t a, std::uint32_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

/// Saturates instead of overflowing.
std::uint64_t saturating_product(std::initializer_list<std::uint64_t> factors);
std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b);

/// Weights per output channel; 0 for layers without weights.
std::uint64_t weights_per_channel(const Operator& op);

/// Throws: Error(shape) when there is not one width per layer, Error(config) for absurd widths.
void check_widths(const Network& network, std::span<const LayerWidths> widths);

SliceNeeds slice_needs(const Network& network, const Population& population,
                       std::span<const LayerWidths> widths, std::uint32_t slots, const Chip& chip);

/// So many of each side of a population's map.
struct SliceSize {
  std::uint32_t channels = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};
/// A slice within the map.
SliceSize size_of(const LayerSlice& slice, const FeatureShape& shape);

/// What a slice of that size occupies; saturates instead of overflowing.
Footprint footprint(const SliceNeeds& needs, const SliceSize& size, const CoreKindSpec& kind);

/// The role that a core of the chip must have for a population.
CoreRole role_of(const SliceNeeds& needs, const Chip& chip);

/// Packets of a population that no buffer of the network can hold.
std::optional<Violation> too_long_packets(const Network& network, const Population& population,
                                          std::span<const LayerWidths> widths, const Chip& chip);

/// Whether a footprint exceeds no limit of `kind`.
bool fits(const Footprint& use, const CoreKindSpec& kind);
/// What slices on one core need together when one more comes; saturates instead of overflowing.
Footprint together(const Footprint& others, const Footprint& one, const CoreKindSpec& kind);
/// The part of what a core has that a footprint takes, of the limit where that is most; fan-in and
/// spike bits apart. 0..1 where it fits.
double filled(const Footprint& use, const CoreKindSpec& kind);

/// Bits of an element of K^T V, a count of tokens.
inline std::uint32_t score_bits(std::uint64_t tokens) {
  return static_cast<std::uint32_t>(std::bit_width(tokens));
}

/// Limits of `kind` that a footprint exceeds: neurons, fan-in, axons, spikes, then memories.
std::vector<Violation> exceeded(const Footprint& use, const CoreKindSpec& kind,
                                const std::string& layer);

}  // namespace nj
