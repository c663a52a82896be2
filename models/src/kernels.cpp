// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
// Arrays of vectors need a size that is known at compile time, which SVE and RVV lack.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstring>

#include "neurojoule/models/kernels.hpp"

#include "bit_writer.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
/// Sums `V` vectors of 16-bit partial sums over blocks of rows and widens after each block.
template <std::size_t V, bool graded>
void accumulate_block(const std::int16_t* columns, std::size_t stride,
                      std::span<const RowSegment> segments, std::size_t rows_per_block,
                      std::int32_t* sums) {
  const hn::ScalableTag<std::int16_t> d16;
  const hn::Half<decltype(d16)> half16;
  const hn::Repartition<std::int32_t, decltype(d16)> d32;
  const std::size_t lanes = hn::Lanes(d16);
  hn::Vec<decltype(d16)> partial[V];
  for (auto& vector : partial) vector = hn::Zero(d16);
  bool first = true;
  const auto flush = [&] {
    for (std::size_t v = 0; v < V; ++v) {
      std::int32_t* const out = sums + v * lanes;
      auto low = hn::PromoteTo(d32, hn::LowerHalf(half16, partial[v]));
      auto high = hn::PromoteTo(d32, hn::UpperHalf(half16, partial[v]));
      if (!first) {
        low = hn::Add(low, hn::LoadU(d32, out));
        high = hn::Add(high, hn::LoadU(d32, out + lanes / 2));
      }
      hn::StoreU(low, d32, out);
      hn::StoreU(high, d32, out + lanes / 2);
      partial[v] = hn::Zero(d16);
    }
    first = false;
  };
  std::size_t room = rows_per_block;
  for (const RowSegment& segment : segments) {
    const std::int16_t* const base =
        columns + segment.row_offset * static_cast<std::int64_t>(stride);
    for (std::size_t e = 0; e < segment.count;) {
      const std::size_t end = e + std::min(room, segment.count - e);
      room -= end - e;
      for (; e < end; ++e) {
        const std::int16_t* const row = base + segment.addresses[e] * stride;
        for (std::size_t v = 0; v < V; ++v) {
          auto weight = hn::LoadU(d16, row + v * lanes);
          if constexpr (graded) weight = hn::Mul(weight, hn::Set(d16, segment.values[e]));
          partial[v] = hn::Add(partial[v], weight);
        }
      }
      if (room == 0) {
        flush();
        room = rows_per_block;
      }
    }
  }
  if (first || room != rows_per_block) flush();
}

#endif

/// The same with 32-bit sums throughout, for weights or values too large for 16-bit partial sums.
template <bool graded>
void accumulate_wide(const std::int16_t* columns, std::size_t stride,
                     std::span<const RowSegment> segments, std::int32_t* sums) {
  const hn::ScalableTag<std::int32_t> d32;
  const hn::Rebind<std::int16_t, decltype(d32)> d16;
  auto sum = hn::Zero(d32);
  for (const RowSegment& segment : segments) {
    const std::int16_t* const base =
        columns + segment.row_offset * static_cast<std::int64_t>(stride);
    for (std::size_t e = 0; e < segment.count; ++e) {
      auto weight = hn::PromoteTo(d32, hn::LoadU(d16, base + segment.addresses[e] * stride));
      if constexpr (graded) weight = hn::Mul(weight, hn::Set(d32, segment.values[e]));
      sum = hn::Add(sum, weight);
    }
  }
  hn::StoreU(sum, d32, sums);
}

template <bool graded>
void accumulate_mode(const WeightRows<std::int16_t>& weights, std::span<const RowSegment> segments,
                     [[maybe_unused]] std::size_t rows_per_block, std::int32_t* sums) {
  const std::int16_t* const data = weights.data.data();
  std::size_t j = 0;
#if HWY_TARGET != HWY_SCALAR
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<std::int16_t>());
  constexpr std::size_t shortest_block = 4;  // below, widening costs more than 16-bit sums save
  const std::size_t blocked_width = rows_per_block < shortest_block ? 0 : weights.width;
  for (; j + 3 * lanes < blocked_width; j += 4 * lanes) {
    accumulate_block<4, graded>(data + j, weights.stride, segments, rows_per_block, sums + j);
  }
  for (; j + lanes < blocked_width; j += 2 * lanes) {
    accumulate_block<2, graded>(data + j, weights.stride, segments, rows_per_block, sums + j);
  }
  for (; j < blocked_width; j += lanes) {
    accumulate_block<1, graded>(data + j, weights.stride, segments, rows_per_block, sums + j);
  }
#endif
  const std::size_t wide_lanes = hn::Lanes(hn::ScalableTag<std::int32_t>());
  for (; j < weights.width; j += wide_lanes) {
    accumulate_wide<graded>(data + j, weights.stride, segments, sums + j);
  }
}

void accumulate_i16(const WeightRows<std::int16_t>& weights, std::span<const RowSegment> segments,
                    bool graded, std::size_t rows_per_block, std::int32_t* sums) {
  graded ? accumulate_mode<true>(weights, segments, rows_per_block, sums)
         : accumulate_mode<false>(weights, segments, rows_per_block, sums);
}

