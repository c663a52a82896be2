#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "neurojoule/core/quantity.hpp"

#include "plain_list.hpp"
#include "run_sorter.hpp"

namespace nj {

/// What waits to be taken in order, and may come in any, best in few sorted runs: plain items with
/// a `time`, by which `<` sorts first. What is left behind by one take is not sorted again.
template <class Item>
class Lane {
 public:
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const { return waiting().size(); }
  /// All that waits: in order, but for what came since the last `sort`, which is last.
  [[nodiscard]] std::span<const Item> waiting() const { return std::span(items_).subspan(first_); }

  void push(const Item& item) { items_.push_back(item); }
  /// Gives what waits, where nothing has been taken, for an empty list.
  void swap(PlainList<Item>& items) {
    std::swap(items_, items);
    first_ = sorted_ = 0;
  }
  void clear() {
    items_.clear();
    first_ = sorted_ = 0;
  }

  /// The next item, if it comes before the horizon; else null. Items that are pushed meanwhile come
  /// into their order with the next `sort`.
  [[nodiscard]] const Item* next(Picoseconds horizon) const {
    return first_ != sorted_ && items_[first_].time < horizon ? &items_[first_] : nullptr;
  }
  void drop() { ++first_; }

  void sort(RunSorter<Item>& sorter) {
    forget_taken();
    if (first_ == sorted_) {
      sorter.sort_in_place(left());
    } else {
      sorter.sort_rest(left(), sorted_ - first_);
    }
    sorted_ = first_ + size();
  }

  /// All items before the horizon, in order: they are there until the next push, or the sorter's
  /// next sort.
  [[nodiscard]] std::span<const Item> take_before(Picoseconds horizon, RunSorter<Item>& sorter) {
    if (first_ == sorted_) {
      const std::span<const Item> in_order = sorter.sort(left());
      if (in_order.empty() || in_order.back().time < horizon) {
        clear();
        return in_order;
      }
      if (in_order.data() != left().data()) std::ranges::copy(in_order, left().begin());
      sorted_ = first_ + size();
    } else {
      sort(sorter);
    }
    const std::span<const Item> in_order = waiting();
    const auto end = std::ranges::partition_point(
        in_order, [&](const Item& item) { return item.time < horizon; });
    const auto count = static_cast<std::size_t>(end - in_order.begin());
    first_ += count;
    return in_order.first(count);
  }

 private:
  [[nodiscard]] std::span<Item> left() { return std::span(items_).subspan(first_); }

  void forget_taken() {
    if (first_ <= size()) return;
    items_.forget_first(first_);
    sorted_ -= first_;
    first_ = 0;
  }

  PlainList<Item> items_;   ///< taken ones, sorted ones, what came since
  std::size_t first_ = 0;   ///< that is not taken
  std::size_t sorted_ = 0;  ///< end of the sorted ones
};

}  // namespace nj
