#pragma once

#include <cstddef>
#include <limits>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/sensitivity.hpp"

namespace nj {

struct BeamOptions {
  /// Candidates kept at each level of cost; at most half of them, rounded up, of one parent.
  std::size_t width = 4;
  /// Candidates measured at once for each that is kept.
  std::size_t spread = 2;
  /// Levels of cost between the base and the cheapest candidate. Too few for all the small moves
  /// that lead down harm more than a narrow beam.
  std::size_t levels = 96;
  /// Nothing of larger loss is expanded.
  double loss_limit = std::numeric_limits<double>::infinity();
};

/// Goes from the base of the table down through levels of the first cost. At each level the
/// candidates that promise most (the loss of the parent, plus what the table says of the move) are
/// measured, and the best of those are expanded by all moves of one variable to a cheaper option.
/// What it saw is in the evaluator.
/// Throws: Error(config): a width, spread or number of levels of 0.
void beam(Evaluator& evaluator, const SensitivityTable& table, const BeamOptions& options = {});

}  // namespace nj
