#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/hardware/topology_spec.hpp"

namespace nj {

/// What kind of way a link is; each is its own action, at its own price. An axis of a grid whose
/// links cost the same either way is one kind, else two.
enum class Direction : std::uint8_t {
  east_west,
  north_south,
  east,
  west,
  north,
  south,
  undirected,
  between_chips
};
/// The action that counts a packet on such a link; indexed by Direction.
inline constexpr std::array hop_actions{
    Action::hop_east_west, Action::hop_north_south, Action::hop_east, Action::hop_west,
    Action::hop_north,     Action::hop_south,       Action::hop,      Action::hop_chip};
static_assert(hop_actions.size() == static_cast<std::size_t>(Direction::between_chips) + 1);

/// One directed link between two routers.
struct Link {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  Direction direction{};
  LinkSpec spec;
  bool closes = false;  ///< leads from the end of a ring to its start, or back

  /// What it adds to the length of a way, where links between chips count as `chip_link`.
  [[nodiscard]] std::uint32_t counts(std::uint32_t chip_link) const {
    return direction == Direction::between_chips ? chip_link : 1;
  }
  /// How long a packet keeps the link.
  [[nodiscard]] Picoseconds service(std::uint32_t packet_bits) const {
    return spec.cycle * ((std::int64_t{packet_bits} + spec.width_bits - 1) / spec.width_bits);
  }
};

/// In links, however they count.
inline constexpr std::uint32_t max_way_length = 32'767;
inline constexpr std::uint32_t no_channel = 0xFFFFFFFFU;

/// Links in groups, such that what packets may take after a link is in its group or a later one. A
/// group of several links is one where packets may go round in a circle.
struct LinkGroups {
  std::vector<std::uint32_t> links;  ///< group after group
  std::vector<std::uint32_t> first;  ///< [groups + 1]: where a group begins
  std::vector<std::uint32_t> of;     ///< by link: its group

  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(first.size()) - 1; }
  [[nodiscard]] std::span<const std::uint32_t> group(std::uint32_t g) const {
    return std::span(links).subspan(first[g], first[g + 1] - first[g]);
  }
};

/// The routers of a chip, their links, and the one route from any router to any tile.
class Topology {
 public:
  /// Throws: Error(config), key = the field's path in a chip file, when a size is zero or absurd, a
  /// time or width is out of range, a shape has no such routing, a tile cannot be reached from
  /// another (both named), a packet does not fit a buffer, or bounded buffers could fill in a
  /// circle (its links are named).
  explicit Topology(const TopologySpec& spec);

  [[nodiscard]] std::uint32_t tiles() const { return tiles_; }
  /// All routers; the ones below `tiles()` have a tile.
  [[nodiscard]] std::uint32_t routers() const { return static_cast<std::uint32_t>(names_.size()); }
  /// Where a router is, e.g. `(3,1)`, as errors and reports say it.
  [[nodiscard]] const std::string& router_name(std::uint32_t router) const {
    return names_[router];
  }
  /// Sorted by `from`.
  [[nodiscard]] std::span<const Link> links() const { return links_; }
  /// Of a topology with unbounded buffers.
  [[nodiscard]] const LinkGroups& link_groups() const { return link_groups_; }
  /// Channels per link: 2 where buffers are bounded and routes go round, else 1.
  [[nodiscard]] std::uint32_t virtual_channels() const { return virtual_channels_; }
  /// Index in `links()` of the link that a packet for a tile takes out of another router.
  [[nodiscard]] std::uint32_t next_link(std::uint32_t from, std::uint32_t tile) const {
    return first_link_[from] + port_[std::size_t{from} * tiles_ + tile];
  }
  /// The channel (link * virtual_channels() + virtual channel) on which a packet takes a link,
  /// after the channel it came by, or `no_channel` where it was injected. With two virtual channels
  /// it starts on 0 in each direction and is on 1 from where its ring closes.
  [[nodiscard]] std::uint32_t channel_after(std::uint32_t channel, std::uint32_t link) const;
  /// Links passed on the way from one tile to another; 0 within a tile.
  [[nodiscard]] std::uint32_t hops(std::uint32_t from, std::uint32_t tile) const {
    return hops_[std::size_t{tile} * tiles_ + from];
  }
  /// The same of all ways, where a link between chips counts as `chip_link`: [tile][tile it comes
  /// from]. Throws: Error(config) above `max_way_length`.
  [[nodiscard]] std::vector<std::uint16_t> way_lengths(std::uint32_t chip_link) const;

 private:
  std::uint32_t tiles_ = 0;
  std::uint32_t virtual_channels_ = 1;
  std::vector<std::string> names_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> first_link_;  ///< [routers + 1]: first outgoing link
  std::vector<std::uint16_t> port_;        ///< [router][tile]: outgoing link, 0-based
  std::vector<std::uint16_t> hops_;        ///< [tile][tile it comes from]
  LinkGroups link_groups_;
};

}  // namespace nj
