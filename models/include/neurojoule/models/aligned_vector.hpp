#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace nj {

/// Allocates on 64-byte borders, so that vector loads do not cross cache lines.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// Rows are padded to this many elements, so kernels work on whole vectors.
inline constexpr std::size_t row_padding = 32;
inline std::size_t padded(std::size_t width) {
  return (width + row_padding - 1) / row_padding * row_padding;
}

}  // namespace nj
