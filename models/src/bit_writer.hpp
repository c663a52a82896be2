#pragma once

#include <cstdint>

namespace nj {

/// Appends groups of bits to consecutive 64-bit words.
class BitWriter {
 public:
  explicit BitWriter(std::uint64_t* out) : out_(out) {}

  /// Appends the lowest `count` (1..63) bits; the others must be zero.
  void append(std::uint64_t bits, unsigned count) {
    word_ |= bits << fill_;
    fill_ += count;
    if (fill_ >= 64) {
      *out_++ = word_;
      fill_ -= 64;
      word_ = fill_ == 0 ? 0 : bits >> (count - fill_);
    }
  }
  void finish() {
    if (fill_ > 0) *out_ = word_;
  }

 private:
  std::uint64_t* out_;
  std::uint64_t word_ = 0;
  unsigned fill_ = 0;
};

}  // namespace nj
