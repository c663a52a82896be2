#pragma once

#include <cstdint>
#include <set>

#include <neurojoule/core/rng.hpp>
#include <neurojoule/hardware/placement.hpp>

namespace nj::testing {

/// Flows from each of some slices and the port to one or several of them.
inline Traffic random_flows(std::uint32_t slices, std::uint64_t seed) {
  std::uint32_t draw = 0;
  const auto below = [&](std::uint64_t bound) {
    return static_cast<std::uint32_t>(random_below({seed, 6, 0}, draw++, bound));
  };
  Traffic traffic{slices, {}};
  for (std::uint32_t i = 0; i < 2 * slices; ++i) {
    std::set<std::uint32_t> to{below(slices)};
    while (below(4) != 0) to.insert(below(slices));
    traffic.flows.push_back({below(slices + 1), {to.begin(), to.end()}, 1 + below(9), below(9)});
  }
  return traffic;
}

}  // namespace nj::testing
