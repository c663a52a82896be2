// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
// Arrays of vectors need a size that is known at compile time, which SVE and RVV lack.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "line_kernels.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "line_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using D8 = hn::ScalableTag<std::int8_t>;
using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;
constexpr std::size_t lanes16 = hn::MaxLanes(D16());
constexpr std::size_t line_vectors = line_bytes / (2 * lanes16);

HWY_INLINE V16 load_line(const std::byte* line, std::size_t v) {
  return hn::Load(D16(), reinterpret_cast<const std::int16_t*>(line) + v * lanes16);
}

/// Where the sums of a window go: over what is there, or added to it.
template <class Sum>
struct Output {
  Sum* at;
  bool add;

  HWY_INLINE void put(std::size_t channel, V16 sum) const {
    if constexpr (sizeof(Sum) == 2) {
      const D16 d;
      if (add) sum = hn::Add(sum, hn::LoadU(d, at + channel));
      hn::StoreU(sum, d, at + channel);
    } else {
      const hn::Half<D16> half;
      put(channel, hn::PromoteTo(D32(), hn::LowerHalf(half, sum)));
      put(channel + lanes16 / 2, hn::PromoteTo(D32(), hn::UpperHalf(half, sum)));
    }
  }
  HWY_INLINE void put(std::size_t channel, V32 sum) const {
    if constexpr (sizeof(Sum) == 4) {
      const D32 d;
      if (add) sum = hn::Add(sum, hn::LoadU(d, at + channel));
      hn::StoreU(sum, d, at + channel);
    }
  }
};

/// 8-bit lines in 16-bit lanes: `all` sums whole lanes modulo 2^16, `high` their upper bytes. The
/// lower bytes' sum follows: 256 * high + low = all. Lower bytes count from 128 up, so that they
/// never borrow from the upper ones.
struct ByteSums {
  V16 all[line_vectors];
  V16 high[line_vectors];
  std::uint32_t bias = 0;  ///< sum of what lower bytes have too much, in units of 128

  HWY_INLINE ByteSums() {
    for (std::size_t v = 0; v < line_vectors; ++v) all[v] = high[v] = hn::Zero(D16());
  }
  HWY_INLINE void add(std::size_t v, V16 lanes) {
    all[v] = hn::Add(all[v], lanes);
    high[v] = hn::Add(high[v], hn::ShiftRight<8>(lanes));
  }
  HWY_INLINE void add(std::size_t v, V16 lanes, V16 value) {
    all[v] = hn::Add(all[v], hn::Mul(lanes, value));
    high[v] = hn::Add(high[v], hn::Mul(hn::ShiftRight<8>(lanes), value));
  }
  template <class Sum>
  HWY_INLINE void put(const Output<Sum>& out) const {
    const V16 too_much = hn::Set(D16(), static_cast<std::int16_t>(bias << 7));
    for (std::size_t v = 0; v < line_vectors; ++v) {
      out.put(v * lanes16, hn::Sub(hn::Sub(all[v], hn::ShiftLeft<8>(high[v])), too_much));
      out.put(32 + v * lanes16, high[v]);
    }
  }
};

/// Sums of 8-bit lanes over `byte_block` lines at a time.
HWY_INLINE ByteSums sum_byte_blocks(const LineCall& call, const std::uint32_t* offset,
                                    const std::uint32_t* end) {
  const D8 d8;
  ByteSums sums;
  while (offset < end) {
    const std::uint32_t* const block_end =
        offset + std::min<std::size_t>(call.byte_block, static_cast<std::size_t>(end - offset));
    hn::Vec<D8> block[line_vectors];
    for (auto& lanes : block) lanes = hn::BitCast(d8, hn::Set(D16(), 128));
    for (; offset < block_end; ++offset) {
      const std::byte* const line = call.lines + *offset;
      for (std::size_t v = 0; v < line_vectors; ++v) {
        block[v] = hn::Add(block[v], hn::BitCast(d8, load_line(line, v)));
      }
    }
    for (std::size_t v = 0; v < line_vectors; ++v) sums.add(v, hn::BitCast(D16(), block[v]));
    ++sums.bias;
  }
  return sums;
}

HWY_INLINE ByteSums sum_biased_bytes(const LineCall& call, const std::uint32_t* offset,
                                     const std::uint32_t* end) {
  ByteSums sums;
  sums.bias = static_cast<std::uint32_t>(end - offset);
  for (; offset < end; ++offset) {
    const std::byte* const line = call.lines + *offset;
    for (std::size_t v = 0; v < line_vectors; ++v) sums.add(v, load_line(line, v));
  }
  return sums;
}

