// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "line_kernels.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstring>

#include "neurojoule/models/execute.hpp"

#include "line_kernels.hpp"

// Where the time goes: each event of a window loads one line per tile and adds it to registers. A
// core loads half as many bytes per cycle as it adds (Zen 3: 2 against 4 vectors, Zen 4 with
// AVX-512: 1 against 2), so narrow lanes are what makes sums fast: 8-bit lanes reach as many
// additions per second as 16-bit lanes that load nothing. Weights of more than 6 bits overflow
// 8-bit lanes at once; their two bytes per 16-bit lane are taken apart with three operations per
// line (see ByteSums), which is the limit there.
HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using D8 = hn::ScalableTag<std::int8_t>;
using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using V8 = hn::Vec<D8>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;
constexpr std::size_t lanes16 = hn::MaxLanes(D16());
constexpr std::size_t line_vectors = line_bytes / (2 * lanes16);

/// The events of one window, or a piece of them.
struct Events {
  const std::uint32_t* offset;
  const std::uint32_t* end;
  const std::int16_t* value;  ///< nullptr for binary events

  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(end - offset); }
  /// Takes the first `count` events away and returns them.
  HWY_INLINE Events split(std::size_t count) {
    const Events first{offset, offset + count, value};
    offset += count;
    if (value != nullptr) value += count;
    return first;
  }
};

/// The same line of neighbouring tiles.
template <std::size_t tiles>
struct Lines {
  const std::byte* first;
  std::size_t tile_bytes;

  HWY_INLINE V16 load(std::uint32_t offset, std::size_t v) const {
    const std::byte* const line = first + offset + v / line_vectors * tile_bytes;
    return hn::Load(D16(),
                    reinterpret_cast<const std::int16_t*>(line) + v % line_vectors * lanes16);
  }
};

/// Where the sums of a window go: over what is there, or added to it.
template <class Sum>
struct Output {
  Sum* at;
  bool add;

  HWY_INLINE void put(std::size_t channel, V16 sum) const {
    if constexpr (sizeof(Sum) == sizeof(std::int16_t)) {
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
    if constexpr (sizeof(Sum) == sizeof(std::int32_t)) {
      const D32 d;
      if (add) sum = hn::Add(sum, hn::LoadU(d, at + channel));
      hn::StoreU(sum, d, at + channel);
    }
  }
};

/// Sums of 8-bit lines in 16-bit lanes: `all` sums whole lanes modulo 2^16, `high` their upper
/// bytes. What lower bytes sum to follows: all - 256 * high. As lower bytes are never negative,
/// upper bytes come out of a lane by a shift.
template <std::size_t tiles>
struct ByteSums {
  static constexpr std::size_t vectors = tiles * line_vectors;
  V16 all[vectors];
  V16 high[vectors];

  /// `bias`: what the lower bytes will have too much.
  HWY_INLINE explicit ByteSums(std::int32_t bias) {
    for (std::size_t v = 0; v < vectors; ++v) {
      all[v] = hn::Set(D16(), static_cast<std::int16_t>(-bias));
      high[v] = hn::Zero(D16());
    }
  }
  HWY_INLINE void add(std::size_t v, V16 lanes) {
    all[v] = hn::Add(all[v], lanes);
    high[v] = hn::Add(high[v], hn::ShiftRight<8>(lanes));
  }
  HWY_INLINE void add(const V8* lanes) {
    for (std::size_t v = 0; v < vectors; ++v) add(v, hn::BitCast(D16(), lanes[v]));
  }
  template <class Sum>
  HWY_INLINE void put(const Output<Sum>& out) const {
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t channel = v / line_vectors * 64 + v % line_vectors * lanes16;
      out.put(channel, hn::Sub(all[v], hn::ShiftLeft<8>(high[v])));
      out.put(channel + 32, high[v]);
    }
  }
};

/// Two neighbouring offsets with one load: vectors and offsets share the core's two loads per
/// cycle. Which of the two is first depends on the byte order, and does not matter to a sum.
struct OffsetPair {
  std::uint64_t both;

  HWY_INLINE explicit OffsetPair(const std::uint32_t* offsets) {
    std::memcpy(&both, offsets, sizeof(both));
  }
  [[nodiscard]] HWY_INLINE std::uint32_t one() const { return static_cast<std::uint32_t>(both); }
  [[nodiscard]] HWY_INLINE std::uint32_t other() const {
    return static_cast<std::uint32_t>(both >> 32);
  }
};

