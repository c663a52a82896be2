#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/hardware/placement.hpp"

#include "way_lengths.hpp"

namespace nj {

/// The tile of the I/O port, where inputs come from.
inline constexpr std::uint32_t io_tile = 0;

/// What a slice sends to another, or gets from it.
struct Neighbour {
  std::uint32_t other = 0;  ///< slice, or their number for the I/O port
  std::uint64_t packets = 0;
  std::uint64_t alone = 0;  ///< of these, packets that go to one slice only
  bool sends = false;       ///< the other one sends
};

/// Per slice, what it sends and gets.
std::vector<std::vector<Neighbour>> neighbours(const Traffic& traffic);

/// The tile of each slice, then that of the I/O port.
std::vector<std::uint32_t> tiles_of(const Chip& chip, const Mapping& mapping);

/// The core kind of each slice.
std::vector<std::uint32_t> kinds_of(const Chip& chip, const Mapping& mapping);

/// Puts slices on the cores of the given kinds, from the lowest CoreId of each on, those of one
/// group on one core. `kinds` and `groups` are by slice.
Mapping place_in_order(const Chip& chip, std::vector<LayerSlice> slices,
                       std::span<const std::uint32_t> kinds, std::span<const std::uint32_t> groups);

/// Packets x lengths of their ways, with multicast once per branch; `tile_of` is by slice, then of
/// the I/O port.
std::uint64_t packets_by_length(const Traffic& traffic, const WayLengths& lengths,
                                std::span<const std::uint32_t> tile_of);

/// Slice after slice, each on the free core of its kind with the shortest ways from its senders.
Mapping place_greedily(const Chip& chip, const WayLengths& lengths, const Traffic& traffic,
                       Mapping mapping);

/// Simulated annealing from `start`; never worse than it.
Mapping anneal(const Chip& chip, const WayLengths& lengths, const Traffic& traffic, Mapping start,
               const PlacementOptions& options);

/// Moves and exchanges of slices as long as they gain, at random; never worse than `start`.
Mapping improve(const Chip& chip, const WayLengths& lengths, const Traffic& traffic, Mapping start,
                const PlacementOptions& options);

/// Recursive bisection of slices and tiles.
Mapping partition(const Chip& chip, const WayLengths& lengths, const Traffic& traffic,
                  Mapping start, const PlacementOptions& options);

}  // namespace nj
