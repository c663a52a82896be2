#pragma once

#include <cstdint>
#include <vector>

#include <neurojoule/core/activity.hpp>
#include <neurojoule/core/network.hpp>
#include <neurojoule/hardware/chip.hpp>
#include <neurojoule/hardware/mapping.hpp>
#include <neurojoule/hardware/simulate.hpp>

namespace nj::testing {

/// All that the chip simulator takes: a network with its spikes, placed on a chip.
struct MappedNetwork {
  Network network;
  std::vector<Population> populations;
  std::vector<LayerWidths> widths;
  Chip chip;
  Mapping mapping;
  SpikeTrace trace;
};

inline SimulationResult run(const MappedNetwork& m, const SimulationOptions& options = {}) {
  return simulate(m.network, m.populations, m.widths, m.trace, m.chip, m.mapping, options);
}

/// With its packets.
inline SimulationResult recorded(const MappedNetwork& m) {
  return run(m, {.record_packets = true});
}

/// All counts but barriers and leakage.
inline ActionCounts timeless_counts(const SimulationResult& result) {
  ActionCounts counts;
  for (const auto& [key, count] : result.actions.entries()) {
    if (key.action != Action::barrier && key.action != Action::leak_cycle) counts.add(key, count);
  }
  return counts;
}

constexpr Picoseconds ns(std::int64_t time) { return Picoseconds{time * 1'000}; }

}  // namespace nj::testing
