#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "neurojoule/core/rng.hpp"

#include "multicast_flows.hpp"
#include "place.hpp"

namespace nj {
namespace {

constexpr std::uint32_t stream_annealing = 0x4E4A5001;
constexpr std::uint64_t probe_level = ~std::uint64_t{0};  ///< entity of the first temperature

constexpr std::size_t nearest_cores = 16;     ///< that moves to a neighbour choose from
constexpr std::uint32_t levels = 100;         ///< of temperature
constexpr std::uint32_t cooled_part = 16;     ///< each level is a 16th cooler
constexpr std::uint64_t told_moves = 4096;    ///< from one call of `progress` to the next
constexpr std::uint32_t moves_per_slice = 4;  ///< and level, times effort

/// -log2(u) for a uniform u in (0, 1], in units of 2^-16; linear between powers of two, so that it
/// is the same on every machine (at most 0.09 off).
std::uint64_t exponential(std::uint64_t random) {
  const auto zeros = static_cast<std::uint32_t>(std::countl_zero(random | 1));
  const std::uint64_t fraction = (random << zeros << 1) >> 48;
  return (std::uint64_t{zeros} << 16) + (0x10000 - fraction);
}

/// 32 random bits as an index below `bound`.
std::uint32_t scaled(std::uint64_t bits, std::size_t bound) {
  return static_cast<std::uint32_t>(bits * bound >> 32);
}

/// Slices on cores, with moves that keep every slice on its kind of core.
///
/// Invariant: `cost_` is the sum over all flows of packets x lengths, and `slice_on_` the inverse
/// of `core_of_`.
class Annealer {
 public:
  Annealer(const Chip& chip, const WayLengths& lengths, const Traffic& traffic,
           const Mapping& start, std::uint64_t seed)
      : chip_(chip),
        lengths_(lengths),
        neighbours_(neighbours(traffic)),
        multicast_(lengths, traffic),
        nobody_(traffic.slices),
        cost_(
            static_cast<std::int64_t>(packets_by_length(traffic, lengths, tiles_of(chip, start)))),
        tile_of_(tiles_of(chip, start)),
        slice_on_(chip.cores().size(), nobody_),
        cores_(chip.spec().core_kinds.size()),
        nearest_(cores_.size() * chip.topology().tiles()),
        seed_(seed) {
    for (std::uint32_t s = 0; s < traffic.slices; ++s) {
      core_of_.push_back(start.slices[s].core.index);
      slice_on_[core_of_[s]] = s;
    }
    for (std::uint32_t c = 0; c < chip.cores().size(); ++c) {
      cores_[chip.cores()[c].kind].push_back(c);
    }
    best_ = core_of_;
    best_cost_ = cost_;
  }

  /// Core by slice, the best placement seen.
  std::vector<std::uint32_t> run(const PlacementOptions& options) {
    const std::uint64_t moves = std::uint64_t{nobody_} * moves_per_slice * options.effort;
    std::uint64_t temperature = first_temperature();
    for (std::uint32_t level = 0; level < levels; ++level) {
      if (options.progress) options.progress(std::size_t{nobody_} * level / levels, nobody_);
      for (std::uint64_t i = 0; i < moves; ++i) try_move({level, i}, temperature);
      temperature -= temperature / cooled_part;
    }
    descend(moves, options);
    return best_;
  }

  /// The same, downhill only.
  std::vector<std::uint32_t> improve(const PlacementOptions& options) {
    descend(std::uint64_t{nobody_} * moves_per_slice * options.effort, options);
    return best_;
  }

 private:
  struct Draw {
    std::uint64_t level = 0;
    std::uint64_t move = 0;
  };

  [[nodiscard]] std::uint64_t random(const Draw& draw, std::uint32_t use) const {
    // 2^30 moves of each level have steps of their own; further ones other entities.
    return random_u64({seed_, stream_annealing, draw.level | (draw.move >> 30) << 16},
                      static_cast<std::uint32_t>(draw.move << 2) | use);
  }

