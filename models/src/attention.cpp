#include "attention.hpp"

#include <algorithm>
#include <limits>

#include "packed_bits.hpp"
#include "row_sums.hpp"

namespace nj {
namespace {

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

/// `[token, channel]` to `[channel, token]`.
void transpose(const Head& head, const std::vector<std::uint64_t>& bits,
               std::vector<std::uint64_t>& columns) {
  const std::size_t words = head.token_words();
  columns.assign(head.size * words, 0);
  for (std::size_t n = 0; n < head.tokens; ++n) {
    for_each_bit(row(bits, n, head.words()), [&](std::size_t j) {
      columns[j * words + n / 64] |= std::uint64_t{1} << (n % 64);
    });
  }
}

/// How many queries have a channel in common with a key.
std::uint64_t queries_that_meet(const Head& head, std::span<const std::uint64_t> key,
                                AttentionScratch& scratch) {
  const std::size_t words = head.token_words();
  scratch.seen.assign(words, 0);
  for_each_bit(key, [&](std::size_t j) {
    for (std::size_t w = 0; w < words; ++w) {
      scratch.seen[w] |= scratch.query_columns[j * words + w];
    }
  });
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
    for_each_bit(row(scratch.value, m, head.words()), [&](std::size_t j) { values[j] = 1; });
  }
  scratch.products.resize(head.size * width);
  const RowChoices keys{scratch.value_rows.data(),
                        width,
                        scratch.key_columns,
                        head.token_words(),
                        width,
                        width,
                        true};
  sum_rows(keys, scratch.products.data());
  const bool narrow = head.tokens * head.size <= std::numeric_limits<std::int16_t>::max();
  const RowChoices queries{
      scratch.products.data(), width, scratch.query, head.words(), stride, head.size, narrow};
  sum_rows(queries, sums + head.first);
}

}  // namespace

AttentionCounts attend(std::uint32_t heads, const SpikeTensor& query, const SpikeTensor& key,
                       const SpikeTensor& value, std::uint32_t t, AttentionScratch& scratch,
                       std::int32_t* sums) {
  const std::uint32_t channels = query.shape().channels;
  Head head{query.shape().positions(), channels / heads, 0};
  AttentionCounts counts;
  for (std::uint32_t h = 0; h < heads; ++h, head.first += head.size) {
    gather(head, query, t, scratch.query);
    gather(head, key, t, scratch.key);
    gather(head, value, t, scratch.value);
    transpose(head, scratch.query, scratch.query_columns);
    transpose(head, scratch.key, scratch.key_columns);
    count_head(head, scratch, counts);
    sum_head(head, scratch, sums, padded(channels));
  }
  return counts;
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
