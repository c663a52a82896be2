#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/models/nir_run.hpp"

namespace nj::nir {

using Shape = std::vector<std::uint64_t>;

std::uint64_t elements_of(const Shape& shape);

/// Where a node reads: the value of this step, or of the step before.
struct Source {
  std::size_t node = 0;
  bool previous = false;
};

/// A node of the flattened graph. Subgraphs are gone; their Input and Output nodes pass on.
struct PlanNode {
  std::string name;  ///< `subgraph/node`
  const NirOperator* op = nullptr;
  std::vector<Source> sources{};
  Shape in{};
  Shape out{};
  std::vector<std::uint64_t> delay_steps{};  ///< of a Delay, by element
  /// A Delay of a step or more everywhere: its value does not depend on this step's input.
  bool late = false;
  std::optional<NirReset> reset{};  ///< as the node's metadata have it
};

/// A graph ready to be stepped. It points into the graph that it was made of. A node without state
/// may stand more than once, for its readers in and outside of a cycle; the last is that of the
/// present step.
struct Plan {
  std::vector<PlanNode> nodes;
  std::vector<std::size_t> order;    ///< of evaluation
  std::vector<std::size_t> inputs;   ///< of the root
  std::vector<std::size_t> outputs;  ///< of the root
};

/// Flattens, orders and shapes a valid graph. Throws: as run_nir.
Plan make_plan(const NirGraph& graph, double dt);

/// True for a node that becomes neurons of the executor, so that what it gives is known before what
/// it reads.
bool becomes_neurons(const PlanNode& node);

/// The nodes in an order in which what a node reads was before it, but for nodes that become
/// neurons; without delays that of evaluation. Throws: Error(unsupported) for a cycle without such
/// nodes, key = one of its nodes.
std::vector<std::size_t> layer_order(const Plan& plan);

/// Gives the nodes that stand more than once names of their own: the last keeps its name, the
/// others are `<name>.late`, `<name>.late2`, ...
void name_versions(Plan& plan);

/// Fills in and out shapes, in evaluation order. Throws: Error(shape, unsupported).
void infer_shapes(Plan& plan);

}  // namespace nj::nir
