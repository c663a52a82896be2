#pragma once

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <span>
#include <vector>

#include <neurojoule/core/parallel.hpp>
#include <neurojoule/core/rng.hpp>
#include <neurojoule/search/problem.hpp>

namespace nj::testing {

/// A stand-in for the quantization of layers: options of 8, 6, 4, 3, 2 bits, ..., where a layer's
/// error grows fourfold with each bit less. Errors of two layers reinforce or cancel each other,
/// and the loss saturates, so that it is no sum over the layers.
class SyntheticProblem {
 public:
  SyntheticProblem(std::uint32_t variables, std::uint32_t options, std::uint64_t seed)
      : space_{std::vector<std::uint32_t>(variables, options)}, seed_(seed) {}

  unsigned threads = 1;
  bool racing = false;                             ///< gives up where the loss is above the bar
  double loss_limit = 1e300;                       ///< above it the constraint is broken
  double cost_limit = 1e300;                       ///< known before measuring
  bool slow_when_coarse = false;                   ///< a second cost, which grows as bits shrink
  std::uint64_t die_after = ~std::uint64_t{0};     ///< kills the process at this evaluation
  mutable std::atomic<std::uint64_t> measured{0};  ///< to the end
  mutable std::atomic<std::uint64_t> given_up{0};

  [[nodiscard]] const SearchSpace& space() const { return space_; }
  [[nodiscard]] std::size_t objectives() const { return slow_when_coarse ? 3 : 2; }

  [[nodiscard]] Costs costs(const Candidate& candidate) const {
    double cost = 0;
    double second = 0;
    for (std::size_t v = 0; v < candidate.size(); ++v) {
      cost += (1 + below(v, 0, 30)) * bits(candidate[v]);
      second += (1 + below(v, 2, 9)) * candidate[v];
    }
    const double violation = std::max(0.0, cost - cost_limit);
    if (slow_when_coarse) return {{cost, second}, violation};
    return {{cost}, violation};
  }

  [[nodiscard]] double loss(const Candidate& candidate) const {
    double sum = 0;
    for (std::size_t v = 0; v < candidate.size(); ++v) {
      sum += error(v, candidate[v]);
      for (std::size_t u = 0; u < v; ++u) {
        const double coupling = below(v, static_cast<std::uint32_t>(100 + u), 2000) / 1000 - 0.7;
        sum += coupling * std::sqrt(error(v, candidate[v]) * error(u, candidate[u]));
      }
    }
    return 1 - std::exp(-std::abs(sum));
  }

  [[nodiscard]] std::vector<Evaluation> evaluate(std::span<const Candidate> batch,
                                                 const Bar& bar) const {
    std::vector<Evaluation> evaluations(batch.size());
    parallel_for(batch.size(), 1, threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) evaluations[i] = evaluate_one(batch[i], bar);
    });
    return evaluations;
  }

 private:
  [[nodiscard]] Evaluation evaluate_one(const Candidate& candidate, const Bar& bar) const {
    const Costs known = costs(candidate);
    if (measured + given_up == die_after) ::raise(SIGKILL);
    const double exact = loss(candidate);
    const double highest = bar(known.values);
    Evaluation evaluation{{exact}, known.violation + std::max(0.0, exact - loss_limit), true};
    if (racing && exact > highest) {
      evaluation.objectives[0] = (exact + highest) / 2;
      evaluation.complete = false;
    }
    ++(evaluation.complete ? measured : given_up);
    evaluation.objectives.insert(evaluation.objectives.end(), known.values.begin(),
                                 known.values.end());
    return evaluation;
  }
  [[nodiscard]] double below(std::size_t entity, std::uint32_t step, std::uint64_t bound) const {
    return static_cast<double>(random_below({seed_, 1, entity}, step, bound));
  }
  static double bits(std::uint16_t option) {
    constexpr double widths[] = {8, 6, 4, 3, 2, 1};
    return widths[option];
  }
  /// Of a layer at some width: its sensitivity is 0.05 to 2, log-uniform.
  [[nodiscard]] double error(std::size_t v, std::uint16_t option) const {
    const double sensitivity = 0.05 * std::pow(40.0, below(v, 1, 1000) / 1000);
    return sensitivity * std::pow(4.0, 1 - bits(option)) * 4;
  }

  SearchSpace space_;
  std::uint64_t seed_;
};

}  // namespace nj::testing
