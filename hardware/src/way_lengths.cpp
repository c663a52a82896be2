#include "way_lengths.hpp"

#include <limits>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {

/// All ways to a tile through one router are the same from there on.
WayLengths::WayLengths(const Topology& topology, std::uint32_t chip_link)
    : topology_(topology), chip_link_(chip_link) {
  if (chip_link == 1) return;
  constexpr std::uint32_t longest = 32'767;
  constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();
  const std::uint32_t tiles = topology.tiles();
  longer_.reserve(std::size_t{tiles} * tiles);
  std::vector<std::uint32_t> left(topology.routers());  // by router
  std::vector<std::uint32_t> way;                       // links of routers that are not known yet
  for (std::uint32_t tile = 0; tile < tiles; ++tile) {
    left.assign(left.size(), unknown);
    left[tile] = 0;
    for (std::uint32_t from = 0; from < tiles; ++from) {
      for (std::uint32_t router = from; left[router] == unknown;) {
        way.push_back(topology.next_link(router, tile));
        router = topology.links()[way.back()].to;
      }
      for (; !way.empty(); way.pop_back()) {
        const Link& link = topology.links()[way.back()];
        left[link.from] = left[link.to] + of(link);
      }
      if (left[from] > longest) {
        throw Error(ErrorKind::config,
                    fmt::format("a way counts as {} links, more than {}, where one between chips "
                                "counts as {}",
                                left[from], longest, chip_link));
      }
      longer_.push_back(static_cast<std::uint16_t>(left[from]));
    }
  }
}

}  // namespace nj
