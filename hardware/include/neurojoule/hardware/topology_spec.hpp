#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "neurojoule/core/quantity.hpp"

// The interconnect of a chip as plain data; docs/chip-file.md has the keys and the rules.
//
// Routers are numbered from 0; the ones with a tile come first, so tile t sits on router t.
//
// Packets and links. A packet has `packet_bits`, and with `value_added` those of its value more
// where spikes are graded. A link of width w is kept for S = ceil(bits / w) cycles per packet. The
// head is at the next router one latency after it entered the link and may go on at once, but no
// link starts a packet before it can send it without a gap: over links with cycles c, c' and S, S'
// cycles per packet, a packet that enters the first at d is ready for the second at d + latency +
// max(0, (S - 1) c - (S' - 1) c'), and is delivered at d + latency + (S - 1) c. A packet of one
// flit on links as wide is there after the latency.
//
// Buffers. With `buffer_flits`, each channel (a link, or one of the two virtual channels of a link)
// ends in a queue of that depth, in order of arrival, and a packet takes ceil(bits / flit_bits) of
// it. A packet enters a link once the link is free and the whole packet has room at
// its end; its own place is free once its last flit has entered. Without, packets wait at the link
// that they want, and none waits for a packet that wants another link.

namespace nj {

/// One link, in one direction.
struct LinkSpec {
  std::uint32_t width_bits = 64;  ///< sent per cycle
  Picoseconds cycle;              ///< time between two words of that width
  Picoseconds latency;            ///< from entering the link to being at the next router
  friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

/// A mesh, or with `wraps` a torus; tile id -> x = id / height, y = id % height (as SANA-FE), x to
/// the east and y to the north. A side of a torus closes to a ring when it has three routers or
/// more.
struct GridShape {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool wraps = false;
  LinkSpec east_west;
  LinkSpec north_south;
  std::optional<Picoseconds> west_latency{};   ///< of links west; absent: the axis is one Direction
  std::optional<Picoseconds> south_latency{};  ///< of links south; likewise
};

/// Routers in a circle, each with links to both neighbours.
struct RingShape {
  std::uint32_t routers = 0;
  LinkSpec link;
};

/// A tree whose arity ^ levels leaves have the tiles. `levels[i]` are the links between routers i
/// and i + 1 levels above the leaves: a fat tree when they get wider.
struct TreeShape {
  std::uint32_t arity = 2;
  std::vector<LinkSpec> levels;
};

/// One switch between the routers of all tiles; a packet passes two links.
struct CrossbarShape {
  std::uint32_t ports = 0;
  LinkSpec link;
};

/// Any graph.
struct EdgeListShape {
  struct Edge {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    LinkSpec link;
  };
  std::vector<std::string> routers;  ///< names; the first `tiles` have a tile
  std::uint32_t tiles = 0;
  std::vector<Edge> edges;  ///< directed
};

using NetworkShape = std::variant<GridShape, RingShape, TreeShape, CrossbarShape, EdgeListShape>;

/// How the one route between two tiles is chosen.
enum class Routing : std::uint8_t {
  dimension_order,  ///< grids, rings: along x, then y, the shorter way round (ties: upwards); rings
                    ///< have two virtual channels, changed where the ring closes (Dally and Seitz,
                    ///< IEEE Trans. Computers C-36(5), 1987)
  shortest_path     ///< least latency, then fewest links, then the lowest numbered link
};

/// One network of routers.
struct NetworkSpec {
  NetworkShape shape;
  Routing routing = Routing::shortest_path;
};

/// Equal networks, one per tile of `between`, joined by its links. Routes go to the chip's gateway,
/// over `between` to the other chip's gateway, and on to the tile.
struct MultiChipSpec {
  NetworkSpec chip;
  NetworkSpec between;
  std::uint32_t gateway = 0;  ///< router of each chip that has the links to other chips
};

/// Tiles [begin, end) with the same cores.
struct TileGroup {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::vector<std::string> cores;  ///< names of the core kinds in each; may be empty
};

/// The interconnect of a chip, or of several.
struct TopologySpec {
  std::variant<NetworkSpec, MultiChipSpec> network;
  std::vector<std::string> tile;                ///< names of the core kinds in each tile
  std::vector<TileGroup> tiles;                 ///< in place of `tile` where tiles differ; in order
  std::uint32_t flit_bits = 64;                 ///< what buffers are counted in
  std::uint32_t packet_bits = 64;               ///< address, channel and value of a spike
  bool value_added = false;                     ///< the value of a graded one is not in these
  Picoseconds within_tile;                      ///< from axon-out to axon-in inside one tile
  bool multicast = false;                       ///< one packet per spike, copied where routes part
  std::optional<std::uint32_t> buffer_flits{};  ///< absent: unbounded

  /// Bits of a packet whose value has so many: 1 for spikes that are not graded.
  [[nodiscard]] std::uint32_t bits_with(std::uint32_t value_bits) const {
    return packet_bits + (value_added && value_bits > 1 ? value_bits : 0);
  }
  /// Flits of a packet of that value.
  [[nodiscard]] std::uint32_t packet_flits(std::uint32_t value_bits = 1) const {
    return (bits_with(value_bits) + flit_bits - 1) / flit_bits;
  }
};

inline constexpr std::uint32_t max_tiles = 4096;
inline constexpr std::uint32_t max_routers = 8192;
inline constexpr std::uint32_t max_links = 65'536;
inline constexpr std::uint32_t max_packet_bits = 65'536;

/// The longest single time that a chip may state, so that sums stay in 64 bits.
inline constexpr Picoseconds max_chip_time{1'000'000'000};

/// Tiles of a network as described; at most 2^40, however absurd the description.
std::uint64_t tile_count(const NetworkShape& shape);
std::uint64_t tile_count(const TopologySpec& spec);
/// Cores of a description with so many tiles.
std::uint64_t core_count(const TopologySpec& spec, std::uint64_t tiles);

/// What it is, e.g. `mesh of 8 x 4 tiles`.
std::string to_string(const TopologySpec& spec);

}  // namespace nj
