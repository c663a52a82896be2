// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "input_events.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/parallel.hpp"

#include "convolution.hpp"
#include "packed_bits.hpp"
#include "train_totals.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// For each byte, `line_bytes` times the positions of its bits, lowest first.
alignas(64) constexpr std::array<std::array<std::uint32_t, 8>, 256> bit_offsets = [] {
  std::array<std::array<std::uint32_t, 8>, 256> table{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::size_t count = 0;
    for (std::uint32_t bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1) != 0) table[byte][count++] = bit * line_bytes;
    }
  }
  return table;
}();

/// Appends `base + bit * line_bytes` for each bit that is set, a byte at a time: up to eight
/// elements behind the last are touched. Returns the end.
HWY_INLINE std::uint32_t* append_offsets(std::uint64_t bits, std::uint32_t base,
                                         std::uint32_t* out) {
  if (bits == 0) return out;
  const hn::CappedTag<std::uint32_t, 8> d;
  auto first = hn::Set(d, base);
  for (std::size_t byte = 0; byte < 8; ++byte) {
    const std::size_t value = bits >> (8 * byte) & 255;
    for (std::size_t i = 0; i < 8; i += hn::MaxLanes(d)) {
      hn::StoreU(hn::Add(hn::Load(d, bit_offsets[value].data() + i), first), d, out + i);
    }
    first = hn::Add(first, hn::Set(d, 8 * line_bytes));
    out += std::popcount(value);
  }
  return out;
}

/// Writes to first[x] how many events precede position x of a map row.
void rank_positions(std::span<const std::uint64_t> words, std::uint64_t begin,
                    std::uint64_t channels, std::uint32_t before, std::span<std::uint32_t> first) {
  for (std::uint32_t& rank : first) {
    rank = before;
    before += count_bits(words, begin, channels);
    begin += channels;
  }
}

/// Bits [begin, end) of a step, one map row: appends the offsets of its events.
std::uint32_t* append_row(std::span<const std::uint64_t> words, std::uint64_t begin,
                          std::uint64_t end, std::uint32_t* out) {
  for (std::uint64_t word = begin / 64; word * 64 < end; ++word) {
    std::uint64_t bits = words[word];
    if (word * 64 < begin) bits &= ~std::uint64_t{0} << (begin - word * 64);
    if (word * 64 + 64 > end) bits &= ~std::uint64_t{0} >> (word * 64 + 64 - end);
    out = append_offsets(bits, static_cast<std::uint32_t>(word * 64 - begin) * line_bytes, out);
  }
  return out;
}

/// Which of up to 64 values are `level` or more; not zero, if `level` is 0.
HWY_INLINE std::uint64_t at_least(std::int16_t level, const std::int16_t* values,
                                  std::size_t count) {
  const hn::CappedTag<std::int16_t, 8> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  const auto limit = hn::Set(d, static_cast<std::int16_t>(level == 0 ? 0 : level - 1));
  std::uint64_t bits = 0;
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    std::uint8_t mask[8] = {};
    const auto vector = hn::LoadU(d, values + i);
    hn::StoreMaskBits(d, level == 0 ? hn::Ne(vector, limit) : hn::Gt(vector, limit), mask);
    bits |= std::uint64_t{mask[0]} << i;
  }
  for (; i < count; ++i) {
    const bool counts = level == 0 ? values[i] != 0 : values[i] >= level;
    bits |= std::uint64_t{counts} << i;
  }
  return bits;
}

/// The values of one position, from channel `place` of its map row on: appends each offset as often
/// as its value says, and returns how many are not zero.
HWY_INLINE std::uint32_t append_ones(std::span<const std::int16_t> values, std::uint32_t place,
                                     std::uint32_t*& out) {
  std::uint32_t inputs = 0;
  for (std::size_t i = 0; i < values.size(); i += 64) {
    const std::size_t count = std::min<std::size_t>(64, values.size() - i);
    const std::uint32_t base = (place + static_cast<std::uint32_t>(i)) * line_bytes;
    std::uint64_t bits = at_least(1, values.data() + i, count);
    inputs += static_cast<std::uint32_t>(std::popcount(bits));
    for (std::int16_t level = 2; bits != 0; ++level) {
      out = append_offsets(bits, base, out);
      bits = at_least(level, values.data() + i, count);
    }
  }
  return inputs;
}

