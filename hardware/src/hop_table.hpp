#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

namespace nj {

/// Hops between any two tiles, worked out once.
class HopTable {
 public:
  explicit HopTable(const Topology& topology) : tiles_(topology.tiles()) {
    hops_.reserve(std::size_t{tiles_} * tiles_);
    for (std::uint32_t to = 0; to < tiles_; ++to) add_ways(topology, to);
  }
  [[nodiscard]] std::uint32_t operator()(std::uint32_t from, std::uint32_t to) const {
    return hops_[std::size_t{to} * tiles_ + from];
  }

 private:
  /// From all tiles to one: each router's next one is that of all ways through it.
  void add_ways(const Topology& topology, std::uint32_t to) {
    constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();
    left_.assign(topology.routers(), unknown);
    left_[to] = 0;
    for (std::uint32_t from = 0; from < tiles_; ++from) {
      std::uint32_t router = from;
      for (; left_[router] == unknown;
           router = topology.links()[topology.next_link(router, to)].to) {
        way_.push_back(router);
      }
      for (std::uint32_t hops = left_[router]; !way_.empty(); way_.pop_back()) {
        left_[way_.back()] = ++hops;
      }
      hops_.push_back(left_[from]);
    }
  }

  std::uint32_t tiles_;
  std::vector<std::uint32_t> hops_;  ///< [to][from]
  std::vector<std::uint32_t> left_;  ///< by router, on the way to one tile
  std::vector<std::uint32_t> way_;   ///< routers whose `left_` is not yet known
};

}  // namespace nj
