#include "nir_plan.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <queue>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

#include "graph_components.hpp"
#include "nir_fields.hpp"

namespace nj::nir {
namespace {

/// Distances in neurons: `now` serves what is outside of a cycle, beyond even unreachable neurons.
constexpr std::size_t now = std::numeric_limits<std::size_t>::max();
constexpr std::size_t unreachable = now - 1;
constexpr std::size_t max_plan_nodes = 4 * max_nir_nodes;
constexpr double whole_step_tolerance = 1e-3;  ///< of a step; float32 delays are off by 1e-7

bool is_neuron_node(const PlanNode& node) {
  return std::visit([](const auto& op) { return is_neuron<std::decay_t<decltype(op)>>; }, *node.op);
}

/// The `reset` of a node's metadata.
std::optional<NirReset> reset_of(const NirNode& node, const std::string& name) {
  const auto found = node.metadata.find("reset");
  if (found == node.metadata.end()) return std::nullopt;
  const auto* text = std::get_if<NirTexts>(&found->second);
  const std::string word = text != nullptr && text->values.size() == 1 ? text->values[0] : "";
  if (word == "zero") return NirReset::to_value;
  if (word == "subtract") return NirReset::subtract;
  fail(ErrorKind::config, name, "metadata reset: expected 'zero' or 'subtract'");
}

/// Copies the nodes of a graph and of its subgraphs into one list, and links them.
class Flattener {
 public:
  explicit Flattener(Plan& plan) : plan_(plan) {}

  void add_root(const NirGraph& graph) { add(graph, "", &plan_.inputs, &plan_.outputs); }

 private:
  /// What stands for a node of the graph: itself, or a subgraph's input and output.
  struct Ends {
    std::vector<std::size_t> in;
    std::vector<std::size_t> out;
  };

  void add(const NirGraph& graph, const std::string& prefix, std::vector<std::size_t>* inputs,
           std::vector<std::size_t>* outputs) {
    std::map<std::string, Ends> ends;
    for (const NirNode& node : graph.nodes) {
      Ends& end = ends[node.name];
      const std::string name = prefix + node.name;
      if (const auto* subgraph = std::get_if<NirGraph>(&node.op)) {
        add(*subgraph, name + "/", &end.in, &end.out);
        continue;
      }
      const std::size_t index = plan_.nodes.size();
      plan_.nodes.push_back({name, &node.op});
      if (is_neuron_node(plan_.nodes[index])) plan_.nodes[index].reset = reset_of(node, name);
      end.in = end.out = {index};
      if (std::holds_alternative<NirInput>(node.op)) inputs->push_back(index);
      if (std::holds_alternative<NirOutput>(node.op)) outputs->push_back(index);
    }
    for (const auto& [from, to] : graph.edges) {
      const std::size_t source = single(ends[from].out, prefix + from, "outputs");
      const std::size_t target = single(ends[to].in, prefix + to, "inputs");
      plan_.nodes[target].sources.push_back({source, false});
    }
  }

  static std::size_t single(const std::vector<std::size_t>& of, const std::string& name,
                            const char* what) {
    if (of.size() == 1) return of[0];
    fail(ErrorKind::unsupported, name,
         fmt::format("is a subgraph with {} {}; an edge needs exactly one", of.size(), what));
  }

  Plan& plan_;
};

void count_delay_steps(PlanNode& node, double dt) {
  const auto* delay = std::get_if<NirDelay>(node.op);
  if (delay == nullptr) return;
  std::uint64_t stored = 0;
  node.late = true;
  for (const double seconds : delay->delay.values) {
    const double steps = std::round(seconds / dt);
    if (seconds < 0.0 || std::abs(seconds / dt - steps) > whole_step_tolerance) {
      fail(ErrorKind::numeric, node.name,
           fmt::format("a delay of {} s is not a whole number of steps of {} s", seconds, dt));
    }
    if (steps > static_cast<double>(max_nir_elements - stored)) {
      fail(ErrorKind::capacity, node.name,
           fmt::format("its delays keep more than {} values", max_nir_elements));
    }
    node.delay_steps.push_back(static_cast<std::uint64_t>(steps));
    stored += node.delay_steps.back();
    node.late = node.late && steps >= 1.0;
  }
}

Edges edges_of(const std::vector<PlanNode>& nodes, bool into_late_delays) {
  Edges targets(nodes.size());
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node].late && !into_late_delays) continue;
    for (const Source& source : nodes[node].sources) {
      if (!source.previous) targets[source.node].push_back(node);
    }
  }
  return targets;
}

