#pragma once

#include <cstdint>
#include <tuple>
#include <variant>

#include "neurojoule/models/model.hpp"

namespace nj::test {

// All members of each operator. A structured binding must name every member of its struct, so a
// parameter added to an operator does not compile here until it is compared too.
inline auto members(const Input& op) {
  const auto& [a, b, c, d] = op;
  return std::tuple(a, b, c, d);
}
inline auto members(const Conv2d& op) {
  const auto& [a, b, c, d, e, f, g] = op;
  return std::tuple(a, b, c, d, e, f, g);
}
inline auto members(const Lif& op) {
  const auto& [a, b, c, d, e, f, g] = op;
  return std::tuple(a, b, c, d, e, f, g);
}
inline auto members(const MaxPool2d& op) {
  const auto& [a, b, c] = op;
  return std::tuple(a, b, c);
}
inline auto members(const AveragePool2d& op) {
  const auto& [a, b, c] = op;
  return std::tuple(a, b, c);
}
inline auto members(const SpikingSelfAttention& op) {
  const auto& [a, b] = op;
  return std::tuple(a, b);
}
inline auto members(const SpikeSum& op) {
  const auto& [a, b, c] = op;
  return std::tuple(a, b, c);
}
inline auto members(const TokenChannelMax& op) {
  const auto& [a] = op;
  return std::tuple(a);
}
inline auto members(const ClassifierHead& op) {
  const auto& [a, b] = op;
  return std::tuple(a, b);
}
template <class Op>
requires std::is_empty_v<Op>
auto members(const Op&) { return std::tuple<>(); }

/// Equal kinds with equal parameters.
inline bool same(const Operator& a, const Operator& b) {
  return a.index() == b.index() &&
         std::visit(
             [&](const auto& op) {
               return members(op) == members(std::get<std::decay_t<decltype(op)>>(b));
             },
             a);
}

/// The same layers in the same order with the same operands.
inline bool same(const Network& a, const Network& b) {
  if (a.size() != b.size()) return false;
  for (std::uint32_t i = 0; i < a.size(); ++i) {
    if (a.layer({i}).name != b.layer({i}).name || !same(a.layer({i}).op, b.layer({i}).op)) {
      return false;
    }
    const auto left = a.operands({i});
    const auto right = b.operands({i});
    if (left.size() != right.size()) return false;
    for (std::size_t k = 0; k < left.size(); ++k) {
      if (left[k].source != right[k].source || left[k].port != right[k].port) return false;
      if (left[k].delay != right[k].delay) return false;
    }
  }
  return true;
}

/// The same network, time steps, weights and biases.
inline bool same(const Model& a, const Model& b) {
  if (!same(a.network, b.network) || a.timesteps != b.timesteps) return false;
  if (a.weights.size() != b.weights.size()) return false;
  for (std::size_t i = 0; i < a.weights.size(); ++i) {
    const auto& left = a.weights[i];
    const auto& right = b.weights[i];
    if (left.has_value() != right.has_value()) return false;
    if (left && (left->weight != right->weight || left->bias != right->bias)) return false;
  }
  return true;
}

/// A network with every operator, options away from their defaults, and neurons without leak.
inline Network every_operator() {
  const Lif odd{.tau = 3.7,
                .v_threshold = 0.1,
                .reset = Reset::by_subtraction,
                .decay_input = false,
                .firing = Firing::above_threshold,
                .refractory = 2,
                .tau_synapse = 1.25};
  const Lif no_leak_lif{.tau = no_leak, .decay_input = false};
  return Network::build({
      {"input", Input{{2, 4, 6}, 7, -8, 0.3}, {}},
      {"conv", Conv2d{2, 4, {3, 1}, {1, 2}, {1, 0}, {1, 3}, 2}, {{"input"}}},
      {"maximum", MaxPool2d{{1, 2}, 1, {0, 1}}, {{"conv"}}},
      {"lif", odd, {{"maximum"}}},
      {"q/proj", Conv2d{4, 4}, {{"lif"}}},
      {"q: \"lif\"", no_leak_lif, {{"q/proj"}}},
      {"ssa",
       SpikingSelfAttention{2, 0.125},
       {{"q: \"lif\"", Port::query}, {"lif", Port::key}, {"q: \"lif\"", Port::value}}},
      {"a", Lif{}, {{"ssa"}}},
      {"and", SpikeAnd{}, {{"a"}, {"lif", Port::gate}}},
      {"window", TokenChannelMax{2}, {{"and"}}},
      {"sum", SpikeSum{SumAxis::head, 2, 0.5}, {{"window"}}},
      {"gate", Lif{}, {{"sum"}}},
      {"masked", SpikeAnd{}, {{"lif"}, {"gate", Port::gate}}},
      {"add", ResidualAdd{}, {{"masked"}, {"a", Port::residual}}},
      {"mean", AveragePool2d{{2, 1}, {2, 1}, 0}, {{"add"}}},
      {"flat", Flatten{}, {{"mean"}}},
      {"head", ClassifierHead{0, 3}, {{"flat"}}},
  });
}

}  // namespace nj::test
