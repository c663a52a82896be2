#pragma once

#include <span>

#include "neurojoule/hardware/simulate.hpp"

namespace nj {

/// `simulate` for a chip with an array.
SimulationResult simulate_array(const Network& network, std::span<const Population> populations,
                                std::span<const LayerWidths> widths, const SpikeTrace& trace,
                                const Chip& chip, const Mapping& mapping,
                                const SimulationOptions& options);

}  // namespace nj
