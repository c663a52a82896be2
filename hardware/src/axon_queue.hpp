#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "neurojoule/core/quantity.hpp"

namespace nj {

/// The most packets that wait at once at the axon-in of a unit that serves them in the order of
/// their arrival, where more may come as long as it works.
class AxonQueue {
 public:
  /// The next packet came at `arrived`, and its service begins at `begins`.
  void add(Picoseconds arrived, Picoseconds begins) {
    begins_[count_ & mask_] = begins;
    // When the packet that came `most_` before this one still waits, so do all after it: one more.
    if (begins_[(count_ - most_) & mask_] > arrived && ++most_ > mask_) grow();
    ++count_;
  }
  [[nodiscard]] std::uint32_t most() const { return most_; }

 private:
  void grow() {
    std::vector<Picoseconds> larger(begins_.size() * 2);
    const auto mask = static_cast<std::uint32_t>(larger.size() - 1);
    for (std::uint32_t back = 0; back <= mask_; ++back) {
      larger[(count_ - back) & mask] = begins_[(count_ - back) & mask_];
    }
    begins_ = std::move(larger);
    mask_ = mask;
  }

  std::vector<Picoseconds> begins_ = std::vector<Picoseconds>(8);  ///< of the last ones, in a ring
  std::uint32_t mask_ = 7;                                         ///< its size less one
  std::uint32_t count_ = 0;
  std::uint32_t most_ = 0;
};

}  // namespace nj
