#pragma once

#include <cstddef>
#include <limits>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/sensitivity.hpp"

namespace nj {

struct GreedyOptions {
  /// Moves measured together; the best one is taken.
  std::size_t width = 4;
  /// Batches of moves tried in one round before it takes the best so far, or ends.
  std::size_t patience = 3;
  /// Accepted moves between two looks back.
  std::size_t back_every = 4;
  /// No move goes to a candidate with a larger loss.
  double loss_limit = std::numeric_limits<double>::infinity();
  /// The smallest difference of losses that means something, e.g. one validation sample: added
  /// losses below it, negative ones included, rank as if they were this.
  double resolution = 0;
};

/// Walks from the base of the table to cheaper candidates, trading the loss for the first cost.
///
/// Each round ranks the moves of one variable by marginal gain: cost saved per loss added, as the
/// table says, corrected by what was measured on the way. The best `width` are measured, and more
/// while the next estimate is above the best measured gain; the best is taken. Now and then, and at
/// the end, it looks back: moves that buy loss cheaper than it was last sold, and swaps of two
/// variables that lower loss at no more cost. No candidate is stood on twice, so that it ends:
/// where no move is left below the loss limit. What it saw is in the evaluator.
/// Throws: Error(config): a width, patience or back_every of 0.
void greedy(Evaluator& evaluator, const SensitivityTable& table, const GreedyOptions& options = {});

}  // namespace nj
