#include "multicast_flows.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace nj {
namespace {

bool has(const TrafficFlow& flow, std::uint32_t slice) {
  return flow.from == slice || std::binary_search(flow.to.begin(), flow.to.end(), slice);
}

}  // namespace

BranchingWays::Order BranchingWays::make_order(std::uint32_t from) const {
  // Ways that have the links up to a router in common.
  struct Part {
    std::uint32_t router = 0;
    std::uint16_t links = 0;
    std::span<std::uint32_t> tiles;
  };
  const Topology& topology = lengths_.topology();
  std::vector<std::uint32_t> tiles(topology.tiles());
  std::iota(tiles.begin(), tiles.end(), 0U);
  Order order{.rank = std::vector<std::uint16_t>(tiles.size()),
              .common = std::vector<std::uint16_t>(tiles.size())};
  std::vector<Part> parts{{from, 0, tiles}};
  while (!parts.empty()) {
    const std::uint32_t router = parts.back().router;
    const std::uint16_t links = parts.back().links;
    std::span<std::uint32_t> rest = parts.back().tiles;
    parts.pop_back();
    const auto first = [&] { return static_cast<std::size_t>(rest.data() - tiles.data()); };
    if (const auto here = std::find(rest.begin(), rest.end(), router); here != rest.end()) {
      std::swap(*here, rest.front());
      rest = rest.subspan(1);
      if (!rest.empty()) order.common[first()] = links;
    }
    while (!rest.empty()) {
      const std::uint32_t way = topology.next_link(router, rest.front());
      const auto end = std::partition(rest.begin(), rest.end(), [&](std::uint32_t tile) {
        return topology.next_link(router, tile) == way;
      });
      const auto count = static_cast<std::size_t>(end - rest.begin());
      if (count > 1) {
        const Link& link = topology.links()[way];
        parts.push_back(
            {link.to, static_cast<std::uint16_t>(links + lengths_.of(link)), rest.first(count)});
      }
      rest = rest.subspan(count);
      if (!rest.empty()) order.common[first()] = links;
    }
  }
  for (std::size_t rank = 0; rank < tiles.size(); ++rank) {
    order.rank[tiles[rank]] = static_cast<std::uint16_t>(rank);
  }
  return order;
}

const BranchingWays::Order& BranchingWays::order_from(std::uint32_t tile) {
  Order& order = orders_[tile];
  if (order.rank.empty()) order = make_order(tile);
  return order;
}

/// Of the ways of two ranks.
std::uint32_t BranchingWays::common_links(const Order& order, std::uint32_t lower,
                                          std::uint32_t higher) {
  std::uint16_t least = std::numeric_limits<std::uint16_t>::max();
  for (std::uint32_t rank = lower + 1; rank <= higher; ++rank) {
    least = std::min(least, order.common[rank]);
  }
  return least;
}

std::uint64_t BranchingWays::tree_links(std::uint32_t from, std::span<std::uint32_t> to) {
  if (to.size() == 1) return lengths_.between(from, to.front());
  const Order& order = order_from(from);
  std::sort(to.begin(), to.end(),
            [&](std::uint32_t a, std::uint32_t b) { return order.rank[a] < order.rank[b]; });
  std::uint64_t links = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (i > 0 && to[i] == to[i - 1]) continue;
    links += lengths_.between(from, to[i]);
    if (i > 0) links -= common_links(order, order.rank[to[i - 1]], order.rank[to[i]]);
  }
  return links;
}

std::vector<std::uint32_t> BranchingWays::further_links(std::uint32_t from,
                                                        std::span<const std::uint32_t> others) {
  const Order& order = order_from(from);
  const std::size_t tiles = order.rank.size();
  std::vector<bool> taken(tiles, false);  // by rank, as is what follows
  for (const std::uint32_t other : others) taken[order.rank[other]] = true;
  std::vector<std::uint16_t> common(tiles, 0);
  const auto pass = [&](std::size_t rank, std::uint16_t links) {
    common[rank] = std::max(common[rank], links);
    return taken[rank] ? std::numeric_limits<std::uint16_t>::max() : links;
  };
  std::uint16_t links = pass(0, 0);
  for (std::size_t rank = 1; rank < tiles; ++rank) {
    links = pass(rank, std::min(links, order.common[rank]));
  }
  links = pass(tiles - 1, 0);
  for (std::size_t rank = tiles - 1; rank-- > 0;) {
    links = pass(rank, std::min(links, order.common[rank + 1]));
  }
  std::vector<std::uint32_t> further(tiles, 0);
  for (std::uint32_t to = 0; to < tiles; ++to) {
    const std::uint32_t rank = order.rank[to];
    if (!taken[rank]) further[to] = lengths_.between(from, to) - common[rank];
  }
  return further;
}