/// How many neurons lie on the shortest way from an input to a node, itself included.
std::vector<std::size_t> neuron_distance(const Plan& flat) {
  const Edges edges = edges_of(flat.nodes, true);
  std::vector<std::size_t> distance(flat.nodes.size(), unreachable);
  std::deque<std::size_t> queue(flat.inputs.begin(), flat.inputs.end());
  for (const std::size_t input : flat.inputs) distance[input] = 0;
  while (!queue.empty()) {
    const std::size_t node = queue.front();
    queue.pop_front();
    for (const std::size_t to : edges[node]) {
      const std::size_t step = is_neuron_node(flat.nodes[to]) ? 1 : 0;
      if (distance[to] <= distance[node] + step) continue;
      distance[to] = distance[node] + step;
      if (step == 0) {
        queue.push_front(to);
      } else {
        queue.push_back(to);
      }
    }
  }
  return distance;
}

/// Unrolls the cycles of a flat graph. A node without state on a cycle may have to be computed more
/// than once in a step: for the neurons of each distance that it reaches, reading those that are
/// nearer now and the others as of the step before, and for what lies outside of the cycle, reading
/// all of them now.
class Unroller {
 public:
  explicit Unroller(const Plan& flat)
      : flat_(flat),
        component_(strong_components(edges_of(flat.nodes, false))),
        distance_(neuron_distance(flat)),
        versions_(flat.nodes.size()) {
    find_versions();
  }

  [[nodiscard]] Plan unrolled() const {
    Plan plan;
    plan.nodes.resize(count_);
    for (std::size_t node = 0; node < flat_.nodes.size(); ++node) {
      for (const auto& [level, index] : versions_[node]) {
        plan.nodes[index] = flat_.nodes[node];
        for (Source& source : plan.nodes[index].sources) source = seen_from(node, level, source);
      }
    }
    for (const std::size_t node : flat_.inputs) plan.inputs.push_back(latest(node));
    for (const std::size_t node : flat_.outputs) plan.outputs.push_back(latest(node));
    return plan;
  }

 private:
  /// Versions of a node in the plan, by the distance of the neurons that they serve.
  using Versions = std::map<std::size_t, std::size_t>;

  [[nodiscard]] std::size_t latest(std::size_t node) const {
    return versions_[node].rbegin()->second;
  }

  void find_versions() {
    const Edges backward = reversed(edges_of(flat_.nodes, false));
    const Edges forward = edges_of(flat_.nodes, true);
    for (std::size_t node = 0; node < flat_.nodes.size(); ++node) {
      const auto leaves = [&](std::size_t to) { return component_[to] != component_[node]; };
      if (is_neuron_node(flat_.nodes[node])) {
        add(node, now);
        serve(node, distance_[node], backward);
      } else if (forward[node].empty() ||
                 std::any_of(forward[node].begin(), forward[node].end(), leaves) ||
                 std::find(flat_.outputs.begin(), flat_.outputs.end(), node) !=
                     flat_.outputs.end()) {
        if (add(node, now)) serve(node, now, backward);
      }
    }
    std::size_t next = 0;
    for (std::size_t node = 0; node < flat_.nodes.size(); ++node) {
      if (versions_[node].empty()) add(node, now);  // a cycle without neuron, refused later
      for (auto& [level, index] : versions_[node]) index = next++;
    }
  }

  bool add(std::size_t node, std::size_t level) {
    if (!versions_[node].emplace(level, 0).second) return false;
    if (++count_ > max_plan_nodes) {
      fail(ErrorKind::capacity, flat_.nodes[node].name,
           fmt::format("the cycles unroll to more than {} nodes", max_plan_nodes));
    }
    return true;
  }

  /// Gives a version for `level` to the nodes without state that lead to `target` in its cycles.
  void serve(std::size_t target, std::size_t level, const Edges& backward) {
    std::vector<std::size_t> stack = {target};
    while (!stack.empty()) {
      const std::size_t node = stack.back();
      stack.pop_back();
      for (const std::size_t from : backward[node]) {
        if (component_[from] == component_[target] && !is_neuron_node(flat_.nodes[from]) &&
            add(from, level)) {
          stack.push_back(from);
        }
      }
    }
  }

