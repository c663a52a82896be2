// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "float_line_kernels.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "line_kernels.hpp"

// Unlike integers, float sums have one order, that of the events: a lane per channel, no blocks.
HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Float sums of one window, added in the order of the events.
template <std::size_t tiles, bool graded>
HWY_INLINE void sum_float_window(const LineCall& call, const std::byte* first, const Window& window,
                                 float* sums) {
  const hn::ScalableTag<float> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  constexpr std::size_t per_tile = line_bytes / sizeof(float) / lanes;
  hn::Vec<decltype(d)> sum[tiles * per_tile];
  for (auto& vector : sum) vector = hn::Zero(d);
  for (std::size_t e = window.begin; e < window.begin + window.count; ++e) {
    const std::byte* const line = first + call.offsets[e];
    for (std::size_t v = 0; v < tiles * per_tile; ++v) {
      const auto* const tile =
          reinterpret_cast<const float*>(line + v / per_tile * call.tile_bytes);
      auto weight = hn::Load(d, tile + v % per_tile * lanes);
      if constexpr (graded) {
        weight = hn::Mul(weight, hn::Set(d, static_cast<float>(call.values[e])));
      }
      sum[v] = hn::Add(sum[v], weight);
    }
  }
  for (std::size_t v = 0; v < tiles * per_tile; ++v) hn::StoreU(sum[v], d, sums + v * lanes);
}

template <std::size_t tiles>
void sum_float_tiles(const LineCall& call, const std::byte* first, std::size_t channels,
                     float* sums) {
  float tile[tiles * line_bytes / sizeof(float)];
  for (const Window& window : call.windows) {
    call.values == nullptr ? sum_float_window<tiles, false>(call, first, window, tile)
                           : sum_float_window<tiles, true>(call, first, window, tile);
    std::copy(tile, tile + channels, sums + window.row * call.stride);
  }
}

void sum_float(const LineCall& call, float* sums) {
  constexpr std::size_t channels = line_bytes / sizeof(float);
  const std::byte* first = call.lines;
  std::size_t c = 0;
  for (; c + 4 * channels <= call.channels; c += 4 * channels, first += 4 * call.tile_bytes) {
    sum_float_tiles<4>(call, first, 4 * channels, sums + c);
  }
  for (; c < call.channels; c += channels, first += call.tile_bytes) {
    sum_float_tiles<1>(call, first, std::min(channels, call.channels - c), sums + c);
  }
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(sum_float);

void sum_lines(const LineCall& call, float* sums) { HWY_DYNAMIC_DISPATCH(sum_float)(call, sums); }

}  // namespace nj
#endif  // HWY_ONCE
