#pragma once

#include <cstdint>
#include <span>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/random_trace.hpp"
#include "neurojoule/hardware/simulate.hpp"

// What the layers of a spiking network would make the same chip do as an artificial neural network:
// one step instead of T, values of several bits instead of spikes, no membranes.
namespace nj {

/// Numbers of the artificial network.
struct AnnFormat {
  std::uint32_t activation_bits = 8;
  std::uint32_t weight_bits = 0;  ///< 0: those of the spiking network, layer by layer
  bool floating = false;          ///< float32: both are 32
};

/// One inference of it.
struct AnnRun {
  ActionCounts actions;
  Picoseconds latency;
  ChipSpec chip;  ///< with the memories as large as its numbers need, without membrane memories
};

/// Runs one step of the mapped network in which so many of the activations, and of the inputs, are
/// not zero, at random places, and counts it as an artificial network:
///
/// * packets, words of weights and sums, additions, links, input frames and times: as the simulator
///   counts them for so many spikes in one step. Sums are as much wider as the numbers
///   (`activation_bits` - 1, and what the weights grow), so that their words and adders grow.
/// * each addition of a weight is also a product [the wider of both numbers]; a shift instead where
///   weights are powers of two. Products with zero are skipped, as additions of no spike are.
/// * attention: and_bit finds pairs that are not zero, and each pair is also a product [activation
///   bits]; rows of q, k and v have as many words as such values need.
/// * neurons: one addition (bias), shift (to the output's scale) and comparison (rectifier) [sum];
///   membranes are neither stored, read nor written.
/// * pooling: one comparison [activation bits] per value and window.
/// * packets carry values of `activation_bits`, within their bits or added to them as the chip has
///   it (TopologySpec::value_added).
/// * floating: additions and products are float_accumulate and float_multiply [32]; no shifts.
///
/// The mapping is that of the spiking network (of an array: the tiling for these numbers). Memories
/// that are too small for it are doubled until they fit, and every core takes the format.
/// Throws: Error(capacity) where that does not help; as Simulator.
AnnRun run_ann(const Network& network, std::span<const Population> populations,
               std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping,
               const AnnFormat& format, const TraceDensity& density);

}  // namespace nj
