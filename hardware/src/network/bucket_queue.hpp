#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "neurojoule/core/event_queue.hpp"

namespace nj {

/// Events in the order of their keys, as EventQueue, for keys that are never below the one popped
/// last. Events lie in buckets of equal time; a bucket is sorted when its turn comes, so with few
/// events in each a push and a pop take constant time. What is further away than the ring of
/// buckets waits in a heap.
template <class Payload, class Key>
class BucketQueue {
 public:
  using Event = typename EventQueue<Payload, Key>::Event;

  /// An empty queue: no event is before `first`, and the next ones are about `spacing` apart.
  void start(Picoseconds first, Picoseconds spacing) {
    width_ = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(spacing.value())));
    current_ = bucket_of(first);
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  void push(Key key, Payload payload) {
    const std::uint64_t bucket = bucket_of(key.time);
    ++size_;
    if (bucket == current_) return insert({key, payload});
    if (bucket >= current_ + buckets) return far_.push(key, payload);
    const std::size_t slot = bucket % buckets;
    used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    ring_[slot].push_back({key, payload});
  }

  Event pop() {
    if (ring_[current_ % buckets].empty()) advance();
    std::vector<Event>& events = ring_[current_ % buckets];
    const Event event = events.back();
    events.pop_back();
    --size_;
    return event;
  }

 private:
  static constexpr std::size_t buckets = 256;
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  [[nodiscard]] std::uint64_t bucket_of(Picoseconds time) const {
    return static_cast<std::uint64_t>(time.value()) >> width_;
  }

  /// Into the bucket whose turn it is, which has its first event last.
  void insert(const Event& event) {
    std::vector<Event>& events = ring_[current_ % buckets];
    std::size_t i = events.size();
    events.push_back(event);
    for (; i > 0 && events[i - 1].key < event.key; --i) events[i] = events[i - 1];
    events[i] = event;
  }

  void advance() {
    const std::uint64_t far = far_.empty() ? never : bucket_of(far_.top().key.time);
    current_ = std::min(next_used(), far);
    const std::size_t slot = current_ % buckets;
    used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    std::vector<Event>& events = ring_[slot];
    while (!far_.empty() && bucket_of(far_.top().key.time) == current_) {
      events.push_back(far_.pop());
    }
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return b.key < a.key; });
  }

  /// The next bucket after the current one that has events in the ring.
  [[nodiscard]] std::uint64_t next_used() const {
    const std::size_t start = (current_ + 1) % buckets;
    std::size_t word = start / 64;
    std::uint64_t bits = used_[word] & (~std::uint64_t{0} << (start % 64));
    for (std::size_t i = 0; i <= used_.size(); ++i) {
      if (bits != 0) {
        const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        return current_ + 1 + (slot + buckets - start) % buckets;
      }
      word = (word + 1) % used_.size();
      bits = used_[word];
    }
    return never;
  }

  unsigned width_ = 0;         ///< a bucket is 2^width_ ps
  std::uint64_t current_ = 0;  ///< bucket whose turn it is
  std::size_t size_ = 0;
  std::array<std::vector<Event>, buckets> ring_;
  std::array<std::uint64_t, buckets / 64> used_{};  ///< not of the current bucket
  EventQueue<Payload, Key> far_;
};

}  // namespace nj
