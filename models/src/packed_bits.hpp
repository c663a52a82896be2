#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

// Runs of bits in 64-bit words, lowest bit first.
namespace nj {

/// `count` (1..64) bits from bit `offset` on.
inline std::uint64_t bits_at(std::span<const std::uint64_t> words, std::uint64_t offset,
                             std::size_t count) {
  const std::size_t word = offset / 64;
  const unsigned shift = offset % 64;
  std::uint64_t bits = words[word] >> shift;
  if (shift + count > 64) bits |= words[word + 1] << (64 - shift);
  return count == 64 ? bits : bits & ((std::uint64_t{1} << count) - 1);
}

/// Sets those of the `count` (1..64) bits from bit `offset` on that are set in `bits`; the bits
/// above `count` must be zero.
inline void set_bits(std::span<std::uint64_t> words, std::uint64_t offset, std::uint64_t bits,
                     std::size_t count) {
  const unsigned shift = offset % 64;
  words[offset / 64] |= bits << shift;
  if (shift + count > 64) words[offset / 64 + 1] |= bits >> (64 - shift);
}

/// Calls `visit(index)` for every bit that is set.
template <class Visit>
void for_each_bit(std::span<const std::uint64_t> words, Visit&& visit) {
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (std::uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
      visit(w * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
    }
  }
}

inline std::uint64_t count_bits(std::span<const std::uint64_t> words) {
  std::uint64_t bits = 0;
  for (const std::uint64_t word : words) bits += static_cast<unsigned>(std::popcount(word));
  return bits;
}
/// Bits that are set among the `count` from bit `offset` on.
inline std::uint32_t count_bits(std::span<const std::uint64_t> words, std::uint64_t offset,
                                std::uint64_t count) {
  std::uint32_t bits = 0;
  for (; count > 64; count -= 64, offset += 64) {
    bits += static_cast<std::uint32_t>(std::popcount(bits_at(words, offset, 64)));
  }
  return bits + static_cast<std::uint32_t>(std::popcount(bits_at(words, offset, count)));
}

}  // namespace nj
