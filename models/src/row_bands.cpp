#include "row_bands.hpp"

#include <algorithm>
#include <numeric>

namespace nj {

std::vector<RowBand> row_bands(const FeatureShape& shape) {
  constexpr std::uint32_t most = 16;
  const std::uint64_t row_bits = std::uint64_t{shape.width} * shape.channels;
  const auto whole = static_cast<std::uint32_t>(64 / std::gcd(row_bits, std::uint64_t{64}));
  const std::uint32_t rows = (shape.height + most - 1) / most;
  const std::uint32_t height = (rows + whole - 1) / whole * whole;
  std::vector<RowBand> bands;
  for (std::uint32_t y = 0; y < shape.height; y += height) {
    const auto index = static_cast<std::uint32_t>(bands.size());
    bands.push_back({y, y + std::min(height, shape.height - y), index});
  }
  return bands;
}

}  // namespace nj
