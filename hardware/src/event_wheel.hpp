#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace nj {

/// Events in integer time. Those of one time come in the order in which they were added, late ones
/// (added more than a turn of the wheel before) first.
template <class Event>
class EventWheel {
 public:
  EventWheel() : slots_(turn) {}

  [[nodiscard]] std::uint64_t now() const { return now_; }

  /// Adds an event `delay` >= 1 from now.
  void add(std::uint64_t delay, const Event& event) {
    if (delay >= turn) {
      late_.push({now_ + delay, late_count_++, event});
      return;
    }
    const std::size_t slot = (now_ + delay) % turn;
    used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    slots_[slot].push_back(event);
  }

  /// Calls `handle` for all events in their order, and `settle` after the last of each time, until
  /// there are none. Both may add events.
  template <class Handle, class Settle>
  void run(Handle&& handle, Settle&& settle) {
    for (;;) {
      const std::uint64_t near = next_near();
      const std::uint64_t far = late_.empty() ? never : late_.top().time;
      const std::uint64_t next = std::min(near, far);
      if (next == never) break;
      now_ = next;
      while (!late_.empty() && late_.top().time == now_) {
        const Event event = late_.top().event;
        late_.pop();
        handle(event);
      }
      if (near == now_) {
        const std::size_t slot = now_ % turn;
        for (const Event& event : slots_[slot]) handle(event);
        slots_[slot].clear();
        used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
      }
      settle();
    }
    now_ = 0;
    late_count_ = 0;
  }

 private:
  static constexpr std::size_t turn = 256;
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  struct Late {
    std::uint64_t time;
    std::uint64_t number;
    Event event;
    bool operator>(const Late& other) const {
      return std::pair(time, number) > std::pair(other.time, other.number);
    }
  };

  /// The time of the first slot in use, from now on.
  [[nodiscard]] std::uint64_t next_near() const {
    const std::size_t start = now_ % turn;
    std::size_t word = start / 64;
    std::uint64_t bits = used_[word] & (~std::uint64_t{0} << (start % 64));
    for (std::size_t i = 0; i <= used_.size(); ++i) {
      if (bits != 0) {
        const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        return now_ + (slot + turn - start) % turn;
      }
      word = (word + 1) % used_.size();
      bits = used_[word];
    }
    return never;
  }

  std::uint64_t now_ = 0;
  std::uint64_t late_count_ = 0;
  std::vector<std::vector<Event>> slots_;
  std::array<std::uint64_t, turn / 64> used_{};
  std::priority_queue<Late, std::vector<Late>, std::greater<>> late_;
};

}  // namespace nj
