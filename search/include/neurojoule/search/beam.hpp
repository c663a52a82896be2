#pragma once

#include <cstddef>
#include <limits>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/sensitivity.hpp"

namespace nj {

struct BeamOptions {
  /// Candidates kept at each level of cost; at most half of them, rounded up, of one parent.
  std::size_t width = 8;
  /// Candidates measured for each that is kept.
  std::size_t spread = 3;
  /// Levels of cost between the base and the cheapest candidate.
  std::size_t levels = 32;
  /// Nothing of larger loss is expanded.
  double loss_limit = std::numeric_limits<double>::infinity();
};

/// Goes from the base of the table down through levels of the first cost. At each level the
/// candidates of the best estimated loss (of the parent, plus what the table says of the move,
/// corrected by what was measured) are measured, and the best of those are expanded by all moves of
/// one variable to a cheaper option. What it saw is in the evaluator.
/// Throws: Error(config): a width, spread or number of levels of 0.
void beam(Evaluator& evaluator, const SensitivityTable& table, const BeamOptions& options = {});

}  // namespace nj
