// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <limits>

#include "attention.hpp"
#include "packed_bits.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Sums of chosen rows, for many choices.
struct RowChoices {
  const std::int16_t* rows = nullptr;
  std::size_t width = 0;                ///< of a row; a multiple of 16
  std::span<const std::uint64_t> bits;  ///< [choice, word]: the rows that it sums
  std::size_t words = 0;                ///< of a choice
  std::size_t stride = 0;               ///< of the sums
  std::size_t kept = 0;                 ///< sums that are written, at most `width`
};

template <class D>
HWY_INLINE hn::Vec<D> load_row(D d, const std::int16_t* row) {
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(std::int16_t)) {
    return hn::LoadU(d, row);
  } else {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<std::int16_t, D>(), row));
  }
}

template <class D, class Sum>
HWY_INLINE void store_sum(D d, hn::Vec<D> sum, Sum* sums) {
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(Sum)) {
    hn::StoreU(sum, d, sums);
  } else {
    std::int16_t lanes[hn::MaxLanes(D())];
    hn::StoreU(sum, d, lanes);
    std::copy(lanes, lanes + hn::MaxLanes(d), sums);
  }
}

/// `piece` columns, in registers of type `Inner` while all rows pass.
template <std::size_t piece, class Inner, class Sum>
HWY_INLINE void sum_piece(const std::int16_t* rows, std::size_t width,
                          std::span<const std::uint64_t> bits, Sum* sums) {
  const hn::CappedTag<Inner, piece> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  constexpr std::size_t vectors = piece / lanes;
  hn::Vec<decltype(d)> sum[vectors];
  for (auto& vector : sum) vector = hn::Zero(d);
  for (const std::size_t b : SetBits(bits)) {
    const std::int16_t* const row = rows + b * width;
    for (std::size_t v = 0; v < vectors; ++v) {
      sum[v] = hn::Add(sum[v], load_row(d, row + v * lanes));
    }
  }
  for (std::size_t v = 0; v < vectors; ++v) store_sum(d, sum[v], sums + v * lanes);
}

template <std::size_t piece, class Inner, class Sum>
HWY_INLINE void sum_columns(const RowChoices& choices, std::size_t column,
                            std::span<const std::uint64_t> bits, Sum* sums) {
  if (column >= choices.kept) return;
  const std::int16_t* const rows = choices.rows + column;
  if (column + piece <= choices.kept) {
    return sum_piece<piece, Inner>(rows, choices.width, bits, sums + column);
  }
  Sum all[piece];
  sum_piece<piece, Inner>(rows, choices.width, bits, all);
  std::copy(all, all + (choices.kept - column), sums + column);
}

template <class Inner, class Sum>
void sum_choices(const RowChoices& choices, Sum* sums) {
  const std::size_t count = choices.bits.size() / choices.words;
  for (std::size_t k = 0; k < count; ++k, sums += choices.stride) {
    const auto bits = choices.bits.subspan(k * choices.words, choices.words);
    std::size_t column = 0;
    for (; column + 64 <= choices.width; column += 64) {
      sum_columns<64, Inner>(choices, column, bits, sums);
    }
    for (; column < choices.width; column += 16) {
      sum_columns<16, Inner>(choices, column, bits, sums);
    }
  }
}

constexpr std::size_t column_unit = 16;  // of the rows that sum_rows takes

/// One head: tokens, channels, and the words that hold as many bits.
struct Head {
  std::size_t tokens = 0;
  std::size_t size = 0;
  std::size_t first = 0;  ///< channel
  [[nodiscard]] std::size_t token_words() const { return (tokens + 63) / 64; }
  [[nodiscard]] std::size_t words() const { return (size + 63) / 64; }
  [[nodiscard]] std::size_t width() const {
    return (size + column_unit - 1) / column_unit * column_unit;
  }
};

/// The head's channels of one step, `[token, word]`.
void gather(const Head& head, const SpikeTensor& tensor, std::uint32_t t,
            std::vector<std::uint64_t>& out) {
  const auto words = tensor.step(t);
  out.clear();
  for (std::size_t n = 0; n < head.tokens; ++n) {
    const std::size_t begin = n * tensor.shape().channels + head.first;
    for (std::size_t j = 0; j < head.size; j += 64) {
      out.push_back(bits_at(words, begin + j, std::min<std::size_t>(64, head.size - j)));
    }
  }
}

