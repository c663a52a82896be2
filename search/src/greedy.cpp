#include "neurojoule/search/greedy.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "neurojoule/core/error.hpp"

#include "moves.hpp"

namespace nj {
namespace {

/// One or two moves to a neighbour, and what they change.
struct Step {
  std::vector<Move> moves;
  Candidate to;
  double cost_added = 0;
  double loss_added = 0;  ///< an estimate, until it is measured
  bool complete = true;
};

class Walk {
 public:
  Walk(Evaluator& evaluator, const SensitivityTable& table, const GreedyOptions& options)
      : evaluator_(evaluator), options_(options), estimates_(table) {
    stand_on(table.base, table.base_evaluation.objectives[0]);
  }

  void run() {
    std::size_t accepted = 0;
    while (!evaluator_.exhausted()) {
      const bool down = step_down();
      const bool due = down ? ++accepted % options_.back_every == 0 : true;
      const bool back = due && look_back();
      if (!down && !back) return;
    }
  }

 private:
  void stand_on(const Candidate& candidate, double loss) {
    here_ = candidate;
    loss_ = loss;
    costs_ = evaluator_.problem().costs(candidate);
    stood_.insert(candidate);
  }
  void take(const Step& step) { stand_on(step.to, loss_ + step.loss_added); }

  /// A step with its exact cost and estimated loss; none to where constraints on costs are broken
  /// more than here.
  [[nodiscard]] std::optional<Step> step_by(std::vector<Move> moves) const {
    Step step{std::move(moves), here_};
    for (const Move& move : step.moves) {
      step.loss_added += estimates_.added(here_, move);
      step.to = moved(std::move(step.to), move);
    }
    if (!std::isfinite(step.loss_added)) return {};
    const Costs costs = evaluator_.problem().costs(step.to);
    if (costs.violation > costs_.violation) return {};
    step.cost_added = costs.values[0] - costs_.values[0];
    return step;
  }

  void leave_out_where_it_was(std::vector<Step>& steps) const {
    std::erase_if(steps, [&](const Step& step) { return stood_.contains(step.to); });
  }

  /// Cost saved per loss added; what adds no more than the resolution, by the saving.
  [[nodiscard]] std::pair<double, double> gain(const Step& step) const {
    const double added = std::max(step.loss_added, options_.resolution);
    const double infinite = std::numeric_limits<double>::infinity();
    return {added > 0 ? -step.cost_added / added : infinite, -step.cost_added};
  }
  /// Loss bought back per cost.
  static double price(const Step& step) { return -step.loss_added / step.cost_added; }

  void sort_by_gain(std::vector<Step>& steps) const {
    std::stable_sort(steps.begin(), steps.end(),
                     [&](const Step& a, const Step& b) { return gain(a) > gain(b); });
  }

  /// Puts measured losses into steps [begin, begin + width); false where the budget ended.
  bool measure(std::vector<Step>& steps, std::size_t begin) {
    const std::size_t end = std::min(steps.size(), begin + options_.width);
    std::vector<Candidate> batch;
    for (std::size_t i = begin; i < end; ++i) batch.push_back(steps[i].to);
    const auto evaluations = evaluator_.evaluate(batch, {.infeasible = true});
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
      Step& step = steps[begin + i];
      step.loss_added = evaluations[i].objectives[0] - loss_;
      step.complete = evaluations[i].complete;
      if (step.moves.size() == 1) estimates_.learn(here_, step.moves[0], step.loss_added);
    }
    return evaluations.size() == batch.size();
  }

  /// Takes the best move to a cheaper candidate; false where there is none below the loss limit.
  bool step_down() {
    std::vector<Step> steps = steps_that([](double cost_added) { return cost_added < 0; });
    leave_out_where_it_was(steps);
    sort_by_gain(steps);
    const Step* best = nullptr;
    for (std::size_t batch = 0; batch < options_.patience; ++batch) {
      const std::size_t begin = batch * options_.width;
      if (begin >= steps.size()) break;
      if (best != nullptr && best->complete && gain(*best) >= gain(steps[begin])) break;
      if (!measure(steps, begin)) return false;
      for (std::size_t i = begin; i < std::min(steps.size(), begin + options_.width); ++i) {
        if (!(loss_ + steps[i].loss_added <= options_.loss_limit)) continue;
        if (best == nullptr ||
            std::pair(steps[i].complete, gain(steps[i])) > std::pair(best->complete, gain(*best))) {
          best = &steps[i];
        }
      }
    }
    if (best == nullptr) return false;
    rate_ = std::max(best->loss_added, 0.0) / -best->cost_added;
    take(*best);
    return true;
  }