template <std::size_t V>
void accumulate_float_block(const float* columns, std::size_t stride,
                            std::span<const RowSegment> segments, bool graded, float* sums) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sum[V];
  for (auto& vector : sum) vector = hn::Zero(d);
  for (const RowSegment& segment : segments) {
    const float* const base = columns + segment.row_offset * static_cast<std::int64_t>(stride);
    for (std::size_t e = 0; e < segment.count; ++e) {
      const float* const row = base + segment.addresses[e] * stride;
      const auto value = hn::Set(d, graded ? static_cast<float>(segment.values[e]) : 1.0F);
      for (std::size_t v = 0; v < V; ++v) {
        sum[v] = hn::Add(sum[v], hn::Mul(hn::LoadU(d, row + v * lanes), value));
      }
    }
  }
  for (std::size_t v = 0; v < V; ++v) hn::StoreU(sum[v], d, sums + v * lanes);
}

void accumulate_float(const WeightRows<float>& weights, std::span<const RowSegment> segments,
                      bool graded, float* sums) {
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  const float* const data = weights.data.data();
  std::size_t j = 0;
  for (; j + 3 * lanes < weights.width; j += 4 * lanes) {
    accumulate_float_block<4>(data + j, weights.stride, segments, graded, sums + j);
  }
  for (; j < weights.width; j += lanes) {
    accumulate_float_block<1>(data + j, weights.stride, segments, graded, sums + j);
  }
}

/// Bits of a mask, lane 0 lowest, at most `count` of them.
template <class D, class Mask>
std::uint64_t mask_bits(D d, Mask mask, std::size_t count) {
  alignas(8) std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(d, mask, bytes);
  std::uint64_t bits = 0;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits & ((std::uint64_t{1} << count) - 1);
}

std::uint64_t lif_narrow(const NarrowLif& lif, const NeuronRows& rows, const std::int32_t* sums,
                         std::int32_t* membranes, std::span<std::uint64_t> spikes) {
  const hn::ScalableTag<std::int32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  const bool nearest = lif.rounding == Rounding::nearest_half_up && lif.leak_shift > 0;
  const auto half = hn::Set(d, nearest ? 1 << (lif.leak_shift - 1) : 0);
  const auto min = hn::Set(d, lif.min);
  const auto max = hn::Set(d, lif.max);
  std::uint64_t saturations = 0;
  BitWriter writer(spikes.data());
  for (std::size_t p = 0; p < rows.positions; ++p) {
    for (std::size_t c = 0; c < rows.channels; c += lanes) {
      const std::size_t i = p * rows.stride + c;
      const auto current = hn::Add(hn::ShiftLeftSame(hn::LoadU(d, sums + i), lif.fraction_bits),
                                   hn::LoadU(d, lif.bias.data() + c));
      const auto v = hn::LoadU(d, membranes + i);
      const auto leak = hn::ShiftRightSame(hn::Add(hn::Sub(current, v), half), lif.leak_shift);
      const auto exact = hn::Add(v, leak);
      const auto h = hn::Min(hn::Max(exact, min), max);
      const auto fires = hn::Not(hn::Lt(h, hn::LoadU(d, lif.threshold.data() + c)));
      hn::StoreU(hn::IfThenZeroElse(fires, h), d, membranes + i);
      const std::size_t count = std::min(lanes, rows.channels - c);
      saturations += hwy::PopCount(mask_bits(d, hn::Ne(h, exact), count));
      writer.append(mask_bits(d, fires, count), static_cast<unsigned>(count));
    }
  }
  writer.finish();
  return saturations;
}

void lif_float(const FloatLif& lif, const NeuronRows& rows, const float* sums, float* membranes,
               std::span<std::uint64_t> spikes) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto tau = hn::Set(d, lif.tau);
  const auto threshold = hn::Set(d, lif.threshold);
  BitWriter writer(spikes.data());
  for (std::size_t p = 0; p < rows.positions; ++p) {
    for (std::size_t c = 0; c < rows.channels; c += lanes) {
      const std::size_t i = p * rows.stride + c;
      const auto current = hn::Add(hn::LoadU(d, sums + i), hn::LoadU(d, lif.bias.data() + c));
      const auto v = hn::LoadU(d, membranes + i);
      const auto h = hn::Add(v, hn::Div(hn::Sub(current, v), tau));
      const auto fires = hn::Ge(h, threshold);
      hn::StoreU(hn::IfThenZeroElse(fires, h), d, membranes + i);
      const std::size_t count = std::min(lanes, rows.channels - c);
      writer.append(mask_bits(d, fires, count), static_cast<unsigned>(count));
    }
  }
  writer.finish();
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(accumulate_i16);
HWY_EXPORT(accumulate_float);
HWY_EXPORT(lif_narrow);
HWY_EXPORT(lif_float);

void accumulate_rows(const WeightRows<std::int16_t>& weights, std::span<const RowSegment> segments,
                     bool graded, std::size_t rows_per_block, std::int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(accumulate_i16)(weights, segments, graded, rows_per_block, sums);
}

void accumulate_rows(const WeightRows<float>& weights, std::span<const RowSegment> segments,
                     bool graded, float* sums) {
  HWY_DYNAMIC_DISPATCH(accumulate_float)(weights, segments, graded, sums);
}

std::uint64_t lif_step(const NarrowLif& lif, const NeuronRows& rows, const std::int32_t* sums,
                       std::int32_t* membranes, std::span<std::uint64_t> spikes) {
  return HWY_DYNAMIC_DISPATCH(lif_narrow)(lif, rows, sums, membranes, spikes);
}

void lif_step(const FloatLif& lif, const NeuronRows& rows, const float* sums, float* membranes,
              std::span<std::uint64_t> spikes) {
  HWY_DYNAMIC_DISPATCH(lif_float)(lif, rows, sums, membranes, spikes);
}

std::string simd_target() {
  return hwy::TargetName(hwy::SupportedAndGeneratedTargets().front());  // the best comes first
}

}  // namespace nj
#endif  // HWY_ONCE
