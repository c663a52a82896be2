#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/feature_shape.hpp"

namespace nj {

/// Rows [begin, end) of a map, in all time steps: what one thread works on. Passes over one train
/// after the other take the same bands in the same order, so that a thread mostly reads what it
/// wrote: a cache line of another core's costs as much as 100 additions of rows.
struct RowBand {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t index = 0;  ///< among the bands of its map
};

/// Bands of a map. The bits of a band fill whole words, except at the end of the last one.
std::vector<RowBand> row_bands(const FeatureShape& shape);

}  // namespace nj
