#include "place.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "multicast_flows.hpp"

namespace nj {

std::string_view to_string(Placement placement) {
  switch (placement) {
    case Placement::in_order:
      return "in-order";
    case Placement::greedy:
      return "greedy";
    case Placement::annealing:
      return "annealing";
    case Placement::partition:
      return "partition";
  }
  return "";
}

std::vector<std::vector<Neighbour>> neighbours(const Traffic& traffic) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Neighbour> pairs;  // by receiver, then sender
  for (const TrafficFlow& flow : traffic.flows) {
    if (flow.packets == 0) continue;
    for (const std::uint32_t to : flow.to) {
      Neighbour& pair = pairs[{to, flow.from}];
      pair.packets += flow.packets;
      if (flow.to.size() == 1) pair.alone += flow.packets;
    }
  }
  std::vector<std::vector<Neighbour>> all(traffic.slices);
  for (const auto& [ends, pair] : pairs) {
    const auto [to, from] = ends;
    all[to].push_back({from, pair.packets, pair.alone, true});
    if (from < traffic.slices) all[from].push_back({to, pair.packets, pair.alone, false});
  }
  return all;
}

std::vector<std::uint32_t> tiles_of(const Chip& chip, const Mapping& mapping) {
  std::vector<std::uint32_t> tiles;
  for (const LayerSlice& slice : mapping.slices) tiles.push_back(chip.core(slice.core).tile);
  tiles.push_back(io_tile);
  return tiles;
}

std::vector<std::uint32_t> kinds_of(const Chip& chip, const Mapping& mapping) {
  std::vector<std::uint32_t> kinds;
  for (const LayerSlice& slice : mapping.slices) kinds.push_back(chip.core(slice.core).kind);
  return kinds;
}

Mapping place_in_order(const Chip& chip, std::vector<LayerSlice> slices,
                       std::span<const std::uint32_t> kinds,
                       std::span<const std::uint32_t> groups) {
  std::vector<std::uint32_t> next(chip.spec().core_kinds.size(), 0);  // core to look at, by kind
  std::map<std::uint32_t, CoreId> core_of;                            // by group
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const auto [core, fresh] = core_of.try_emplace(groups[i]);
    if (fresh) {
      std::uint32_t& free = next[kinds[i]];
      while (chip.cores()[free].kind != kinds[i]) ++free;
      core->second = CoreId{free++};
    }
    slices[i].core = core->second;
  }
  return {std::move(slices)};
}

std::uint64_t packets_by_length(const Traffic& traffic, const WayLengths& lengths,
                                std::span<const std::uint32_t> tile_of) {
  BranchingWays ways(lengths);
  std::vector<std::uint32_t> to;
  std::uint64_t sum = 0;
  for (const TrafficFlow& flow : traffic.flows) {
    to.clear();
    for (const std::uint32_t slice : flow.to) to.push_back(tile_of[slice]);
    sum += flow.packets * ways.tree_links(tile_of[flow.from], to);
  }
  return sum;
}

std::uint64_t packet_hops(const Traffic& traffic, const Chip& chip, const Mapping& mapping) {
  return packets_by_length(traffic, WayLengths(chip.topology()), tiles_of(chip, mapping));
}

namespace {

/// Slices that share a core, as one: a mapping and traffic without shared cores.
struct Grouped {
  std::vector<std::uint32_t> group_of;  ///< by slice
  Mapping mapping;                      ///< the first slice of each group
  Traffic traffic;                      ///< between groups, where it can pass links
};

Grouped grouped(const Traffic& traffic, const Mapping& mapping) {
  Grouped groups;
  groups.group_of.resize(mapping.slices.size());
  for (const UsedCore& used : used_cores(mapping)) {
    const auto group = static_cast<std::uint32_t>(groups.mapping.slices.size());
    groups.mapping.slices.push_back(mapping.slices[used.slices.front()]);
    for (const std::uint32_t s : used.slices) groups.group_of[s] = group;
  }
  groups.traffic.slices = static_cast<std::uint32_t>(groups.mapping.slices.size());
  for (TrafficFlow flow : traffic.flows) {
    flow.from = flow.from == traffic.slices ? groups.traffic.slices : groups.group_of[flow.from];
    for (std::uint32_t& to : flow.to) to = groups.group_of[to];
    std::sort(flow.to.begin(), flow.to.end());
    flow.to.erase(std::unique(flow.to.begin(), flow.to.end()), flow.to.end());
    std::erase(flow.to, flow.from);
    if (!flow.to.empty()) groups.traffic.flows.push_back(std::move(flow));
  }
  return groups;
}

/// By a strategy other than in_order.
Mapping place_groups(const Chip& chip, const Traffic& traffic, const Mapping& mapping,
                     const PlacementOptions& options) {
  const WayLengths lengths(chip.topology(), options.chip_link);
  Mapping greedy = place_greedily(chip, lengths, traffic, mapping);
  if (options.strategy == Placement::annealing) {
    return anneal(chip, lengths, traffic, std::move(greedy), options);
  }
  if (options.strategy == Placement::partition) {
    const auto cost = [&](const Mapping& placed) {
      return packets_by_length(traffic, lengths, tiles_of(chip, placed));
    };
    Mapping parts = partition(chip, lengths, traffic, mapping, options);
    if (cost(greedy) < cost(parts)) parts = std::move(greedy);
    return improve(chip, lengths, traffic, std::move(parts), options);
  }
  return greedy;
}

}  // namespace

Mapping place(const Chip& chip, const Traffic& traffic, const Mapping& mapping,
              const PlacementOptions& options) {
  if (options.effort < 1 || options.effort > max_placement_effort) {
    throw Error(ErrorKind::config, fmt::format("expected a placement effort of 1..{}, got {}",
                                               max_placement_effort, options.effort));
  }
  if (options.chip_link < 1 || options.chip_link > max_chip_link) {
    throw Error(ErrorKind::config,
                fmt::format("expected links between chips to count as 1..{}, got {}", max_chip_link,
                            options.chip_link));
  }
  if (traffic.slices != mapping.slices.size()) {
    throw Error(ErrorKind::shape, fmt::format("the traffic is of {} slices, the mapping has {}",
                                              traffic.slices, mapping.slices.size()));
  }
  if (chip.spec().array) return mapping;
  const Grouped groups = grouped(traffic, mapping);
  if (options.strategy == Placement::in_order) {
    return place_in_order(chip, mapping.slices, kinds_of(chip, mapping), groups.group_of);
  }
  const Mapping placed = place_groups(chip, groups.traffic, groups.mapping, options);
  Mapping all = mapping;
  for (std::size_t s = 0; s < all.slices.size(); ++s) {
    all.slices[s].core = placed.slices[groups.group_of[s]].core;
  }
  return all;
}

}  // namespace nj