/// Adds one line to 8-bit lanes.
template <std::size_t tiles>
HWY_INLINE void add_bytes(const Lines<tiles>& lines, std::uint32_t offset, V8* sums) {
  for (std::size_t v = 0; v < tiles * line_vectors; ++v) {
    sums[v] = hn::Add(sums[v], hn::BitCast(D8(), lines.load(offset, v)));
  }
}

/// 8-bit sums over blocks of `fours` times four lines, at least one.
template <std::size_t tiles>
HWY_INLINE ByteSums<tiles> sum_blocks(const Lines<tiles>& lines, std::size_t fours, Events events,
                                      std::int32_t bias) {
  constexpr std::size_t vectors = tiles * line_vectors;
  ByteSums<tiles> sums(bias);
  V8 block[vectors];
  for (V8& lanes : block) lanes = hn::Zero(D8());
  std::size_t room = fours;
  if (const std::size_t odd = events.count() % 4; odd != 0) {
    for (std::size_t i = 0; i < odd; ++i) add_bytes(lines, *events.offset++, block);
    --room;
  }
  while (true) {
    const std::size_t rounds = std::min(room, events.count() / 4);
    for (std::size_t round = 0; round < rounds; ++round, events.offset += 4) {
      for (std::size_t pair = 0; pair < 4; pair += 2) {
        const OffsetPair offsets(events.offset + pair);
        add_bytes(lines, offsets.one(), block);
        add_bytes(lines, offsets.other(), block);
      }
    }
    sums.add(block);
    if (events.count() == 0) return sums;
    for (V8& lanes : block) lanes = hn::Zero(D8());
    room = fours;
  }
}

/// The same for weights of which only two are sure to fit 8 bits.
template <std::size_t tiles>
HWY_INLINE ByteSums<tiles> sum_pairs(const Lines<tiles>& lines, Events events, std::int32_t bias) {
  constexpr std::size_t vectors = tiles * line_vectors;
  ByteSums<tiles> sums(bias);
  const auto add_pair = [&](const std::uint32_t* offset) {
    const OffsetPair offsets(offset);
    for (std::size_t v = 0; v < vectors; ++v) {
      const V8 one = hn::BitCast(D8(), lines.load(offsets.one(), v));
      const V8 other = hn::BitCast(D8(), lines.load(offsets.other(), v));
      sums.add(v, hn::BitCast(D16(), hn::Add(one, other)));
    }
  };
  if (events.count() % 2 != 0) {
    for (std::size_t v = 0; v < vectors; ++v) sums.add(v, lines.load(*events.offset, v));
    ++events.offset;
  }
  if (events.count() % 4 != 0) {
    add_pair(events.offset);
    events.offset += 2;
  }
  for (; events.offset < events.end; events.offset += 4) {
    add_pair(events.offset);
    add_pair(events.offset + 2);
  }
  return sums;
}

/// The same for weights that fill 8 bits.
template <std::size_t tiles>
HWY_INLINE ByteSums<tiles> sum_singles(const Lines<tiles>& lines, Events events,
                                       std::int32_t bias) {
  ByteSums<tiles> sums(bias);
  const auto add = [&](std::uint32_t offset) {
    for (std::size_t v = 0; v < tiles * line_vectors; ++v) sums.add(v, lines.load(offset, v));
  };
  const std::uint32_t* const odd_end = events.offset + events.count() % 4;
  for (; events.offset < odd_end; ++events.offset) add(*events.offset);
  for (; events.offset < events.end; events.offset += 4) {
    for (std::size_t pair = 0; pair < 4; pair += 2) {
      const OffsetPair offsets(events.offset + pair);
      add(offsets.one());
      add(offsets.other());
    }
  }
  return sums;
}

/// The same times values: products of whole lanes are exact modulo 2^16 like their sums.
template <std::size_t tiles>
HWY_INLINE ByteSums<tiles> sum_products(const Lines<tiles>& lines, Events events,
                                        std::int32_t bias) {
  ByteSums<tiles> sums(0);
  V16 factors = hn::Zero(D16());
  for (; events.offset < events.end; ++events.offset, ++events.value) {
    const V16 factor = hn::Set(D16(), *events.value);
    factors = hn::Add(factors, factor);
    for (std::size_t v = 0; v < tiles * line_vectors; ++v) {
      const V16 lanes = lines.load(*events.offset, v);
      sums.all[v] = hn::Add(sums.all[v], hn::Mul(lanes, factor));
      sums.high[v] = hn::Add(sums.high[v], hn::Mul(hn::ShiftRight<8>(lanes), factor));
    }
  }
  const V16 too_much = hn::Mul(factors, hn::Set(D16(), static_cast<std::int16_t>(bias)));
  for (V16& all : sums.all) all = hn::Sub(all, too_much);
  return sums;
}

