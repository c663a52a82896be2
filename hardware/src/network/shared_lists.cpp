#include "shared_lists.hpp"

#include <limits>
#include <span>

namespace nj {
namespace {

constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t none = unknown - 1;  ///< or not always the same

/// What is next to each list, where that is the same list in all ways.
struct Neighbours {
  std::vector<std::uint32_t> before;
  std::vector<std::uint32_t> after;

  explicit Neighbours(std::size_t lists) : before(lists, unknown), after(lists, unknown) {}

  void see(std::span<const std::uint32_t> lists) {
    for (std::size_t i = 0; i < lists.size(); ++i) {
      narrow(before[lists[i]], i == 0 ? none : lists[i - 1]);
      narrow(after[lists[i]], i + 1 == lists.size() ? none : lists[i + 1]);
    }
  }
  /// The list that comes after this one wherever either of them is.
  [[nodiscard]] std::uint32_t partner(std::uint32_t list) const {
    const std::uint32_t next = after[list];
    return next < after.size() && before[next] == list ? next : none;
  }

 private:
  static void narrow(std::uint32_t& known, std::uint32_t seen) {
    known = known == unknown || known == seen ? seen : none;
  }
};

}  // namespace

SharedLists::SharedLists(std::size_t lists) {
  for (std::uint32_t list = 0; list < lists; ++list) places_.push_back({list, 0, false});
}

SharedLists::SharedLists(const RouteTrees& routes, std::size_t lists) : SharedLists(lists) {
  Neighbours neighbours(lists);
  for (std::uint32_t i = 0; i < routes.nodes(); ++i) neighbours.see(routes.lists(routes.node(i)));
  for (std::uint32_t list = 0; list < lists; ++list) {
    const std::uint32_t before = neighbours.before[list];
    if (before < lists && neighbours.partner(before) == list) continue;
    std::uint32_t further = 0;
    for (std::uint32_t next = neighbours.partner(list); next != none;
         next = neighbours.partner(next)) {
      places_[list].shared = true;
      places_[next] = {list, ++further, true};
    }
  }
}

}  // namespace nj