/// Moves the lower bytes of unbiased lines to where those of biased ones are.
HWY_INLINE V16 biased_lanes(const LineCall& call, V16 lanes) {
  return call.biased ? lanes : hn::Xor(lanes, hn::Set(D16(), 128));
}

HWY_INLINE ByteSums sum_graded_bytes(const LineCall& call, const std::uint32_t* offset,
                                     const std::uint32_t* end, const std::int16_t* value) {
  ByteSums sums;
  for (; offset < end; ++offset, ++value) {
    const std::byte* const line = call.lines + *offset;
    const V16 factor = hn::Set(D16(), *value);
    sums.bias += static_cast<std::uint32_t>(*value);
    for (std::size_t v = 0; v < line_vectors; ++v) {
      sums.add(v, biased_lanes(call, load_line(line, v)), factor);
    }
  }
  return sums;
}

/// 16-bit lines in 16-bit sums.
template <bool graded, class Sum>
HWY_INLINE void sum_words(const LineCall& call, const std::uint32_t* offset,
                          const std::uint32_t* end, const std::int16_t* value,
                          const Output<Sum>& out) {
  V16 sums[line_vectors];
  for (V16& sum : sums) sum = hn::Zero(D16());
  for (; offset < end; ++offset) {
    const std::byte* const line = call.lines + *offset;
    for (std::size_t v = 0; v < line_vectors; ++v) {
      V16 weight = load_line(line, v);
      if constexpr (graded) weight = hn::Mul(weight, hn::Set(D16(), *value));
      sums[v] = hn::Add(sums[v], weight);
    }
    if constexpr (graded) ++value;
  }
  for (std::size_t v = 0; v < line_vectors; ++v) out.put(v * lanes16, sums[v]);
}

/// Adds weight * factor to two 32-bit sums.
HWY_INLINE void add_wide(V16 weight, V32 factor, V32* sums) {
  const hn::Half<D16> half;
  const V32 lower = hn::PromoteTo(D32(), hn::LowerHalf(half, weight));
  const V32 upper = hn::PromoteTo(D32(), hn::UpperHalf(half, weight));
  sums[0] = hn::Add(sums[0], hn::Mul(lower, factor));
  sums[1] = hn::Add(sums[1], hn::Mul(upper, factor));
}

/// Lines of either kind in 32-bit sums, where few products fit 16 bits.
template <class Sum>
void sum_wide(const LineCall& call, const std::uint32_t* offset, const std::uint32_t* end,
              const std::int16_t* value, const Output<Sum>& out) {
  const bool bytes = call.kind == ConvolutionWeights::Kind::byte_lines;
  V32 sums[4 * line_vectors];
  for (V32& sum : sums) sum = hn::Zero(D32());
  for (; offset < end; ++offset) {
    const std::byte* const line = call.lines + *offset;
    const V32 factor = hn::Set(D32(), call.values == nullptr ? 1 : *value++);
    for (std::size_t v = 0; v < line_vectors; ++v) {
      const V16 lanes = load_line(line, v);
      if (bytes) {
        const V16 biased = biased_lanes(call, lanes);
        const V16 low = hn::Sub(hn::And(biased, hn::Set(D16(), 255)), hn::Set(D16(), 128));
        add_wide(low, factor, sums + 2 * v);
        add_wide(hn::ShiftRight<8>(biased), factor, sums + 2 * (line_vectors + v));
      } else {
        add_wide(lanes, factor, sums + 2 * v);
      }
    }
  }
  const std::size_t vectors = (bytes ? 4 : 2) * line_vectors;
  for (std::size_t v = 0; v < vectors; ++v) out.put(v * lanes16 / 2, sums[v]);
}

/// At most `word_block` lines.
template <class Sum>
HWY_INLINE void sum_block(const LineCall& call, const std::uint32_t* offset,
                          const std::uint32_t* end, const std::int16_t* value,
                          const Output<Sum>& out) {
  if (call.kind == ConvolutionWeights::Kind::word_lines) {
    value == nullptr ? sum_words<false>(call, offset, end, value, out)
                     : sum_words<true>(call, offset, end, value, out);
  } else if (value != nullptr) {
    sum_graded_bytes(call, offset, end, value).put(out);
  } else if (call.biased) {
    sum_biased_bytes(call, offset, end).put(out);
  } else {
    sum_byte_blocks(call, offset, end).put(out);
  }
}

