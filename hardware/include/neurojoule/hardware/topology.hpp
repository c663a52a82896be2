#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/quantity.hpp"

namespace nj {

/// The axis along which a link runs.
enum class Direction : std::uint8_t { east_west, north_south };

/// One directed link between the routers of two neighbouring tiles.
struct Link {
  std::uint32_t from = 0;  ///< tile
  std::uint32_t to = 0;    ///< tile
  Direction direction{};
  Picoseconds cycle;    ///< time between the starts of two flits on this link
  Picoseconds latency;  ///< from entering the link to being at the next router
};

/// What the links of a mesh have in common.
struct LinkTimes {
  Picoseconds cycle;        ///< one flit per cycle and link
  Picoseconds east_west;    ///< latency of one horizontal hop
  Picoseconds north_south;  ///< latency of one vertical hop
};

/// The routers of a chip (one per tile), their links, and the one route between any two tiles.
class Topology {
 public:
  /// A width x height mesh; tile id -> x = id / height, y = id % height (as SANA-FE).
  /// Routes are dimension-ordered, x first and then y, hence free of deadlock.
  static Topology mesh(std::uint32_t width, std::uint32_t height, const LinkTimes& times);

  [[nodiscard]] std::uint32_t tiles() const { return tiles_; }
  [[nodiscard]] std::span<const Link> links() const { return links_; }
  /// Index in `links()` of the first link on the way from one tile to another, different one.
  [[nodiscard]] std::uint32_t next_link(std::uint32_t from, std::uint32_t to) const {
    return first_link_[from] + port_[std::size_t{from} * tiles_ + to];
  }
  /// Links passed on the way; 0 within a tile.
  [[nodiscard]] std::uint32_t hops(std::uint32_t from, std::uint32_t to) const;

 private:
  std::uint32_t tiles_ = 0;
  std::vector<Link> links_;                ///< sorted by `from`
  std::vector<std::uint32_t> first_link_;  ///< [tiles]: first outgoing link of a tile
  std::vector<std::uint8_t> port_;         ///< [from][to]: outgoing link to take, 0-based
};

}  // namespace nj