  /// A random slice, and a core of its kind: any one, or in half of all moves one of the nearest to
  /// a slice that it exchanges packets with.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> draw_move(const Draw& draw) {
    const std::uint64_t bits = random(draw, 0);
    const std::uint64_t more_bits = random(draw, 1);
    const std::uint32_t slice = scaled(bits >> 32, nobody_);
    const std::uint32_t kind = chip_.cores()[core_of_[slice]].kind;
    const auto& others = neighbours_[slice];
    if (bits % 2 == 0 || others.empty()) {
      return {slice, cores_[kind][scaled(more_bits >> 32, cores_[kind].size())]};
    }
    const Neighbour& other = others[scaled(more_bits >> 32, others.size())];
    const auto& near = nearest(kind, tile_of_[other.other]);
    return {slice, near[scaled(more_bits & 0xFFFFFFFF, near.size())]};
  }

  /// The few cores of a kind that are nearest to a tile.
  const std::vector<std::uint32_t>& nearest(std::uint32_t kind, std::uint32_t tile) {
    auto& found = nearest_[std::size_t{kind} * lengths_.topology().tiles() + tile];
    if (!found.empty()) return found;
    const auto& cores = cores_[kind];
    found.resize(std::min(nearest_cores, cores.size()));
    std::partial_sort_copy(
        cores.begin(), cores.end(), found.begin(), found.end(),
        [&](std::uint32_t a, std::uint32_t b) {
          const std::uint32_t to_a = lengths_.between(tile, chip_.cores()[a].tile);
          const std::uint32_t to_b = lengths_.between(tile, chip_.cores()[b].tile);
          return to_a != to_b ? to_a < to_b : a < b;
        });
    return found;
  }

  /// Of the packets that go to one slice only.
  [[nodiscard]] std::uint64_t cost_of(std::uint32_t slice, std::uint32_t except) const {
    const std::uint32_t tile = tile_of_[slice];
    std::uint64_t sum = 0;
    for (const Neighbour& n : neighbours_[slice]) {
      if (n.other == except) continue;
      const std::uint32_t other = tile_of_[n.other];
      sum += n.alone * (n.sends ? lengths_.between(other, tile) : lengths_.between(tile, other));
    }
    return sum;
  }

  /// What depends on where one slice is, and another one unless that is `nobody_`.
  [[nodiscard]] std::int64_t cost_of_both(std::uint32_t slice, std::uint32_t other) {
    std::uint64_t cost = cost_of(slice, nobody_ + 1);
    if (other == nobody_) {
      cost += multicast_.cost_of(slice, tile_of_);
    } else {
      cost += cost_of(other, slice) + multicast_.cost_of(slice, other, tile_of_);
    }
    return static_cast<std::int64_t>(cost);
  }

  /// Puts a slice on a core, and what was there on the core that the slice leaves.
  void exchange(std::uint32_t slice, std::uint32_t core) {
    const std::uint32_t left = core_of_[slice];
    const std::uint32_t other = slice_on_[core];
    const auto put = [&](std::uint32_t s, std::uint32_t c) {
      slice_on_[c] = s;
      if (s == nobody_) return;
      core_of_[s] = c;
      tile_of_[s] = chip_.cores()[c].tile;
    };
    put(slice, core);
    put(other, left);
  }

  /// What a move would add to the cost; the move is made.
  std::int64_t move(std::uint32_t slice, std::uint32_t core) {
    const std::uint32_t other = slice_on_[core];
    const std::int64_t before = cost_of_both(slice, other);
    exchange(slice, core);
    return cost_of_both(slice, other) - before;
  }

  /// Metropolis: a move that costs d more is kept with probability 2^(-d / temperature).
  bool try_move(const Draw& draw, std::uint64_t temperature) {
    const auto [slice, core] = draw_move(draw);
    const std::uint32_t left = core_of_[slice];
    if (tile_of_[slice] == chip_.cores()[core].tile) return false;
    const std::int64_t more = move(slice, core);
    if (more > 0 && !accepts(draw, static_cast<std::uint64_t>(more), temperature)) {
      exchange(slice, left);
      return false;
    }
    cost_ += more;
    if (cost_ < best_cost_) keep_best();
    return more < 0;
  }

