#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace nj {

/// Plain items, one after another, for loops that append most of what they do: where a std::vector
/// grows is compiled into each of its appends, and takes their registers.
template <class Item>
class PlainList {
 public:
  PlainList() = default;
  PlainList(PlainList&& other) noexcept { *this = std::move(other); }
  PlainList& operator=(PlainList&& other) noexcept {
    items_ = std::move(other.items_);
    end_ = std::exchange(other.end_, nullptr);
    limit_ = std::exchange(other.limit_, nullptr);
    return *this;
  }

  [[nodiscard]] bool empty() const { return end_ == items_.get(); }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - items_.get()); }
  [[nodiscard]] const Item* begin() const { return items_.get(); }
  [[nodiscard]] const Item* end() const { return end_; }
  [[nodiscard]] Item* begin() { return items_.get(); }
  [[nodiscard]] Item* end() { return end_; }
  [[nodiscard]] const Item& operator[](std::size_t i) const { return items_[i]; }
  [[nodiscard]] Item& operator[](std::size_t i) { return items_[i]; }

  void push_back(const Item& item) {
    if (end_ == limit_) grow(1);
    *end_++ = item;
  }
  /// Appends so many items and returns the first of them, to be written.
  Item* append(std::size_t count) {
    if (static_cast<std::size_t>(limit_ - end_) < count) grow(count);
    return std::exchange(end_, end_ + count);
  }
  void clear() { end_ = items_.get(); }
  void forget_first(std::size_t count) { end_ = std::copy(begin() + count, end(), begin()); }

 private:
  static_assert(std::is_trivially_copyable_v<Item> && std::is_trivially_destructible_v<Item>);
  struct Free {
    std::size_t capacity = 0;
    void operator()(Item* items) const { std::allocator<Item>().deallocate(items, capacity); }
  };

  [[gnu::noinline]] void grow(std::size_t more) {
    const std::size_t used = size();
    const auto capacity = std::max<std::size_t>({8, 2 * used, used + more});
    std::unique_ptr<Item[], Free> items(std::allocator<Item>().allocate(capacity), Free{capacity});
    std::uninitialized_copy(begin(), end(), items.get());
    items_ = std::move(items);
    end_ = items_.get() + used;
    limit_ = items_.get() + capacity;
  }

  std::unique_ptr<Item[], Free> items_;  ///< not written from `end_` on
  Item* end_ = nullptr;
  Item* limit_ = nullptr;
};

}  // namespace nj