  /// What the version of `node` for `level` reads of one of its sources.
  [[nodiscard]] Source seen_from(std::size_t node, std::size_t level, const Source& source) const {
    const bool cycle = component_[source.node] == component_[node];
    const bool neuron = is_neuron_node(flat_.nodes[node]);
    if (!cycle || flat_.nodes[node].late) return {latest(source.node), false};
    const std::size_t served = neuron ? distance_[node] : level;
    if (is_neuron_node(flat_.nodes[source.node])) {
      return {latest(source.node), distance_[source.node] >= served};
    }
    return {versions_[source.node].at(served), false};
  }

  const Plan& flat_;
  std::vector<std::size_t> component_;
  std::vector<std::size_t> distance_;
  std::vector<Versions> versions_;
  std::size_t count_ = 0;
};

/// Kahn's order, least index first.
std::vector<std::size_t> evaluation_order(const Plan& plan) {
  const Edges edges = edges_of(plan.nodes, false);
  std::vector<std::size_t> waiting(plan.nodes.size(), 0);
  for (const auto& targets : edges) {
    for (const std::size_t to : targets) ++waiting[to];
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t node = 0; node < waiting.size(); ++node) {
    if (waiting[node] == 0) ready.push(node);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const std::size_t to : edges[order.back()]) {
      if (--waiting[to] == 0) ready.push(to);
    }
  }
  if (order.size() != plan.nodes.size()) {
    const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](auto n) { return n != 0; });
    fail(ErrorKind::config, plan.nodes[static_cast<std::size_t>(stuck - waiting.begin())].name,
         "waits for a cycle that holds no neuron and no delay of a step or more");
  }
  return order;
}

}  // namespace

std::uint64_t elements_of(const Shape& shape) {
  std::uint64_t elements = 1;
  for (const std::uint64_t size : shape) elements *= size;
  return elements;
}

Plan make_plan(const NirGraph& graph, double dt) {
  Plan flat;
  Flattener(flat).add_root(graph);
  for (std::size_t index = 0; index < flat.nodes.size(); ++index) {
    PlanNode& node = flat.nodes[index];
    const bool given = std::binary_search(flat.inputs.begin(), flat.inputs.end(), index);
    if (given != node.sources.empty()) {
      fail(ErrorKind::config, node.name,
           given ? "is an Input of the root, and has a source" : "has no source");
    }
    count_delay_steps(node, dt);
  }
  Plan plan = Unroller(flat).unrolled();
  plan.order = evaluation_order(plan);
  infer_shapes(plan);
  return plan;
}

bool becomes_neurons(const PlanNode& node) {
  return is_neuron_node(node) || std::holds_alternative<NirThreshold>(*node.op);
}

std::vector<std::size_t> layer_order(const Plan& plan) {
  std::vector<std::size_t> rank(plan.nodes.size());
  for (std::size_t i = 0; i < plan.order.size(); ++i) rank[plan.order[i]] = i;
  Edges readers(plan.nodes.size());
  std::vector<std::size_t> waiting(plan.nodes.size(), 0);
  for (std::size_t node = 0; node < plan.nodes.size(); ++node) {
    for (const Source& source : plan.nodes[node].sources) {
      if (becomes_neurons(plan.nodes[source.node])) continue;
      readers[source.node].push_back(node);
      ++waiting[node];
    }
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;  // ranks
  for (std::size_t node = 0; node < plan.nodes.size(); ++node) {
    if (waiting[node] == 0) ready.push(rank[node]);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    order.push_back(plan.order[ready.top()]);
    ready.pop();
    for (const std::size_t reader : readers[order.back()]) {
      if (--waiting[reader] == 0) ready.push(rank[reader]);
    }
  }
  if (order.size() == plan.nodes.size()) return order;
  const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](auto n) { return n != 0; });
  fail(ErrorKind::unsupported, plan.nodes[static_cast<std::size_t>(stuck - waiting.begin())].name,
       "waits for a cycle without neurons, which no layers are");
}

void name_versions(Plan& plan) {
  std::map<std::string, std::vector<std::size_t>> versions;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) versions[plan.nodes[i].name].push_back(i);
  for (const auto& [name, nodes] : versions) {
    for (std::size_t k = 0; k + 1 < nodes.size(); ++k) {
      plan.nodes[nodes[k]].name += k == 0 ? ".late" : fmt::format(".late{}", k + 1);
    }
  }
}

}  // namespace nj::nir
