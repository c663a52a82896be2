#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "links.hpp"
#include "route_trees.hpp"
#include "shared_lists.hpp"

namespace nj {

/// What OpenLinks does with packets that pass a link, worked out once for all ways. Links that are
/// part of a way have lanes, in the order in which they are worked through: what acts on a link has
/// a lane before it, or is in a circle with it. The lists in which ways end have the lanes after.
class OpenRoutes {
 public:
  /// In Branch::order: its packets go before others of the same time that have passed no link.
  static constexpr std::uint32_t through = std::uint32_t{1} << 31;

  /// A link that follows a node, or an end. Those of a node are next to each other, and nodes of a
  /// link too.
  struct Branch {
    Picoseconds ready;         ///< after the packet entered the node's link, or was injected
    std::uint32_t order = 0;   ///< more than that of the packet at the node; with `through`
    std::uint32_t lane = 0;    ///< the next
    std::uint32_t onward = 0;  ///< the first branch that follows this one; none at an end
    std::uint16_t size = 0;    ///< of the packet
    bool last = false;         ///< of the node
  };
  /// Links in which packets may go round: those of the lanes [first, last).
  struct Circle {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };

  OpenRoutes() = default;
  /// `trees`: of all packets. `ends`: lists of arrivals.
  OpenRoutes(const Topology& topology, const TopologySpec& spec, const LinkTimings& timings,
             const RouteTrees& trees, const SharedLists& ends);

  /// By lane.
  [[nodiscard]] std::span<const std::uint32_t> links() const { return links_; }
  /// In the order of their lanes.
  [[nodiscard]] std::span<const Circle> circles() const { return circles_; }
  [[nodiscard]] std::size_t lanes() const { return links_.size() + lists_; }
  [[nodiscard]] std::size_t lane_of_list(std::size_t list) const { return links_.size() + list; }
  /// Of all nodes.
  [[nodiscard]] const Branch* branches() const { return branches_.data(); }
  /// By tree: the first branch.
  [[nodiscard]] const std::uint32_t* starts() const { return starts_.data(); }
  /// The link that a branch follows.
  [[nodiscard]] std::uint32_t link_before(std::uint32_t branch) const {
    return nodes_[branch].link;
  }
  /// Those of a packet before that link.
  [[nodiscard]] std::uint32_t targets_before(std::uint32_t branch) const {
    return nodes_[branch].targets;
  }

 private:
  /// What a branch follows.
  struct Node {
    std::uint32_t link = 0;
    std::uint32_t targets = 0;
  };
  std::vector<std::uint32_t> order_links(const Topology& topology, const RouteTrees& trees);
  void add_branches(const RouteTrees::Node& node, Picoseconds within_tile,
                    const LinkTimings& timings, const RouteTrees& trees, const SharedLists& ends,
                    std::span<const std::uint32_t> lane_of, std::span<const std::uint32_t> onward);

  std::vector<std::uint32_t> links_;
  std::size_t lists_ = 0;  ///< of arrivals
  std::vector<Circle> circles_;
  std::vector<std::uint32_t> starts_;
  std::vector<Branch> branches_;
  std::vector<Node> nodes_;  ///< by branch
};

}  // namespace nj
