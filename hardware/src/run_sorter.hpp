#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace nj {

/// Sorts lists that consist of few sorted runs, one after another, as lists of what comes from
/// several sorted sources do: runs are found and then merged two by two, without branches on what
/// is compared. n log2(runs) steps. Equal items keep their order.
template <class Item>
class RunSorter {
 public:
  void sort(std::vector<Item>& items) {
    find_runs(items);
    if (ends_.size() < 2) return;
    merged_.resize(items.size());
    while (ends_.size() > 1) {
      merge_pairs(items);
      items.swap(merged_);
    }
  }

  /// The same of [begin, end), where [begin, sorted) is sorted already and little of the rest goes
  /// far before its end: that much is looked at.
  void sort_rest(std::vector<Item>& items, std::size_t begin, std::size_t sorted) {
    rest_.assign(items.begin() + static_cast<std::ptrdiff_t>(sorted), items.end());
    sort(rest_);
    std::size_t out = items.size();
    for (std::size_t left = rest_.size(); left != 0;) {
      const bool earlier = sorted != begin && rest_[left - 1] < items[sorted - 1];
      items[--out] = earlier ? items[--sorted] : rest_[--left];
    }
  }

 private:
  void find_runs(const std::vector<Item>& items) {
    ends_.clear();
    for (std::size_t i = 1; i < items.size(); ++i) {
      if (items[i] < items[i - 1]) ends_.push_back(i);
    }
    ends_.push_back(items.size());
  }

  /// Of every two runs one; a last one without another is copied.
  void merge_pairs(const std::vector<Item>& items) {
    std::size_t begin = 0;
    std::size_t runs = 0;
    for (std::size_t r = 0; r < ends_.size(); r += 2) {
      const std::size_t middle = ends_[r];
      const std::size_t end = r + 1 < ends_.size() ? ends_[r + 1] : middle;
      merge(items.data() + begin, items.data() + middle, items.data() + end,
            merged_.data() + begin);
      ends_[runs++] = end;
      begin = end;
    }
    ends_.resize(runs);
  }

  static void merge(const Item* left, const Item* middle, const Item* end, Item* out) {
    const Item* right = middle;
    while (left != middle && right != end) {
      const bool from_right = *right < *left;
      *out++ = from_right ? *right : *left;
      left += from_right ? 0 : 1;
      right += from_right ? 1 : 0;
    }
    out = std::copy(left, middle, out);
    std::copy(right, end, out);
  }

  std::vector<std::size_t> ends_;  ///< of the runs
  std::vector<Item> merged_;
  std::vector<Item> rest_;
};

}  // namespace nj
