#pragma once

#include <cstdint>

#include "neurojoule/core/spike_tensor.hpp"

namespace nj {

/// What one time step of a train holds.
struct StepTotals {
  std::uint64_t spikes = 0;     ///< values that are not zero
  std::int64_t sum = 0;         ///< of the values
  std::uint64_t magnitude = 0;  ///< sum of |value|
};

/// As `count` of spike_tensor.hpp, with the machine's population count.
StepTotals step_totals(const SpikeTrain& train, std::uint32_t t);

}  // namespace nj
