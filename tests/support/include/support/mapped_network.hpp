#pragma once

#include <vector>

#include <neurojoule/core/activity.hpp>
#include <neurojoule/core/network.hpp>
#include <neurojoule/hardware/chip.hpp>
#include <neurojoule/hardware/mapping.hpp>

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

}  // namespace nj::testing
