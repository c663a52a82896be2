#include "neurojoule/search/beam.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "neurojoule/core/error.hpp"

#include "moves.hpp"

namespace nj {
namespace {

struct Node {
  Candidate candidate;
  std::size_t parent = 0;  ///< number of its expansion
  double loss = 0;         ///< an estimate, until it is measured
  double cost = 0;
  bool complete = true;
};

/// Nodes of one level differ in cost: they are compared at the rate at which loss is paid there.
struct Order {
  double loss_per_cost = 0;

  [[nodiscard]] double value(const Node& node) const {
    return node.loss + loss_per_cost * node.cost;
  }
  bool operator()(const Node& a, const Node& b) const {
    return std::tuple(!a.complete, value(a), a.cost) < std::tuple(!b.complete, value(b), b.cost);
  }
};

/// The best `count` nodes, at most half of them of one parent.
std::vector<Node> best_of(std::vector<Node> nodes, std::size_t count, const Order& order) {
  std::stable_sort(nodes.begin(), nodes.end(), order);
  std::map<std::size_t, std::size_t> of_parent;
  std::vector<Node> best;
  for (Node& node : nodes) {
    if (best.size() == count) break;
    std::size_t& siblings = of_parent[node.parent];
    if (siblings == (count + 1) / 2) continue;
    ++siblings;
    best.push_back(std::move(node));
  }
  return best;
}

class Beam {
 public:
  Beam(Evaluator& evaluator, const SensitivityTable& table, const BeamOptions& options)
      : evaluator_(evaluator),
        options_(options),
        estimates_(table),
        pending_(options.levels + 1),
        top_(cost_of(table.base)),
        bottom_(cost_of(cheapest(table.base))) {
    const Node root{table.base, 0, table.base_evaluation.objectives[0], top_, true};
    winners_.push_back(root);
    if (bottom_ < top_) expand(root);
  }

  void run() {
    for (std::size_t level = 0; level <= options_.levels; ++level) {
      const Order order{rate()};
      std::vector<Node> measured;
      // Small moves stay on their level, and are the next pass.
      constexpr int passes = 3;
      for (int pass = 0; pass < passes && !pending_[level].empty(); ++pass) {
        if (!measure(level, order, measured)) return;
        for (const Node& node : best_of(measured, options_.width, order)) {
          if (node.loss <= options_.loss_limit) expand(node);
        }
      }
      pending_[level].clear();
      const auto winner = std::min_element(measured.begin(), measured.end(), order);
      if (winner != measured.end()) winners_.push_back(*winner);
    }
  }

 private:
  [[nodiscard]] double cost_of(const Candidate& candidate) const {
    return evaluator_.problem().costs(candidate).values[0];
  }
  /// The cheapest option for each variable, seen from the base.
  [[nodiscard]] Candidate cheapest(const Candidate& base) const {
    Candidate candidate = base;
    std::vector<double> least(base.size(), top_);
    for (const Move& move : moves_from(base, evaluator_.problem().space())) {
      const double cost = cost_of(moved(base, move));
      if (!(cost < least[move.variable])) continue;
      least[move.variable] = cost;
      candidate[move.variable] = move.option;
    }
    return candidate;
  }
  [[nodiscard]] std::size_t level_of(double cost) const {
    const double depth = std::clamp((top_ - cost) / (top_ - bottom_), 0.0, 1.0);
    return static_cast<std::size_t>(depth * static_cast<double>(options_.levels));
  }
  /// Loss paid per cost between the best nodes of the last three levels.
  [[nodiscard]] double rate() const {
    const Node& last = winners_.back();
    const Node& before = winners_[winners_.size() - std::min<std::size_t>(winners_.size(), 3)];
    if (!(last.cost < before.cost)) return 0;
    return std::max(0.0, (last.loss - before.loss) / (before.cost - last.cost));
  }

  /// Puts the cheaper neighbours of a node on their levels, each seen from its best parent.
  void expand(const Node& node) {
    if (!expanded_.insert(node.candidate).second) return;
    for (const Move& move : moves_from(node.candidate, evaluator_.problem().space())) {
      Node child{moved(node.candidate, move), expanded_.size()};
      child.loss = node.loss + estimates_.added(node.candidate, move);
      child.cost = cost_of(child.candidate);
      if (!(child.cost < node.cost) || !(child.loss < unknown)) continue;
      const auto [place, fresh] = pending_[level_of(child.cost)].emplace(child.candidate, child);
      if (!fresh && child.loss < place->second.loss) place->second = std::move(child);
    }
  }

  /// Measures the most promising of a level, as far as they promise to be among the best; false
  /// where the budget ended.
  bool measure(std::size_t level, const Order& order, std::vector<Node>& measured) {
    std::vector<Node> promising;
    const std::vector<Node> best = best_of(measured, options_.width, order);
    for (const auto& [candidate, node] : pending_[level]) {
      if (best.size() < options_.width || order(node, best.back())) promising.push_back(node);
    }
    promising = best_of(std::move(promising), options_.width * options_.spread, order);
    std::vector<Candidate> batch;
    batch.reserve(promising.size());
    for (const Node& node : promising) batch.push_back(node.candidate);
    const auto evaluations = evaluator_.evaluate(batch, {.infeasible = true});
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
      Node& node = promising[i];
      pending_[level].erase(node.candidate);
      node.loss = evaluations[i].objectives[0];
      node.complete = evaluations[i].complete;
      measured.push_back(std::move(node));
    }
    return evaluations.size() == batch.size();
  }

  static constexpr double unknown = std::numeric_limits<double>::infinity();
  Evaluator& evaluator_;
  const BeamOptions& options_;
  LossEstimates estimates_;
  std::vector<std::map<Candidate, Node>> pending_;  ///< by level
  double top_;
  double bottom_;
  std::vector<Node> winners_;  ///< of the levels so far
  std::set<Candidate> expanded_;
};

}  // namespace

void beam(Evaluator& evaluator, const SensitivityTable& table, const BeamOptions& options) {
  if (options.width == 0 || options.spread == 0 || options.levels == 0) {
    throw Error(ErrorKind::config, "beam: width, spread and levels are at least 1");
  }
  if (!table.base_evaluation.complete) return;  // the budget ended before anything was measured
  Beam(evaluator, table, options).run();
}

}  // namespace nj
