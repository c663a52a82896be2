#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "neurojoule/hardware/sanafe_architecture.hpp"
#include "neurojoule/hardware/sanafe_network.hpp"

// What a SANA-FE chip does with its network, step by step.
//
// A step has two halves. First every core, in the order of its mappings, accesses each of its
// neurons, updates those with something to update, and fires; the input of a neuron is what arrived
// in the step before. Then each spike goes as one message to each core on which its neuron has
// synapses, in the order of the cores, and there causes one synaptic event per synapse.
//
// Counts. fired: spikes of all neurons, inputs too. updated: neurons whose potential was not zero,
// or whose bias is not, or that got an event in the step before, or that fired, or whose updates
// are forced; of input neurons those that fired. messages: one per spike and destination core.
// hops: links between tiles that messages pass. synaptic_events: synapses that messages reach.
//
// Energy is the sum of counts times prices: soma = accesses, updates, spikes; synapse and dendrite
// = synaptic events; network = messages sent and received, hops.
namespace nj::sanafe {

/// How long a step takes.
enum class Timing : std::uint8_t {
  /// SANA-FE's own formula: the slowest core, sending or receiving, and the barrier. Sending takes
  /// the time of its neurons and of its messages out; receiving that of its messages in and their
  /// synaptic events. The network takes none.
  simple,
  /// Simulated: cores make their messages one by one, these queue in the buffers of the routers
  /// and at the cores that process them, and a core waits when there is no room.
  event,
  /// The same with routers stage by stage: allocation of a channel and of the switch, traversal,
  /// and credits that come back.
  flit
};

/// The network of `event` and `flit`: as SANA-FE configures its cycle-accurate one, for every chip.
inline constexpr double noc_cycle_s = 1e-9;

struct StepCounts {
  std::uint64_t fired = 0;
  std::uint64_t updated = 0;
  std::uint64_t synaptic_events = 0;
  std::uint64_t messages = 0;
  std::uint64_t hops = 0;
};

struct StepEnergy {
  double synapse_j = 0;
  double dendrite_j = 0;
  double soma_j = 0;
  double network_j = 0;
  [[nodiscard]] double total_j() const { return synapse_j + dendrite_j + soma_j + network_j; }
};

struct StepResult {
  StepCounts counts;
  StepEnergy energy;
  double time_s = 0;
};

struct SimulationOptions {
  std::uint64_t steps = 1;
  Timing timing = Timing::simple;
  unsigned threads = 0;  ///< of simulated networks; 0: as many as there are processors
  /// Called after each step with the number of steps done: by any thread, one call at a time.
  std::function<void(std::uint64_t)> progress;
};

struct SimulationResult {
  std::vector<StepResult> steps;
  StepResult total;  ///< counts and times added up; energy of the summed counts
  std::uint32_t tiles_in_use = 0;
  std::uint32_t cores_in_use = 0;
};

/// Runs the network from silence. Same files, same result, on any machine: randomness is that of
/// the models (see sanafe_network.hpp). Throws: what `progress` throws;
/// for `Timing::event` and `flit` Error(unsupported) for over 60 cores on a tile, Error(capacity)
/// for over 2^28 tiles x cores, Error(numeric) for a core that takes over 4.29 s between two
/// messages.
SimulationResult simulate(const Architecture& chip, const Network& network,
                          const SimulationOptions& options);

}  // namespace nj::sanafe
