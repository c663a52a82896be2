#include "event_times.hpp"

#include <utility>

#include "neurojoule/core/parallel.hpp"

namespace nj::sanafe {

namespace {

/// What is kept at most: steps enough for every thread, messages of at most 12 MiB.
constexpr std::size_t max_steps = 64;
constexpr std::size_t max_messages = std::size_t{1} << 20;

}  // namespace

EventTimes::EventTimes(Traffic traffic, NocShape shape, unsigned threads)
    : traffic_(std::move(traffic)), shape_(std::move(shape)), threads_(threads) {
  free_.push_back(std::make_unique<Noc>(shape_));  // refuses a chip before the first step
}

void EventTimes::add(const Somas& somas) {
  if (steps_ == kept_.size()) kept_.emplace_back();
  traffic_.write(somas, kept_[steps_]);
  messages_ += kept_[steps_++].messages.size();
}

bool EventTimes::full() const { return steps_ >= max_steps || messages_ >= max_messages; }

std::vector<std::uint64_t> EventTimes::run() {
  std::vector<std::uint64_t> cycles(steps_);
  parallel_for(steps_, 1, threads_, [&](std::size_t step, std::size_t) {
    std::unique_ptr<Noc> noc = take();
    cycles[step] = noc->run(kept_[step]);
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(noc));
  });
  steps_ = 0;
  messages_ = 0;
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
