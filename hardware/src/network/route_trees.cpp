#include "route_trees.hpp"

#include <algorithm>
#include <numeric>

namespace nj {

std::uint32_t RouteTrees::find(std::uint32_t router, std::span<const RouteEnd> ends,
                               std::uint32_t size) {
  if (ends.size() != 1) return add(divide(router, ends, size));
  const RouteEnd& end = ends.front();
  const auto [tree, fresh] = single_.try_emplace({router, end.tile, end.list, size}, 0);
  if (fresh) tree->second = add(lead(router, end, size));
  return tree->second;
}

std::uint32_t RouteTrees::add(const Tree& tree) {
  trees_.push_back(tree);
  return static_cast<std::uint32_t>(trees_.size() - 1);
}

/// A tree with nothing but its start.
RouteTrees::Tree RouteTrees::start(std::size_t targets, std::uint32_t size) {
  Tree tree;
  tree.start = nodes();
  tree.size = size;
  tree.order = static_cast<std::uint32_t>(order_.size());
  tree.targets = static_cast<std::uint32_t>(targets);
  order_.resize(order_.size() + targets);
  std::iota(order_.begin() + tree.order, order_.end(), std::uint32_t{0});
  nodes_.push_back({.last = tree.targets, .size = size});
  return tree;
}

/// The way to one end: from the first link on that another way has taken there, it is that one's.
RouteTrees::Tree RouteTrees::lead(std::uint32_t router, const RouteEnd& end, std::uint32_t size) {
  Tree tree = start(1, size);
  links_.clear();
  for (std::uint32_t at = router; at != end.tile; at = topology_.links()[links_.back()].to) {
    links_.push_back(topology_.next_link(at, end.tile));
    ++tree.hops[static_cast<std::size_t>(topology_.links()[links_.back()].direction)];
  }
  std::uint32_t before = tree.start;
  for (const std::uint32_t link : links_) {
    const auto [next, fresh] = onward_.try_emplace({link, end.tile, end.list, size}, nodes());
    nodes_[before].children = next->second;
    nodes_[before].child_count = 1;
    if (!fresh) return tree;
    before = nodes();
    nodes_.push_back({.link = link, .last = 1, .size = size});
  }
  nodes_[before].here_last = 1;
  nodes_[before].ends = static_cast<std::uint32_t>(lists_.size());
  lists_.push_back(end.list);
  return tree;
}

RouteTrees::Tree RouteTrees::divide(std::uint32_t router, std::span<const RouteEnd> ends,
                                    std::uint32_t size) {
  Tree tree = start(ends.size(), size);
  work_.assign(1, {router, tree.start});
  while (!work_.empty()) {
    const Work next = work_.back();
    work_.pop_back();
    divide(next, ends, tree);
  }
  return tree;
}

/// Brings targets that take the same link out of a router, or stay there, next to each other, in
/// the order of their first ones, and makes a node of each link.
void RouteTrees::divide(const Work& work, std::span<const RouteEnd> ends, Tree& tree) {
  const auto order = order_.begin() + tree.order;
  const auto way_of = [&](std::uint32_t target) {
    const std::uint32_t tile = ends[order[target]].tile;
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
      nodes_[work.node].ends = static_cast<std::uint32_t>(lists_.size());
      for (std::uint32_t i = begin; i != end; ++i) lists_.push_back(ends[order[i]].list);
    } else {
      nodes_.push_back({.link = way, .first = begin, .last = end, .size = tree.size});
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
