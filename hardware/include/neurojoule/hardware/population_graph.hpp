#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/network.hpp"

namespace nj {

/// One operand of a population: spikes of `producer` feed port `port` of `consumer`.
struct PopulationEdge {
  std::uint32_t producer = 0;  ///< position in the list of populations
  std::uint32_t consumer = 0;
  Port port{};
  bool graded = false;  ///< the producer's values may exceed 1
};

/// The populations of a network as a pipeline.
///
/// A population at depth d (longest path from an input) handles its time step t in global step
/// g = t + d, so a spike of a producer at depth p waits depth(consumer) - p steps (at least one) in
/// an accumulator slot of its consumer. A frame that is read by its consumer itself takes no step
/// and waits for none.
struct PopulationGraph {
  std::vector<PopulationEdge> edges;   ///< packets, by consumer, then in operand order
  std::vector<PopulationEdge> frames;  ///< inputs that a consumer reads itself, by consumer
  std::vector<std::uint32_t> depth;    ///< per population; inputs have 0
  std::vector<std::uint32_t> slots;    ///< per population: 1 + the longest wait of its operands
  [[nodiscard]] std::uint32_t levels() const;  ///< 1 + the greatest depth
  /// Whether somebody gets packets of a population.
  [[nodiscard]] bool sends(std::uint32_t population) const;
  /// Whether all that see an input read it themselves, so that it sends no packets.
  [[nodiscard]] bool only_read(std::uint32_t input) const;
};

/// `frames`: layers with weights read the inputs that they see themselves (Chip::reads_frames).
///
/// Throws: Error(unsupported), key = layer name, when a Conv2d or attention drives no Lif, or when
/// a head drives one, or when spikes are tapped inside a population (before its pooling) or read
/// with a delay.
PopulationGraph population_graph(const Network& network, std::span<const Population> populations,
                                 bool frames = false);

/// The map of neurons that a population is sliced by: the output of its lead, `[C, H, W]`.
inline const FeatureShape& neuron_shape(const Network& network, const Population& population) {
  return network.output_shape(population.lead);
}

}  // namespace nj
