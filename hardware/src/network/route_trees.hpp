#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

namespace nj {

/// Where a packet goes.
struct RouteEnd {
  std::uint32_t tile = 0;
  std::uint32_t list = 0;  ///< of arrivals
};

/// The ways of packets: from a router to one target or several, with a copy wherever the ways part.
/// Copies that have parted stay apart. Each way is worked out once, and packets refer to it; ways
/// of packets with one target share what is the same from some link on.
class RouteTrees {
 public:
  static constexpr std::uint32_t no_link = std::numeric_limits<std::uint32_t>::max();
  /// A link, or the start: what passes it is for targets [first, last) of the packet.
  struct Node {
    std::uint32_t link = no_link;  ///< none at the start
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t size = 0;        ///< of the packet: position in PacketSizes
    std::uint32_t here_first = 0;  ///< of these, the ones at the end of the link
    std::uint32_t here_last = 0;
    std::uint32_t ends = 0;      ///< of `lists`: positions from here on
    std::uint32_t children = 0;  ///< links that follow: positions from here on
    std::uint32_t child_count = 0;
  };
  struct Tree {
    std::uint32_t start = 0;  ///< node
    std::uint32_t size = 0;   ///< of its packets
    std::uint32_t order = 0;  ///< where `order_of` begins
    std::uint32_t targets = 0;
    std::array<std::uint32_t, hop_actions.size()> hops{};  ///< links, by Direction
  };

  explicit RouteTrees(const Topology& topology) : topology_(topology) {}

  /// The position of a tree from a router to some ends; added where there is none, or where there
  /// are several ends.
  std::uint32_t find(std::uint32_t router, std::span<const RouteEnd> ends, std::uint32_t size);

  [[nodiscard]] std::uint32_t trees() const { return static_cast<std::uint32_t>(trees_.size()); }
  [[nodiscard]] const Tree& tree(std::uint32_t position) const { return trees_[position]; }
  /// The ends in the order of a packet's targets: those of a node are next to each other.
  [[nodiscard]] std::span<const std::uint32_t> order_of(std::uint32_t position) const {
    const Tree& tree = trees_[position];
    return {order_.data() + tree.order, tree.targets};
  }
  [[nodiscard]] std::uint32_t nodes() const { return static_cast<std::uint32_t>(nodes_.size()); }
  [[nodiscard]] const Node& node(std::uint32_t position) const { return nodes_[position]; }
  /// The lists of the targets at the end of a node's link.
  [[nodiscard]] std::span<const std::uint32_t> lists(const Node& node) const {
    return std::span(lists_).subspan(node.ends, node.here_last - node.here_first);
  }
  [[nodiscard]] std::span<const Node> children(const Node& node) const {
    return {nodes_.data() + node.children, node.child_count};
  }

 private:
  static constexpr std::uint32_t here = std::numeric_limits<std::uint32_t>::max();
  struct Work {
    std::uint32_t router = 0;
    std::uint32_t node = 0;
  };
  /// A router or link, an end, and the size of the packets.
  using Key = std::array<std::uint32_t, 4>;
  Tree start(std::size_t targets, std::uint32_t size);
  Tree lead(std::uint32_t router, const RouteEnd& end, std::uint32_t size);
  Tree divide(std::uint32_t router, std::span<const RouteEnd> ends, std::uint32_t size);
  void divide(const Work& work, std::span<const RouteEnd> ends, Tree& tree);
  std::uint32_t add(const Tree& tree);

  const Topology& topology_;
  std::vector<Tree> trees_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> order_;  ///< positions in `ends`, tree by tree
  std::vector<std::uint32_t> lists_;
  std::map<Key, std::uint32_t> single_;  ///< trees to one end
  std::map<Key, std::uint32_t> onward_;  ///< nodes of these
  std::vector<std::uint32_t> links_;     ///< of the way in work
  std::vector<Work> work_;
};

}  // namespace nj
