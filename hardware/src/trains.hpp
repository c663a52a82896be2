#pragma once

#include <cstdint>
#include <span>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"

namespace nj {

/// The number of time steps of the trains that populations send and attention reads.
/// Throws: Error(shape) when one is missing or does not fit its layer or the others.
std::uint32_t check_trains(const Network& network, std::span<const Population> populations,
                           const SpikeTrace& trace);

}  // namespace nj
