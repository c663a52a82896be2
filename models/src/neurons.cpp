// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "neurons.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstdlib>

#include "neurons.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D32 = hn::ScalableTag<std::int32_t>;
using DF = hn::ScalableTag<float>;
using V32 = hn::Vec<D32>;
using VF = hn::Vec<DF>;
constexpr std::size_t lanes = hn::MaxLanes(D32());
constexpr std::size_t word_bits = 64;

/// Bits of a mask of 32-bit lanes, lane 0 lowest.
template <class D>
HWY_INLINE std::uint64_t bits_of(D d, hn::Mask<D> mask) {
  std::uint8_t bytes[8];
  hn::StoreMaskBits(d, mask, bytes);
  std::uint64_t bits = bytes[0];
  if constexpr (lanes > 8) bits |= std::uint64_t{bytes[1]} << 8;
  return bits;
}

HWY_INLINE V32 load_sums(const std::int32_t* sums) { return hn::LoadU(D32(), sums); }
HWY_INLINE V32 load_sums(const std::int16_t* sums) {
  return hn::PromoteTo(D32(), hn::LoadU(hn::Rebind<std::int16_t, D32>(), sums));
}

/// Integer neurons of up to 64 channels. `clips`: membranes may leave their word.
template <bool shifts, bool decay_input, bool subtracts, bool clips>
struct IntegerNeurons {
  const NarrowLif& lif;
  V32 half;
  V32 leak;
  V32 tie;  ///< 1 where H = threshold fires

  explicit IntegerNeurons(const NarrowLif& constants) : lif(constants) {
    const int bits = shifts ? lif.leak_shift : 16;
    const bool nearest = lif.rounding == Rounding::nearest_half_up && bits > 0;
    half = hn::Set(D32(), nearest ? 1 << (bits - 1) : 0);
    leak = hn::Set(D32(), static_cast<std::int32_t>(lif.leak_q16));
    tie = hn::Set(D32(), lif.firing == Firing::at_threshold ? 1 : 0);
  }

  /// x / tau, rounded.
  HWY_INLINE V32 leaked(V32 x) const {
    [[maybe_unused]] const D32 d;
    if constexpr (shifts) {
      return hn::ShiftRightSame(hn::Add(x, half), lif.leak_shift);
    } else {
#if HWY_TARGET == HWY_SCALAR
      const std::int64_t product = std::int64_t{hn::GetLane(x)} * lif.leak_q16;
      return hn::Set(d, static_cast<std::int32_t>((product + hn::GetLane(half)) >> 16));
#else
      // Products of 64 bits, of which bits 16..47 are the result, whatever the sign.
      const hn::Repartition<std::int64_t, D32> d64;
      const hn::Repartition<std::uint64_t, D32> u64;
      const auto rounding = hn::Set(d64, hn::GetLane(half));
      const auto even = hn::Add(hn::MulEven(x, leak), rounding);
      const auto odd_lanes = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(u64, x)));
      const auto odd = hn::Add(hn::MulEven(odd_lanes, leak), rounding);
      return hn::OddEven(hn::BitCast(d, hn::ShiftLeft<16>(odd)),
                         hn::BitCast(d, hn::ShiftRight<16>(hn::BitCast(u64, even))));
#endif
    }
  }

  template <class Sum>
  HWY_INLINE std::uint64_t step(const Sum* sums, std::size_t c, std::size_t channels,
                                std::int32_t* membrane, std::uint64_t& saturations) const {
    const D32 d;
    const V32 x = hn::Add(hn::ShiftLeftSame(load_sums(sums), lif.fraction_bits),
                          hn::Load(d, lif.bias.data() + c));
    const V32 v = hn::Load(d, membrane);
    V32 h = decay_input ? hn::Add(v, leaked(hn::Sub(x, v))) : hn::Add(hn::Sub(v, leaked(v)), x);
    if constexpr (clips) {
      const V32 exact = h;
      h = hn::Min(hn::Max(exact, hn::Set(d, lif.min)), hn::Set(d, lif.max));
      saturations += hn::CountTrue(d, hn::And(hn::Ne(h, exact), hn::FirstN(d, channels)));
    }
    const V32 threshold = hn::Load(d, lif.threshold.data() + c);
    const auto fires = hn::Gt(h, hn::Sub(threshold, tie));
    const V32 after =
        subtracts ? hn::IfThenElse(fires, hn::Sub(h, threshold), h) : hn::IfThenZeroElse(fires, h);
    hn::Store(after, d, membrane);
    return bits_of(d, fires);
  }
};

/// Sets `count` bits from bit `offset` on.
HWY_INLINE void set_bits(std::span<std::uint64_t> words, std::uint64_t offset, std::uint64_t bits,
                         std::size_t count) {
  if (count < word_bits) bits &= (std::uint64_t{1} << count) - 1;
  const std::size_t shift = offset % word_bits;
  words[offset / word_bits] |= bits << shift;
  if (shift + count > word_bits) words[offset / word_bits + 1] |= bits >> (word_bits - shift);
}

