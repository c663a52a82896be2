#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "neurojoule/app/report.hpp"

namespace nj {

/// Adds one action's count to the sums that it belongs to.
void add_action(RunCounts& counts, const ActionKey& key, std::uint64_t count);

/// By LayerId, the population that a layer is in, which is the number of its row.
std::vector<std::size_t> rows_of_layers(const PreparedRun& prepared);

}  // namespace nj
