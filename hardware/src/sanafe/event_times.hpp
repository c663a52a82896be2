#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "noc.hpp"
#include "traffic.hpp"

namespace nj::sanafe {

/// Simulates the network for several steps at once: what a step sends does not depend on how long
/// the steps before took.
class EventTimes {
 public:
  /// `threads`: 0 for as many as there are processors. Throws: as Noc.
  EventTimes(Traffic traffic, NocShape shape, unsigned threads);

  /// Keeps what the step that `somas` ran last sends.
  void add(const Somas& somas);
  [[nodiscard]] bool empty() const { return next_.count == 0; }
  /// Whether enough is kept to be simulated.
  [[nodiscard]] bool full() const;
  /// Cycles of each step kept. `meanwhile` is called beside, by any thread; the steps that it adds
  /// are kept for the next call.
  std::vector<std::uint64_t> run(const std::function<void()>& meanwhile);

 private:
  struct Steps {
    std::vector<StepTraffic> traffic;  ///< of which the first `count` are in use
    std::size_t count = 0;
    std::size_t messages = 0;
  };
  std::unique_ptr<Noc> take();

  Traffic traffic_;
  NocShape shape_;
  unsigned threads_;
  Steps next_;
  Steps running_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Noc>> free_;
};

}  // namespace nj::sanafe
