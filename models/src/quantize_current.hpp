#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/quantize.hpp"

// What the accumulators of a layer stand for, and what reads them: neurons or a stream.
namespace nj {

/// Accumulators of one layer: channel c holds multiples of `scale[c]`, to which `bias[c]` is added.
struct CurrentUnits {
  std::vector<double> scale;        ///< [channels]
  std::vector<float> bias;          ///< [channels]
  std::vector<std::int64_t> bound;  ///< [channels], largest |accumulator|
};

double round_half_up(double x);
/// Bits of a two's-complement word that holds [-bound, bound].
std::uint32_t word_bits(double bound);
Error layer_error(ErrorKind kind, const LayerSpec& layer, const std::string& message);

/// Whether an operator turns spikes into a current.
bool makes_current(const Operator& op);
/// The layer that makes the current that a layer passes on: follows MaxPool2d upwards.
LayerId maker_of(const Network& network, LayerId id);
/// The Lif that alone reads what a convolution makes, directly: the current is never stored.
std::optional<LayerId> own_neurons(const Network& network, LayerId id);

/// Threshold in membrane units. Throws: Error(numeric) when it is below one.
double threshold_units(const LayerSpec& layer, const FixedPointFormat& membrane, double v_threshold,
                       double scale);

/// Constants of integer neurons. Throws: Error(numeric, capacity) when something does not fit.
Neurons integer_neurons(const LayerSpec& layer, const FixedPointFormat& membrane,
                        const CurrentUnits& units);
/// Constants of float32 neurons; `bias` is added to their current.
Neurons float_neurons(const Lif& lif, const std::vector<float>& bias);
/// Constants of a stream's maker. Throws: Error(capacity) when a scale or bias is too large.
StreamWriter stream_writer(const LayerSpec& layer, const FixedPointFormat& stream,
                           const CurrentUnits& units);

}  // namespace nj
