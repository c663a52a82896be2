#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/mapping.hpp"
#include "neurojoule/hardware/placement.hpp"

namespace nj {

/// A limit that keeps a population from being cut into fewer slices.
struct CutLimit {
  std::string axis;      ///< `rows`, `columns` or `channels`: what one part fewer would be cut of
  std::string resource;  ///< `neurons`, or a memory's name
  std::uint64_t needed = 0;  ///< by the largest slice of one part fewer
  std::uint64_t available = 0;
  friend bool operator==(const CutLimit&, const CutLimit&) = default;
};

/// Why a slice is as large as it is and where it is.
struct SlicePlacement {
  LayerSlice slice;
  Footprint use;                 ///< compare with `chip.kind_of(slice.core)`
  std::vector<CutLimit> limits;  ///< none where the population is whole, or need not be cut so
  std::uint64_t packets = 0;     ///< expected to arrive
  /// Links that they pass; with multicast each counts whole at every slice that it reaches.
  std::uint64_t packet_hops = 0;
  /// Links that these and the packets it sends pass; with multicast, of what it gets only those
  /// that lead to no other slice.
  std::uint64_t hops_both_ways = 0;
  /// Of the free cores of its kind the one where `hops_both_ways` would be least with all other
  /// slices in place, the lowest of equal ones; none where all are taken.
  std::optional<CoreId> best_other{};
  std::uint64_t best_other_hops = 0;  ///< `hops_both_ways` there; 0 without one
};

/// One entry per slice, in order. Throws: Error(shape) when the traffic is not that of as many
/// slices.
std::vector<SlicePlacement> explain_mapping(const Network& network,
                                            std::span<const Population> populations,
                                            std::span<const LayerWidths> widths, const Chip& chip,
                                            const Mapping& mapping, const Traffic& traffic);

}  // namespace nj
