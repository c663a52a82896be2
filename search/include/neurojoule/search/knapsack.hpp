#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/search/evaluator.hpp"
#include "neurojoule/search/sensitivity.hpp"

namespace nj {

/// A multiple-choice knapsack: one option for each variable.
struct KnapsackItems {
  std::vector<std::vector<double>> loss;           ///< [variable][option]; infinite: not allowed
  std::vector<std::vector<std::uint32_t>> weight;  ///< [variable][option]
};

/// The choice of least summed loss among those of weight <= `capacities[i]`, for each i, exactly,
/// by dynamic programming; empty where none fits. Of equal losses the lighter choice wins. Throws:
/// Error(capacity): variables x largest capacity above 2^28; Error(shape): loss and weight do not
/// fit each other.
std::vector<Candidate> solve_knapsack(const KnapsackItems& items,
                                      std::span<const std::uint32_t> capacities);

struct KnapsackOptions {
  /// Costs between the cheapest and the dearest candidate, for each of which the best is sought.
  std::size_t budgets = 48;
  /// Steps of the cost scale that the dynamic programme runs on.
  std::uint32_t cells = 4096;
  /// Solutions: the first of the table, each further one corrected by all measurements so far.
  std::size_t rounds = 8;
  /// Ranges of cost that are corrected apart, since a change costs more loss where little is left.
  std::size_t regions = 24;
};

/// Takes the loss for a sum over the variables, and the first cost too; solves that exactly for
/// each budget and measures the solutions. Then each term of the sum is fitted by least squares to
/// all that the evaluator has seen, near the cost in question most, staying close to the table
/// where little was seen; and again. Ends early when no new candidate comes up. Throws:
/// Error(config): an option of 0.
void knapsack(Evaluator& evaluator, const SensitivityTable& table,
              const KnapsackOptions& options = {});

}  // namespace nj
