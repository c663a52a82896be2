#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/nir_file.hpp"

namespace nj::nir {

/// Calls `visit(name, array)` for each array of a node, in a fixed order.
template <class Node, class Visit>
void visit_arrays(Node& node, Visit&& visit) {
  if constexpr (requires { node.weight; }) visit("weight", node.weight);
  if constexpr (requires { node.bias; }) visit("bias", node.bias);
  if constexpr (requires { node.scale; }) visit("scale", node.scale);
  if constexpr (requires { node.delay; }) visit("delay", node.delay);
  if constexpr (requires { node.threshold; }) visit("threshold", node.threshold);
  if constexpr (requires { node.tau; }) visit("tau", node.tau);
  if constexpr (requires { node.tau_syn; }) visit("tau_syn", node.tau_syn);
  if constexpr (requires { node.tau_mem; }) visit("tau_mem", node.tau_mem);
  if constexpr (requires { node.r; }) visit("r", node.r);
  if constexpr (requires { node.v_leak; }) visit("v_leak", node.v_leak);
  if constexpr (requires { node.v_threshold; }) visit("v_threshold", node.v_threshold);
  if constexpr (requires { node.v_reset; }) visit("v_reset", node.v_reset);
  if constexpr (requires { node.w_in; }) visit("w_in", node.w_in);
}

/// A node type that integrates its input: it has a resistance.
template <class Node>
inline constexpr bool is_neuron = requires(Node node) {
  node.r;
};

template <class Node>
inline constexpr bool is_pool =
    std::is_same_v<Node, NirAvgPool2d> || std::is_same_v<Node, NirSumPool2d>;

template <class Node>
inline constexpr bool is_conv = std::is_same_v<Node, NirConv1d> || std::is_same_v<Node, NirConv2d>;

/// A double holds every integer up to it.
inline constexpr std::int64_t max_exact_integer = std::int64_t{1} << 53;

[[noreturn]] inline void fail(ErrorKind kind, const std::string& node, const std::string& message) {
  throw Error(kind, message, {.key = node});
}

/// The path of a node of the graph at `graph_path`.
inline std::string node_path(const std::string& graph_path, const std::string& name) {
  return graph_path + "/nodes/" + name;
}

}  // namespace nj::nir
