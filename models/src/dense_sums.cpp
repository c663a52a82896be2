// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dense_sums.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "dense_sums.hpp"
#include "packed_bits.hpp"
#include "window_lists.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t tile_channels = DenseWeights::tile_channels;
constexpr std::size_t line_inputs = DenseWeights::line_inputs;
constexpr std::size_t dense_line = tile_channels * line_inputs;  // bytes

#if HWY_TARGET != HWY_SCALAR

using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;
constexpr std::size_t lanes32 = hn::MaxLanes(D32());
constexpr std::size_t vectors = tile_channels / lanes32;
/// Positions that share a loaded line: as many sums as registers hold.
constexpr std::size_t together = vectors == 1 ? 8 : vectors == 2 ? 3 : 1;

/// For each 16-bit lane the sum of two products, unsigned bytes of `a` times signed bytes of `b`.
HWY_INLINE V16 multiply_pairs(V16 a, V16 b) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return V16{_mm512_maddubs_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX2
  return V16{_mm256_maddubs_epi16(a.raw, b.raw)};
#else
  const D16 d;
  const auto low_a = hn::And(a, hn::Set(d, 255));
  const auto high_a = hn::And(hn::ShiftRight<8>(a), hn::Set(d, 255));
  const auto low_b = hn::ShiftRight<8>(hn::ShiftLeft<8>(b));
  return hn::Add(hn::Mul(low_a, low_b), hn::Mul(high_a, hn::ShiftRight<8>(b)));
#endif
}

/// The sum of the two 16-bit halves of each 32-bit lane.
HWY_INLINE V32 add_halves(V16 sum) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return V32{_mm512_madd_epi16(sum.raw, _mm512_set1_epi16(1))};
#elif HWY_TARGET == HWY_AVX2
  return V32{_mm256_madd_epi16(sum.raw, _mm256_set1_epi16(1))};
#elif HWY_TARGET == HWY_SSE2
  return V32{_mm_madd_epi16(sum.raw, _mm_set1_epi16(1))};
#else
  const auto both = hn::BitCast(D32(), sum);
  return hn::Add(hn::ShiftRight<16>(both), hn::ShiftRight<16>(hn::ShiftLeft<16>(both)));
#endif
}

/// `count` rows of inputs times a tile. A 32-bit lane is an output channel; its halves sum two
/// inputs each, for as many lines as are sure to fit.
template <std::size_t count>
HWY_INLINE void multiply_rows(const DenseWeights& weights, const std::int8_t* tile,
                              const std::uint8_t* inputs, std::size_t block, std::size_t stride,
                              std::int32_t* sums) {
  const D16 d;
  const D32 d32;
  const std::size_t lines = weights.lines();
  V32 sum[count][vectors];
  for (auto& row : sum) {
    for (auto& vector : row) vector = hn::Zero(d32);
  }
  for (std::size_t begin = 0; begin < lines; begin += block) {
    V16 halves[count][vectors];
    for (auto& row : halves) {
      for (auto& vector : row) vector = hn::Zero(d);
    }
    const std::size_t end = std::min(begin + block, lines);
    for (std::size_t line = begin; line < end; ++line) {
      V16 weight[vectors];
      for (std::size_t v = 0; v < vectors; ++v) {
        weight[v] = hn::Load(
            d, reinterpret_cast<const std::int16_t*>(tile + line * dense_line) + v * 2 * lanes32);
      }
      for (std::size_t r = 0; r < count; ++r) {
        std::int32_t four = 0;
        std::memcpy(&four, inputs + (r * lines + line) * line_inputs, sizeof(four));
        const auto all = hn::BitCast(d, hn::Set(d32, four));
        for (std::size_t v = 0; v < vectors; ++v) {
          halves[r][v] = hn::Add(halves[r][v], multiply_pairs(all, weight[v]));
        }
      }
    }
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t v = 0; v < vectors; ++v) {
        sum[r][v] = hn::Add(sum[r][v], add_halves(halves[r][v]));
      }
    }
  }
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t v = 0; v < vectors; ++v) {
      hn::StoreU(sum[r][v], d32, sums + r * stride + v * lanes32);
    }
  }
}

void multiply_tile(const DenseWeights& weights, const std::int8_t* tile, const std::uint8_t* inputs,
                   std::size_t rows, std::size_t block, std::size_t stride, std::int32_t* sums) {
  const std::size_t row_bytes = weights.lines() * line_inputs;
  std::size_t r = 0;
  for (; r + together <= rows; r += together) {
    multiply_rows<together>(weights, tile, inputs + r * row_bytes, block, stride,
                            sums + r * stride);
  }
  for (; r < rows; ++r) {
    multiply_rows<1>(weights, tile, inputs + r * row_bytes, block, stride, sums + r * stride);
  }
}

#else

