#include "streamed/bit_rows.hpp"

#include <algorithm>
#include <bit>

namespace nj {

BitRows::BitRows(const SpikeTrain& train, std::uint32_t t, std::uint32_t group)
    : groups_(shape_of(train).channels / group), row_words_((group + 63) / 64) {
  const FeatureShape& shape = shape_of(train);
  words_.assign(shape.positions() * groups_ * row_words_, 0);
  for_each(train, t, [&](std::uint64_t address, std::int16_t) {
    const std::uint64_t bit = address % group;
    words_[address / group * row_words_ + bit / 64] |= std::uint64_t{1} << (bit % 64);
  });
}

std::uint64_t count_common(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  std::uint64_t count = 0;
  for (std::size_t w = 0; w < a.size(); ++w) {
    count += static_cast<std::uint64_t>(std::popcount(a[w] & b[w]));
  }
  return count;
}

std::uint64_t count_run(std::span<const std::uint64_t> words, std::uint64_t begin,
                        std::uint64_t count) {
  std::uint64_t bits = 0;
  for (std::uint64_t done = 0; done < count;) {
    const std::uint64_t offset = (begin + done) % 64;
    const std::uint64_t wanted = std::min(64 - offset, count - done);
    std::uint64_t word = words[(begin + done) / 64] >> offset;
    if (wanted < 64) word &= (std::uint64_t{1} << wanted) - 1;
    bits += static_cast<std::uint64_t>(std::popcount(word));
    done += wanted;
  }
  return bits;
}

void add_bits(std::span<const std::uint64_t> row, std::span<std::uint64_t> to) {
  for (std::size_t w = 0; w < row.size(); ++w) to[w] |= row[w];
}

}  // namespace nj
