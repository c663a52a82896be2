#pragma once

#include <cstddef>
#include <functional>

namespace nj {

/// Calls `body(begin, end)` for consecutive chunks of [0, count), in any order, on up to
/// `threads` threads (0: hardware_threads()). Chunk borders are multiples of `grain` and do
/// not depend on the number of threads. A loop within a loop shares the threads of the outer one,
/// or runs alone where it asks for 1. The exception of the lowest chunk that throws is rethrown;
/// chunks after one that has thrown are left out.
///
/// Two back ends: oneTBB, and `std::thread` where NJ_PARALLEL_STD_THREAD is defined (the tsan
/// preset, because Debian's oneTBB reports false races there).
void parallel_for(std::size_t count, std::size_t grain, unsigned threads,
                  const std::function<void(std::size_t begin, std::size_t end)>& body);

/// The processors that this process may use.
unsigned hardware_threads();

}  // namespace nj
