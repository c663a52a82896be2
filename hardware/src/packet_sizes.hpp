#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "neurojoule/hardware/topology_spec.hpp"

namespace nj {

/// Bits of a packet, ascending: the sizes that there are, one at least.
using PacketSizes = std::vector<std::uint32_t>;
inline PacketSizes packet_sizes(std::vector<std::uint32_t> of_packets, const TopologySpec& spec) {
  if (of_packets.empty()) return {spec.packet_bits};
  std::sort(of_packets.begin(), of_packets.end());
  of_packets.erase(std::unique(of_packets.begin(), of_packets.end()), of_packets.end());
  return of_packets;
}
/// Where a size is among them.
inline std::uint32_t find_size(const PacketSizes& sizes, std::uint32_t bits) {
  return static_cast<std::uint32_t>(std::lower_bound(sizes.begin(), sizes.end(), bits) -
                                    sizes.begin());
}

}  // namespace nj
