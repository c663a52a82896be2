#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "neurojoule/hardware/mapping.hpp"

#include "footprint.hpp"

// How populations are cut into slices.
namespace nj {

/// In how many equal parts (within one) the channel units, the rows and the columns are cut.
struct Cut {
  std::uint32_t channel_parts = 0;
  std::uint32_t row_parts = 0;
  std::uint32_t column_parts = 1;
  [[nodiscard]] std::uint64_t slices() const {
    return std::uint64_t{channel_parts} * row_parts * column_parts;
  }
};

/// The largest slice of a cut.
SliceSize largest_slice(const SliceNeeds& needs, const Cut& cut);

/// Calls `see(cut)` for all cuts of at most `most` slices, which it may lower: rows before
/// channels, columns only in slices of one row.
template <class See>
void for_each_cut(const SliceNeeds& needs, const std::uint64_t& most, See&& see) {
  const std::uint32_t units = needs.shape.channels / needs.channel_unit;
  const std::uint32_t rows = needs.shape.height;
  assert(rows > 0);
  for (std::uint32_t c = 1; c <= units && c <= most; ++c) {
    for (std::uint32_t r = 1; r <= rows && Cut{c, r}.slices() <= most; ++r) see(Cut{c, r});
  }
  for (std::uint32_t c = 1; c <= units && Cut{c, rows}.slices() <= most; ++c) {
    for (std::uint32_t k = 2; k <= needs.shape.width && Cut{c, rows, k}.slices() <= most; ++k) {
      see(Cut{c, rows, k});
    }
  }
}

/// The cut with the fewest slices whose largest slice fits, the first of equal ones. nullopt when
/// even one unit at one position does not fit, or more than `max_cores` slices are needed.
std::optional<Cut> fewest_slices(const SliceNeeds& needs, const CoreKindSpec& kind);

/// Adds the slices of a population, rows outside, then columns, without cores.
void add_slices(std::uint32_t population, const SliceNeeds& needs, const Cut& cut,
                std::vector<LayerSlice>& slices);

/// How the slices of one population lie.
struct Parts {
  Cut cut;            ///< how many begin at different channels, rows and columns
  SliceSize largest;  ///< along each side
};
/// One entry per population; nothing in those without slices.
std::vector<Parts> parts_of(const Network& network, std::span<const Population> populations,
                            const Mapping& mapping);

}  // namespace nj