  template <class Wanted>
  [[nodiscard]] std::vector<Step> steps_that(const Wanted& wanted) const {
    std::vector<Step> steps;
    for (const Move& move : moves_from(here_, evaluator_.problem().space())) {
      auto step = step_by({move});
      if (step && wanted(step->cost_added)) steps.push_back(std::move(*step));
    }
    return steps;
  }

  /// Swaps and raises while they help; whether there was one.
  bool look_back() {
    bool moved_at_all = false;
    for (std::size_t i = 0; i < options_.patience && !evaluator_.exhausted(); ++i) {
      if (take_swap()) {
        moved_at_all = true;
      } else {
        return take_raise() || moved_at_all;
      }
    }
    return moved_at_all;
  }

  /// The raise that buys most loss for its cost, if that is more than was last given for it.
  bool take_raise() {
    std::vector<Step> raises = promising_raises();
    leave_out_where_it_was(raises);
    if (raises.size() > options_.width) raises.resize(options_.width);
    std::erase_if(raises, [&](const Step& step) { return !(price(step) > rate_); });
    if (raises.empty() || !measure(raises, 0)) return false;
    const auto best =
        std::max_element(raises.begin(), raises.end(), [](const Step& a, const Step& b) {
          return std::pair(a.complete, price(a)) < std::pair(b.complete, price(b));
        });
    if (!best->complete || !(price(*best) > rate_)) return false;
    take(*best);
    return true;
  }

  [[nodiscard]] std::vector<Step> promising_raises() const {
    std::vector<Step> raises = steps_that([](double cost_added) { return cost_added > 0; });
    std::stable_sort(raises.begin(), raises.end(),
                     [](const Step& a, const Step& b) { return price(a) > price(b); });
    return raises;
  }

  /// One variable up and another down, for less loss at no more cost.
  bool take_swap() {
    const std::size_t each = 4 * options_.width;
    std::vector<Step> ups = promising_raises();
    std::vector<Step> downs = steps_that([](double cost_added) { return cost_added <= 0; });
    sort_by_gain(downs);
    if (ups.size() > each) ups.resize(each);
    if (downs.size() > each) downs.resize(each);
    std::vector<Step> swaps;
    for (const Step& up : ups) {
      for (const Step& down : downs) {
        if (up.moves[0].variable == down.moves[0].variable) continue;
        if (!(up.loss_added + down.loss_added < -options_.resolution)) continue;
        auto swap = step_by({up.moves[0], down.moves[0]});
        if (swap && swap->cost_added <= 0) swaps.push_back(std::move(*swap));
      }
    }
    leave_out_where_it_was(swaps);
    std::stable_sort(swaps.begin(), swaps.end(),
                     [](const Step& a, const Step& b) { return a.loss_added < b.loss_added; });
    if (swaps.size() > options_.width) swaps.resize(options_.width);
    if (swaps.empty() || !measure(swaps, 0)) return false;
    const auto best =
        std::min_element(swaps.begin(), swaps.end(), [](const Step& a, const Step& b) {
          return std::tuple(!a.complete, a.loss_added) < std::tuple(!b.complete, b.loss_added);
        });
    if (!best->complete || !(best->loss_added < -options_.resolution)) return false;
    take(*best);
    return true;
  }

  Evaluator& evaluator_;
  const GreedyOptions& options_;
  LossEstimates estimates_;
  Candidate here_;
  double loss_ = 0;
  Costs costs_;
  double rate_ = 0;  ///< loss added per cost saved by the last step down
  std::set<Candidate> stood_;
};

}  // namespace

void greedy(Evaluator& evaluator, const SensitivityTable& table, const GreedyOptions& options) {
  if (options.width == 0 || options.patience == 0 || options.back_every == 0) {
    throw Error(ErrorKind::config, "greedy: width, patience and back_every are at least 1");
  }
  if (!table.base_evaluation.complete) return;  // the budget ended before anything was measured
  Walk(evaluator, table, options).run();
}

}  // namespace nj
