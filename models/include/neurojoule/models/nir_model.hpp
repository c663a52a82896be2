#pragma once

#include <cstdint>
#include <optional>

#include "neurojoule/models/model.hpp"
#include "neurojoule/models/nir_file.hpp"
#include "neurojoule/models/nir_run.hpp"

// NIR graphs as models that the executor runs, and models as NIR graphs. What the other side cannot
// say is refused by the name of its node or layer.
//
// Both ways a neuron's step is the Euler step of nir_run.hpp, or on import also its exponential
// step. With h = dt:
//   LIF      tau = tau / h, or 1 / (1 - exp(-h / tau)) for exponential steps; r scales the weights
//            in front, v_leak is added to their bias. Where r h / tau is 1 within 1e-6, as snnTorch
//            writes it, the input does not decay and r h / tau scales the weights.
//   IF       no leak; h r scales the weights.
//   CubaLIF  tau as above, tau_synapse = tau_syn / h; r w_in h / tau_syn scales the weights. Its
//            exponential step, and a v_leak other than 0, cannot be said.
//   Threshold  a LIF with tau 1, which forgets.
// What a neuron reads a step late in nir_run.hpp, and what a Delay of one step gives, is an operand
// with a delay (core/network.hpp); only spikes can be late.
// v_reset must be 0. NIR fires above the threshold, strictly; a threshold of float64 that is the
// last number before a float32 number t stands for firing at t, and is written for it.
namespace nj {

struct NirImportOptions {
  // What NIR does not say is left to the metadata that export_nir writes, where it is not given.
  std::optional<std::uint32_t> timesteps{};  ///< 1..1024; else `timesteps` of the graph
  std::optional<double> dt{};                ///< seconds; else `dt` of the graph
  NirStep step = NirStep::euler;             ///< not continuous
  /// Of all neurons; without it the `reset` of a node's metadata (`zero` or `subtract`), else zero.
  std::optional<NirReset> reset{};
  /// Least and largest input, and what an input of 1 stands for; else `min_value`, `max_value` and
  /// `scale` of the Input, else 0, 1 and 1.
  std::optional<std::int16_t> min_input{};
  std::optional<std::int16_t> max_input{};
  std::optional<double> input_scale{};
};

/// Makes a model of a graph of Input, Affine, Linear, Conv1d, Conv2d, Scale, SumPool2d, AvgPool2d,
/// Flatten, IF, LIF, CubaLIF, Threshold, Delay, Output and subgraphs of them, with cycles over
/// neurons.
///
/// Layers have the names of their nodes (`subgraph/node`). Parameters of neurons may differ from
/// channel to channel where weights can take the difference up (r, v_leak, v_threshold, w_in), and
/// not within a channel; time constants must be equal. SumPool2d is an average whose size scales
/// the weights behind it. Several sources of a node are added by layers `<node>.sum`. Neurons
/// without weights in front get weights of 1 in a layer `<node>.input`, and so do spikes that are
/// added to a current. A node on a cycle that serves readers which need it of different steps
/// becomes a layer for each, `<node>.late`. Where the graph ends in an Affine or Linear, that is
/// the classifier head; where it ends in spikes of [n], n up to 4096, a head of its Output's name
/// with weights of 1 counts them, so that the largest logit is the most active output. Throws:
/// Error(unsupported, config, numeric, shape) with the node's name as key; Error as Network::build
/// and validate.
Model import_nir(const NirGraph& graph, const NirImportOptions& options);

struct NirExportOptions {
  double dt = 1e-4;  ///< seconds of a time step
};

/// Makes a graph of a model of Input, Conv2d, Lif, AveragePool2d, ResidualAdd, Flatten and head,
/// operands with a delay included (a Delay `<layer>.delay` of one step), such that Euler steps of
/// `dt` do what the model does in float32, and import_nir gives its function back (a sum that
/// several layers read becomes one for each). Time steps, `dt`, the input's range and resets by
/// subtraction stand in the metadata. An Input takes real values, scale included; a '/' in a name
/// becomes '.'. A head becomes AvgPool2d, Flatten and Affine, whose mean over time are the logits;
/// one with weights of 1, as import_nir makes it, is left out. Throws: Error(unsupported) with the
/// layer's name as key: max pooling, attention, sums and masks of spikes, refractory time,
/// current-based neurons that do not leak; Error as validate.
NirGraph export_nir(const Model& model, const NirExportOptions& options = {});

}  // namespace nj