std::span<const std::uint64_t> row(const std::vector<std::uint64_t>& bits, std::size_t index,
                                   std::size_t words) {
  return std::span(bits).subspan(index * words, words);
}

/// Up to as many channels as T has bits, from channel 64 * `word` on: `[token]` of T to
/// `[channel, token]`, a channel of many tokens with one test of their bits.
template <class T>
void transpose_word(const Head& head, const std::vector<std::uint64_t>& bits, std::size_t word,
                    AlignedVector<std::byte>& buffer, std::vector<std::uint64_t>& columns) {
  const hn::CappedTag<T, 64> d;
  constexpr std::size_t lanes = hn::MaxLanes(d);
  const std::size_t room = (head.tokens + lanes - 1) / lanes * lanes;
  buffer.resize(room * sizeof(T));
  T* const tokens = reinterpret_cast<T*>(buffer.data());
  for (std::size_t n = 0; n < head.tokens; ++n) {
    tokens[n] = static_cast<T>(bits[n * head.words() + word]);
  }
  std::fill(tokens + head.tokens, tokens + room, T{0});
  const std::size_t first = word * 64;
  const std::size_t count = std::min<std::size_t>(head.size - first, 64);
  for (std::size_t j = 0; j < count; ++j) {
    const auto bit = hn::Set(d, static_cast<T>(T{1} << j));
    std::uint64_t* const column = columns.data() + (first + j) * head.token_words();
    for (std::size_t n = 0; n < room; n += lanes) {
      std::uint64_t mask = 0;
      std::uint8_t bytes[8] = {};
      hn::StoreMaskBits(d, hn::TestBit(hn::Load(d, tokens + n), bit), bytes);
      for (std::size_t i = 0; i < (lanes + 7) / 8; ++i) mask |= std::uint64_t{bytes[i]} << (8 * i);
      column[n / 64] |= mask << (n % 64);
    }
  }
}

/// `[token, channel]` to `[channel, token]`.
void transpose(const Head& head, const std::vector<std::uint64_t>& bits,
               AlignedVector<std::byte>& buffer, std::vector<std::uint64_t>& columns) {
  columns.assign(head.size * head.token_words(), 0);
  if (head.size <= 16) return transpose_word<std::uint16_t>(head, bits, 0, buffer, columns);
  if (head.size <= 32) return transpose_word<std::uint32_t>(head, bits, 0, buffer, columns);
  for (std::size_t word = 0; word < head.words(); ++word) {
    transpose_word<std::uint64_t>(head, bits, word, buffer, columns);
  }
}

/// How many queries have a channel in common with a key.
std::uint64_t queries_that_meet(const Head& head, std::span<const std::uint64_t> key,
                                AttentionScratch& scratch) {
  const std::size_t words = head.token_words();
  scratch.seen.assign(words, 0);
  for (const std::size_t j : SetBits(key)) {
    for (std::size_t w = 0; w < words; ++w) {
      scratch.seen[w] |= scratch.query_columns[j * words + w];
    }
  }
  return count_bits(scratch.seen);
}

void count_head(const Head& head, AttentionScratch& scratch, AttentionCounts& counts) {
  const std::size_t words = head.words();
  for (std::size_t j = 0; j < head.size; ++j) {
    counts.coincidences += count_bits(row(scratch.query_columns, j, head.token_words())) *
                           count_bits(row(scratch.key_columns, j, head.token_words()));
  }
  for (std::size_t m = 0; m < head.tokens; ++m) {
    const std::uint64_t value_spikes = count_bits(row(scratch.value, m, words));
    if (value_spikes == 0) continue;
    const auto key = row(scratch.key, m, words);
    counts.score_additions += queries_that_meet(head, key, scratch) * value_spikes;
    counts.key_value_coincidences += count_bits(key) * value_spikes;
  }
  counts.query_additions += count_bits(scratch.query) * head.size;
}