template <class Sum>
void sum_window(const LineCall& call, const Window& window, Sum* sums) {
  constexpr std::size_t shortest_block = 4;  // below, widening costs more than 16-bit sums save
  const std::uint32_t* offset = call.offsets + window.begin;
  const std::uint32_t* const end = offset + window.count;
  const std::int16_t* value = call.values == nullptr ? nullptr : call.values + window.begin;
  if (sizeof(Sum) == 4 && call.word_block < shortest_block) {
    return sum_wide(call, offset, end, value, Output<Sum>{sums, false});
  }
  bool first = true;
  do {
    const std::size_t count =
        std::min<std::size_t>(call.word_block, static_cast<std::size_t>(end - offset));
    sum_block(call, offset, offset + count, value, Output<Sum>{sums, !first});
    offset += count;
    if (value != nullptr) value += count;
    first = false;
  } while (offset < end);
}

#else

template <class Sum>
void sum_window(const LineCall& call, const Window& window, Sum* sums) {
  const bool bytes = call.kind == ConvolutionWeights::Kind::byte_lines;
  const std::size_t channels = bytes ? 64 : 32;
  std::fill(sums, sums + channels, Sum{0});
  for (std::size_t e = window.begin; e < window.begin + window.count; ++e) {
    const std::byte* const line = call.lines + call.offsets[e];
    const std::int32_t value = call.values == nullptr ? 1 : call.values[e];
    for (std::size_t c = 0; c < channels; ++c) {
      std::int16_t weight = 0;
      if (bytes) {
        const auto bits = static_cast<std::uint8_t>(line[c < 32 ? 2 * c : 2 * (c - 32) + 1]);
        weight = static_cast<std::int8_t>(call.biased && c < 32 ? bits ^ 128U : bits);
      } else {
        std::memcpy(&weight, line + 2 * c, sizeof(weight));
      }
      sums[c] = static_cast<Sum>(sums[c] + weight * value);
    }
  }
}

#endif

void sum_window(const LineCall& call, const Window& window, float* sums) {
  const hn::ScalableTag<float> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  constexpr std::size_t vectors = line_bytes / sizeof(float) / lanes;
  hn::Vec<decltype(d)> sum[vectors];
  for (auto& vector : sum) vector = hn::Zero(d);
  for (std::size_t e = window.begin; e < window.begin + window.count; ++e) {
    const auto* const line = reinterpret_cast<const float*>(call.lines + call.offsets[e]);
    const auto value =
        hn::Set(d, call.values == nullptr ? 1.0F : static_cast<float>(call.values[e]));
    for (std::size_t v = 0; v < vectors; ++v) {
      sum[v] = hn::Add(sum[v], hn::Mul(hn::Load(d, line + v * lanes), value));
    }
  }
  for (std::size_t v = 0; v < vectors; ++v) hn::StoreU(sum[v], d, sums + v * lanes);
}

template <class Sum>
void sum_windows(const LineCall& call, Sum* sums) {
  const std::size_t tile_channels = call.kind == ConvolutionWeights::Kind::byte_lines   ? 64
                                    : call.kind == ConvolutionWeights::Kind::word_lines ? 32
                                                                                        : 16;
  if (call.channels >= tile_channels) {
    for (const Window& window : call.windows) {
      sum_window(call, window, sums + window.row * call.stride);
    }
    return;
  }
  Sum tile[64];
  for (const Window& window : call.windows) {
    sum_window(call, window, tile);
    std::copy(tile, tile + call.channels, sums + window.row * call.stride);
  }
}

void sum_int16(const LineCall& call, std::int16_t* sums) { sum_windows(call, sums); }
void sum_int32(const LineCall& call, std::int32_t* sums) { sum_windows(call, sums); }
void sum_float(const LineCall& call, float* sums) { sum_windows(call, sums); }

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(sum_int16);
HWY_EXPORT(sum_int32);
HWY_EXPORT(sum_float);

void sum_lines(const LineCall& call, std::int16_t* sums) {
  HWY_DYNAMIC_DISPATCH(sum_int16)(call, sums);
}
void sum_lines(const LineCall& call, std::int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(sum_int32)(call, sums);
}
void sum_lines(const LineCall& call, float* sums) { HWY_DYNAMIC_DISPATCH(sum_float)(call, sums); }

}  // namespace nj
#endif  // HWY_ONCE
