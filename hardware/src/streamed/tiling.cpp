#include <algorithm>
#include <numeric>
#include <tuple>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "footprint.hpp"
#include "streamed/tile_needs.hpp"

namespace nj {
namespace {

/// Tiles of one population beyond which its tiling is refused.
constexpr std::uint64_t max_layer_tiles = 65'536;

/// Bits of all membranes of a population.
std::uint64_t membrane_bits(const TileNeeds& needs) {
  return saturating_product({needs.shape.neurons(), needs.membrane_bits});
}

/// What all layers of a network have in common: room in the buffers that some of them take for
/// good.
class ArrayTiler {
 public:
  ArrayTiler(const Network& network, std::span<const Population> populations,
             std::span<const LayerWidths> widths, const Chip& chip)
      : network_(network), populations_(populations), chip_(chip), array_(*chip.spec().array) {
    static_cast<void>(population_graph(network, populations));  // refuses what no chip runs
    for (const Population& population : populations) {
      needs_.push_back(tile_needs(network, population, widths));
    }
    for (const ArrayBuffer buffer : array_buffers) {
      available_[static_cast<std::size_t>(buffer)] = array_.capacity(buffer);
    }
    spills_.assign(populations.size(), false);
    if (array_.weights == WeightLoads::per_step) {
      keep_states();
    } else {
      spill_attention();
    }
  }

  [[nodiscard]] const TileNeeds& needs(std::uint32_t p) const { return needs_[p]; }
  [[nodiscard]] bool is_input(std::uint32_t p) const {
    return std::holds_alternative<Input>(*needs_[p].op);
  }
  [[nodiscard]] bool spills(std::uint32_t p) const { return spills_[p]; }
  [[nodiscard]] const std::string& name(std::uint32_t p) const {
    return network_.layer(populations_[p].lead).name;
  }

  /// The tiling of a population; nullopt when not even the smallest tile fits.
  [[nodiscard]] std::optional<LayerTiling> choose(std::uint32_t p) const {
    std::optional<LayerTiling> best;
    std::tuple<std::uint64_t, std::uint64_t> least;
    for (const std::uint32_t channels : channel_choices(p)) {
      const auto tiling = largest_tile(p, channels);
      if (!tiling) continue;
      const std::tuple cost{inputs_read(p, *tiling), tiling->tiles()};
      if (best && cost >= least) continue;  // choices begin with the most channels
      best = tiling;
      least = cost;
    }
    return best;
  }

  /// Buffers that a tile overflows.
  [[nodiscard]] std::vector<TileLimit> exceeded(std::uint32_t p, const TileShape& tile,
                                                const std::string& axis) const {
    std::vector<TileLimit> limits;
    const BufferBits bits = tile_bits(needs_[p], array_, tile, spills_[p]);
    for (std::size_t b = 0; b < bits.size(); ++b) {
      if (bits[b] <= available_[b]) continue;
      limits.push_back({axis, std::string(to_string(array_buffers[b])), bits[b], available_[b]});
    }
    return limits;
  }

  /// Why a population cannot run at all; empty when `choose` finds a tiling.
  [[nodiscard]] std::vector<Violation> violations(std::uint32_t p) const {
    const TileNeeds& needs = needs_[p];
    std::vector<Violation> found = format_violations(p);
    for (const TileLimit& limit : exceeded(p, {needs.channel_unit, 1, 1}, "")) {
      found.push_back(
          {name(p), limit.resource, limit.needed, limit.available,
           fmt::format(
               "layer \"{}\" needs {} bit of {} for its smallest tile ({}), \"{}\" has {} "
               "bit",
               name(p), limit.needed, limit.resource,
               needs.is_attention() ? "one head at one position" : "one channel at one position",
               array_.name, limit.available)});
    }
    return found;
  }

  /// Sums of heads that do not fit, and what off-chip memory cannot hold.
  [[nodiscard]] std::vector<Violation> shared_violations() const {
    std::vector<Violation> found;
    if (head_bits_ > array_.capacity(ArrayBuffer::accumulator_buffer)) {
      found.push_back(
          {"", "accumulator_buffer", head_bits_, array_.capacity(ArrayBuffer::accumulator_buffer),
           fmt::format("heads keep {} bit of sums between time steps in the "
                       "accumulator_buffer, \"{}\" has {} bit",
                       head_bits_, array_.name, array_.capacity(ArrayBuffer::accumulator_buffer))});
    }
    std::uint64_t bits = 0;
    for (std::uint32_t p = 0; p < needs_.size(); ++p) {
      const TileNeeds& needs = needs_[p];
      bits = saturating_sum(bits, weight_bits(needs, needs.shape.channels));
      if (spills_[p]) bits = saturating_sum(bits, membrane_bits(needs));
      if (is_input(p)) {
        bits = saturating_sum(bits, saturating_product({needs.sent.neurons(), needs.output_bits}));
      }
    }
    const std::uint64_t available = chip_.spec().off_chip.capacity.value();
    if (bits > available) {
      found.push_back({"", "off_chip", bits, available,
                       fmt::format("weights, spilled membranes and one frame have {} bit, off-chip "
                                   "memory has {} bit",
                                   bits, available)});
    }
    return found;
  }