/// Q (K^T V): row j of K^T V sums the values whose key has channel j, and each query sums the rows
/// of its channels.
void sum_head(const Head& head, AttentionScratch& scratch, std::int32_t* sums, std::size_t stride) {
  const std::size_t width = head.width();
  scratch.value_rows.assign(head.tokens * width, 0);
  for (std::size_t m = 0; m < head.tokens; ++m) {
    std::int16_t* const values = scratch.value_rows.data() + m * width;
    for (const std::size_t j : SetBits(row(scratch.value, m, head.words()))) values[j] = 1;
  }
  scratch.products.resize(head.size * width);
  const RowChoices keys{scratch.value_rows.data(), width, scratch.key_columns,
                        head.token_words(),        width, width};
  sum_choices<std::int16_t>(keys, scratch.products.data());
  const bool narrow = head.tokens * head.size <= std::numeric_limits<std::int16_t>::max();
  const RowChoices queries{
      scratch.products.data(), width, scratch.query, head.words(), stride, head.size};
  narrow ? sum_choices<std::int16_t>(queries, sums + head.first)
         : sum_choices<std::int32_t>(queries, sums + head.first);
}

AttentionCounts attend_heads(std::uint32_t heads, const SpikeTensor& query, const SpikeTensor& key,
                             const SpikeTensor& value, std::uint32_t t, AttentionScratch& scratch,
                             std::int32_t* sums) {
  const std::uint32_t channels = query.shape().channels;
  Head head{query.shape().positions(), channels / heads, 0};
  AttentionCounts counts;
  for (std::uint32_t h = 0; h < heads; ++h, head.first += head.size) {
    gather(head, query, t, scratch.query);
    gather(head, key, t, scratch.key);
    gather(head, value, t, scratch.value);
    transpose(head, scratch.query, scratch.tokens, scratch.query_columns);
    transpose(head, scratch.key, scratch.tokens, scratch.key_columns);
    count_head(head, scratch, counts);
    sum_head(head, scratch, sums, padded(channels));
  }
  return counts;
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(attend_heads);

AttentionCounts attend(std::uint32_t heads, const SpikeTensor& query, const SpikeTensor& key,
                       const SpikeTensor& value, std::uint32_t t, AttentionScratch& scratch,
                       std::int32_t* sums) {
  return HWY_DYNAMIC_DISPATCH(attend_heads)(heads, query, key, value, t, scratch, sums);
}

AttentionCounts attend_ref(std::uint32_t heads, const SpikeTensor& query, const SpikeTensor& key,
                           const SpikeTensor& value, std::uint32_t t, std::int32_t* sums) {
  const std::size_t channels = query.shape().channels;
  const std::size_t tokens = query.shape().positions();
  const std::size_t size = channels / heads;
  AttentionCounts counts;
  for (std::size_t n = 0; n < tokens; ++n) {
    std::fill(sums + n * padded(channels), sums + (n + 1) * padded(channels), 0);
  }
  for (std::size_t first = 0; first < channels; first += size) {
    for (std::size_t n = 0; n < tokens; ++n) {
      for (std::size_t m = 0; m < tokens; ++m) {
        std::int32_t score = 0;
        for (std::size_t c = first; c < first + size; ++c) {
          score += query.test(t, n * channels + c) && key.test(t, m * channels + c) ? 1 : 0;
        }
        counts.coincidences += static_cast<std::uint64_t>(score);
        for (std::size_t c = first; c < first + size; ++c) {
          if (!value.test(t, m * channels + c)) continue;
          counts.score_additions += score > 0 ? 1 : 0;
          sums[n * padded(channels) + c] += score;
          for (std::size_t i = first; n == 0 && i < first + size; ++i) {
            counts.key_value_coincidences += key.test(t, m * channels + i) ? 1 : 0;
          }
        }
      }
      for (std::size_t c = first; c < first + size; ++c) {
        counts.query_additions += query.test(t, n * channels + c) ? size : 0;
      }
    }
  }
  return counts;
}

}  // namespace nj
#endif  // HWY_ONCE
