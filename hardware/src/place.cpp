#include "place.hpp"

#include <limits>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "multicast_flows.hpp"

namespace nj {
namespace {

/// Free cores of a chip.
class FreeCores {
 public:
  explicit FreeCores(const Chip& chip) : chip_(chip), free_(chip.cores().size(), true) {}

  /// Takes the free core of a kind with the least distance of its tile, the lowest of equal ones.
  CoreId take_nearest(const std::vector<std::uint64_t>& distance, std::uint32_t kind) {
    CoreId best;
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (std::uint32_t i = 0; i < free_.size(); ++i) {
      const Core& core = chip_.cores()[i];
      if (!free_[i] || core.kind != kind || distance[core.tile] >= least) continue;
      least = distance[core.tile];
      best = CoreId{i};
    }
    free_[best.index] = false;
    return best;
  }

 private:
  const Chip& chip_;
  std::vector<bool> free_;
};

/// Per tile: the sum of hops from the given tiles.
std::vector<std::uint64_t> distances(const Topology& topology,
                                     std::span<const std::uint32_t> producers) {
  std::vector<std::uint64_t> distance(topology.tiles(), 0);
  for (const std::uint32_t from : producers) {
    for (std::uint32_t to = 0; to < topology.tiles(); ++to) distance[to] += topology.hops(from, to);
  }
  return distance;
}

Mapping place_in_order(const Chip& chip, Mapping mapping) {
  const std::vector<std::uint32_t> kinds = kinds_of(chip, mapping);
  const std::vector<std::uint64_t> nowhere(chip.topology().tiles(), 0);
  FreeCores free(chip);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    mapping.slices[i].core = free.take_nearest(nowhere, kinds[i]);
  }
  return mapping;
}

}  // namespace

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

Mapping place_greedily(const PopulationGraph& graph, const Chip& chip,
                       std::vector<LayerSlice> slices, std::span<const std::uint32_t> kinds) {
  std::vector<std::vector<std::uint32_t>> tiles(graph.depth.size());
  for (std::size_t p = 0; p < tiles.size(); ++p) {
    if (graph.depth[p] == 0) tiles[p] = {io_tile};  // an input, if it has no slices
  }
  FreeCores free(chip);
  std::vector<std::uint64_t> distance;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const std::uint32_t p = slices[i].population;
    if (i == 0 || slices[i - 1].population != p) {
      std::vector<std::uint32_t> producers;
      for (const PopulationEdge& edge : graph.edges) {
        if (edge.consumer != p) continue;
        producers.insert(producers.end(), tiles[edge.producer].begin(), tiles[edge.producer].end());
      }
      distance = distances(chip.topology(), producers);
      tiles[p].clear();
    }
    slices[i].core = free.take_nearest(distance, kinds[i]);
    tiles[p].push_back(chip.core(slices[i].core).tile);
  }
  return {std::move(slices)};
}

std::uint64_t packet_hops(const Traffic& traffic, const Chip& chip, const Mapping& mapping) {
  const std::vector<std::uint32_t> tile_of = tiles_of(chip, mapping);
  BranchingWays ways(chip.topology());
  std::vector<std::uint32_t> to;
  std::uint64_t sum = 0;
  for (const TrafficFlow& flow : traffic.flows) {
    to.clear();
    for (const std::uint32_t slice : flow.to) to.push_back(tile_of[slice]);
    sum += flow.packets * ways.tree_links(tile_of[flow.from], to);
  }
  return sum;
}

Mapping place(const Network& network, std::span<const Population> populations, const Chip& chip,
              const Traffic& traffic, const Mapping& mapping, const PlacementOptions& options) {
  if (options.effort < 1 || options.effort > max_placement_effort) {
    throw Error(ErrorKind::config, fmt::format("expected a placement effort of 1..{}, got {}",
                                               max_placement_effort, options.effort));
  }
  if (traffic.slices != mapping.slices.size()) {
    throw Error(ErrorKind::shape, fmt::format("the traffic is of {} slices, the mapping has {}",
                                              traffic.slices, mapping.slices.size()));
  }
  if (chip.spec().array) return mapping;
  const auto greedy = [&] {
    return place_greedily(population_graph(network, populations, chip.reads_frames()), chip,
                          mapping.slices, kinds_of(chip, mapping));
  };
  switch (options.strategy) {
    case Placement::in_order:
      return place_in_order(chip, mapping);
    case Placement::greedy:
      return greedy();
    case Placement::annealing:
      return anneal(chip, traffic, greedy(), options);
    case Placement::partition:
      return improve(chip, traffic, partition(chip, traffic, mapping, options), options);
  }
  return mapping;
}

}  // namespace nj
