#include "neurojoule/hardware/mapping_report.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "cuts.hpp"
#include "footprint.hpp"
#include "multicast_flows.hpp"
#include "place.hpp"

namespace nj {
namespace {

void add_limits(const SliceNeeds& needs, const CoreKindSpec& kind, const SliceSize& size,
                const char* axis, std::vector<CutLimit>& limits) {
  for (const Violation& over : exceeded(footprint(needs, size, kind), kind, "")) {
    limits.push_back({axis, over.resource, over.needed, over.available});
  }
}

std::vector<CutLimit> limits_of(const SliceNeeds& needs, const CoreKindSpec& kind,
                                const Parts& parts) {
  std::vector<CutLimit> limits;
  const auto [channel_parts, row_parts, column_parts] = parts.cut;
  if (row_parts > 1) {
    SliceSize size = parts.largest;
    size.rows = ceil_divide(needs.shape.height, row_parts - 1);
    add_limits(needs, kind, size, "rows", limits);
  }
  if (column_parts > 1) {
    SliceSize size = parts.largest;
    size.columns = ceil_divide(needs.shape.width, column_parts - 1);
    add_limits(needs, kind, size, "columns", limits);
  }
  if (channel_parts > 1) {
    const std::uint32_t units = needs.shape.channels / needs.channel_unit;
    SliceSize size = parts.largest;
    size.channels = ceil_divide(units, channel_parts - 1) * needs.channel_unit;
    add_limits(needs, kind, size, "channels", limits);
  }
  return limits;
}

/// Where one slice could go while all others stay.
class OtherCores {
 public:
  OtherCores(const Chip& chip, const Mapping& mapping, const Traffic& traffic)
      : chip_(chip),
        links_(chip.topology()),
        neighbours_(neighbours(traffic)),
        multicast_(links_, traffic),
        tile_of_(tiles_of(chip, mapping)) {
    std::vector<bool> taken(chip.cores().size(), false);
    for (const LayerSlice& slice : mapping.slices) taken[slice.core.index] = true;
    std::set<std::pair<std::uint32_t, std::uint32_t>> seen;  // kind and tile
    for (std::uint32_t i = 0; i < taken.size(); ++i) {
      const Core& core = chip.cores()[i];
      if (!taken[i] && seen.emplace(core.kind, core.tile).second) free_.push_back(CoreId{i});
    }
  }

  /// Adds `hops_both_ways` and the best other core.
  void explain(std::uint32_t slice, SlicePlacement& placement) {
    const std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    const std::uint32_t home = tile_of_[slice];
    placement.hops_both_ways = hops_at(slice, home, all);
    std::uint64_t least = all;
    for (const CoreId core : free_) {
      if (chip_.core(core).kind != chip_.core(placement.slice.core).kind) continue;
      const std::uint64_t hops = hops_at(slice, chip_.core(core).tile, least);
      if (hops >= least) continue;
      least = hops;
      placement.best_other = core;
      placement.best_other_hops = hops;
    }
    tile_of_[slice] = home;
  }

 private:
  /// What its packets pass when it is on a tile; where that is `most` or more, a part of it that
  /// is.
  [[nodiscard]] std::uint64_t hops_at(std::uint32_t slice, std::uint32_t tile, std::uint64_t most) {
    tile_of_[slice] = tile;
    std::uint64_t sum = 0;
    for (const Neighbour& n : neighbours_[slice]) {
      const std::uint32_t other = tile_of_[n.other];
      sum += n.alone * (n.sends ? links_.between(other, tile) : links_.between(tile, other));
      if (sum >= most) return sum;
    }
    const std::uint64_t least = sum + multicast_.least_cost_of(slice, tile_of_);
    return least >= most ? least : sum + multicast_.cost_of(slice, tile_of_);
  }

  const Chip& chip_;
  WayLengths links_;
  std::vector<std::vector<Neighbour>> neighbours_;
  MulticastFlows multicast_;
  std::vector<std::uint32_t> tile_of_;  ///< by slice, then the I/O port
  std::vector<CoreId> free_;            ///< the first of each kind on each tile
};

}  // namespace

std::vector<SlicePlacement> explain_mapping(const Network& network,
                                            std::span<const Population> populations,
                                            std::span<const LayerWidths> widths, const Chip& chip,
                                            const Mapping& mapping, const Traffic& traffic) {
  if (traffic.slices != mapping.slices.size()) {
    throw Error(ErrorKind::shape, fmt::format("the traffic is of {} slices, the mapping has {}",
                                              traffic.slices, mapping.slices.size()));
  }
  if (mapping.slices.empty()) return {};
  const std::vector<Footprint> uses = footprints(network, populations, widths, chip, mapping);
  const PopulationGraph graph = population_graph(network, populations, chip.reads_frames());
  const std::vector<Parts> parts = parts_of(network, populations, mapping);
  OtherCores others(chip, mapping, traffic);
  std::vector<SlicePlacement> placements;
  for (std::uint32_t i = 0; i < mapping.slices.size(); ++i) {
    const LayerSlice& slice = mapping.slices[i];
    const std::uint32_t p = slice.population;
    const SliceNeeds needs = slice_needs(network, populations[p], widths, graph.slots[p], chip);
    placements.push_back(
        {slice, uses[i], limits_of(needs, chip.kind_of(slice.core), parts[p]), 0, 0});
    others.explain(i, placements.back());
  }
  const std::vector<std::uint32_t> tile_of = tiles_of(chip, mapping);
  for (const TrafficFlow& flow : traffic.flows) {
    for (const std::uint32_t to : flow.to) {
      placements[to].packets += flow.packets;
      placements[to].packet_hops +=
          flow.packets * chip.topology().hops(tile_of[flow.from], tile_of[to]);
    }
  }
  return placements;
}

}  // namespace nj
