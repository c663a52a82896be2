#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/operators.hpp"
#include "neurojoule/core/spike_tensor.hpp"

#include "row_bands.hpp"

namespace nj {

/// Rows of step `t` of a maximum over windows of binary spikes, i.e. their OR, 64 channels at a
/// time. `out` has the pooled shape, and `band` is one of its bands. `row` is a buffer. Steps and
/// bands are independent, so they may run in parallel.
void pool_rows(const MaxPool2d& pool, const SpikeTensor& in, std::uint32_t t, const RowBand& band,
               std::vector<std::uint64_t>& row, SpikeTensor& out);
/// A whole step, one input at a time; its bits must be zero.
void pool_step_ref(const MaxPool2d& pool, const SpikeTensor& in, std::uint32_t t, SpikeTensor& out);

}  // namespace nj
