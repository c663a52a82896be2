#include "event_times.hpp"

#include <utility>

#include "neurojoule/core/parallel.hpp"

namespace nj::sanafe {

namespace {

/// What is kept at most, twice: steps enough for every thread, messages of at most 6 MiB.
constexpr std::size_t max_steps = 32;
constexpr std::size_t max_messages = std::size_t{1} << 19;

}  // namespace

EventTimes::EventTimes(Traffic traffic, NocShape shape, unsigned threads)
    : traffic_(std::move(traffic)), shape_(std::move(shape)), threads_(threads) {
  free_.push_back(std::make_unique<Noc>(shape_));  // refuses a chip before the first step
}

void EventTimes::add(const Somas& somas) {
  if (next_.count == next_.traffic.size()) next_.traffic.emplace_back();
  StepTraffic& step = next_.traffic[next_.count++];
  traffic_.write(somas, step);
  next_.messages += step.messages.size();
}

bool EventTimes::full() const { return next_.count >= max_steps || next_.messages >= max_messages; }

std::vector<std::uint64_t> EventTimes::run(const std::function<void()>& meanwhile) {
  std::swap(next_, running_);
  next_.count = 0;
  next_.messages = 0;
  std::vector<std::uint64_t> cycles(running_.count);
  parallel_for(1 + cycles.size(), 1, threads_, [&](std::size_t task, std::size_t) {
    if (task == 0) return meanwhile();
    std::unique_ptr<Noc> noc = take();
    cycles[task - 1] = noc->run(running_.traffic[task - 1]);
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(noc));
  });
  return cycles;
}

std::unique_ptr<Noc> EventTimes::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<Noc> noc = std::move(free_.back());
      free_.pop_back();
      return noc;
    }
  }
  return std::make_unique<Noc>(shape_);
}

}  // namespace nj::sanafe
