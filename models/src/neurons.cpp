// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "neurons.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstdlib>
#include <span>
#include <vector>

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

/// Integer neurons. `clips`: membranes may leave their word.
template <bool shifts, bool decay_input, bool subtracts, bool clips>
struct IntegerNeurons {
  using Membrane = V32;
  /// x / tau = (x + half) >> bits takes one addition less where bias has `half` in it.
  static constexpr bool half_in_bias = shifts && decay_input;
  static constexpr bool counts_nothing = !clips;  ///< but spikes
  const NarrowLif& lif;
  std::span<std::uint64_t> saturations;
  AlignedVector<std::int32_t> bias;
  AlignedVector<std::int32_t> silent;  ///< largest H that does not fire
  V32 half;
  V32 leak;
  V32 tie;  ///< 1 where H = threshold fires

  IntegerNeurons(const NarrowLif& constants, std::span<std::uint64_t> saturated)
      : lif(constants), saturations(saturated), bias(lif.bias), silent(lif.threshold) {
    const int bits = shifts ? lif.leak_shift : 16;
    const bool nearest = lif.rounding == Rounding::nearest_half_up && bits > 0;
    const std::int32_t rounding = nearest ? 1 << (bits - 1) : 0;
    const std::int32_t at_threshold = lif.firing == Firing::at_threshold ? 1 : 0;
    half = hn::Set(D32(), half_in_bias ? 0 : rounding);
    leak = hn::Set(D32(), static_cast<std::int32_t>(lif.leak_q16));
    tie = hn::Set(D32(), at_threshold);
    for (std::int32_t& limit : silent) limit -= at_threshold;
    for (std::int32_t& value : bias) value += half_in_bias ? rounding : 0;
  }