  /// What one tile fewer in each direction would overflow.
  [[nodiscard]] std::vector<TileLimit> limits(const LayerTiling& tiling) const {
    const TileNeeds& needs = needs_[tiling.population];
    const TileShape tile{tiling.tile_channels, tiling.tile_rows, tiling.tile_columns};
    std::vector<TileLimit> all;
    const auto look = [&](const char* axis, std::uint32_t tiles, const TileShape& larger) {
      if (tiles == 1) return;
      const auto found = exceeded(tiling.population, larger, axis);
      all.insert(all.end(), found.begin(), found.end());
    };
    const auto fewer = [](std::uint32_t total, std::uint32_t tiles) {
      return ceil_divide(total, std::max(tiles - 1, 1U));
    };
    TileShape larger = tile;
    const std::uint32_t units = needs.shape.channels / needs.channel_unit;
    larger.channels = fewer(units, tiling.channel_tiles) * needs.channel_unit;
    look("channels", tiling.channel_tiles, larger);
    larger = tile;
    larger.rows = fewer(needs.map.height, tiling.row_tiles);
    look("rows", tiling.row_tiles, larger);
    larger = tile;
    larger.columns = fewer(needs.map.width, tiling.column_tiles);
    look("columns", tiling.column_tiles, larger);
    return all;
  }

 private:
  /// Gives heads' sums their room, and the smallest layers' membranes theirs.
  void keep_states() {
    std::vector<std::uint32_t> order;
    std::uint64_t all = 0;
    for (std::uint32_t p = 0; p < needs_.size(); ++p) {
      const TileNeeds& needs = needs_[p];
      if (needs.is_head()) {
        head_bits_ = saturating_sum(
            head_bits_, saturating_product({needs.shape.channels, needs.lead.accumulator_bits}));
      }
      if (needs.membrane_bits == 0) continue;
      order.push_back(p);
      all = saturating_sum(all, membrane_bits(needs));
    }
    auto& accumulators = available_[static_cast<std::size_t>(ArrayBuffer::accumulator_buffer)];
    accumulators -= std::min(accumulators, head_bits_);
    auto& membranes = available_[static_cast<std::size_t>(ArrayBuffer::membrane_buffer)];
    if (all <= membranes) return;
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return membrane_bits(needs_[a]) < membrane_bits(needs_[b]);
    });
    std::uint64_t kept = 0;
    for (const std::uint32_t p : order) {
      const std::uint64_t bits = membrane_bits(needs_[p]);
      spills_[p] = saturating_sum(kept, bits) > membranes / 2;
      if (!spills_[p]) kept += bits;
    }
    membranes -= kept;
  }

  /// Attention works on all of its positions in each step; where one head's membranes do not fit,
  /// they come and go.
  void spill_attention() {
    for (std::uint32_t p = 0; p < needs_.size(); ++p) {
      const TileNeeds& needs = needs_[p];
      if (!needs.is_attention()) continue;
      spills_[p] =
          saturating_product({needs.channel_unit, needs.shape.positions(), needs.membrane_bits}) >
          array_.capacity(ArrayBuffer::membrane_buffer);
    }
  }

  [[nodiscard]] std::vector<Violation> format_violations(std::uint32_t p) const {
    const NumberFormat& format = needs_[p].lead.weights;
    if (!has_weights(*needs_[p].op) || array_.weight_formats.supports(format)) return {};
    const std::uint32_t widest = array_.weight_formats.max_bits(format.scheme);
    return {{name(p), "weight_format", format.bits, widest,
             fmt::format(R"(layer "{}" has {} weights, "{}" takes {})", name(p), to_string(format),
                         array_.name,
                         widest == 0            ? "none of that scheme"
                         : format.bits > widest ? fmt::format("at most {} bits of it", widest)
                                                : "no zero points and no groups")}};
  }

  /// All channels, multiples of the columns, or fewer: from the most to the least.
  [[nodiscard]] std::vector<std::uint32_t> channel_choices(std::uint32_t p) const {
    const TileNeeds& needs = needs_[p];
    const std::uint32_t all = needs.shape.channels;
    std::vector<std::uint32_t> choices{all};
    if (needs.is_attention()) {
      for (std::uint32_t c = all - needs.channel_unit; c > 0; c -= needs.channel_unit) {
        choices.push_back(c);
      }
      return choices;
    }
    for (std::uint32_t c = (all - 1) / array_.columns * array_.columns; c > 0;
         c -= array_.columns) {
      choices.push_back(c);
    }
    for (std::uint32_t c = std::min(all, array_.columns) - 1; c > 0; --c) choices.push_back(c);
    return choices;
  }

