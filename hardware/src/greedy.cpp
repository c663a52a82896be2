#include <limits>
#include <utility>

#include "multicast_flows.hpp"
#include "place.hpp"

namespace nj {
namespace {

/// Puts slices on cores one after another.
class GreedyPlacer {
 public:
  GreedyPlacer(const Chip& chip, const WayLengths& lengths, const Traffic& traffic, Mapping mapping)
      : chip_(chip),
        lengths_(lengths),
        ways_(lengths),
        kinds_(kinds_of(chip, mapping)),
        mapping_(std::move(mapping)),
        into_(traffic.slices),
        tile_of_(traffic.slices, nowhere),
        free_(chip.cores().size(), true) {
    tile_of_.push_back(io_tile);
    for (const TrafficFlow& flow : traffic.flows) {
      for (const std::uint32_t to : flow.to) into_[to].push_back(&flow);
    }
  }

  Mapping run() {
    for (std::uint32_t s = 0; s < kinds_.size(); ++s) {
      const CoreId core = nearest_core(kinds_[s], links_to(s));
      free_[core.index] = false;
      tile_of_[s] = chip_.core(core).tile;
      mapping_.slices[s].core = core;
    }
    return std::move(mapping_);
  }

 private:
  static constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

  struct Sender {
    std::uint32_t tile = 0;
    std::uint64_t neurons = 0;
    friend bool operator==(const Sender&, const Sender&) = default;
  };

  /// Links that one spike of each neuron passes for the sake of a slice, by the slice's tile.
  std::vector<std::uint64_t> links_to(std::uint32_t slice) {
    std::vector<std::uint64_t> links(lengths_.topology().tiles(), 0);
    std::vector<Sender> alone;  // of flows that reach no slice yet
    for (const TrafficFlow* flow : into_[slice]) {
      const Sender sender{tile_of_[flow->from], flow->neurons};
      if (sender.tile == nowhere) continue;
      const std::vector<std::uint32_t> reached = reached_tiles(*flow);
      if (reached.empty()) {
        alone.push_back(sender);
      } else {
        add(sender.neurons, ways_.further_links(sender.tile, reached), links);
      }
    }
    add(1, links_from(std::move(alone)), links);
    return links;
  }

  [[nodiscard]] std::vector<std::uint32_t> reached_tiles(const TrafficFlow& flow) const {
    std::vector<std::uint32_t> tiles;
    for (const std::uint32_t to : flow.to) {
      if (tile_of_[to] != nowhere) tiles.push_back(tile_of_[to]);
    }
    return tiles;
  }

  template <class Links>
  static void add(std::uint64_t times, const std::vector<Links>& links,
                  std::vector<std::uint64_t>& sums) {
    for (std::size_t tile = 0; tile < sums.size(); ++tile) sums[tile] += times * links[tile];
  }

  /// By tile, of whole ways. Slices that differ in channels only hear of the same senders.
  const std::vector<std::uint64_t>& links_from(std::vector<Sender> senders) {
    if (senders == senders_ && !links_.empty()) return links_;
    senders_ = std::move(senders);
    links_.assign(lengths_.topology().tiles(), 0);
    for (const Sender& sender : senders_) {
      for (std::uint32_t tile = 0; tile < links_.size(); ++tile) {
        links_[tile] += sender.neurons * lengths_.between(sender.tile, tile);
      }
    }
    return links_;
  }

  /// The free core of a kind on the tile with the fewest links, the lowest of equal ones.
  [[nodiscard]] CoreId nearest_core(std::uint32_t kind,
                                    const std::vector<std::uint64_t>& links) const {
    CoreId nearest;
    std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
    for (std::uint32_t i = 0; i < free_.size(); ++i) {
      const Core& core = chip_.cores()[i];
      if (!free_[i] || core.kind != kind || links[core.tile] >= fewest) continue;
      fewest = links[core.tile];
      nearest = CoreId{i};
    }
    return nearest;
  }

  const Chip& chip_;
  const WayLengths& lengths_;
  BranchingWays ways_;
  std::vector<std::uint32_t> kinds_;  ///< by slice
  Mapping mapping_;
  std::vector<std::vector<const TrafficFlow*>> into_;  ///< by slice
  std::vector<std::uint32_t> tile_of_;  ///< by slice, `nowhere` until it is placed; the I/O port
  std::vector<bool> free_;              ///< by core
  std::vector<Sender> senders_;         ///< that `links_from` was last asked for
  std::vector<std::uint64_t> links_;    ///< what it answered
};

}  // namespace

Mapping place_greedily(const Chip& chip, const WayLengths& lengths, const Traffic& traffic,
                       Mapping mapping) {
  return GreedyPlacer(chip, lengths, traffic, std::move(mapping)).run();
}

}  // namespace nj
