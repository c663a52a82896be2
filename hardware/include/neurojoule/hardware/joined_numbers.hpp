#pragma once

#include <cstdint>

namespace nj {

/// Where router `router` of chip number `chip` is in a joined graph, and a router of `between`
/// that stands for no chip.
struct JoinedNumbers {
  std::uint32_t chips = 0;
  std::uint32_t tiles = 0;    ///< of one chip
  std::uint32_t routers = 0;  ///< of one chip
  [[nodiscard]] std::uint32_t of(std::uint32_t chip, std::uint32_t router) const {
    return router < tiles ? chip * tiles + router
                          : chips * tiles + chip * (routers - tiles) + (router - tiles);
  }
  [[nodiscard]] std::uint32_t between(std::uint32_t router, std::uint32_t gateway) const {
    return router < chips ? of(router, gateway) : chips * routers + (router - chips);
  }
};

}  // namespace nj
