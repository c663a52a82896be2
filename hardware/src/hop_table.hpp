#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

namespace nj {

/// Hops between any two tiles, worked out once.
class HopTable {
 public:
  explicit HopTable(const Topology& topology) : tiles_(topology.tiles()) {
    hops_.reserve(std::size_t{tiles_} * tiles_);
    for (std::uint32_t from = 0; from < tiles_; ++from) {
      for (std::uint32_t to = 0; to < tiles_; ++to) hops_.push_back(topology.hops(from, to));
    }
  }
  [[nodiscard]] std::uint32_t operator()(std::uint32_t from, std::uint32_t to) const {
    return hops_[std::size_t{from} * tiles_ + to];
  }

 private:
  std::uint32_t tiles_;
  std::vector<std::uint32_t> hops_;
};

}  // namespace nj