  [[nodiscard]] bool fits(std::uint32_t p, const TileShape& tile) const {
    const BufferBits bits = tile_bits(needs_[p], array_, tile, spills_[p]);
    for (std::size_t b = 0; b < bits.size(); ++b) {
      if (bits[b] > available_[b]) return false;
    }
    return true;
  }

  /// The greatest number in 1 .. most that fits; 0 when none does. A tile needs no less when it
  /// grows.
  template <class Fits>
  static std::uint32_t greatest(std::uint32_t most, const Fits& fits) {
    std::uint32_t low = 0;
    std::uint32_t high = most;
    while (low < high) {
      const std::uint32_t middle = low + (high - low + 1) / 2;
      if (fits(middle)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /// The fewest tiles of so many channels; all of about the same size.
  [[nodiscard]] std::optional<LayerTiling> largest_tile(std::uint32_t p,
                                                        std::uint32_t channels) const {
    const FeatureShape& shape = needs_[p].map;
    TileShape tile{channels, 1, shape.width};
    tile.rows = greatest(shape.height, [&](std::uint32_t rows) {
      return fits(p, {channels, rows, shape.width});
    });
    if (tile.rows == 0) {
      tile.rows = 1;
      tile.columns = greatest(shape.width, [&](std::uint32_t columns) {
        return fits(p, {channels, 1, columns});
      });
      if (tile.columns == 0) return std::nullopt;
    }
    LayerTiling tiling;
    tiling.population = p;
    tiling.channel_tiles = ceil_divide(shape.channels, channels);
    tiling.row_tiles = ceil_divide(shape.height, tile.rows);
    tiling.column_tiles = ceil_divide(shape.width, tile.columns);
    tiling.tile_channels = channels;
    tiling.tile_rows = ceil_divide(shape.height, tiling.row_tiles);
    tiling.tile_columns = ceil_divide(shape.width, tiling.column_tiles);
    tiling.membranes_spill = spills_[p];
    if (tiling.tiles() > max_layer_tiles) return std::nullopt;
    return tiling;
  }

  /// Input bits that all tiles read in one time step.
  [[nodiscard]] std::uint64_t inputs_read(std::uint32_t p, const LayerTiling& tiling) const {
    const TileNeeds& needs = needs_[p];
    if (needs.is_add() || needs.is_attention()) return 0;  // each value is read once
    const OperandNeeds& from = needs.operands[0];
    if (needs.is_head()) {
      return saturating_product({tiling.channel_tiles, from.shape.neurons(), from.bits});
    }
    std::uint64_t rows = 0;
    for (std::uint32_t i = 0; i < tiling.row_tiles; ++i) {
      rows += seen(part(needs.shape.height, tiling.tile_rows, i), from.shape.height, needs.kernel.y,
                   needs.stride.y, needs.padding.y)
                  .size();
    }
    std::uint64_t columns = 0;
    for (std::uint32_t i = 0; i < tiling.column_tiles; ++i) {
      columns += seen(part(needs.shape.width, tiling.tile_columns, i), from.shape.width,
                      needs.kernel.x, needs.stride.x, needs.padding.x)
                     .size();
    }
    return saturating_product(
        {tiling.channel_tiles, rows, columns, from.shape.channels, from.bits});
  }

  const Network& network_;
  std::span<const Population> populations_;
  const Chip& chip_;
  const ArraySpec& array_;
  std::vector<TileNeeds> needs_;
  BufferBits available_{};
  std::vector<bool> spills_;
  std::uint64_t head_bits_ = 0;  ///< sums that heads keep between time steps
};

/// Rows and columns of PEs in all blocks of a population.
std::uint64_t pe_slots(const TileNeeds& needs, const ArraySpec& array, const LayerTiling& tiling) {
  const auto rounded = [](std::uint64_t n, std::uint64_t side) {
    return (n + side - 1) / side * side;
  };
  std::uint64_t positions = needs.is_head() ? array.rows : 0;
  for (std::uint32_t r = 0; r < tiling.row_tiles && !needs.is_head(); ++r) {
    for (std::uint32_t c = 0; c < tiling.column_tiles; ++c) {
      positions += rounded(std::uint64_t{part(needs.shape.height, tiling.tile_rows, r).size()} *
                               part(needs.shape.width, tiling.tile_columns, c).size(),
                           array.rows);
    }
  }
  std::uint64_t channels = 0;
  if (needs.is_attention()) {
    channels =
        needs.shape.channels / needs.channel_unit * rounded(needs.channel_unit, array.columns);
  } else {
    for (std::uint32_t c = 0; c < tiling.channel_tiles; ++c) {
      channels +=
          rounded(part(needs.shape.channels, tiling.tile_channels, c).size(), array.columns);
    }
  }
  return positions * channels;
}

}  // namespace

MappingResult map_tiles(const Network& network, std::span<const Population> populations,
                        std::span<const LayerWidths> widths, const Chip& chip) {
  const ArrayTiler tiler(network, populations, widths, chip);
  MappingResult result;
  for (std::uint32_t p = 0; p < populations.size(); ++p) {
    if (tiler.is_input(p)) continue;
    auto violations = tiler.violations(p);
    if (violations.empty()) {
      if (const auto tiling = tiler.choose(p)) {
        result.mapping.tilings.push_back(*tiling);
      } else {
        violations.push_back({tiler.name(p), "tiles", max_layer_tiles + 1, max_layer_tiles,
                              fmt::format("layer \"{}\" would be cut into more than {} tiles",
                                          tiler.name(p), max_layer_tiles)});
      }
    }
    result.violations.insert(result.violations.end(), violations.begin(), violations.end());
  }
  for (Violation& violation : tiler.shared_violations()) {
    violation.layer = tiler.name(0);
    result.violations.push_back(std::move(violation));
  }
  if (!result.feasible()) result.mapping.tilings.clear();
  return result;
}

std::vector<Violation> check_tiles(const Network& network, std::span<const Population> populations,
                                   std::span<const LayerWidths> widths, const Chip& chip,
                                   const Mapping& mapping) {
  const ArrayTiler tiler(network, populations, widths, chip);
  std::vector<Violation> found;
  std::size_t i = 0;
  for (std::uint32_t p = 0; p < populations.size(); ++p) {
    if (tiler.is_input(p)) continue;
    const auto refuse = [&](std::string resource, std::uint64_t needed, std::uint64_t available,
                            std::string_view what) {
      found.push_back({tiler.name(p), std::move(resource), needed, available,
                       fmt::format("layer \"{}\" {}", tiler.name(p), what)});
    };
    if (i == mapping.tilings.size() || mapping.tilings[i].population != p) {
      refuse("tiles", 1, 0, "has no tiling");
      continue;
    }
    const LayerTiling& tiling = mapping.tilings[i++];
    const TileNeeds& needs = tiler.needs(p);
    const auto cut = [](std::uint32_t total, std::uint32_t size, std::uint32_t tiles) {
      return size > 0 && size <= total && tiles == ceil_divide(total, size);
    };
    if (!cut(needs.shape.channels, tiling.tile_channels, tiling.channel_tiles) ||
        !cut(needs.map.height, tiling.tile_rows, tiling.row_tiles) ||
        !cut(needs.map.width, tiling.tile_columns, tiling.column_tiles) ||
        tiling.tile_channels % needs.channel_unit != 0 ||
        tiling.membranes_spill != tiler.spills(p) || tiling.tiles() > max_layer_tiles) {
      refuse("tiles", 1, 0,
             "has a tiling that does not cover it, cuts a head or has too many tiles");
      continue;
    }
    const TileShape tile{tiling.tile_channels, tiling.tile_rows, tiling.tile_columns};
    for (const TileLimit& limit : tiler.exceeded(p, tile, "")) {
      refuse(limit.resource, limit.needed, limit.available,
             fmt::format("has tiles of {} bit of {}, \"{}\" has {} bit", limit.needed,
                         limit.resource, chip.spec().array->name, limit.available));
    }
    for (Violation& violation : tiler.violations(p)) {
      if (violation.resource == "weight_format") found.push_back(std::move(violation));
    }
  }
  if (i != mapping.tilings.size() || !mapping.slices.empty()) {
    found.push_back({"", "tiles", 0, 0, "the mapping has slices, or tilings of other layers"});
  }
  for (Violation& violation : tiler.shared_violations()) found.push_back(std::move(violation));
  return found;
}

std::vector<TilingReport> explain_tiling(const Network& network,
                                         std::span<const Population> populations,
                                         std::span<const LayerWidths> widths, const Chip& chip,
                                         const Mapping& mapping) {
  std::vector<TilingReport> reports;
  if (!chip.spec().array) return reports;
  const ArraySpec& array = *chip.spec().array;
  const ArrayTiler tiler(network, populations, widths, chip);
  for (const LayerTiling& tiling : mapping.tilings) {
    const TileNeeds& needs = tiler.needs(tiling.population);
    const TileShape tile{tiling.tile_channels, tiling.tile_rows, tiling.tile_columns};
    reports.push_back({tiling, tile_bits(needs, array, tile, tiling.membranes_spill),
                       tiler.limits(tiling), needs.shape.neurons(),
                       pe_slots(needs, array, tiling)});
  }
  return reports;
}

}  // namespace nj
