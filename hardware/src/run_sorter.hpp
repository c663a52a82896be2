#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace nj {

/// Sorts lists that consist of few sorted runs, one after another, as lists of what comes from
/// several sorted sources do: runs are found and then merged two by two, without branches on what
/// is compared. n log2(runs) steps. Equal items keep their order.
template <class Item>
class RunSorter {
 public:
  /// The items in order: in their place, or until the next call in one of the sorter's, while their
  /// own has them in no order.
  std::span<Item> sort(std::span<Item> items) {
    find_runs(items);
    if (ends_.size() < 2) return items;
    if (merged_.size() < items.size()) merged_.resize(items.size());
    std::span<Item> to = std::span(merged_).first(items.size());
    while (ends_.size() > 1) {
      merge_pairs(items, to);
      std::swap(items, to);
    }
    return items;
  }

  /// The same in their place.
  void sort_in_place(std::span<Item> items) {
    const std::span<const Item> in_order = sort(items);
    if (in_order.data() != items.data()) std::ranges::copy(in_order, items.begin());
  }

  /// The same of items of which the first `sorted` are sorted already and little of
  /// the rest goes far before its end: that much is looked at.
  void sort_rest(std::span<Item> items, std::size_t sorted) {
    rest_.assign(items.begin() + static_cast<std::ptrdiff_t>(sorted), items.end());
    const std::span<Item> rest = sort(rest_);
    std::size_t out = items.size();
    for (std::size_t left = rest.size(); left != 0;) {
      const bool earlier = sorted != 0 && rest[left - 1] < items[sorted - 1];
      items[--out] = earlier ? items[--sorted] : rest[--left];
    }
  }

 private:
  void find_runs(std::span<const Item> items) {
    ends_.clear();
    for (std::size_t i = 1; i < items.size(); ++i) {
      if (items[i] < items[i - 1]) ends_.push_back(i);
    }
    ends_.push_back(items.size());
  }

  /// Of every two runs one; a last one without another is copied.
  void merge_pairs(std::span<const Item> items, std::span<Item> to) {
    std::size_t begin = 0;
    std::size_t runs = 0;
    for (std::size_t r = 0; r < ends_.size(); r += 2) {
      const std::size_t middle = ends_[r];
      const std::size_t end = r + 1 < ends_.size() ? ends_[r + 1] : middle;
      if (end == middle) {
        std::copy(items.begin() + begin, items.end(), to.begin() + begin);
      } else {
        merge(items.data() + begin, items.data() + middle, items.data() + end, to.data() + begin);
      }
      ends_[runs++] = end;
      begin = end;
    }
    ends_.resize(runs);
  }

  /// Neither run is empty.
  static void merge(const Item* left, const Item* middle, const Item* end, Item* out) {
    const Item* right = middle;
    while (true) {
      for (const Item next = *right; !(next < *left);) {
        *out++ = *left++;
        if (left == middle) {
          std::copy(right, end, out);
          return;
        }
      }
      for (const Item next = *left; *right < next;) {
        *out++ = *right++;
        if (right == end) {
          std::copy(left, middle, out);
          return;
        }
      }
    }
  }

  std::vector<std::size_t> ends_;  ///< of the runs
  std::vector<Item> merged_;
  std::vector<Item> rest_;
};

}  // namespace nj