/// Groups of up to 64 neurons, each through all time steps: `step(t, sums, c, channels, group
/// membranes)` returns the group's spikes.
template <class Sum, class Membrane, class Step>
HWY_INLINE void for_each_group(const NeuronBlock& block, const Sum* sums, SpikeTensor& spikes,
                               Step&& step) {
  const std::size_t channels = spikes.shape().channels;
  for (std::size_t p = block.begin; p < block.end; ++p) {
    for (std::size_t c = 0; c < channels; c += word_bits) {
      const std::size_t count = std::min(word_bits, channels - c);
      alignas(64) Membrane membranes[word_bits] = {};
      const Sum* from = sums + (p - block.begin) * padded(channels) + c;
      for (std::uint32_t t = 0; t < spikes.timesteps(); ++t, from += block.step_stride) {
        std::uint64_t bits = 0;
        for (std::size_t v = 0; v < count; v += lanes) {
          bits |= step(t, from + v, c + v, count - v, membranes + v) << v;
        }
        set_bits(spikes.step(t), p * channels + c, bits, count);
      }
    }
  }
}

template <bool shifts, bool decay_input, bool subtracts, bool clips, class Sum>
void run_integer(const NarrowLif& lif, const NeuronBlock& block, const Sum* sums,
                 SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  const IntegerNeurons<shifts, decay_input, subtracts, clips> neurons(lif);
  for_each_group<Sum, std::int32_t>(block, sums, spikes,
                                    [&](std::uint32_t t, const Sum* from, std::size_t c,
                                        std::size_t count, std::int32_t* membranes) {
                                      return neurons.step(from, c, count, membranes,
                                                          saturations[t]);
                                    });
}

/// No membrane that decays towards its input exceeds the largest input.
bool may_clip(const NarrowLif& lif, std::int64_t bound) {
  if (!lif.decay_input) return true;
  std::int64_t largest_bias = 0;
  for (const std::int32_t bias : lif.bias) {
    largest_bias = std::max(largest_bias, std::abs(std::int64_t{bias}));
  }
  return bound * (std::int64_t{1} << lif.fraction_bits) + largest_bias > lif.max;
}

template <bool shifts, bool decay_input, class Sum>
void choose_reset(const NarrowLif& lif, const NeuronBlock& block, const Sum* sums, bool clips,
                  SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  if (lif.reset == Reset::by_subtraction) {
    clips ? run_integer<shifts, decay_input, true, true>(lif, block, sums, spikes, saturations)
          : run_integer<shifts, decay_input, true, false>(lif, block, sums, spikes, saturations);
  } else {
    clips ? run_integer<shifts, decay_input, false, true>(lif, block, sums, spikes, saturations)
          : run_integer<shifts, decay_input, false, false>(lif, block, sums, spikes, saturations);
  }
}

template <class Sum>
void choose_leak(const NarrowLif& lif, const NeuronBlock& block, const Sum* sums,
                 std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  const bool clips = may_clip(lif, bound);
  if (lif.leak_shift >= 0) {
    lif.decay_input ? choose_reset<true, true>(lif, block, sums, clips, spikes, saturations)
                    : choose_reset<true, false>(lif, block, sums, clips, spikes, saturations);
  } else {
    lif.decay_input ? choose_reset<false, true>(lif, block, sums, clips, spikes, saturations)
                    : choose_reset<false, false>(lif, block, sums, clips, spikes, saturations);
  }
}

void run_int16(const NarrowLif& lif, const NeuronBlock& block, const std::int16_t* sums,
               std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  choose_leak(lif, block, sums, bound, spikes, saturations);
}
void run_int32(const NarrowLif& lif, const NeuronBlock& block, const std::int32_t* sums,
               std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  choose_leak(lif, block, sums, bound, spikes, saturations);
}

void run_float(const FloatLif& lif, const NeuronBlock& block, const float* sums,
               SpikeTensor& spikes) {
  const DF d;
  const VF tau = hn::Set(d, lif.tau);
  const VF threshold = hn::Set(d, lif.threshold);
  const bool subtracts = lif.reset == Reset::by_subtraction;
  const bool at_threshold = lif.firing == Firing::at_threshold;
  for_each_group<float, float>(
      block, sums, spikes,
      [&](std::uint32_t, const float* from, std::size_t c, std::size_t, float* membranes) {
        const VF x = hn::Add(hn::LoadU(d, from), hn::Load(d, lif.bias.data() + c));
        const VF v = hn::Load(d, membranes);
        const VF h = lif.decay_input ? hn::Add(v, hn::Div(hn::Sub(x, v), tau))
                                     : hn::Add(hn::Sub(v, hn::Div(v, tau)), x);
        const auto fires = at_threshold ? hn::Ge(h, threshold) : hn::Gt(h, threshold);
        const VF after = subtracts ? hn::Sub(h, threshold) : hn::Zero(d);
        hn::Store(hn::IfThenElse(fires, after, h), d, membranes);
        return bits_of(d, fires);
      });
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(run_int16);
HWY_EXPORT(run_int32);
HWY_EXPORT(run_float);

void lif_block(const NarrowLif& lif, const NeuronBlock& block, const std::int16_t* sums,
               std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  HWY_DYNAMIC_DISPATCH(run_int16)(lif, block, sums, bound, spikes, saturations);
}
void lif_block(const NarrowLif& lif, const NeuronBlock& block, const std::int32_t* sums,
               std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  HWY_DYNAMIC_DISPATCH(run_int32)(lif, block, sums, bound, spikes, saturations);
}
void lif_block(const FloatLif& lif, const NeuronBlock& block, const float* sums,
               SpikeTensor& spikes) {
  HWY_DYNAMIC_DISPATCH(run_float)(lif, block, sums, spikes);
}

}  // namespace nj
#endif  // HWY_ONCE
