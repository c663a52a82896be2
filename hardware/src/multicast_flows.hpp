#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/hardware/placement.hpp"

#include "way_lengths.hpp"

namespace nj {

/// Where the ways from a tile to others part. Links count as WayLengths says.
class BranchingWays {
 public:
  explicit BranchingWays(const WayLengths& lengths)
      : lengths_(lengths), orders_(lengths.topology().tiles()) {}

  /// Links that a packet passes from a tile to several, with a copy wherever their ways part;
  /// copies that have parted stay apart. Reorders `to`.
  std::uint64_t tree_links(std::uint32_t from, std::span<std::uint32_t> to);

  /// Links that a packet passes to reach one more tile, by tile.
  std::vector<std::uint32_t> further_links(std::uint32_t from,
                                           std::span<const std::uint32_t> others);
  /// The same for one tile.
  std::uint32_t further_links(std::uint32_t from, std::uint32_t to,
                              std::span<const std::uint32_t> others);

 private:
  /// All tiles in an order in which those whose ways begin with the same links are next to each
  /// other. Of any tiles, the next lower or the next higher one has most in common with another.
  struct Order {
    std::vector<std::uint16_t> rank;    ///< by tile
    std::vector<std::uint16_t> common;  ///< by rank: links in common with the way before
  };
  const Order& order_from(std::uint32_t tile);
  [[nodiscard]] Order make_order(std::uint32_t from) const;
  static std::uint32_t common_links(const Order& order, std::uint32_t lower, std::uint32_t higher);

  const WayLengths& lengths_;
  std::vector<Order> orders_;  ///< by tile; empty until asked for
};

/// The flows of a traffic that go to several slices at once, and what they cost where slices are.
///
/// Positions are tiles by slice, then that of the I/O port. A cost is packets x links; it is that
/// of a slice, all others in place: of the flows that it sends all of it, of those that it gets
/// what no other target needs.
class MulticastFlows {
 public:
  /// Keeps references to both.
  MulticastFlows(const WayLengths& lengths, const Traffic& traffic);

  std::uint64_t cost_of(std::uint32_t slice, std::span<const std::uint32_t> tile_of);
  /// At least so much, in less time: a tree has its longest way, and ways have no more in common
  /// than the shorter one is long.
  [[nodiscard]] std::uint64_t least_cost_of(std::uint32_t slice,
                                            std::span<const std::uint32_t> tile_of) const;
  /// Of two slices, all others in place: flows of both count once, and whole.
  std::uint64_t cost_of(std::uint32_t slice, std::uint32_t other,
                        std::span<const std::uint32_t> tile_of);

 private:
  std::uint64_t tree(const TrafficFlow& flow, std::span<const std::uint32_t> tile_of);
  std::uint64_t part(const TrafficFlow& flow, std::uint32_t slice,
                     std::span<const std::uint32_t> tile_of);

  const WayLengths& lengths_;
  BranchingWays ways_;
  std::vector<std::vector<const TrafficFlow*>> of_;  ///< by slice: sent or received
  std::vector<std::uint32_t> to_;                    ///< tiles of the flow in work
};

}  // namespace nj
