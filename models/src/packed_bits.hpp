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

/// The positions of the bits that are set, as a range. (Not a function that takes a visitor: code
/// compiled for one instruction set is not inlined into a function compiled for another.)
class SetBits {
 public:
  struct End {};
  class Iterator {
   public:
    explicit Iterator(std::span<const std::uint64_t> words) : words_(words) { find_word(); }
    std::size_t operator*() const {
      return word_ * 64 + static_cast<std::size_t>(std::countr_zero(rest_));
    }
    Iterator& operator++() {
      rest_ &= rest_ - 1;
      if (rest_ == 0) {
        ++word_;
        find_word();
      }
      return *this;
    }
    friend bool operator==(const Iterator& i, End) { return i.word_ >= i.words_.size(); }

   private:
    void find_word() {
      for (; word_ < words_.size(); ++word_) {
        rest_ = words_[word_];
        if (rest_ != 0) return;
      }
    }
    std::span<const std::uint64_t> words_;
    std::size_t word_ = 0;
    std::uint64_t rest_ = 0;
  };

  explicit SetBits(std::span<const std::uint64_t> words) : words_(words) {}
  [[nodiscard]] Iterator begin() const { return Iterator(words_); }
  [[nodiscard]] End end() const { return {}; }

 private:
  std::span<const std::uint64_t> words_;
};

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
