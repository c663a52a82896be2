#pragma once

#include <cstdint>
#include <vector>

#include "open_links.hpp"

namespace nj {

/// Routers whose buffers are unbounded (open_links.hpp), for packets of one step after another, all
/// of which are known when it starts. The cores sort what is delivered to them.
class OpenNetwork {
 public:
  explicit OpenNetwork(const PacketRoutes& routes) : lists_(routes.lists), links_(routes) {}

  /// Throws: Error(capacity) above 2^31 - 1 targets.
  void run(const StepTraffic& traffic);
  /// What the links carried since the loads were cleared.
  [[nodiscard]] std::vector<LinkLoad> loads() const { return links_.loads(); }
  /// Between two runs.
  void clear_loads() { links_.clear_loads(); }

 private:
  const SharedLists& lists_;
  OpenLinks<std::uint32_t> links_;  ///< an order is a target
};

}  // namespace nj
