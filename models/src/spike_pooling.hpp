#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/operators.hpp"
#include "neurojoule/core/spike_tensor.hpp"

namespace nj {

/// Step `t` of a maximum over windows of binary spikes, i.e. their OR, 64 channels at a time.
/// `out` has the pooled shape; its bits of step t must be zero. `row` is a buffer. Steps are
/// independent, so they may run in parallel.
void pool_step(const MaxPool2d& pool, const SpikeTensor& in, std::uint32_t t,
               std::vector<std::uint64_t>& row, SpikeTensor& out);
/// The same, one input at a time.
void pool_step_ref(const MaxPool2d& pool, const SpikeTensor& in, std::uint32_t t, SpikeTensor& out);

}  // namespace nj
