#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <numeric>
#include <optional>

#include <boost/pending/disjoint_sets.hpp>

#include "metis.hpp"
#include "place.hpp"

namespace nj {
namespace {

using Counts = std::vector<std::uint64_t>;  ///< by core kind

constexpr std::uint32_t outside = 0xFFFFFFFF;  ///< the region of the I/O port

/// Slices that go to some tiles.
struct Region {
  std::vector<std::uint32_t> tiles;   ///< ascending
  std::vector<std::uint32_t> slices;  ///< ascending
};

/// The chip of each router, by one of its routers.
std::vector<std::uint32_t> chips_of(const Topology& topology) {
  std::vector<std::uint32_t> chip(topology.routers());
  std::vector<std::uint32_t> rank(topology.routers());
  boost::disjoint_sets chips(rank.data(), chip.data());
  for (std::uint32_t i = 0; i < topology.routers(); ++i) chips.make_set(i);
  for (const Link& link : topology.links()) {
    if (link.direction != Direction::between_chips) chips.union_set(link.from, link.to);
  }
  for (std::uint32_t i = 0; i < topology.routers(); ++i) chip[i] = chips.find_set(i);
  return chip;
}

/// Bisects tiles and slices together, chips before their tiles, the largest regions first.
///
/// Invariant: the slices of a region fit the cores of its tiles, kind by kind.
class Bisection {
 public:
  Bisection(const Chip& chip, const WayLengths& lengths, const Traffic& traffic,
            const Mapping& start, std::uint64_t seed)
      : chip_(chip),
        lengths_(lengths),
        neighbours_(neighbours(traffic)),
        kind_of_(kinds_of(chip, start)),
        chip_of_(chips_of(chip.topology())),
        cores_(chip.topology().tiles()),
        centre_(traffic.slices + std::size_t{1}, io_tile),
        region_of_(traffic.slices, 0),
        seed_(seed) {
    region_of_.push_back(outside);
    for (std::uint32_t c = 0; c < chip.cores().size(); ++c) {
      cores_[chip.cores()[c].tile].push_back(c);
    }
  }

  /// Core by slice.
  std::vector<std::uint32_t> run(const PlacementOptions& options) {
    std::deque<Region> regions{whole()};
    std::vector<std::uint32_t> core_of(kind_of_.size());
    std::size_t placed = 0;
    while (!regions.empty()) {
      // Improving is left to do.
      if (options.progress) options.progress(std::min(placed, core_of.size() - 1), core_of.size());
      const Region region = std::move(regions.front());
      regions.pop_front();
      if (region.slices.empty()) continue;
      if (region.tiles.size() == 1) {
        fill(region, core_of);
        placed += region.slices.size();
        continue;
      }
      for (Region& half : halves(region)) regions.push_back(std::move(half));
    }
    return core_of;
  }

 private:
  [[nodiscard]] Counts slices_by_kind(std::span<const std::uint32_t> slices) const {
    Counts counts(chip_.spec().core_kinds.size(), 0);
    for (const std::uint32_t s : slices) ++counts[kind_of_[s]];
    return counts;
  }

  [[nodiscard]] Counts cores_by_kind(std::span<const std::uint32_t> tiles) const {
    Counts counts(chip_.spec().core_kinds.size(), 0);
    for (const std::uint32_t tile : tiles) {
      for (const std::uint32_t core : cores_[tile]) ++counts[chip_.cores()[core].kind];
    }
    return counts;
  }

  [[nodiscard]] static bool within(const Counts& needed, const Counts& available) {
    return std::equal(needed.begin(), needed.end(), available.begin(),
                      [](std::uint64_t n, std::uint64_t a) { return n <= a; });
  }

  /// All slices, and the tiles nearest to the I/O port that hold them.
  [[nodiscard]] Region whole() const {
    Region region;
    region.slices.resize(kind_of_.size());
    std::iota(region.slices.begin(), region.slices.end(), 0U);
    std::vector<std::uint32_t> tiles(cores_.size());
    std::iota(tiles.begin(), tiles.end(), 0U);
    std::stable_sort(tiles.begin(), tiles.end(), [&](std::uint32_t a, std::uint32_t b) {
      return lengths_.between(io_tile, a) < lengths_.between(io_tile, b);
    });
    const Counts needed = slices_by_kind(region.slices);
    Counts available(needed.size(), 0);
    for (const std::uint32_t tile : tiles) {
      if (within(needed, available)) break;
      region.tiles.push_back(tile);
      for (const std::uint32_t core : cores_[tile]) ++available[chip_.cores()[core].kind];
    }
    std::sort(region.tiles.begin(), region.tiles.end());
    return region;
  }

  void fill(const Region& region, std::vector<std::uint32_t>& core_of) const {
    std::vector<std::uint32_t> free = cores_[region.tiles.front()];
    for (const std::uint32_t s : region.slices) {
      const auto core = std::find_if(free.begin(), free.end(), [&](std::uint32_t c) {
        return chip_.cores()[c].kind == kind_of_[s];
      });
      core_of[s] = *core;
      free.erase(core);
    }
  }

