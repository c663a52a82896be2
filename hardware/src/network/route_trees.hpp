#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "neurojoule/hardware/topology.hpp"

namespace nj {

/// The ways of packets: from a router to one target or several, with a copy wherever the ways part.
/// Copies that have parted stay apart. Each way is worked out once, and packets refer to it.
class RouteTrees {
 public:
  /// A link, or the start: what passes it is for targets [first, last) of the packet.
  struct Node {
    std::uint32_t link = 0;  ///< none at the start
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t here_first = 0;  ///< of these, the ones at the end of the link
    std::uint32_t here_last = 0;
    std::uint32_t children = 0;  ///< links that follow: positions from here on
    std::uint32_t child_count = 0;
  };
  struct Tree {
    std::uint32_t start = 0;  ///< node
    std::uint32_t size = 0;   ///< of its packets: position in PacketSizes
    std::uint32_t order = 0;  ///< where `order_of` begins
    std::uint32_t targets = 0;
    std::array<std::uint32_t, hop_actions.size()> hops{};  ///< links, by Direction
  };

  explicit RouteTrees(const Topology& topology) : topology_(topology) {}

  /// The position of a tree from a router to tiles, all different; added where there is none. Trees
  /// to one tile are shared by all that take them.
  std::uint32_t find(std::uint32_t router, std::span<const std::uint32_t> tiles,
                     std::uint32_t size);

  [[nodiscard]] const Tree& tree(std::uint32_t position) const { return trees_[position]; }
  /// The tiles in the order of a packet's targets: those of a node are next to each other.
  [[nodiscard]] std::span<const std::uint32_t> order_of(std::uint32_t position) const {
    const Tree& tree = trees_[position];
    return {order_.data() + tree.order, tree.targets};
  }
  [[nodiscard]] const Node& node(std::uint32_t position) const { return nodes_[position]; }
  [[nodiscard]] std::span<const Node> children(const Node& node) const {
    return {nodes_.data() + node.children, node.child_count};
  }

 private:
  static constexpr std::uint32_t here = std::numeric_limits<std::uint32_t>::max();
  struct Work {
    std::uint32_t router = 0;
    std::uint32_t node = 0;
  };
  std::uint32_t add(std::uint32_t router, std::span<const std::uint32_t> tiles, std::uint32_t size);
  void divide(const Work& work, std::span<const std::uint32_t> tiles, Tree& tree);

  const Topology& topology_;
  std::vector<Tree> trees_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> order_;  ///< positions in `tiles`, tree by tree
  std::map<std::array<std::uint32_t, 3>, std::uint32_t> single_;  ///< by router, tile, size
  std::vector<Work> work_;
};

}  // namespace nj