/// 16-bit lines in 16-bit sums.
template <bool graded, std::size_t tiles, class Sum>
HWY_INLINE void sum_words(const Lines<tiles>& lines, Events events, const Output<Sum>& out) {
  constexpr std::size_t vectors = tiles * line_vectors;
  V16 sums[vectors];
  for (V16& sum : sums) sum = hn::Zero(D16());
  for (; events.offset < events.end; ++events.offset) {
    for (std::size_t v = 0; v < vectors; ++v) {
      V16 weight = lines.load(*events.offset, v);
      if constexpr (graded) weight = hn::Mul(weight, hn::Set(D16(), *events.value));
      sums[v] = hn::Add(sums[v], weight);
    }
    if constexpr (graded) ++events.value;
  }
  for (std::size_t v = 0; v < vectors; ++v) out.put(v * lanes16, sums[v]);
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
void sum_wide(const LineCall& call, const Lines<1>& lines, Events events, const Output<Sum>& out) {
  const bool bytes = call.kind == ConvolutionWeights::Kind::byte_lines;
  const V16 bias = hn::Set(D16(), static_cast<std::int16_t>(call.bias));
  const bool graded = events.value != nullptr;
  V32 sums[4 * line_vectors];
  for (V32& sum : sums) sum = hn::Zero(D32());
  for (; events.offset < events.end; ++events.offset) {
    const V32 factor = hn::Set(D32(), graded ? *events.value++ : 1);
    for (std::size_t v = 0; v < line_vectors; ++v) {
      const V16 lanes = lines.load(*events.offset, v);
      if (bytes) {
        const V16 low = hn::Sub(hn::And(lanes, hn::Set(D16(), 255)), bias);
        add_wide(low, factor, sums + 2 * v);
        add_wide(hn::ShiftRight<8>(lanes), factor, sums + 2 * (line_vectors + v));
      } else {
        add_wide(lanes, factor, sums + 2 * v);
      }
    }
  }
  const std::size_t vectors = (bytes ? 4 : 2) * line_vectors;
  for (std::size_t v = 0; v < vectors; ++v) out.put(v * lanes16 / 2, sums[v]);
}

/// How the lines of a call are added.
enum class Mode { blocks, pairs, singles, products, words, word_products, wide };

Mode mode_of(const LineCall& call) {
  constexpr std::size_t shortest_block = 4;  // below, widening costs more than 16-bit sums save
  const bool graded = call.values != nullptr;
  if (call.word_block < shortest_block) return Mode::wide;
  if (call.kind == ConvolutionWeights::Kind::word_lines) {
    return graded ? Mode::word_products : Mode::words;
  }
  if (graded) return Mode::products;
  if (call.byte_block >= 4) return Mode::blocks;
  return call.byte_block >= 2 ? Mode::pairs : Mode::singles;
}

/// At most `word_block` events.
template <Mode mode, std::size_t tiles, class Sum>
HWY_INLINE void sum_events(const LineCall& call, const Lines<tiles>& lines, const Events& events,
                           const Output<Sum>& out) {
  const auto bias = static_cast<std::int32_t>(events.count()) * call.bias;
  if constexpr (mode == Mode::blocks) {
    sum_blocks(lines, call.byte_block / 4, events, bias).put(out);
  } else if constexpr (mode == Mode::pairs) {
    sum_pairs(lines, events, bias).put(out);
  } else if constexpr (mode == Mode::singles) {
    sum_singles(lines, events, bias).put(out);
  } else if constexpr (mode == Mode::products) {
    sum_products(lines, events, call.bias).put(out);
  } else {
    sum_words<mode == Mode::word_products>(lines, events, out);
  }
}

template <Mode mode, std::size_t tiles, class Sum>
HWY_INLINE void sum_window(const LineCall& call, const std::byte* first, const Window& window,
                           Sum* sums) {
  const Lines<tiles> lines{first, call.tile_bytes};
  const std::uint32_t* const offset = call.offsets + window.begin;
  Events events{offset, offset + window.count,
                call.values == nullptr ? nullptr : call.values + window.begin};
  if constexpr (mode == Mode::wide) {
    sum_wide(call, lines, events, Output<Sum>{sums, false});
  } else {
    if (HWY_LIKELY(events.count() <= call.word_block)) {
      return sum_events<mode>(call, lines, events, Output<Sum>{sums, false});
    }
    for (bool add = false; events.count() > 0; add = true) {
      const Events block = events.split(std::min(call.word_block, events.count()));
      sum_events<mode>(call, lines, block, Output<Sum>{sums, add});
    }
  }
}

/// Tiles that are summed at once: as many as keep their sums in registers and, of 8-bit lines,
/// their weights in the L1 cache.
template <Mode mode>
std::size_t tiles_at_once(const LineCall& call) {
  constexpr std::size_t l1_bytes = 20480;
  if (mode == Mode::words || mode == Mode::word_products) return 4;
  return mode == Mode::blocks && 2 * call.tile_bytes <= l1_bytes ? 2 : 1;
}

template <Mode mode, std::size_t tiles, class Sum>
void sum_windows(const LineCall& call, const std::byte* first, Sum* sums) {
  for (const Window& window : call.windows) {
    sum_window<mode, tiles>(call, first, window, sums + window.row * call.stride);
  }
}

/// The last tile, of which only `channels` exist.
template <Mode mode, class Sum>
void sum_last_tile(const LineCall& call, const std::byte* first, std::size_t channels, Sum* sums) {
  Sum tile[64];
  for (const Window& window : call.windows) {
    sum_window<mode, 1>(call, first, window, tile);
    std::copy(tile, tile + channels, sums + window.row * call.stride);
  }
}

template <Mode mode, class Sum>
void sum_tiles(const LineCall& call, Sum* sums) {
  const std::size_t channels = call.kind == ConvolutionWeights::Kind::byte_lines ? 64 : 32;
  const std::size_t most = tiles_at_once<mode>(call);
  const std::byte* first = call.lines;
  std::size_t left = call.channels;
  while (left >= channels) {
    const std::size_t tiles = left < most * channels ? 1 : most;
    if (tiles == 1) sum_windows<mode, 1>(call, first, sums);
    if constexpr (mode == Mode::blocks) {
      if (tiles == 2) sum_windows<mode, 2>(call, first, sums);
    }
    if constexpr (mode == Mode::words || mode == Mode::word_products) {
      if (tiles == 4) sum_windows<mode, 4>(call, first, sums);
    }
    first += tiles * call.tile_bytes;
    sums += tiles * channels;
    left -= tiles * channels;
  }
  if (left > 0) sum_last_tile<mode>(call, first, left, sums);
}

template <class Sum>
void sum_integers(const LineCall& call, Sum* sums) {
  switch (mode_of(call)) {
    case Mode::blocks:
      return sum_tiles<Mode::blocks>(call, sums);
    case Mode::pairs:
      return sum_tiles<Mode::pairs>(call, sums);
    case Mode::singles:
      return sum_tiles<Mode::singles>(call, sums);
    case Mode::products:
      return sum_tiles<Mode::products>(call, sums);
    case Mode::words:
      return sum_tiles<Mode::words>(call, sums);
    case Mode::word_products:
      return sum_tiles<Mode::word_products>(call, sums);
    case Mode::wide:
      return sum_tiles<Mode::wide>(call, sums);
  }
}

#else

/// Weight of channel `c`.
std::int32_t weight_at(const LineCall& call, std::size_t c, std::uint32_t offset) {
  if (call.kind == ConvolutionWeights::Kind::word_lines) {
    std::int16_t weight = 0;
    std::memcpy(&weight, call.lines + c / 32 * call.tile_bytes + offset + 2 * (c % 32),
                sizeof(weight));
    return weight;
  }
  const std::byte* const line = call.lines + c / 64 * call.tile_bytes + offset;
  if (c % 64 < 32) return static_cast<std::uint8_t>(line[2 * (c % 64)]) - call.bias;
  return static_cast<std::int8_t>(line[2 * (c % 64 - 32) + 1]);
}

template <class Sum>
void sum_integers(const LineCall& call, Sum* sums) {
  for (const Window& window : call.windows) {
    for (std::size_t c = 0; c < call.channels; ++c) {
      std::int32_t sum = 0;
      for (std::size_t e = window.begin; e < window.begin + window.count; ++e) {
        sum += weight_at(call, c, call.offsets[e]) * (call.values == nullptr ? 1 : call.values[e]);
      }
      sums[window.row * call.stride + c] = static_cast<Sum>(sum);
    }
  }
}

#endif

void sum_int16(const LineCall& call, std::int16_t* sums) { sum_integers(call, sums); }
void sum_int32(const LineCall& call, std::int32_t* sums) { sum_integers(call, sums); }

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(sum_int16);
HWY_EXPORT(sum_int32);

void sum_lines(const LineCall& call, std::int16_t* sums) {
  HWY_DYNAMIC_DISPATCH(sum_int16)(call, sums);
}
void sum_lines(const LineCall& call, std::int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(sum_int32)(call, sums);
}

std::string simd_target() {
  return hwy::TargetName(hwy::SupportedAndGeneratedTargets().front());  // the best comes first
}

}  // namespace nj
#endif  // HWY_ONCE