  /// The tile with the shortest ways to the others.
  [[nodiscard]] std::uint32_t centre(const std::vector<std::uint32_t>& tiles) const {
    const auto sum = [&](std::uint32_t from) {
      std::uint64_t lengths = 0;
      for (const std::uint32_t to : tiles) lengths += lengths_.between(from, to);
      return lengths;
    };
    return *std::min_element(tiles.begin(), tiles.end(),
                             [&](std::uint32_t a, std::uint32_t b) { return sum(a) < sum(b); });
  }

  /// Connects a tile with the few that are nearest to it, the nearer the closer.
  void connect_nearest(const std::vector<std::uint32_t>& tiles, std::uint32_t tile,
                       MetisGraph& graph) const {
    constexpr std::size_t few = 8;
    std::vector<std::uint32_t> others;
    for (std::uint32_t i = 0; i < tiles.size(); ++i) {
      if (i != tile) others.push_back(i);
    }
    const auto distance = [&](std::uint32_t i) { return lengths_.between(tiles[tile], tiles[i]); };
    const auto end = others.begin() + static_cast<std::ptrdiff_t>(std::min(few, others.size()));
    std::partial_sort(others.begin(), end, others.end(), [&](std::uint32_t a, std::uint32_t b) {
      return distance(a) != distance(b) ? distance(a) < distance(b) : a < b;
    });
    const std::uint32_t least = distance(others.front());
    for (auto other = others.begin(); other != end; ++other) {
      graph.connect(tile, *other, std::max(16U >> std::min(4U, distance(*other) - least), 1U));
    }
  }

  /// Whole chips while there are several, else tiles.
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> parts(
      const std::vector<std::uint32_t>& tiles) const {
    std::map<std::uint32_t, std::vector<std::uint32_t>> chips;
    for (const std::uint32_t tile : tiles) chips[chip_of_[tile]].push_back(tile);
    std::vector<std::vector<std::uint32_t>> parts;
    if (chips.size() == 1) {
      for (const std::uint32_t tile : tiles) parts.push_back({tile});
    } else {
      for (auto& [chip, its_tiles] : chips) parts.push_back(std::move(its_tiles));
    }
    return parts;
  }

  void split_tiles(const std::vector<std::uint32_t>& tiles, std::array<Region, 2>& half) const {
    const std::vector<std::vector<std::uint32_t>> parts = this->parts(tiles);
    std::vector<std::uint32_t> centres;
    std::vector<std::int32_t> sizes;
    for (const std::vector<std::uint32_t>& part : parts) {
      centres.push_back(centre(part));
      sizes.push_back(static_cast<std::int32_t>(part.size()));
    }
    MetisGraph graph(static_cast<std::uint32_t>(parts.size()));
    for (std::uint32_t i = 0; i < parts.size(); ++i) connect_nearest(centres, i, graph);
    const std::vector<float> equal(1, 0.5F);
    std::vector<bool> second = graph.bisect(sizes, equal, seed_);
    const bool cut = std::find(second.begin(), second.end(), !second[0]) != second.end();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!cut) second[i] = i >= parts.size() / 2;
      // The lowest tile is in the first part.
      std::vector<std::uint32_t>& to = half[second[i] == second[0] ? 0 : 1].tiles;
      to.insert(to.end(), parts[i].begin(), parts[i].end());
    }
    for (Region& region : half) std::sort(region.tiles.begin(), region.tiles.end());
  }

  /// Which half each slice of a region goes to, before capacities are checked.
  [[nodiscard]] std::vector<bool> split_slices(const Region& region, const Counts& first,
                                               const Counts& both) {
    const Counts needed = slices_by_kind(region.slices);
    std::vector<std::size_t> constraint(needed.size(), 0);
    std::vector<float> shares;
    for (std::size_t k = 0; k < needed.size(); ++k) {
      constraint[k] = shares.size();
      if (needed[k] == 0) continue;
      // METIS wants shares that are neither nothing nor all.
      const float share = static_cast<float>(first[k]) / static_cast<float>(both[k]);
      shares.push_back(std::clamp(share, 0.001F, 0.999F));
    }
    std::vector<std::int32_t> weights(region.slices.size() * shares.size(), 0);
    MetisGraph graph(static_cast<std::uint32_t>(region.slices.size()));
    for (std::uint32_t i = 0; i < region.slices.size(); ++i) {
      const std::uint32_t s = region.slices[i];
      weights[i * shares.size() + constraint[kind_of_[s]]] = 1;
      for (const Neighbour& n : neighbours_[s]) {
        if (!n.sends || region_of_[n.other] != region_of_[s]) continue;
        const auto other = std::lower_bound(region.slices.begin(), region.slices.end(), n.other);
        graph.connect(i, static_cast<std::uint32_t>(other - region.slices.begin()), n.packets);
      }
    }
    return graph.bisect(weights, shares, seed_);
  }

