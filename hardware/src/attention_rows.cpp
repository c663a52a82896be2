#include "attention_rows.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <variant>

namespace nj {
namespace {

/// Copies `count` bits from bit `begin` on to the front of `out`.
void copy_bits(std::span<const std::uint64_t> from, std::uint64_t begin, std::uint32_t count,
               std::span<std::uint64_t> out) {
  for (std::uint32_t done = 0; done < count; done += 64) {
    const std::uint64_t bit = begin + done;
    const std::size_t word = bit / 64;
    const std::uint32_t wanted = std::min<std::uint32_t>(64, count - done);
    std::uint64_t bits = from[word] >> (bit % 64);
    if (bit % 64 + wanted > 64) bits |= from[word + 1] << (64 - bit % 64);
    if (wanted < 64) bits &= (std::uint64_t{1} << wanted) - 1;
    out[done / 64] = bits;
  }
}

std::vector<std::uint64_t> rows_of(const SpikeTensor& tensor, std::uint32_t t, Range channels,
                                   std::uint32_t head_channels, std::size_t row_words) {
  const FeatureShape& shape = tensor.shape();
  const std::uint32_t heads = channels.size() / head_channels;
  std::vector<std::uint64_t> rows(heads * shape.positions() * row_words);
  for (std::uint32_t h = 0; h < heads; ++h) {
    for (std::uint64_t n = 0; n < shape.positions(); ++n) {
      const std::uint64_t begin = n * shape.channels + channels.begin + h * head_channels;
      copy_bits(tensor.step(t), begin, head_channels,
                std::span(rows).subspan((h * shape.positions() + n) * row_words, row_words));
    }
  }
  return rows;
}

template <class Handle>
void for_each_bit(std::span<const std::uint64_t> words, Handle&& handle) {
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (std::uint64_t bits = words[w]; bits != 0; bits &= bits - 1) {
      handle(static_cast<std::uint32_t>(w * 64) +
             static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
  }
}

}  // namespace

AttentionRows::AttentionRows(const SlicePlan& slice, const SpikeTensor& query,
                             const SpikeTensor& key, const SpikeTensor& value, std::uint32_t t)
    : order_(slice.kind->attention),
      head_channels_(slice.shape.channels / std::get<SpikingSelfAttention>(*slice.op).heads),
      heads_(slice.channels() / head_channels_),
      tokens_(slice.shape.positions()),
      row_words_((head_channels_ + 63) / 64) {
  const Range channels{slice.place.channel_begin, slice.place.channel_end};
  query_ = rows_of(query, t, channels, head_channels_, row_words_);
  key_ = rows_of(key, t, channels, head_channels_, row_words_);
  value_ = rows_of(value, t, channels, head_channels_, row_words_);
  reached_.resize(heads_ * row_words_);
}

AttentionTokenWork AttentionRows::token(std::uint64_t n) {
  AttentionTokenWork work;
  std::fill(reached_.begin(), reached_.end(), 0);
  for (std::uint32_t h = 0; h < heads_; ++h) {
    if (order_ == ProductOrder::scores_first) {
      scores_first(h, n, work);
    } else {
      values_first(h, n, work);
    }
  }
  return work;
}

std::uint32_t AttentionRows::reached(std::uint32_t first, std::uint32_t last) const {
  std::uint32_t count = 0;
  while (first < last) {
    const std::uint32_t bit = first % head_channels_;
    const std::uint32_t bits =
        std::min({last - first, head_channels_ - bit, std::uint32_t{64} - bit % 64});
    std::uint64_t word = reached_[first / head_channels_ * row_words_ + bit / 64] >> (bit % 64);
    if (bits < 64) word &= (std::uint64_t{1} << bits) - 1;
    count += static_cast<std::uint32_t>(std::popcount(word));
    first += bits;
  }
  return count;
}

AttentionTokenWork AttentionRows::prepare() {
  AttentionTokenWork work;
  if (order_ == ProductOrder::scores_first) {
    count_keys_and_values();
    return work;
  }
  product_.assign(std::size_t{heads_} * head_channels_ * row_words_, 0);
  for (std::uint32_t h = 0; h < heads_; ++h) {
    for (std::uint64_t m = 0; m < tokens_; ++m) {
      const auto k = std::span(key_).subspan(row(h, m), row_words_);
      const auto v = std::span(value_).subspan(row(h, m), row_words_);
      ++work.coincidence_rows;
      if (count_bits(k) == 0) continue;
      ++work.score_rows;
      const std::uint64_t values = count_bits(v);
      if (values == 0) continue;
      for_each_bit(k, [&](std::uint32_t channel) {
        const auto sums = std::span(product_).subspan(product_row(h, channel), row_words_);
        if (count_bits(sums) != 0) ++work.product_reads;  // the first one finds zeros
        for (std::size_t w = 0; w < row_words_; ++w) sums[w] |= v[w];
        ++work.product_writes;
        work.coincidences += values;
      });
    }
  }
  return work;
}

void AttentionRows::count_keys_and_values() {
  key_tokens_.assign(std::size_t{heads_} * head_channels_, 0);
  value_spikes_.clear();
  for (std::uint32_t h = 0; h < heads_; ++h) {
    for (std::uint64_t m = 0; m < tokens_; ++m) {
      for_each_bit(std::span(key_).subspan(row(h, m), row_words_),
                   [&](std::uint32_t channel) { ++key_tokens_[h * head_channels_ + channel]; });
      value_spikes_.push_back(
          static_cast<std::uint32_t>(count_bits(std::span(value_).subspan(row(h, m), row_words_))));
    }
  }
}

void AttentionRows::values_first(std::uint32_t head, std::uint64_t n, AttentionTokenWork& work) {
  ++work.coincidence_rows;
  for_each_bit(std::span(query_).subspan(row(head, n), row_words_), [&](std::uint32_t channel) {
    const auto sums = std::span(product_).subspan(product_row(head, channel), row_words_);
    const std::uint64_t values = count_bits(sums);
    if (values == 0) return;
    ++work.product_reads;
    work.score_additions += values;
    for (std::size_t w = 0; w < row_words_; ++w) reached_[head * row_words_ + w] |= sums[w];
  });
}

/// All scores of a token add up to the keys that each spike of q meets; which of them are zero is
/// seen row by row.
void AttentionRows::scores_first(std::uint32_t head, std::uint64_t n, AttentionTokenWork& work) {
  const auto q = std::span(query_).subspan(row(head, n), row_words_);
  ++work.coincidence_rows;
  bool spikes = false;
  for_each_bit(q, [&](std::uint32_t channel) {
    spikes = true;
    work.coincidences += key_tokens_[head * head_channels_ + channel];
  });
  if (!spikes) return;
  work.coincidence_rows += tokens_;
  work.and_bits += tokens_ * head_channels_;
  for (std::uint64_t m = 0; m < tokens_; ++m) {
    const std::size_t key = row(head, m);
    std::uint64_t common = 0;
    for (std::size_t w = 0; w < row_words_; ++w) common |= q[w] & key_[key + w];
    const std::uint64_t meets = common != 0 ? ~std::uint64_t{0} : 0;
    work.score_rows += meets & 1U;
    work.score_additions += meets & value_spikes_[head * tokens_ + m];
    for (std::size_t w = 0; w < row_words_; ++w) {
      reached_[head * row_words_ + w] |= meets & value_[key + w];
    }
  }
}

}  // namespace nj
