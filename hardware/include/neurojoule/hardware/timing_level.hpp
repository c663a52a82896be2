#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nj {

/// How finely the network of a chip is simulated; docs/timing-levels.md compares the three. Counts
/// do not depend on it, times do, and with them leakage. Units of cores and barriers are the same.
enum class TimingLevel : std::uint8_t {
  /// Packets pass their links as if each were alone. A core serves them in the order of these
  /// arrivals, and a step ends no sooner than each link could have passed its packets: lower bounds
  /// of both other levels, step by step.
  analytic,
  /// Packets wait for links and for room in buffers: the rules of topology_spec.hpp.
  event,
  /// Routers that allocate channels and their crossbar word by word, in clock cycles, with credits
  /// for bounded buffers: the rules of src/network/flit_network.hpp.
  flit
};
inline constexpr std::array timing_levels{TimingLevel::analytic, TimingLevel::event,
                                          TimingLevel::flit};
std::string_view to_string(TimingLevel level);

}  // namespace nj
