#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "neurojoule/core/ids.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/hardware/streamed.hpp"
#include "neurojoule/hardware/work_record.hpp"

// What decides how long a sample takes on a chip.

namespace nj {

/// The chain of what waited for what in one global step, from its end back to its start. Its times
/// follow one another without a gap, so that they add up to the step.
///
/// * A step ends a barrier after the last unit finished, or at its tick when that is later:
/// `barrier`,
///   then `tick`.
/// * `last` is the unit that finished last; of several at the same time the first of: I/O port,
/// neuron
///   units in the order of slices, synapse units in that of cores. An I/O port or a neuron unit has
///   worked since the start of the step: `phase`.
/// * A synapse unit has served packets without a pause since one came that did not wait: `service`.
///   (A packet that comes as the unit becomes free does not wait.)
/// * That packet came over the network: `transit` is what its way takes where nothing else is on it
///   (topology_spec.hpp), `link_wait` the rest: waiting for links, and for room in buffers. At the
///   analytic level it is what the bound of the busiest link adds, at flit level also clock edges.
/// * Its sender, an I/O port or a neuron unit, worked from the start of the step until it sent it:
///   `phase`.
/// * Where a core reads frames itself, its neuron unit begins after its encoder unit. `fetch` goes
///   from the start of the step until the rows are there, so it includes waiting for the port of
///   their memory; `encode` is what the encoder unit takes; then comes `phase`.
/// * Of slices that share a core, those in line before the sender have it first: `turn`. Where the
///   synapse unit of such a core ends the step, it has served packets of several layers.
///
/// Without barriers the chain goes from phase to phase, from the last one of the sample back to its
/// start. Each part begins with the start of a phase, whose unit worked until it was done, or until
/// it sent the packet that what came next waited for; `handshake` follows where that was an input.
struct StepPath {
  WorkUnit last{};
  CoreId core;         ///< of `last`; not of an I/O port
  LayerId layer;       ///< lead of what `last` works for; chip_overhead: of a shared synapse unit
  WorkUnit sender{};   ///< whose phase begins the step: `last`, or what sent the packet
  CoreId sender_core;  ///< not of an I/O port
  LayerId sender_layer;
  Picoseconds turn{};
  Picoseconds fetch{};
  Picoseconds encode{};
  Picoseconds phase;
  Picoseconds transit;
  Picoseconds link_wait;
  Picoseconds service;
  Picoseconds barrier;
  Picoseconds tick;
  Picoseconds handshake{};
  friend bool operator==(const StepPath&, const StepPath&) = default;
};

/// What time on the way to the end of a sample goes to.
enum class PathKind : std::uint8_t {
  io_port,       ///< it reads and sends input
  frame_fetch,   ///< a core waits for rows of a frame
  encoder_unit,  ///< frame phase of a core
  neuron_unit,   ///< phase of a core
  transit,       ///< of a packet
  link_wait,     ///< of a packet
  synapse_unit,  ///< service of a core
  barrier,
  tick,
  handshake,
  computing,           ///< the array
  waiting_for_loads,   ///< the array, before jobs
  waiting_for_stores,  ///< the array, before jobs
  last_store           ///< after the last job
};
inline constexpr std::size_t path_kinds = 14;
std::string_view to_string(PathKind kind);

/// What of which layer, and on which core.
struct PathPart {
  PathKind kind{};
  /// Lead; of transit and link_wait, that of the sender; else, and of turns of others and shared
  /// synapse units, chip_overhead.
  LayerId layer;
  CoreId core;  ///< likewise; no_core where there is none
  friend auto operator<=>(const PathPart&, const PathPart&) = default;
};
inline constexpr CoreId no_core{0xFFFFFFFFU};

/// How much of the path a part is.
struct PathShare {
  /// Global steps (of an array: time steps of a layer; without barriers: phases) with any of it.
  std::uint64_t steps = 0;
  std::uint64_t last =
      0;  ///< steps in which it finished last (of an array: in which it is longest)
  Picoseconds time;
  friend bool operator==(const PathShare&, const PathShare&) = default;
};

/// All parts; their times add up to the latency of the samples.
using CriticalPath = std::map<PathPart, PathShare>;

/// Adds the steps of a sample.
void add_to(CriticalPath& path, std::span<const StepPath> steps);
/// Adds a sample of an array, which took `latency`.
void add_to(CriticalPath& path, std::span<const ArrayStep> steps,
            std::span<const Population> populations, Picoseconds latency);

}  // namespace nj
