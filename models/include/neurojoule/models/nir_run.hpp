#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/models/nir_file.hpp"

// The float reference of NIR: steps any graph, in double precision and one thread.
//
// Time is cut into steps of dt seconds. Within step t every signal is constant; a node's value in
// step t is computed from the values of its sources in the same step, summed, so a spike passes
// through any number of nodes at once. The one exception is recurrence: where a neuron P drives a
// neuron Q, directly or over nodes without state, both lie on one cycle, and Q is no farther from
// the inputs than P (in neurons, on the shortest way), Q sees P's value of step t - 1, zero at
// first. `fc -> lif -> rec -> lif` thus reads rec(spikes of t - 1), bias included from the first
// step on, as snnTorch does. A loop through a Delay of one step or more needs no such exception; a
// cycle without neuron or delay is an error. A node that serves readers of both kinds is computed
// for each; its trace is that of the present step.
//
// Neurons start at v = 0 and I = 0. With x the summed input and h = dt:
//   I, IF         euler = exponential:  v += h r x
//   LI, LIF       euler:                v += (h / tau) (v_leak - v + r x)
//                 exponential:          v  = v_inf + (v - v_inf) exp(-h / tau),
//                                            v_inf = v_leak + r x
//   CubaLI, -LIF  euler:                I += (h / tau_syn) (w_in x - I)
//                                       v += (h / tau_mem) (v_leak - v + r I), with I after this
//                                            step (snnTorch) or before it: NirCurrent
//                 exponential:          the exact solution of both equations with x constant
// then a spiking neuron fires if v > v_threshold, and v is reset. Source: the equations are those
// of the `nir` package 1.0.8; their solution for constant input is elementary.
//
// `continuous` finds the moment inside the step at which v reaches v_threshold, resets there and
// goes on; the output is the number of spikes of the step. It is exact for input that is constant
// over each step, and is what the NIR paper's `lif_exact.csv` records: row t is v at the end of
// step t, with dt = 1e-4 s.
namespace nj {

enum class NirStep : std::uint8_t { euler, exponential, continuous };

/// What a spike does to v: set it to v_reset, or take v_threshold - v_reset off.
enum class NirReset : std::uint8_t { to_value, subtract };

/// Which current drives the membrane in an Euler step of CubaLI and CubaLIF.
enum class NirCurrent : std::uint8_t { updated, previous };

struct NirRunOptions {
  double dt = 1e-4;  ///< seconds; 1 for graphs of tools without time, e.g. IF nets of sinabs
  NirStep step = NirStep::exponential;
  /// Of all neurons; without it the `reset` of a node's metadata (`zero` or `subtract`), as
  /// export_nir writes it, else to_value.
  std::optional<NirReset> reset{};
  NirCurrent current = NirCurrent::updated;
  /// Nodes whose values are kept; one inside a subgraph is `subgraph/node`.
  std::vector<std::string> record{};
};

/// What one node did.
struct NirTrace {
  std::vector<std::uint64_t> shape;  ///< of one time step
  std::vector<double> output;        ///< [T, elements]: spikes, potentials or values
  std::vector<double> potential;     ///< [T, elements], after the reset; empty without neurons
};

struct NirRun {
  std::vector<double> output;  ///< [T, m]: all Output nodes of the root, in order of nodes
  std::map<std::string, NirTrace> traces;  ///< by name, as asked for
};

/// Runs `timesteps` steps on `input` [T, n], where n counts the elements of all Input nodes of the
/// root, in order of nodes.
///
/// AvgPool2d divides by the whole window, padding included; `same` padding puts the odd row or
/// column at the end, and needs stride 1. A delay must be a whole number of steps.
/// Throws: as validate; Error(shape) where the elements of an edge do not match; Error(config) for
/// a cycle without neuron or delay, a node without source, an unknown name in `record`; Error
/// (numeric) for a time constant that is not positive, a negative or fractional delay, a potential
/// that is not finite; Error(unsupported) for a CubaLIF in continuous time and for a subgraph with
/// several inputs or outputs; key = the node's name.
NirRun run_nir(const NirGraph& graph, std::uint64_t timesteps, std::span<const double> input,
               const NirRunOptions& options = {});

}  // namespace nj
