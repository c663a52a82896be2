#pragma once

#include <span>

#include "nir_plan.hpp"

namespace nj::nir {

/// The output of a node without state: `out` has the elements of node.out, `in` those of node.in.
void evaluate_layer(const PlanNode& node, std::span<const double> in, std::span<double> out);

}  // namespace nj::nir