  /// x / tau, rounded.
  HWY_INLINE V32 leaked(V32 x) const {
    [[maybe_unused]] const D32 d;
    if constexpr (shifts) {
      if constexpr (!half_in_bias) x = hn::Add(x, half);
      return hn::ShiftRightSame(x, lif.leak_shift);
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

  /// H of the vector at channel `c`; adds -1 to `kept` where it stayed in its word.
  template <class Sum>
  HWY_INLINE V32 potential(const Sum* sums, std::size_t c, V32 v, V32& kept) const {
    const D32 d;
    const V32 x = hn::Add(hn::ShiftLeftSame(load_sums(sums), lif.fraction_bits),
                          hn::Load(d, bias.data() + c));
    const V32 h =
        decay_input ? hn::Add(v, leaked(hn::Sub(x, v))) : hn::Add(hn::Sub(v, leaked(v)), x);
    if constexpr (!clips) return h;
    const V32 word = hn::Min(hn::Max(h, hn::Set(d, lif.min)), hn::Set(d, lif.max));
    kept = hn::Add(kept, hn::VecFromMask(d, hn::Eq(word, h)));
    return word;
  }

  /// Steps vectors of neurons, the first at channel `c`, of which `count` exist: all, or some of a
  /// single vector. Returns their spikes. Several vectors at once hide how long one takes from step
  /// to step.
  template <std::size_t vectors, class Sum>
  HWY_INLINE std::uint64_t step(std::uint32_t t, const Sum* sums, std::size_t c, std::size_t count,
                                V32* v) const {
    const D32 d;
    V32 kept = hn::Zero(d);
    std::uint64_t spikes = 0;
    for (std::size_t i = 0; i < vectors; ++i) {
      const V32 h = potential(sums + i * lanes, c + i * lanes, v[i], kept);
      const V32 limit = hn::Load(d, silent.data() + c + i * lanes);
      const auto fires = hn::Gt(h, limit);
      v[i] = subtracts ? hn::IfThenElse(fires, hn::Sub(h, hn::Add(limit, tie)), h)
                       : hn::IfThenZeroElse(fires, h);
      spikes |= bits_of(d, fires) << (i * lanes);
    }
    const V32 all = hn::Set(d, -static_cast<std::int32_t>(vectors));
    if (clips && HWY_UNLIKELY(!hn::AllTrue(d, hn::Eq(kept, all)))) {
      const V32 clipped = hn::IfThenElseZero(hn::FirstN(d, count), hn::Sub(kept, all));
      saturations[t] += static_cast<std::uint64_t>(hn::GetLane(hn::SumOfLanes(d, clipped)));
    }
    return spikes;
  }
};

/// Neurons of float32.
struct FloatNeurons {
  using Membrane = VF;
  static constexpr bool counts_nothing = true;
  const FloatLif& lif;

  template <std::size_t vectors>
  HWY_INLINE std::uint64_t step(std::uint32_t, const float* sums, std::size_t c, std::size_t,
                                VF* v) const {
    const DF d;
    const VF tau = hn::Set(d, lif.tau);
    const VF threshold = hn::Set(d, lif.threshold);
    std::uint64_t spikes = 0;
    for (std::size_t i = 0; i < vectors; ++i) {
      const VF bias = hn::Load(d, lif.bias.data() + c + i * lanes);
      const VF x = hn::Add(hn::LoadU(d, sums + i * lanes), bias);
      const VF h = lif.decay_input ? hn::Add(v[i], hn::Div(hn::Sub(x, v[i]), tau))
                                   : hn::Add(hn::Sub(v[i], hn::Div(v[i], tau)), x);
      const auto fires =
          lif.firing == Firing::at_threshold ? hn::Ge(h, threshold) : hn::Gt(h, threshold);
      const VF after = lif.reset == Reset::by_subtraction ? hn::Sub(h, threshold) : hn::Zero(d);
      v[i] = hn::IfThenElse(fires, after, h);
      spikes |= bits_of(d, fires) << (i * lanes);
    }
    return spikes;
  }
};

/// Sets `count` bits of each step from bit `offset` on, in words `[word, t]`.
HWY_INLINE void set_bits(std::vector<std::uint64_t>& words, std::uint64_t offset,
                         std::span<const std::uint64_t> bits, std::size_t count) {
  const std::size_t timesteps = bits.size();
  const std::uint64_t mask = ~std::uint64_t{0} >> (word_bits - count);
  const std::size_t shift = offset % word_bits;
  std::uint64_t* const word = words.data() + offset / word_bits * timesteps;
  for (std::size_t t = 0; t < timesteps; ++t) word[t] |= (bits[t] & mask) << shift;
  if (shift + count <= word_bits) return;
  for (std::size_t t = 0; t < timesteps; ++t) {
    word[timesteps + t] |= (bits[t] & mask) >> (word_bits - shift);
  }
}

/// Vectors of neurons of one position, at channel c + `first` and `count` left there, through all
/// steps: membranes stay in registers, spikes go to `bits[t]`.
template <std::size_t vectors, class Neurons, class Sum>
HWY_INLINE void run_vectors(const Neurons& neurons, const NeuronBlock& block, const Sum* sums,
                            std::size_t c, std::size_t first, std::size_t count,
                            std::span<std::uint64_t> bits) {
  using Membrane = typename Neurons::Membrane;
  Membrane v[vectors];
  for (Membrane& membrane : v) membrane = hn::Zero(hn::DFromV<Membrane>());
  sums += c + first;
  for (std::uint32_t t = 0; t < bits.size(); ++t, sums += block.step_stride) {
    bits[t] |= neurons.template step<vectors>(t, sums, c + first, count, v) << first;
  }
}

/// Up to 64 channels of one position, from channel `c` on, through all steps.
template <class Neurons, class Sum>
HWY_INLINE void run_channels(const Neurons& neurons, const NeuronBlock& block, const Sum* sums,
                             std::size_t c, std::size_t count, std::span<std::uint64_t> bits) {
  std::fill(bits.begin(), bits.end(), std::uint64_t{0});
  std::size_t v = 0;
  for (; v + 4 * lanes <= count; v += 4 * lanes) {
    run_vectors<4>(neurons, block, sums, c, v, count - v, bits);
  }
  for (; v + 2 * lanes <= count; v += 2 * lanes) {
    run_vectors<2>(neurons, block, sums, c, v, count - v, bits);
  }
  for (; v < count; v += lanes) run_vectors<1>(neurons, block, sums, c, v, count - v, bits);
}

/// Whether the sums of some channels are zero in all steps. (Padding counts, and may hold
/// anything.)
template <class Sum>
HWY_INLINE bool is_silent(const NeuronBlock& block, const Sum* sums, std::size_t count,
                          std::size_t timesteps) {
  const hn::CappedTag<Sum, row_padding> d;
  for (std::size_t t = 0; t < timesteps; ++t, sums += block.step_stride) {
    auto any = hn::Ne(hn::LoadU(d, sums), hn::Zero(d));
    for (std::size_t i = hn::MaxLanes(d); i < count; i += hn::MaxLanes(d)) {
      any = hn::Or(any, hn::Ne(hn::LoadU(d, sums + i), hn::Zero(d)));
    }
    if (!hn::AllFalse(d, any)) return false;
  }
  return true;
}

/// What the neurons of a position do without inputs, which most positions of an event camera's
/// first layers are: computed once for a block.
template <class Neurons, class Sum>
class SilentSpikes {
 public:
  SilentSpikes(const Neurons& neurons, std::size_t channels, std::size_t timesteps)
      : neurons_(neurons),
        bits_((channels + word_bits - 1) / word_bits * timesteps),
        known_((channels + word_bits - 1) / word_bits, false),
        timesteps_(timesteps) {}

  /// Of up to 64 channels from channel `c` on.
  std::span<const std::uint64_t> at(std::size_t c, std::size_t count) {
    const auto bits = std::span(bits_).subspan(c / word_bits * timesteps_, timesteps_);
    if (!known_[c / word_bits]) {
      const std::vector<Sum> zeros(c + word_bits, Sum{0});
      run_channels(neurons_, NeuronBlock{}, zeros.data(), c, count, bits);
      known_[c / word_bits] = true;
    }
    return bits;
  }

 private:
  const Neurons& neurons_;
  std::vector<std::uint64_t> bits_;  ///< [64 channels, t]
  std::vector<bool> known_;
  std::size_t timesteps_;
};

/// The neurons of a block, position by position, up to 64 channels at a time. Spikes of some
/// positions are gathered before they are written: the steps of `spikes` are so far apart that they
/// often compete for the same lines of the cache.
template <class Neurons, class Sum>
HWY_INLINE void run_block(const Neurons& neurons, const NeuronBlock& block, const Sum* sums,
                          SpikeTensor& spikes) {
  constexpr std::size_t line_bits = 512;  // of a cache line
  const std::size_t channels = spikes.shape().channels;
  const std::uint32_t timesteps = spikes.timesteps();
  const std::size_t unit = block_unit(spikes.shape().channels);
  const std::size_t some = unit * std::max<std::size_t>(line_bits / (unit * channels), 1);
  const std::size_t words = some * channels / word_bits;
  std::vector<std::uint64_t> bits(timesteps);
  std::vector<std::uint64_t> gathered(timesteps * words);
  SilentSpikes<Neurons, Sum> silent(neurons, channels, timesteps);
  for (std::size_t begin = block.begin; begin < block.end; begin += some) {
    const std::size_t end = std::min(begin + some, block.end);
    std::fill(gathered.begin(), gathered.end(), std::uint64_t{0});
    for (std::size_t p = begin; p < end; ++p, sums += padded(channels)) {
      for (std::size_t c = 0; c < channels; c += word_bits) {
        const std::size_t count = std::min(word_bits, channels - c);
        std::span<const std::uint64_t> fired = bits;
        if (Neurons::counts_nothing && is_silent(block, sums + c, count, timesteps)) {
          fired = silent.at(c, count);
        } else {
          run_channels(neurons, block, sums, c, count, bits);
        }
        set_bits(gathered, (p - begin) * channels + c, fired, count);
      }
    }
    for (std::uint32_t t = 0; t < timesteps; ++t) {
      const auto written = words_of(spikes, t, {begin, end, 0});
      for (std::size_t w = 0; w < written.size(); ++w) written[w] = gathered[w * timesteps + t];
    }
  }
}

template <bool shifts, bool decay_input, bool subtracts, bool clips, class Sum>
void run_integer(const NarrowLif& lif, const NeuronBlock& block, const Sum* sums,
                 SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  run_block(IntegerNeurons<shifts, decay_input, subtracts, clips>(lif, saturations), block, sums,
            spikes);
}

/// Of neurons that decay towards their input, whose membranes never exceed the largest input.
bool may_clip(const NarrowLif& lif, std::int64_t bound) {
  std::int64_t largest_bias = 0;
  for (const std::int32_t bias : lif.bias) {
    largest_bias = std::max(largest_bias, std::abs(std::int64_t{bias}));
  }
  return bound * (std::int64_t{1} << lif.fraction_bits) + largest_bias > lif.max;
}

template <bool shifts, bool decay_input, bool clips, class Sum>
void choose_reset(const NarrowLif& lif, const NeuronBlock& block, const Sum* sums,
                  SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  lif.reset == Reset::by_subtraction
      ? run_integer<shifts, decay_input, true, clips>(lif, block, sums, spikes, saturations)
      : run_integer<shifts, decay_input, false, clips>(lif, block, sums, spikes, saturations);
}

/// The largest |sum| of a block, in all time steps.
template <class Sum>
std::int64_t largest_sum(const NeuronBlock& block, std::size_t timesteps, std::size_t channels,
                         const Sum* sums) {
  const std::size_t count = (block.end - block.begin) * padded(channels);
  Sum least = 0;
  Sum most = 0;
  for (std::size_t t = 0; t < timesteps; ++t, sums += block.step_stride) {
    for (std::size_t i = 0; i < count; ++i) {
      least = std::min(least, sums[i]);
      most = std::max(most, sums[i]);
    }
  }
  return std::max(-std::int64_t{least}, std::int64_t{most});
}

/// Only the neurons of most networks have code of their own for membranes that never clip. Where
/// sums could be large enough, most blocks still have none that are.
template <class Sum>
void choose_leak(const NarrowLif& lif, const NeuronBlock& block, const Sum* sums,
                 std::int64_t bound, SpikeTensor& spikes, std::span<std::uint64_t> saturations) {
  if (lif.leak_shift < 0) {
    lif.decay_input ? choose_reset<false, true, true>(lif, block, sums, spikes, saturations)
                    : choose_reset<false, false, true>(lif, block, sums, spikes, saturations);
  } else if (!lif.decay_input) {
    choose_reset<true, false, true>(lif, block, sums, spikes, saturations);
  } else {
    const bool clips =
        may_clip(lif, bound) &&
        may_clip(lif, largest_sum(block, spikes.timesteps(), spikes.shape().channels, sums));
    clips ? choose_reset<true, true, true>(lif, block, sums, spikes, saturations)
          : choose_reset<true, true, false>(lif, block, sums, spikes, saturations);
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
  run_block(FloatNeurons{lif}, block, sums, spikes);
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
