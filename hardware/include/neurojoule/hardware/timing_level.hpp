#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nj {

/// How finely the network of a chip is simulated; docs/timing-levels.md compares the three. Counts
/// do not depend on it, times do, and with them leakage. Units of cores and barriers are the same.
enum class TimingLevel : std::uint8_t {
  /// No packet is looked at: all that a source sends to a receiver in a step come when the first of
  /// them would in an idle network. A step ends no sooner than each core could have served what
  /// came from then on, and each link passed it: lower bounds of both other levels, step by step.
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
