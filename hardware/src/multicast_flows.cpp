#include "multicast_flows.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace nj {
namespace {

constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

bool has(const TrafficFlow& flow, std::uint32_t slice) {
  return flow.from == slice || std::binary_search(flow.to.begin(), flow.to.end(), slice);
}

}  // namespace

/// Links that two ways have in common, from their start on.
std::uint32_t BranchingWays::common_links(std::uint32_t from, std::uint32_t a,
                                          std::uint32_t b) const {
  if (a == b) return topology_.hops(from, a);
  std::uint32_t count = 0;
  for (std::uint32_t at = from; at != a && at != b; ++count) {
    const std::uint32_t link = topology_.next_link(at, a);
    if (link != topology_.next_link(at, b)) break;
    at = topology_.links()[link].to;
  }
  return count;
}

const std::vector<std::uint32_t>& BranchingWays::ranks(std::uint32_t from) {
  std::vector<std::uint32_t>& ranks = ranks_[from];
  if (!ranks.empty()) return ranks;
  std::vector<std::uint32_t> tiles(topology_.tiles());
  std::iota(tiles.begin(), tiles.end(), 0U);
  // A way that ends where another goes on comes first.
  std::sort(tiles.begin(), tiles.end(), [&](std::uint32_t a, std::uint32_t b) {
    for (std::uint32_t at = from; at != b && a != b;) {
      if (at == a) return true;
      const std::uint32_t to_a = topology_.next_link(at, a);
      const std::uint32_t to_b = topology_.next_link(at, b);
      if (to_a != to_b) return to_a < to_b;
      at = topology_.links()[to_a].to;
    }
    return false;
  });
  ranks.resize(tiles.size());
  for (std::uint32_t rank = 0; rank < tiles.size(); ++rank) ranks[tiles[rank]] = rank;
  return ranks;
}

std::uint64_t BranchingWays::tree_links(std::uint32_t from, std::span<std::uint32_t> to) {
  if (to.size() == 1) return topology_.hops(from, to.front());
  const std::vector<std::uint32_t>& rank = ranks(from);
  std::sort(to.begin(), to.end(),
            [&](std::uint32_t a, std::uint32_t b) { return rank[a] < rank[b]; });
  std::uint64_t links = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    links += topology_.hops(from, to[i]);
    if (i > 0) links -= common_links(from, to[i], to[i - 1]);
  }
  return links;
}

std::uint32_t BranchingWays::further_links(std::uint32_t from, std::uint32_t to,
                                           std::span<const std::uint32_t> others) {
  const std::vector<std::uint32_t>& rank = ranks(from);
  std::uint32_t lower = nowhere;
  std::uint32_t higher = nowhere;
  for (const std::uint32_t other : others) {
    if (rank[other] <= rank[to]) {
      if (lower == nowhere || rank[other] > rank[lower]) lower = other;
    } else if (higher == nowhere || rank[other] < rank[higher]) {
      higher = other;
    }
  }
  if (lower == to) return 0;
  std::uint32_t common = 0;
  if (lower != nowhere) common = common_links(from, to, lower);
  if (higher != nowhere) common = std::max(common, common_links(from, to, higher));
  return topology_.hops(from, to) - common;
}

MulticastFlows::MulticastFlows(const Topology& topology, const Traffic& traffic)
    : ways_(topology), of_(traffic.slices + std::size_t{1}) {
  for (const TrafficFlow& flow : traffic.flows) {
    if (flow.to.size() == 1) continue;
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
