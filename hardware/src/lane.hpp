#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "neurojoule/core/quantity.hpp"

#include "run_sorter.hpp"

namespace nj {

/// What waits to be taken in order, and may come in any, best in few sorted runs: items with a
/// `time`, by which `<` sorts first. What is left behind by one take is not sorted again.
template <class Item>
class Lane {
 public:
  [[nodiscard]] bool empty() const { return items_.empty(); }
  void push(const Item& item) { items_.push_back(item); }
  /// Of a lane of which nothing has been taken.
  void move_to(Lane& other) {
    other.items_.insert(other.items_.end(), items_.begin(), items_.end());
    items_.clear();
  }

  [[nodiscard]] std::size_t size() const { return items_.size() - first_; }
  /// All that waits: in order, but for what came since the last `sort`, which is last.
  [[nodiscard]] std::span<const Item> waiting() const { return std::span(items_).subspan(first_); }

  /// The next item, if it comes before the horizon; else null. Items that are pushed meanwhile come
  /// into their order with the next `sort`.
  [[nodiscard]] const Item* next(Picoseconds horizon) const {
    return first_ != sorted_ && items_[first_].time < horizon ? &items_[first_] : nullptr;
  }
  void drop() { ++first_; }

  void sort(RunSorter<Item>& sorter) {
    if (sorted_ == items_.size()) return;
    if (first_ == sorted_) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
      sorter.sort(items_);
    } else {
      sorter.sort_rest(items_, first_, sorted_);
    }
    sorted_ = items_.size();
  }

  /// Calls `take` with all items before the horizon, in order; it pushes none to this lane.
  template <class Take>
  void take_before(Picoseconds horizon, RunSorter<Item>& sorter, Take&& take) {
    sort(sorter);
    const Item* const begin = items_.data();
    const Item* const end = begin + sorted_;
    const Item* item = begin + first_;
    for (; item != end && item->time < horizon; ++item) take(*item);
    first_ = static_cast<std::size_t>(item - begin);
    forget_taken();
  }

  void forget_taken() {
    if (first_ == items_.size()) {
      items_.clear();
      first_ = sorted_ = 0;
    } else if (first_ > items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
      sorted_ -= first_;
      first_ = 0;
    }
  }

 private:
  std::vector<Item> items_;  ///< taken ones, sorted ones, what came since
  std::size_t first_ = 0;    ///< that is not taken
  std::size_t sorted_ = 0;   ///< end of the sorted ones
};

}  // namespace nj