  [[nodiscard]] bool accepts(const Draw& draw, std::uint64_t more,
                             std::uint64_t temperature) const {
    // The limit is at most 64; 2^32 is where shifting the one up or the other down is exact enough.
    if (temperature == 0 || more / temperature > 64) return false;
    const std::uint64_t ratio = temperature < std::uint64_t{1} << 32 ? (more << 16) / temperature
                                                                     : more / (temperature >> 16);
    return ratio <= exponential(random(draw, 2));
  }

  /// What random moves change the cost by, in the mean of those that change it.
  std::uint64_t first_temperature() {
    std::uint64_t sum = 0;
    std::uint64_t changes = 0;
    for (std::uint64_t i = 0; i < std::uint64_t{nobody_} * moves_per_slice; ++i) {
      const auto [slice, core] = draw_move({probe_level, i});
      const std::uint32_t left = core_of_[slice];
      const std::int64_t more = move(slice, core);
      exchange(slice, left);
      if (more == 0) continue;
      sum += static_cast<std::uint64_t>(std::abs(more));
      ++changes;
    }
    return changes == 0 ? 0 : sum / changes;
  }

  void keep_best() {
    best_cost_ = cost_;
    best_ = core_of_;
  }

  /// Downhill from the best placement, until as many moves in a row gain nothing.
  void descend(std::uint64_t moves, const PlacementOptions& options) {
    for (std::uint32_t s = 0; s < nobody_; ++s) slice_on_[core_of_[s]] = nobody_;
    core_of_ = best_;
    for (std::uint32_t s = 0; s < nobody_; ++s) {
      slice_on_[core_of_[s]] = s;
      tile_of_[s] = chip_.cores()[core_of_[s]].tile;
    }
    cost_ = best_cost_;
    std::uint64_t idle = 0;
    for (std::uint64_t i = 0; idle < moves; ++i) {
      if (options.progress && i % told_moves == 0) options.progress(nobody_ - 1, nobody_);
      idle = try_move({levels, i}, 0) ? 0 : idle + 1;
    }
    if (options.progress) options.progress(nobody_, nobody_);
  }

  const Chip& chip_;
  const WayLengths& lengths_;
  std::vector<std::vector<Neighbour>> neighbours_;
  MulticastFlows multicast_;
  std::uint32_t nobody_;  ///< the number of slices
  std::int64_t cost_;
  std::vector<std::uint32_t> tile_of_;               ///< by slice, then the I/O port
  std::vector<std::uint32_t> core_of_;               ///< by slice
  std::vector<std::uint32_t> slice_on_;              ///< by core
  std::vector<std::vector<std::uint32_t>> cores_;    ///< by kind
  std::vector<std::vector<std::uint32_t>> nearest_;  ///< by kind and tile; empty: not yet asked for
  std::vector<std::uint32_t> best_;                  ///< core by slice
  std::int64_t best_cost_ = 0;
  std::uint64_t seed_;
};

Mapping with_cores(Mapping mapping, const std::vector<std::uint32_t>& cores) {
  for (std::size_t s = 0; s < cores.size(); ++s) mapping.slices[s].core = CoreId{cores[s]};
  return mapping;
}

}  // namespace

Mapping anneal(const Chip& chip, const WayLengths& lengths, const Traffic& traffic, Mapping start,
               const PlacementOptions& options) {
  if (start.slices.empty()) return start;
  Annealer annealer(chip, lengths, traffic, start, options.seed);
  return with_cores(std::move(start), annealer.run(options));
}

Mapping improve(const Chip& chip, const WayLengths& lengths, const Traffic& traffic, Mapping start,
                const PlacementOptions& options) {
  if (start.slices.empty()) return start;
  Annealer annealer(chip, lengths, traffic, start, options.seed);
  return with_cores(std::move(start), annealer.improve(options));
}

}  // namespace nj