/// A map row of values as ones, and the ranks of its positions among events and inputs, of which
/// `rank` is the first; returns the rank behind the last.
EventRank append_row_ones(std::span<const std::int16_t> row, std::size_t channels, EventRank rank,
                          std::uint32_t* out, std::uint32_t* first, std::uint32_t* inputs) {
  for (std::size_t i = 0; i < row.size(); i += channels) {
    *first++ = rank.event;
    *inputs++ = rank.input;
    std::uint32_t* const begin = out;
    rank.input += append_ones(row.subspan(i, channels), static_cast<std::uint32_t>(i), out);
    rank.event += static_cast<std::uint32_t>(out - begin);
  }
  return rank;
}

/// The same of graded values.
std::uint32_t* append_values(std::span<const std::int16_t> row, std::uint32_t* out,
                             std::int16_t* values) {
  for (std::size_t i = 0; i < row.size(); i += 64) {
    const std::uint64_t bits =
        at_least(0, row.data() + i, std::min<std::size_t>(64, row.size() - i));
    std::uint32_t* const next =
        append_offsets(bits, static_cast<std::uint32_t>(i) * line_bytes, out);
    for (; out < next; ++out) *values++ = row[*out / line_bytes];
  }
  return out;
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(rank_positions);
HWY_EXPORT(append_row);
HWY_EXPORT(append_values);
HWY_EXPORT(append_row_ones);

namespace {

/// A product costs as much as so many additions of a line (multiply low and high, shift, add both,
/// against shift and add both).
constexpr double additions_per_product = 5.0 / 3.0;

/// Writes to first[x] how many events precede position x of a map row. `events` are their offsets,
/// of which each position has `size`.
void rank_events(std::span<const std::uint32_t> events, std::uint32_t size, std::uint32_t before,
                 std::span<std::uint32_t> first) {
  std::size_t x = 0;
  std::uint32_t begin = 0;  // offset of position x
  for (const std::uint32_t offset : events) {
    for (; begin <= offset; begin += size) first[x++] = before;
    ++before;
  }
  std::fill(first.begin() + static_cast<std::ptrdiff_t>(x), first.end(), before);
}

}  // namespace

InputEvents::InputEvents(const SpikeTrain& train, std::uint32_t groups, unsigned threads,
                         EventList list, std::span<const StepTotals> known)
    : timesteps_(timesteps_of(train)),
      groups_(groups),
      height_(shape_of(train).height),
      width_(shape_of(train).width),
      group_channels_(shape_of(train).channels / groups),
      graded_(std::holds_alternative<GradedTensor>(train)) {
  constexpr std::uint64_t limit = std::numeric_limits<std::uint32_t>::max();
  if (std::uint64_t{width_} * group_channels_ > limit / line_bytes) {
    throw Error(ErrorKind::capacity,
                fmt::format("a map row of {} positions of {} channels is too long to be executed",
                            width_, group_channels_));
  }
  const std::vector<RowBand> bands = row_bands(shape_of(train));
  std::vector<StepTotals> totals(known.begin(), known.end());
  if (totals.empty()) {
    totals.resize(bands.size() * timesteps_);
    parallel_for(bands.size(), 1, threads, [&](std::size_t band, std::size_t) {
      for (std::uint32_t t = 0; t < timesteps_; ++t) {
        totals[band * timesteps_ + t] = band_totals(train, t, bands[band]);
      }
    });
  }
  StepTotals all;
  for (const StepTotals& part : totals) all += part;
  count_ = all.spikes;
  min_value_ = all.least;
  max_value_ = graded_ ? all.most : 1;
  const bool ones =
      graded_ && list == EventList::fastest && groups == 1 && min_value_ == 0 &&
      static_cast<double>(all.magnitude) <= additions_per_product * static_cast<double>(count_);
  listed_ = ones ? all.magnitude : count_;
  const std::uint64_t room = listed_ + copy_piece;
  if (room > limit) {
    throw Error(ErrorKind::capacity, fmt::format("{} events of one layer are too many", listed_));
  }
  offsets_ = std::make_unique_for_overwrite<std::uint32_t[]>(room);
  first_ =
      std::make_unique_for_overwrite<std::uint32_t[]>(std::size_t{timesteps_} * groups_ * cells());
  if (ones) {
    graded_ = false;
    inputs_ = std::make_unique_for_overwrite<std::uint32_t[]>(std::size_t{timesteps_} * cells());
  } else if (graded_) {
    values_ = std::make_unique_for_overwrite<std::int16_t[]>(room);
  }
  // Where the events and inputs of each step and band begin, and where the last ones end.
  std::vector<EventRank> ranks(totals.size() + 1);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const StepTotals& part = totals[i % bands.size() * timesteps_ + i / bands.size()];
    const auto inputs = static_cast<std::uint32_t>(part.spikes);
    const auto events = ones ? static_cast<std::uint32_t>(part.magnitude) : inputs;
    ranks[i + 1] = {ranks[i].event + events, ranks[i].input + inputs};
  }
  if (groups > 1) {
    parallel_for(timesteps_, 1, threads, [&](std::size_t t, std::size_t) {
      list_by_group(train, static_cast<std::uint32_t>(t), ranks[t * bands.size()].event);
    });
    return;
  }
  parallel_for(bands.size(), 1, threads, [&](std::size_t band, std::size_t) {
    std::vector<std::uint32_t> buffer;
    for (std::uint32_t t = 0; t < timesteps_; ++t) {
      const std::size_t i = t * bands.size() + band;
      list_band(train, t, bands[band], ranks[i], ranks[i + 1], buffer);
    }
  });
}