void multiply_tile(const DenseWeights& weights, const std::int8_t* tile, const std::uint8_t* inputs,
                   std::size_t rows, std::size_t, std::size_t stride, std::int32_t* sums) {
  const std::size_t row_inputs = weights.lines() * line_inputs;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < tile_channels; ++c) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < row_inputs; ++i) {
        sum += inputs[r * row_inputs + i] *
               tile[i / line_inputs * dense_line + line_inputs * c + i % line_inputs];
      }
      sums[r * stride + c] = sum;
    }
  }
}

#endif

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(multiply_tile);

namespace {

constexpr std::size_t least_block = 4;  // below, widening costs more than 16-bit sums save

/// Inputs of map positions [x_begin, x_end) of row y as bytes.
void copy_inputs(const SpikeTrain& input, std::uint32_t t, std::uint64_t address, std::size_t count,
                 std::uint8_t* out) {
  if (const auto* graded = std::get_if<GradedTensor>(&input)) {
    const auto values = graded->step(t).subspan(address, count);
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(values[i]);
    return;
  }
  const auto words = std::get<SpikeTensor>(input).step(t);
  for (std::size_t i = 0; i < count; i += 64) {
    const std::size_t some = std::min<std::size_t>(64, count - i);
    const std::uint64_t bits = bits_at(words, address + i, some);
    for (std::size_t b = 0; b < some; ++b) out[i + b] = bits >> b & 1;
  }
}

}  // namespace

DenseWeights::DenseWeights(const ConvolutionGeometry& geometry,
                           std::span<const std::int16_t> weights)
    : geometry_(geometry),
      lines_((geometry.group_rows() + line_inputs - 1) / line_inputs),
      tiles_((geometry.out_channels + tile_channels - 1) / tile_channels) {
  const std::size_t rows = geometry.group_rows();
  if (weights.size() != rows * geometry.out_channels) {
    throw Error(ErrorKind::shape, fmt::format("expected {} weights, got {}",
                                              rows * geometry.out_channels, weights.size()));
  }
  bytes_.assign(tiles_ * lines_ * tile_channels * line_inputs, 0);
  const std::size_t inputs = geometry.in_channels;
  const std::size_t taps = rows / inputs;
  for (std::size_t o = 0; o < geometry.out_channels; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t tap = 0; tap < taps; ++tap) {
        const std::int16_t w = weights[(o * inputs + i) * taps + tap];
        const std::size_t row = tap * inputs + i;
        const std::size_t line = o / tile_channels * lines_ + row / line_inputs;
        bytes_[(line * tile_channels + o % tile_channels) * line_inputs + row % line_inputs] =
            static_cast<std::int8_t>(w);
        max_weight_ = std::max(max_weight_, std::abs(std::int32_t{w}));
      }
    }
  }
}

std::size_t DenseWeights::block(std::int32_t max_value) const {
  return static_cast<std::size_t>(32767 / (2 * max_weight_ * std::max(max_value, 1)));
}

bool DenseWeights::takes(std::int32_t min_value, std::int32_t max_value) const {
  return min_value >= 0 && max_value <= 255 && block(max_value) >= least_block;
}

void dense_sums(const DenseWeights& weights, const SpikeTrain& input, const InputEvents& events,
                std::size_t begin, std::size_t end, DenseScratch& scratch, std::int32_t* sums,
                std::span<std::uint64_t> rows) {
  const ConvolutionGeometry& g = weights.geometry();
  const std::size_t row_bytes = weights.lines() * DenseWeights::line_inputs;
  const std::size_t positions = end - begin;
  scratch.inputs.assign(events.timesteps() * positions * row_bytes, 0);
  std::uint8_t* row = scratch.inputs.data();
  for (std::uint32_t t = 0; t < events.timesteps(); ++t) {
    for (std::size_t p = begin; p < end; ++p, row += row_bytes) {
      for_each_run(g, p, [&](auto y, auto x_begin, auto x_end, auto ky, auto kx) {
        const std::uint64_t address = (std::uint64_t{y} * g.in_width + x_begin) * g.in_channels;
        const std::size_t count = std::size_t{x_end - x_begin} * g.in_channels;
        copy_inputs(input, t, address, count,
                    row + (std::size_t{ky} * g.kernel_x + kx) * g.in_channels);
        const std::uint32_t* const inputs = events.first_input(t, 0) + std::size_t{y} * g.in_width;
        rows[t] += inputs[x_end] - inputs[x_begin];
      });
    }
  }
  const std::size_t stride = padded(g.out_channels);
  for (std::size_t tile = 0; tile < weights.tiles(); ++tile) {
    HWY_DYNAMIC_DISPATCH(multiply_tile)
    (weights, weights.tile(tile), scratch.inputs.data(), events.timesteps() * positions,
     weights.block(events.max_value()), stride, sums + tile * DenseWeights::tile_channels);
  }
}

}  // namespace nj
#endif  // HWY_ONCE
