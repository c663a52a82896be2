#include "neurojoule/models/nir_run.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

#include "nir_layers.hpp"
#include "nir_neurons.hpp"
#include "nir_plan.hpp"

namespace nj {
namespace {

using nir::Plan;
using nir::PlanNode;

/// The values that a Delay has yet to give: a ring for each element.
class DelayLine {
 public:
  explicit DelayLine(const PlanNode& node) : steps_(node.delay_steps) {
    for (const std::uint64_t steps : steps_) {
      first_.push_back(ring_.size());
      ring_.resize(ring_.size() + steps, 0.0);
    }
  }
  /// What was put `steps` ago; 0 before the first.
  [[nodiscard]] double at(std::uint64_t t, std::size_t i, double now) const {
    return steps_[i] == 0 ? now : ring_[first_[i] + t % steps_[i]];
  }
  void put(std::uint64_t t, std::size_t i, double value) {
    if (steps_[i] != 0) ring_[first_[i] + t % steps_[i]] = value;
  }

 private:
  std::vector<std::uint64_t> steps_;
  std::vector<std::size_t> first_;
  std::vector<double> ring_;
};

/// Steps a plan through time.
class Runner {
 public:
  Runner(const Plan& plan, const NirRunOptions& options) : plan_(plan), nodes_(plan.nodes.size()) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const PlanNode& node = plan.nodes[i];
      const std::uint64_t elements = nir::elements_of(node.out);
      nodes_[i].sum.resize(nir::elements_of(node.in));
      nodes_[i].value.resize(elements);
      if (!node.delay_steps.empty()) nodes_[i].delay.emplace(node);
      NirRunOptions own = options;
      if (!own.reset) own.reset = node.reset.value_or(NirReset::to_value);
      nir::Neurons neurons(node.name, *node.op, own);
      if (!neurons.potential().empty()) nodes_[i].neurons.emplace(std::move(neurons));
      for (const nir::Source& source : node.sources) {
        if (source.previous) nodes_[source.node].previous.resize(1);
      }
    }
    for (Node& node : nodes_) {
      if (!node.previous.empty()) node.previous.assign(node.value.size(), 0.0);
    }
  }

  /// Takes the input of step t, and evaluates every node.
  void step(std::uint64_t t, std::span<const double> input) {
    for (Node& node : nodes_) {
      if (!node.previous.empty()) node.previous = node.value;
    }
    for (const std::size_t index : plan_.inputs) {
      Node& node = nodes_[index];
      std::copy_n(input.begin(), node.sum.size(), node.sum.begin());
      input = input.subspan(node.sum.size());
    }
    for (const std::size_t index : plan_.order) evaluate(index, t);
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
      if (!nodes_[index].delay) continue;
      if (plan_.nodes[index].late) add_sources(index);
      for (std::size_t i = 0; i < nodes_[index].sum.size(); ++i) {
        nodes_[index].delay->put(t, i, nodes_[index].sum[i]);
      }
    }
  }

  [[nodiscard]] const std::vector<double>& value(std::size_t index) const {
    return nodes_[index].value;
  }
  [[nodiscard]] std::span<const double> potential(std::size_t index) const {
    return nodes_[index].neurons ? nodes_[index].neurons->potential() : std::span<const double>();
  }

 private:
  struct Node {
    std::vector<double> sum;
    std::vector<double> value;
    std::vector<double> previous;  ///< empty when nobody reads the step before
    std::optional<DelayLine> delay;
    std::optional<nir::Neurons> neurons;
  };

  void add_sources(std::size_t index) {
    const PlanNode& node = plan_.nodes[index];
    std::vector<double>& sum = nodes_[index].sum;
    if (node.sources.empty()) return;
    std::fill(sum.begin(), sum.end(), 0.0);
    for (const nir::Source& source : node.sources) {
      const Node& from = nodes_[source.node];
      const std::vector<double>& values = source.previous ? from.previous : from.value;
      std::transform(sum.begin(), sum.end(), values.begin(), sum.begin(), std::plus<>());
    }
  }

  void evaluate(std::size_t index, std::uint64_t t) {
    Node& node = nodes_[index];
    if (!plan_.nodes[index].late) add_sources(index);
    if (node.delay) {
      for (std::size_t i = 0; i < node.value.size(); ++i) {
        node.value[i] = node.delay->at(t, i, node.sum[i]);
      }
    } else if (node.neurons) {
      node.neurons->step(node.sum, node.value);
    } else {
      nir::evaluate_layer(plan_.nodes[index], node.sum, node.value);
    }
  }

  const Plan& plan_;
  std::vector<Node> nodes_;
};

std::size_t find(const Plan& plan, const std::string& name) {
  const auto found = std::find_if(plan.nodes.rbegin(), plan.nodes.rend(),
                                  [&](const PlanNode& node) { return node.name == name; });
  if (found == plan.nodes.rend()) {
    throw Error(ErrorKind::config, fmt::format("record: the graph has no node '{}'", name));
  }
  return static_cast<std::size_t>(plan.nodes.rend() - found - 1);
}

std::uint64_t count(const Plan& plan, const std::vector<std::size_t>& nodes) {
  std::uint64_t elements = 0;
  for (const std::size_t index : nodes) elements += nir::elements_of(plan.nodes[index].out);
  return elements;
}

}  // namespace

NirRun run_nir(const NirGraph& graph, std::uint64_t timesteps, std::span<const double> input,
               const NirRunOptions& options) {
  validate(graph);
  if (!(options.dt > 0.0) || !std::isfinite(options.dt)) {
    throw Error(ErrorKind::config, fmt::format("dt: expected seconds above 0, got {}", options.dt));
  }
  const Plan plan = nir::make_plan(graph, options.dt);
  const std::uint64_t width = count(plan, plan.inputs);
  if (width == 0 ? !input.empty()
                 : input.size() % width != 0 || input.size() / width != timesteps) {
    throw Error(ErrorKind::shape, fmt::format("input: expected [{}, {}] values, got {}", timesteps,
                                              width, input.size()));
  }
  Runner runner(plan, options);
  NirRun run;
  std::vector<std::pair<std::size_t, NirTrace*>> traces;
  for (const std::string& name : options.record) {
    const std::size_t index = find(plan, name);
    if (run.traces.count(name) != 0) continue;
    traces.emplace_back(index, &run.traces[name]);
    traces.back().second->shape = plan.nodes[index].out;
  }
  for (std::uint64_t t = 0; t < timesteps; ++t) {
    runner.step(t, input.subspan(t * width, width));
    for (const std::size_t index : plan.outputs) {
      const std::vector<double>& value = runner.value(index);
      run.output.insert(run.output.end(), value.begin(), value.end());
    }
    for (const auto& [index, trace] : traces) {
      const std::vector<double>& value = runner.value(index);
      const std::span<const double> potential = runner.potential(index);
      trace->output.insert(trace->output.end(), value.begin(), value.end());
      trace->potential.insert(trace->potential.end(), potential.begin(), potential.end());
    }
  }
  return run;
}

}  // namespace nj
