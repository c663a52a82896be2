#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "neurojoule/search/problem.hpp"
#include "neurojoule/search/sensitivity.hpp"

// What walking algorithms share: changes of one variable, and what they should cost.
namespace nj {

/// Another option for one variable.
struct Move {
  std::size_t variable = 0;
  std::uint16_t option = 0;
};

inline Candidate moved(Candidate candidate, Move move) {
  candidate[move.variable] = move.option;
  return candidate;
}

/// All moves from a candidate, by variable and option.
inline std::vector<Move> moves_from(const Candidate& candidate, const SearchSpace& space) {
  std::vector<Move> moves;
  for (std::size_t v = 0; v < candidate.size(); ++v) {
    for (std::uint32_t o = 0; o < space.options[v]; ++o) {
      if (o != candidate[v]) moves.push_back({v, static_cast<std::uint16_t>(o)});
    }
  }
  return moves;
}

/// The loss that a move adds: as the sensitivity table says, until the move was measured from where
/// the walk was then.
class LossEstimates {
 public:
  explicit LossEstimates(const SensitivityTable& table) : loss_(table.loss) {}

  /// Infinite where nothing is known.
  [[nodiscard]] double added(const Candidate& from, Move move) const {
    const std::vector<double>& options = loss_[move.variable];
    const double to = options[move.option];
    if (to == std::numeric_limits<double>::infinity()) return to;
    return to - options[from[move.variable]];
  }
  void learn(const Candidate& from, Move move, double added) {
    std::vector<double>& options = loss_[move.variable];
    options[move.option] = options[from[move.variable]] + added;
  }

 private:
  std::vector<std::vector<double>> loss_;
};

}  // namespace nj
