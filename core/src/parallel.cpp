#include "neurojoule/core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#ifdef NJ_PARALLEL_STD_THREAD
#include <vector>
#else
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#endif

namespace nj {
namespace {

/// Keeps the exception of the lowest chunk, so that the error reported does not depend on timing.
class FirstFailure {
 public:
  void record(std::size_t chunk) {
    const std::lock_guard lock(mutex_);
    if (is_before(chunk)) return;
    chunk_ = chunk;
    exception_ = std::current_exception();
  }
  /// Whether the error of that chunk would not be reported.
  [[nodiscard]] bool is_before(std::size_t chunk) const { return chunk_ < chunk; }
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::mutex mutex_;
  std::atomic<std::size_t> chunk_ = std::numeric_limits<std::size_t>::max();
  std::exception_ptr exception_;
};

/// Whether this thread runs a chunk of a loop: loops within it share that loop's threads.
thread_local bool inside = false;

#ifdef NJ_PARALLEL_STD_THREAD
void for_each_chunk(std::size_t chunks, unsigned threads,
                    const std::function<void(std::size_t)>& run) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t chunk = next++; chunk < chunks; chunk = next++) run(chunk);
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; !inside && i < threads; ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
}
#else
void for_each_chunk(std::size_t chunks, unsigned threads,
                    const std::function<void(std::size_t)>& run) {
  const auto run_all = [&] {
    oneapi::tbb::parallel_for(
        std::size_t{0}, chunks, [&](std::size_t chunk) { run(chunk); },
        oneapi::tbb::simple_partitioner{});
  };
  // A thread that waits for an inner loop takes no chunk of the outer one.
  if (inside) return oneapi::tbb::this_task_arena::isolate(run_all);
  // The arena of this thread often has the right size; a new one would have to wake its workers.
  if (static_cast<unsigned>(oneapi::tbb::this_task_arena::max_concurrency()) == threads) {
    return run_all();
  }
  // An arena larger than the machine needs the global limit raised as well.
  std::optional<oneapi::tbb::global_control> limit;
  if (threads > hardware_threads()) {
    limit.emplace(oneapi::tbb::global_control::max_allowed_parallelism, threads);
  }
  oneapi::tbb::task_arena arena(static_cast<int>(threads));
  arena.execute(run_all);
}
#endif

}  // namespace

unsigned hardware_threads() {
#ifdef NJ_PARALLEL_STD_THREAD
  return std::max(1U, std::thread::hardware_concurrency());
#else
  return static_cast<unsigned>(oneapi::tbb::info::default_concurrency());
#endif
}

void parallel_for(std::size_t count, std::size_t grain, unsigned threads,
                  const std::function<void(std::size_t, std::size_t)>& body) {
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t chunks = count / grain + (count % grain != 0 ? 1 : 0);
  if (threads == 0) threads = hardware_threads();
  threads = static_cast<unsigned>(std::min<std::size_t>(threads, chunks));
  FirstFailure failure;
  const auto run = [&](std::size_t chunk) {
    if (failure.is_before(chunk)) return;
    const bool was_inside = std::exchange(inside, inside || threads > 1);
    try {
      body(chunk * grain, std::min(count, (chunk + 1) * grain));
    } catch (...) {
      failure.record(chunk);
    }
    inside = was_inside;
  };
  if (threads <= 1) {
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) run(chunk);
  } else {
    for_each_chunk(chunks, threads, run);
  }
  failure.rethrow();
}

}  // namespace nj
