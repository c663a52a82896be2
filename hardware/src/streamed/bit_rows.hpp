#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

namespace nj {

/// Which values of one time step are not zero, as rows of 64-bit words: one per position and group
/// of channels.
class BitRows {
 public:
  /// Rows of `group` channels each, groups of a position one after another.
  BitRows(const SpikeTrain& train, std::uint32_t t, std::uint32_t group);

  [[nodiscard]] std::span<const std::uint64_t> row(std::uint64_t position,
                                                   std::uint32_t group = 0) const {
    return std::span(words_).subspan((position * groups_ + group) * row_words_, row_words_);
  }
  [[nodiscard]] std::size_t row_words() const { return row_words_; }

 private:
  std::uint32_t groups_ = 0;
  std::size_t row_words_ = 0;
  std::vector<std::uint64_t> words_;
};

/// Bits of both rows.
std::uint64_t count_common(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b);
/// Bits of an unaligned run.
std::uint64_t count_run(std::span<const std::uint64_t> words, std::uint64_t begin,
                        std::uint64_t count);
void add_bits(std::span<const std::uint64_t> row, std::span<std::uint64_t> to);

}  // namespace nj
