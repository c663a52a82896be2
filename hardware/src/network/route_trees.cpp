#include "route_trees.hpp"

#include <algorithm>
#include <numeric>

namespace nj {

std::uint32_t RouteTrees::find(std::uint32_t router, std::span<const std::uint32_t> tiles,
                               std::uint32_t size) {
  if (tiles.size() != 1) return add(router, tiles, size);
  const auto [tree, fresh] = single_.try_emplace({router, tiles.front(), size}, 0);
  if (fresh) tree->second = add(router, tiles, size);
  return tree->second;
}

std::uint32_t RouteTrees::add(std::uint32_t router, std::span<const std::uint32_t> tiles,
                              std::uint32_t size) {
  Tree tree;
  tree.start = static_cast<std::uint32_t>(nodes_.size());
  tree.size = size;
  tree.order = static_cast<std::uint32_t>(order_.size());
  tree.targets = static_cast<std::uint32_t>(tiles.size());
  order_.resize(order_.size() + tiles.size());
  std::iota(order_.begin() + tree.order, order_.end(), std::uint32_t{0});
  nodes_.emplace_back().last = tree.targets;
  work_.assign(1, {router, tree.start});
  while (!work_.empty()) {
    const Work next = work_.back();
    work_.pop_back();
    divide(next, tiles, tree);
  }
  trees_.push_back(tree);
  return static_cast<std::uint32_t>(trees_.size() - 1);
}

/// Brings targets that take the same link out of a router, or stay there, next to each other, in
/// the order of their first ones, and makes a node of each link.
void RouteTrees::divide(const Work& work, std::span<const std::uint32_t> tiles, Tree& tree) {
  const auto order = order_.begin() + tree.order;
  const auto way_of = [&](std::uint32_t target) {
    const std::uint32_t tile = tiles[order[target]];
    return tile == work.router ? here : topology_.next_link(work.router, tile);
  };
  const auto children = static_cast<std::uint32_t>(nodes_.size());
  const std::uint32_t last = nodes_[work.node].last;
  for (std::uint32_t begin = nodes_[work.node].first; begin != last;) {
    const std::uint32_t way = way_of(begin);
    std::uint32_t end = begin + 1;
    for (std::uint32_t i = end; i < last; ++i) {
      if (way_of(i) != way) continue;
      std::rotate(order + end, order + i, order + i + 1);
      ++end;
    }
    if (way == here) {
      nodes_[work.node].here_first = begin;
      nodes_[work.node].here_last = end;
    } else {
      nodes_.push_back({.link = way, .first = begin, .last = end});
    }
    begin = end;
  }
  nodes_[work.node].children = children;
  nodes_[work.node].child_count = static_cast<std::uint32_t>(nodes_.size()) - children;
  for (std::uint32_t child = children; child < nodes_.size(); ++child) {
    const Link& link = topology_.links()[nodes_[child].link];
    ++tree.hops[static_cast<std::size_t>(link.direction)];
    work_.push_back({link.to, child});
  }
}

}  // namespace nj