EventRank InputEvents::list_row(const SpikeTrain& train, std::uint32_t t, std::uint32_t y,
                                EventRank rank, std::uint32_t* out) {
  const std::uint64_t row_size = std::uint64_t{width_} * group_channels_;
  const std::uint64_t begin = y * row_size;
  const std::size_t cell = t * cells() + std::size_t{y} * width_;
  const std::span<std::uint32_t> first(first_.get() + cell, width_);
  const std::uint32_t* end = nullptr;
  if (const auto* spikes = std::get_if<SpikeTensor>(&train)) {
    const auto words = spikes->step(t);
    HWY_DYNAMIC_DISPATCH(rank_positions)(words, begin, group_channels_, rank.event, first);
    end = HWY_DYNAMIC_DISPATCH(append_row)(words, begin, begin + row_size, out);
  } else {
    const auto row = std::get<GradedTensor>(train).step(t).subspan(begin, row_size);
    if (inputs_) {
      return HWY_DYNAMIC_DISPATCH(append_row_ones)(row, group_channels_, rank, out, first.data(),
                                                   inputs_.get() + cell);
    }
    end = HWY_DYNAMIC_DISPATCH(append_values)(row, out, values_.get() + rank.event);
    rank_events({out, end}, group_channels_ * line_bytes, rank.event, first);
  }
  const auto count = static_cast<std::uint32_t>(end - out);
  return {rank.event + count, rank.input + count};
}

void InputEvents::list_band(const SpikeTrain& train, std::uint32_t t, const RowBand& band,
                            EventRank rank, EventRank end, std::vector<std::uint32_t>& list) {
  // Not in place: rows touch elements behind them, which would belong to the next band.
  const std::size_t count = end.event - rank.event;
  if (list.size() < count + copy_piece) list.resize(count + copy_piece);
  const std::uint32_t first = rank.event;
  for (std::uint32_t y = band.begin; y < band.end; ++y) {
    rank = list_row(train, t, y, rank, list.data() + (rank.event - first));
  }
  std::copy_n(list.data(), count, offsets_.get() + first);
  if (band.end < height_) return;
  first_[(t + 1) * cells() - 1] = end.event;
  if (inputs_) inputs_[(t + 1) * cells() - 1] = end.input;
}

void InputEvents::list_by_group(const SpikeTrain& train, std::uint32_t t, std::uint32_t place) {
  const FeatureShape& shape = shape_of(train);
  const std::span<std::uint32_t> first(first_.get() + t * groups_ * cells(), groups_ * cells());
  std::fill(first.begin(), first.end(), 0U);
  const auto cell = [&](std::uint64_t address) {
    return address % shape.channels / group_channels_ * cells() + address / shape.channels;
  };
  for_each(train, t, [&](std::uint64_t address, auto) { ++first[cell(address) + 1]; });
  first[0] = place;
  for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  std::vector<std::uint32_t> next(first.begin(), first.end());
  for_each(train, t, [&](std::uint64_t address, auto value) {
    const std::uint32_t to = next[cell(address)]++;
    const std::uint64_t x = address / shape.channels % width_;
    const std::uint64_t channel = address % shape.channels % group_channels_;
    offsets_[to] = static_cast<std::uint32_t>(x * group_channels_ + channel) * line_bytes;
    if (graded_) values_[to] = value;
  });
}

}  // namespace nj
#endif  // HWY_ONCE
