#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

#include "packet_sizes.hpp"

namespace nj {

/// A link with the times of a packet on it (topology_spec.hpp has the rules).
struct LinkTiming {
  Picoseconds service;  ///< the link is kept for
  Picoseconds tail;     ///< from the packet's first word entering the link to its last one
  Picoseconds latency;
  std::uint32_t to = 0;  ///< router
  Direction direction{};
};

/// All links of a topology, for packets of each size.
class LinkTimings {
 public:
  LinkTimings() = default;
  LinkTimings(const Topology& topology, const TopologySpec& spec, const PacketSizes& sizes);
  [[nodiscard]] const LinkTiming& of(std::uint32_t link, std::uint32_t size) const {
    return timings_[size * links_ + link];
  }
  [[nodiscard]] std::size_t links() const { return links_; }
  [[nodiscard]] std::size_t sizes() const { return flits_.size(); }
  /// Of a packet.
  [[nodiscard]] std::uint32_t flits(std::uint32_t size) const { return flits_[size]; }

 private:
  std::size_t links_ = 0;
  std::vector<LinkTiming> timings_;   ///< by size, then in the order of `topology.links()`
  std::vector<std::uint32_t> flits_;  ///< by size
};

/// From a packet's head being at a router to when the packet can enter the next link without a gap.
inline Picoseconds gap(const LinkTiming& in, const LinkTiming& out) {
  return in.tail > out.tail ? in.tail - out.tail : Picoseconds{0};
}

/// From a packet's injection on one tile to its arrival on another when nothing else is on its way.
Picoseconds idle_time(const Topology& topology, const LinkTimings& links, std::uint32_t size,
                      std::uint32_t from, std::uint32_t to);

}  // namespace nj
