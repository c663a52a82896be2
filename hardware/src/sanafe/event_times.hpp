#pragma once

#include <cstdint>
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
  /// Whether enough is kept to be simulated.
  [[nodiscard]] bool full() const;
  /// Cycles of each step kept, which are then forgotten.
  std::vector<std::uint64_t> run();

 private:
  std::unique_ptr<Noc> take();

  Traffic traffic_;
  NocShape shape_;
  unsigned threads_;
  std::vector<StepTraffic> kept_;  ///< of which the first `steps_` are in use
  std::size_t steps_ = 0;
  std::size_t messages_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Noc>> free_;
};

}  // namespace nj::sanafe
