#pragma once

#include <span>
#include <vector>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/sensitivity.hpp"

namespace nj {

/// The loss as a sum of one term per variable, [variable][option], that fits what was measured by
/// least squares: a candidate counts by how near its first cost is to `cost`, with a Gaussian of
/// `width`, and each term is drawn to that of the table. Terms unknown in the table stay infinite.
std::vector<std::vector<double>> fitted_losses(const SensitivityTable& table,
                                               std::span<const Visited> visited, double cost,
                                               double width);

}  // namespace nj
