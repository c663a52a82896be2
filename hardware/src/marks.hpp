#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nj {

/// Which addresses have been marked, a bit each.
class Marks {
 public:
  explicit Marks(std::size_t addresses = 0) : words_((addresses + 63) / 64) {}
  [[nodiscard]] bool empty() const { return words_.empty(); }
  /// Marks an address; returns whether it was not yet.
  bool mark(std::size_t address) {
    std::uint64_t& word = words_[address / 64];
    const std::uint64_t bit = std::uint64_t{1} << (address % 64);
    const bool fresh = (word & bit) == 0;
    word |= bit;
    return fresh;
  }
  void clear() { std::fill(words_.begin(), words_.end(), std::uint64_t{0}); }
  /// At least addresses [first, last), where none else matters.
  void clear(std::size_t first, std::size_t last) {
    std::fill(words_.begin() + static_cast<std::ptrdiff_t>(first / 64),
              words_.begin() + static_cast<std::ptrdiff_t>((last + 63) / 64), std::uint64_t{0});
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace nj