  /// Packets x lengths of a slice at a tile, of its traffic with other slices where they are
  /// thought to be; those of region `except` are left out.
  [[nodiscard]] std::int64_t cost_at(std::uint32_t slice, std::uint32_t tile,
                                     std::optional<std::uint32_t> except = std::nullopt) const {
    std::uint64_t sum = 0;
    for (const Neighbour& n : neighbours_[slice]) {
      if (except && region_of_[n.other] == *except) continue;
      const std::uint32_t other = centre_[n.other];
      sum += n.packets * (n.sends ? lengths_.between(other, tile) : lengths_.between(tile, other));
    }
    return static_cast<std::int64_t>(sum);
  }

  [[nodiscard]] std::array<Region, 2> halves(const Region& region) {
    std::array<Region, 2> half;
    split_tiles(region.tiles, half);
    const std::array available{cores_by_kind(half[0].tiles), cores_by_kind(half[1].tiles)};
    const Counts both = cores_by_kind(region.tiles);
    std::vector<bool> second(region.slices.size(), false);
    if (region.slices.size() > 1) second = split_slices(region, available[0], both);
    const std::array centres{centre(half[0].tiles), centre(half[1].tiles)};
    if (better_turned(region, second, centres)) second.flip();
    for (std::size_t i = 0; i < second.size(); ++i) {
      centre_[region.slices[i]] = centres[second[i] ? 1 : 0];
    }
    make_fit(region, second, available, centres);
    ++last_region_;
    for (std::size_t i = 0; i < second.size(); ++i) {
      half[second[i] ? 1 : 0].slices.push_back(region.slices[i]);
      if (second[i]) region_of_[region.slices[i]] = last_region_;
    }
    return half;
  }

  /// Whether the parts had better change sides, for the traffic with slices outside.
  [[nodiscard]] bool better_turned(const Region& region, const std::vector<bool>& second,
                                   const std::array<std::uint32_t, 2>& centres) const {
    std::int64_t straight = 0;
    std::int64_t turned = 0;
    for (std::size_t i = 0; i < second.size(); ++i) {
      const std::uint32_t s = region.slices[i];
      straight += cost_at(s, centres[second[i] ? 1 : 0], region_of_[s]);
      turned += cost_at(s, centres[second[i] ? 0 : 1], region_of_[s]);
    }
    return turned < straight;
  }

  /// Moves the slices that lose least out of a half that has too few cores for them.
  void make_fit(const Region& region, std::vector<bool>& second,
                const std::array<Counts, 2>& available,
                const std::array<std::uint32_t, 2>& centres) {
    std::array<Counts, 2> needed{Counts(available[0].size(), 0), Counts(available[0].size(), 0)};
    for (std::size_t i = 0; i < second.size(); ++i) {
      ++needed[second[i] ? 1 : 0][kind_of_[region.slices[i]]];
    }
    for (std::size_t kind = 0; kind < available[0].size(); ++kind) {
      for (std::size_t side = 0; side < 2; ++side) {
        for (; needed[side][kind] > available[side][kind]; --needed[side][kind]) {
          std::optional<std::size_t> moved;
          std::int64_t least = 0;
          for (std::size_t i = 0; i < second.size(); ++i) {
            const std::uint32_t s = region.slices[i];
            if (kind_of_[s] != kind || second[i] != (side == 1)) continue;
            const std::int64_t loss = cost_at(s, centres[1 - side]) - cost_at(s, centres[side]);
            if (moved && loss >= least) continue;
            moved = i;
            least = loss;
          }
          second[*moved] = side == 0;
          centre_[region.slices[*moved]] = centres[1 - side];
        }
      }
    }
  }

  const Chip& chip_;
  const WayLengths& lengths_;
  std::vector<std::vector<Neighbour>> neighbours_;
  std::vector<std::uint32_t> kind_of_;             ///< by slice
  std::vector<std::uint32_t> chip_of_;             ///< by tile
  std::vector<std::vector<std::uint32_t>> cores_;  ///< by tile
  std::vector<std::uint32_t> centre_;     ///< where a slice is thought to be; then the I/O port
  std::vector<std::uint32_t> region_of_;  ///< by slice
  std::uint32_t last_region_ = 0;
  std::uint64_t seed_;
};

}  // namespace

Mapping partition(const Chip& chip, const WayLengths& lengths, const Traffic& traffic,
                  Mapping start, const PlacementOptions& options) {
  const std::vector<std::uint32_t> cores =
      Bisection(chip, lengths, traffic, start, options.seed).run(options);
  for (std::size_t s = 0; s < cores.size(); ++s) start.slices[s].core = CoreId{cores[s]};
  return start;
}

}  // namespace nj
