#pragma once

#include <cstdint>

#include "neurojoule/core/quantity.hpp"

namespace nj {

/// When, and before what else of that time, a packet asks for a link, or has arrived.
template <class Order>
struct AskKey {
  Picoseconds time;
  Order order = 0;                                           ///< of the first target
  friend bool operator<(const AskKey& a, const AskKey& b) {  // without branches
    return (a.time < b.time) | ((a.time == b.time) & (a.order < b.order));
  }
};

/// A packet, or a copy of it, before a link that it wants, or at one of its ends.
template <class Order>
struct LinkAsk {
  Picoseconds time;
  Order order = 0;           ///< of the first target; with OpenLinks::through
  std::uint32_t onward = 0;  ///< the first branch that follows the link; none at an end
  [[nodiscard]] AskKey<Order> key() const { return {time, order}; }
  friend bool operator<(const LinkAsk& a, const LinkAsk& b) { return a.key() < b.key(); }
};

}  // namespace nj
