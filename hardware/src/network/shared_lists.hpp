#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "route_trees.hpp"

namespace nj {

/// Lists of arrivals that get the same packets at the same times: no way ends at one of them
/// without the others, as consecutive targets of one order, at the end of one link. They are one
/// list.
class SharedLists {
 public:
  /// The list that has the arrivals of a list, and how many targets its own are further.
  struct Place {
    std::uint32_t list = 0;
    std::uint32_t further = 0;
    bool shared = false;  ///< with another list
  };

  SharedLists() = default;
  /// None are shared.
  explicit SharedLists(std::size_t lists);
  /// Those of all packets.
  SharedLists(const RouteTrees& routes, std::size_t lists);

  [[nodiscard]] std::size_t size() const { return places_.size(); }
  [[nodiscard]] const Place& operator[](std::size_t list) const { return places_[list]; }

 private:
  std::vector<Place> places_;  ///< by list
};

}  // namespace nj
