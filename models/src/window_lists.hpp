#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "convolution.hpp"

// The events that each output position of a block sees, as lists of line offsets.
namespace nj {

/// Calls `visit(iy, x_begin, x_end, ky, kx)` for the runs of map positions that one output position
/// sees, in the order of (ky, kx); tap (ky, kx) sees x_begin, the next tap the next position.
template <class Visit>
void for_each_run(const ConvolutionGeometry& g, std::size_t position, Visit&& visit) {
  const auto oy = static_cast<std::int64_t>(position / g.out_width);
  const auto ox = static_cast<std::int64_t>(position % g.out_width);
  const std::int64_t left = ox * g.stride_x - g.padding_x;
  for (std::uint32_t ky = 0; ky < g.kernel_y; ++ky) {
    const std::int64_t iy = oy * g.stride_y + std::int64_t{ky} * g.dilation_y - g.padding_y;
    if (iy < 0 || iy >= g.in_height) continue;
    const auto y = static_cast<std::uint32_t>(iy);
    if (g.dilation_x == 1) {
      const std::int64_t x_begin = std::max<std::int64_t>(left, 0);
      const std::int64_t x_end = std::min<std::int64_t>(left + g.kernel_x, g.in_width);
      if (x_begin >= x_end) continue;
      visit(y, static_cast<std::uint32_t>(x_begin), static_cast<std::uint32_t>(x_end), ky,
            static_cast<std::uint32_t>(x_begin - left));
      continue;
    }
    for (std::uint32_t kx = 0; kx < g.kernel_x; ++kx) {
      const std::int64_t x = left + std::int64_t{kx} * g.dilation_x;
      if (x < 0 || x >= g.in_width) continue;
      visit(y, static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x) + 1, ky, kx);
    }
  }
}

/// Fills `scratch.windows`, `offsets` and, for graded events, `values` for the positions
/// [begin, end) of one group in all steps; adds to `rows[t]` the lines of step t. The windows are
/// sorted by their number of lines, so that loops over them end predictably: a branch that is
/// mispredicted once per window costs as much as ten lines.
void list_windows(const ConvolutionGeometry& geometry, const InputEvents& events,
                  std::uint32_t group, std::size_t begin, std::size_t end,
                  ConvolutionScratch& scratch, std::span<std::uint64_t> rows);

}  // namespace nj
