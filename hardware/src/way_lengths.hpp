#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

namespace nj {

/// How long the ways between tiles are to a placement: in links, of which those between chips may
/// count several times.
class WayLengths {
 public:
  /// Keeps a reference. Throws: as Topology::way_lengths.
  explicit WayLengths(const Topology& topology, std::uint32_t chip_link = 1)
      : topology_(topology), chip_link_(chip_link) {
    if (chip_link != 1) longer_ = topology.way_lengths(chip_link);
  }

  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] std::uint32_t of(const Link& link) const { return link.counts(chip_link_); }
  [[nodiscard]] std::uint32_t between(std::uint32_t from, std::uint32_t tile) const {
    return longer_.empty() ? topology_.hops(from, tile)
                           : longer_[std::size_t{tile} * topology_.tiles() + from];
  }

 private:
  const Topology& topology_;
  std::uint32_t chip_link_;
  std::vector<std::uint16_t> longer_;  ///< [tile][tile it comes from]; empty: hops
};

}  // namespace nj
