#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nj {

/// Sums of chosen rows, for many choices.
struct RowChoices {
  const std::int16_t* rows = nullptr;
  std::size_t width = 0;                ///< of a row; a multiple of 16
  std::span<const std::uint64_t> bits;  ///< [choice, word]: the rows that it sums
  std::size_t words = 0;                ///< of a choice
  std::size_t stride = 0;               ///< of the sums
  std::size_t kept = 0;                 ///< sums that are written, at most `width`
  bool narrow = true;                   ///< all sums fit 16 bits
};

/// sums[k * stride + i] = sum over the bits b of choice k of rows[b * width + i], for i < kept.
void sum_rows(const RowChoices& choices, std::int16_t* sums);
void sum_rows(const RowChoices& choices, std::int32_t* sums);

}  // namespace nj
