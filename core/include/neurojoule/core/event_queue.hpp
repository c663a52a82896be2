#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include "neurojoule/core/quantity.hpp"

namespace nj {

/// The full order of events: time, then phase, then source, then the source's own sequence number.
struct EventKey {
  Picoseconds time;
  std::uint32_t phase = 0;
  std::uint32_t source = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const EventKey&, const EventKey&) = default;
};

/// A priority queue of events in integer time; equal keys must not occur, so the order of pops does
/// not depend on the order of pushes. `Key` (with `<`) holds the same order in fewer bytes where
/// speed counts.
template <class Payload, class Key = EventKey>
class EventQueue {
 public:
  struct Event {
    Key key{};
    [[no_unique_address]] Payload payload{};
  };

  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] const Event& top() const { return heap_.front(); }
  /// All events, in no order that means something.
  [[nodiscard]] const std::vector<Event>& events() const { return heap_; }
  void reserve(std::size_t events) { heap_.reserve(events); }
  void push(Key key, Payload payload);
  Event pop();

 private:
  static constexpr std::size_t arity = 4;
  void sink(Event event);
  std::vector<Event> heap_;  ///< 4-ary min-heap: heap_[i] <= heap_[4i+1 .. 4i+4]
};

template <class Payload, class Key>
void EventQueue<Payload, Key>::push(Key key, Payload payload) {
  Event event{key, std::move(payload)};
  std::size_t i = heap_.size();
  heap_.emplace_back();
  while (i > 0) {
    const std::size_t parent = (i - 1) / arity;
    if (!(event.key < heap_[parent].key)) break;
    heap_[i] = std::move(heap_[parent]);
    i = parent;
  }
  heap_[i] = std::move(event);
}

template <class Payload, class Key>
auto EventQueue<Payload, Key>::pop() -> Event {
  Event first = std::move(heap_.front());
  Event last = std::move(heap_.back());
  heap_.pop_back();
  if (!heap_.empty()) sink(std::move(last));
  return first;
}

/// Puts an event in place of the top, and then as far down as it belongs.
template <class Payload, class Key>
void EventQueue<Payload, Key>::sink(Event event) {
  const std::size_t size = heap_.size();
  std::size_t i = 0;
  for (std::size_t first = 1; first < size; first = arity * i + 1) {
    std::size_t least = first;
    const std::size_t end = std::min(first + arity, size);
    for (std::size_t child = first + 1; child < end; ++child) {
      if (heap_[child].key < heap_[least].key) least = child;
    }
    if (!(heap_[least].key < event.key)) break;
    heap_[i] = std::move(heap_[least]);
    i = least;
  }
  heap_[i] = std::move(event);
}

}  // namespace nj
