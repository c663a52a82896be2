#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace nj {

/// Leaves elements without a value where a vector would set them to zero: `resize(n)` of a vector
/// with this allocator costs nothing, `resize(n, 0)` what it always does.
template <class T>
struct UnwrittenAllocator : std::allocator<T> {
  template <class U>
  struct rebind {  // NOLINT(readability-identifier-naming): the standard's names
    using other = UnwrittenAllocator<U>;  // NOLINT(readability-identifier-naming)
  };
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
};
template <class T>
using UnwrittenVector = std::vector<T, UnwrittenAllocator<T>>;

}  // namespace nj
