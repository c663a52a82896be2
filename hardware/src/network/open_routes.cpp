#include "open_routes.hpp"

#include <algorithm>
#include <numeric>

namespace nj {
namespace {

constexpr std::uint32_t unused = RouteTrees::no_link;

/// The nodes of trees, link by link in the order of lanes; those where trees start are first.
std::vector<std::uint32_t> by_lane(const RouteTrees& trees,
                                   std::span<const std::uint32_t> lane_of) {
  const auto rank = [&](std::uint32_t node) {
    const std::uint32_t link = trees.node(node).link;
    return link == RouteTrees::no_link ? 0 : 1 + lane_of[link];
  };
  std::vector<std::uint32_t> nodes(trees.nodes());
  std::iota(nodes.begin(), nodes.end(), 0);
  std::ranges::stable_sort(nodes, {}, rank);
  return nodes;
}

}  // namespace

OpenRoutes::OpenRoutes(const Topology& topology, const TopologySpec& spec,
                       const LinkTimings& timings, const RouteTrees& trees, const SharedLists& ends)
    : lists_(ends.size()) {
  const std::vector<std::uint32_t> lane_of = order_links(topology, trees);
  const std::vector<std::uint32_t> order = by_lane(trees, lane_of);
  std::vector<std::uint32_t> onward(trees.nodes());  // by node: its first branch
  for (const std::uint32_t i : order) {
    const RouteTrees::Node& node = trees.node(i);
    onward[i] = static_cast<std::uint32_t>(nodes_.size());
    const auto lists = std::ranges::count_if(
        trees.lists(node), [&](std::uint32_t list) { return ends[list].further == 0; });
    nodes_.insert(nodes_.end(), static_cast<std::size_t>(lists) + node.child_count,
                  {node.link, node.last - node.first});
  }
  branches_.reserve(nodes_.size());
  for (const std::uint32_t i : order) {
    add_branches(trees.node(i), spec.within_tile, timings, trees, ends, lane_of, onward);
  }
  starts_.reserve(trees.trees());
  for (std::uint32_t tree = 0; tree != trees.trees(); ++tree) {
    starts_.push_back(onward[trees.tree(tree).start]);
  }
}

/// Gives a lane to each link that is part of a way. Returns the lanes by link.
std::vector<std::uint32_t> OpenRoutes::order_links(const Topology& topology,
                                                   const RouteTrees& trees) {
  constexpr std::uint32_t used = unused - 1;
  std::vector<std::uint32_t> lane_of(topology.links().size(), unused);
  for (std::uint32_t i = 0; i != trees.nodes(); ++i) {
    const std::uint32_t link = trees.node(i).link;
    if (link != RouteTrees::no_link) lane_of[link] = used;
  }
  const auto lanes = [&] { return static_cast<std::uint32_t>(links_.size()); };
  const LinkGroups& groups = topology.link_groups();
  for (std::uint32_t group = 0; group != groups.count(); ++group) {
    const std::uint32_t first = lanes();
    for (const std::uint32_t link : groups.group(group)) {
      if (lane_of[link] == unused) continue;
      lane_of[link] = lanes();
      links_.push_back(link);
    }
    if (lanes() - first > 1) circles_.push_back({first, lanes()});
  }
  return lane_of;
}

/// What follows a node.
void OpenRoutes::add_branches(const RouteTrees::Node& node, Picoseconds within_tile,
                              const LinkTimings& timings, const RouteTrees& trees,
                              const SharedLists& ends, std::span<const std::uint32_t> lane_of,
                              std::span<const std::uint32_t> onward) {
  const bool start = node.link == RouteTrees::no_link;
  const LinkTiming* const link = start ? nullptr : &timings.of(node.link, node.size);
  const Picoseconds there = start ? within_tile : link->latency + link->tail;
  const auto size = static_cast<std::uint16_t>(node.size);
  std::uint32_t order = node.here_first - node.first;
  for (const std::uint32_t list : trees.lists(node)) {
    const std::uint32_t own = order++;
    if (ends[list].further != 0) continue;
    branches_.push_back({there, own, static_cast<std::uint32_t>(lane_of_list(list)), 0, size});
  }
  for (std::uint32_t child = node.children; child != node.children + node.child_count; ++child) {
    const RouteTrees::Node& next = trees.node(child);
    const Picoseconds ready =
        start ? Picoseconds{0} : link->latency + gap(*link, timings.of(next.link, next.size));
    order = next.first - node.first;
    branches_.push_back(
        {ready, start ? order : order | through, lane_of[next.link], onward[child], size});
  }
  branches_.back().last = true;
}

}  // namespace nj
