#include "cuts.hpp"

#include <algorithm>
#include <set>

#include "neurojoule/hardware/population_graph.hpp"

namespace nj {
namespace {

/// Border `i` of `parts` equal parts of [0, total).
std::uint32_t border(std::uint32_t total, std::uint32_t parts, std::uint32_t i) {
  return static_cast<std::uint32_t>(std::uint64_t{total} * i / parts);
}

}  // namespace

SliceSize largest_slice(const SliceNeeds& needs, const Cut& cut) {
  const std::uint32_t units = needs.shape.channels / needs.channel_unit;
  return {ceil_divide(units, cut.channel_parts) * needs.channel_unit,
          ceil_divide(needs.shape.height, cut.row_parts),
          ceil_divide(needs.shape.width, cut.column_parts)};
}

std::optional<Cut> fewest_slices(const SliceNeeds& needs, const CoreKindSpec& kind) {
  if (!fits(footprint(needs, {needs.channel_unit, 1, 1}, kind), kind)) return std::nullopt;
  std::optional<Cut> best;
  std::uint64_t most = max_cores;
  for_each_cut(needs, most, [&](const Cut& cut) {
    if (!fits(footprint(needs, largest_slice(needs, cut), kind), kind)) return;
    best = cut;
    most = cut.slices() - 1;
  });
  return best;
}

void add_slices(std::uint32_t population, const SliceNeeds& needs, const Cut& cut,
                std::vector<LayerSlice>& slices) {
  const std::uint32_t units = needs.shape.channels / needs.channel_unit;
  const std::uint32_t columns = needs.shape.width;
  for (std::uint32_t position = 0; position < cut.row_parts * cut.column_parts; ++position) {
    const std::uint32_t r = position / cut.column_parts;
    const std::uint32_t k = position % cut.column_parts;
    for (std::uint32_t c = 0; c < cut.channel_parts; ++c) {
      slices.push_back({population, border(units, cut.channel_parts, c) * needs.channel_unit,
                        border(units, cut.channel_parts, c + 1) * needs.channel_unit,
                        border(needs.shape.height, cut.row_parts, r),
                        border(needs.shape.height, cut.row_parts, r + 1), CoreId{},
                        border(columns, cut.column_parts, k),
                        cut.column_parts == 1 ? LayerSlice::all_columns
                                              : border(columns, cut.column_parts, k + 1)});
    }
  }
}

std::vector<Parts> parts_of(const Network& network, std::span<const Population> populations,
                            const Mapping& mapping) {
  struct Begins {
    std::set<std::uint32_t> channels;
    std::set<std::uint32_t> rows;
    std::set<std::uint32_t> columns;
  };
  std::vector<Begins> begins(populations.size());
  std::vector<Parts> all(populations.size());
  for (const LayerSlice& slice : mapping.slices) {
    begins[slice.population].channels.insert(slice.channel_begin);
    begins[slice.population].rows.insert(slice.row_begin);
    begins[slice.population].columns.insert(slice.column_begin);
    SliceSize& largest = all[slice.population].largest;
    const SliceSize size = size_of(slice, neuron_shape(network, populations[slice.population]));
    largest = {std::max(largest.channels, size.channels), std::max(largest.rows, size.rows),
               std::max(largest.columns, size.columns)};
  }
  for (std::size_t p = 0; p < all.size(); ++p) {
    all[p].cut = {static_cast<std::uint32_t>(begins[p].channels.size()),
                  static_cast<std::uint32_t>(begins[p].rows.size()),
                  static_cast<std::uint32_t>(begins[p].columns.size())};
  }
  return all;
}

}  // namespace nj