std::uint32_t BranchingWays::further_links(std::uint32_t from, std::uint32_t to,
                                           std::span<const std::uint32_t> others) {
  const Order& order = order_from(from);
  const std::int32_t own = order.rank[to];
  std::int32_t lower = -1;
  std::int32_t higher = std::numeric_limits<std::int32_t>::max();
  for (const std::uint32_t other : others) {
    const std::int32_t rank = order.rank[other];
    if (rank == own) return 0;
    if (rank < own) {
      lower = std::max(lower, rank);
    } else {
      higher = std::min(higher, rank);
    }
  }
  std::uint32_t common = 0;
  if (lower != -1) common = common_links(order, lower, own);
  if (higher != std::numeric_limits<std::int32_t>::max()) {
    common = std::max(common, common_links(order, own, higher));
  }
  return lengths_.between(from, to) - common;
}

MulticastFlows::MulticastFlows(const WayLengths& lengths, const Traffic& traffic)
    : lengths_(lengths), ways_(lengths), of_(traffic.slices + std::size_t{1}) {
  for (const TrafficFlow& flow : traffic.flows) {
    if (flow.to.size() == 1 || flow.packets == 0) continue;
    of_[flow.from].push_back(&flow);
    for (const std::uint32_t to : flow.to) {
      if (to != flow.from) of_[to].push_back(&flow);
    }
  }
}

std::uint64_t MulticastFlows::cost_of(std::uint32_t slice, std::span<const std::uint32_t> tile_of) {
  std::uint64_t sum = 0;
  for (const TrafficFlow* flow : of_[slice]) sum += part(*flow, slice, tile_of);
  return sum;
}

std::uint64_t MulticastFlows::least_cost_of(std::uint32_t slice,
                                            std::span<const std::uint32_t> tile_of) const {
  std::uint64_t sum = 0;
  for (const TrafficFlow* flow : of_[slice]) {
    std::uint32_t farthest = 0;
    for (const std::uint32_t to : flow->to) {
      if (to == slice) continue;
      farthest = std::max(farthest, lengths_.between(tile_of[flow->from], tile_of[to]));
    }
    if (flow->from == slice) {
      sum += flow->packets * farthest;
      continue;
    }
    const std::uint32_t links = lengths_.between(tile_of[flow->from], tile_of[slice]);
    if (links > farthest) sum += flow->packets * (links - farthest);
  }
  return sum;
}

std::uint64_t MulticastFlows::cost_of(std::uint32_t slice, std::uint32_t other,
                                      std::span<const std::uint32_t> tile_of) {
  std::uint64_t sum = 0;
  for (const TrafficFlow* flow : of_[slice]) {
    sum += has(*flow, other) ? tree(*flow, tile_of) : part(*flow, slice, tile_of);
  }
  for (const TrafficFlow* flow : of_[other]) {
    if (!has(*flow, slice)) sum += part(*flow, other, tile_of);
  }
  return sum;
}

std::uint64_t MulticastFlows::tree(const TrafficFlow& flow,
                                   std::span<const std::uint32_t> tile_of) {
  to_.clear();
  for (const std::uint32_t slice : flow.to) to_.push_back(tile_of[slice]);
  return flow.packets * ways_.tree_links(tile_of[flow.from], to_);
}

std::uint64_t MulticastFlows::part(const TrafficFlow& flow, std::uint32_t slice,
                                   std::span<const std::uint32_t> tile_of) {
  if (flow.from == slice) return tree(flow, tile_of);
  to_.clear();
  for (const std::uint32_t target : flow.to) {
    if (target != slice) to_.push_back(tile_of[target]);
  }
  return flow.packets * ways_.further_links(tile_of[flow.from], tile_of[slice], to_);
}

}  // namespace nj
