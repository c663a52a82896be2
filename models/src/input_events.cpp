// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
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

std::uint64_t count_all(std::span<const std::uint64_t> words) { return count_bits(words); }

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

/// Which of up to 64 values are not zero.
std::uint64_t nonzero(const std::int16_t* values, std::size_t count) {
  const hn::CappedTag<std::int16_t, 8> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  std::uint64_t bits = 0;
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    std::uint8_t mask[8] = {};
    hn::StoreMaskBits(d, hn::Ne(hn::LoadU(d, values + i), hn::Zero(d)), mask);
    bits |= std::uint64_t{mask[0]} << i;
  }
  for (; i < count; ++i) bits |= std::uint64_t{values[i] != 0} << i;
  return bits;
}

/// The same of graded values.
std::uint32_t* append_values(std::span<const std::int16_t> row, std::uint32_t* out,
                             std::int16_t* values) {
  for (std::size_t i = 0; i < row.size(); i += 64) {
    const std::uint64_t bits = nonzero(row.data() + i, std::min<std::size_t>(64, row.size() - i));
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

HWY_EXPORT(count_all);
HWY_EXPORT(rank_positions);
HWY_EXPORT(append_row);
HWY_EXPORT(append_values);

namespace {

std::uint64_t count_events(const SpikeTrain& train, std::uint32_t t) {
  const auto* spikes = std::get_if<SpikeTensor>(&train);
  return spikes == nullptr ? count(train, t) : HWY_DYNAMIC_DISPATCH(count_all)(spikes->step(t));
}

}  // namespace

InputEvents::InputEvents(const SpikeTrain& train, std::uint32_t groups, unsigned threads)
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
  std::vector<std::uint64_t> events(timesteps_);
  parallel_for(timesteps_, 1, threads, [&](std::size_t t, std::size_t) {
    events[t] = count_events(train, static_cast<std::uint32_t>(t));
  });
  // Each step has a piece behind it that may be written, so that steps do not meet.
  std::vector<std::uint64_t> places(timesteps_);
  std::uint64_t room = 0;
  for (std::uint32_t t = 0; t < timesteps_; ++t) {
    places[t] = room;
    room += events[t] + copy_piece;
    count_ += events[t];
  }
  if (room > limit) {
    throw Error(ErrorKind::capacity, fmt::format("{} events of one layer are too many", count_));
  }
  offsets_ = std::make_unique_for_overwrite<std::uint32_t[]>(room);
  first_.resize(std::size_t{timesteps_} * groups_ * cells());
  if (const auto* graded = std::get_if<GradedTensor>(&train)) {
    values_ = std::make_unique_for_overwrite<std::int16_t[]>(room);
    measure(*graded);
  } else {
    max_value_ = 1;
  }
  parallel_for(timesteps_, 1, threads, [&](std::size_t step, std::size_t) {
    const auto t = static_cast<std::uint32_t>(step);
    groups == 1 ? fill_in_order(train, t, places[t]) : fill_by_group(train, t, places[t]);
  });
}

void InputEvents::measure(const GradedTensor& train) {
  for (std::uint32_t t = 0; t < timesteps_; ++t) {
    std::int16_t least = 0;
    std::int16_t most = 0;
    for (const std::int16_t value : train.step(t)) {
      least = std::min(least, value);
      most = std::max(most, value);
    }
    min_value_ = std::min<std::int32_t>(min_value_, least);
    max_value_ = std::max<std::int32_t>(max_value_, most);
  }
}

void InputEvents::fill_in_order(const SpikeTrain& train, std::uint32_t t, std::uint64_t place) {
  const FeatureShape& shape = shape_of(train);
  const std::uint64_t row_size = std::uint64_t{width_} * shape.channels;
  const auto* spikes = std::get_if<SpikeTensor>(&train);
  std::uint32_t* end = offsets_.get() + place;
  std::span<std::uint32_t> first = std::span(first_).subspan(t * cells(), cells());
  for (std::uint64_t begin = 0; begin < shape.neurons(); begin += row_size) {
    auto before = static_cast<std::uint32_t>(end - offsets_.get());
    if (spikes != nullptr) {
      const auto words = spikes->step(t);
      HWY_DYNAMIC_DISPATCH(rank_positions)
      (words, begin, shape.channels, before, first.first(width_));
      end = HWY_DYNAMIC_DISPATCH(append_row)(words, begin, begin + row_size, end);
    } else {
      const auto row = std::get<GradedTensor>(train).step(t).subspan(begin, row_size);
      end = HWY_DYNAMIC_DISPATCH(append_values)(row, end, values_.get() + before);
      for (std::uint32_t x = 0; x < width_; ++x) {
        first[x] = before;
        for (const std::int16_t v : row.subspan(x * shape.channels, shape.channels)) {
          before += v != 0 ? 1 : 0;
        }
      }
    }
    first = first.subspan(width_);
  }
  first.front() = static_cast<std::uint32_t>(end - offsets_.get());
}

void InputEvents::fill_by_group(const SpikeTrain& train, std::uint32_t t, std::uint64_t place) {
  const FeatureShape& shape = shape_of(train);
  const auto first = std::span(first_).subspan(t * groups_ * cells(), groups_ * cells());
  const auto cell = [&](std::uint64_t address) {
    return address % shape.channels / group_channels_ * cells() + address / shape.channels;
  };
  for_each(train, t, [&](std::uint64_t address, auto) { ++first[cell(address) + 1]; });
  first[0] = static_cast<std::uint32_t>(place);
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
