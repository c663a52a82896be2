#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/number_format.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/quantized_network.hpp"

namespace nj {

/// How the scale of a group of weights is chosen.
///
/// mse: among the clip ratios r / 80, r = 80 .. 8, of the largest magnitude, the one with the least
/// squared error of the represented weights (the largest on a tie); of binary weights the mean
/// magnitude, which has the least of all. max: ratio 1. percentile: the ratio of the magnitude that
/// so many per cent of the weights do not exceed. fixed: as given. A ratio of 1 maps the
/// largest magnitude to the largest level or, with a zero point, the span of the weights and 0 to
/// all codes. Per group: each run by the rule, rounded up to a power of two of the channel's scale
/// (mse: or down, if that errs less).
enum class ScaleRule : std::uint8_t { mse, max, percentile, fixed };

/// Format and scale of one layer's weights.
struct WeightRule {
  NumberFormat format{Scheme::uniform, 8, Granularity::per_channel};
  ScaleRule scale_rule = ScaleRule::mse;
  /// percentile: per cent; fixed: the s of uniform s * code, or the magnitude of the largest level.
  double scale = 0.0;
  friend bool operator==(const WeightRule&, const WeightRule&) = default;
};

/// Whether a name matches a pattern: `*` stands for any text, `?` for one letter.
bool matches_pattern(std::string_view pattern, std::string_view name);

/// A rule for the layers whose name matches a pattern.
struct WeightOverride {
  std::string pattern;
  WeightRule rule;
  Location location{};  ///< where it was written, for messages
};

/// A scenario's `quantization:` block.
///
/// The classifier head always has one scale per tensor, whatever its rule says, so that logits are
/// comparable. Neurons behind attention, and streams and the neurons that read them, are integer
/// unless the default scheme is float32; a neuron behind weights is integer unless they are
/// float32.
struct QuantizationSpec {
  WeightRule default_rule;
  std::vector<WeightOverride> layers;  ///< of several that match, the last wins
  FixedPointFormat membrane;           ///< word of all integer membranes
  FixedPointFormat stream{16, 8, Rounding::nearest_half_up};  ///< word of all integer streams
  AccumulatorFormat accumulator;                              ///< word of all integer accumulators
  AccumulatorFormat score;  ///< word of the scores Q K^T of attention
};

/// All weights, neurons and streams in float32.
QuantizationSpec float32_spec();
/// The words of a specification.
QuantizedNetwork::Words words_of(const QuantizationSpec& spec);
void set_words(QuantizationSpec& spec, const QuantizedNetwork::Words& words);
/// Takes one word over.
void set_word(QuantizedNetwork::Words& words, SharedWord word, const QuantizedNetwork::Words& from);

/// Reads one word, as the `quantization:` block has it; keys that are left out stay as they are.
/// Throws: Error(config) at the value that is wrong.
void read_word(const YamlNode& node, SharedWord word, QuantizedNetwork::Words& words);
/// One word as a flow map: `{bits: 24, fraction_bits: 8, rounding: nearest_half_up}`.
std::string word_text(const QuantizedNetwork::Words& words, SharedWord word);

/// Reads
/// `{default: {scheme: uniform, bits: 8, granularity: channel, scale: mse}, layers: {PATTERN:
/// {..}}, membrane: {bits: 24, fraction_bits: 8, rounding: nearest_half_up}, stream: {bits: 16,
/// fraction_bits: 8}, accumulator: {bits: 32, overflow: saturate}, attention_score: {bits: 32,
/// overflow: saturate}}`; every key may be left out. Schemes: float32, uniform, power-of-two,
/// additive-power-of-two, ternary, binary; granularity: channel, tensor, or a number: runs of so
/// many weights; zero_point: true (uniform); scale: mse, max, `99.9 %` or a number. An override
/// takes what it leaves out from the default. Throws: Error(config) at the value that is wrong.
QuantizationSpec read_quantization_spec(const YamlNode& node);

/// The block with every default written out, each line after `indent` blanks.
std::string to_yaml(const QuantizationSpec& spec, std::size_t indent = 0);

/// The rule of every weighted layer, in the order of `Network::weighted_layers()`; one that is
/// quantized already keeps its format. Throws: Error(config) at an override that matches no layer
/// with weights, with "did you mean", or one that is quantized already.
std::vector<WeightRule> resolve(const QuantizationSpec& spec, const Model& model);

/// Quantizes weights `[channels, fan-in]`, channel by channel or as a whole.
///
/// Uniform: code = w / s to the nearest, halves away from zero, clipped to the format's range.
/// Power of two: the nearest level in linear distance (border at 0.75 * 2^-k), ties to the larger
/// magnitude. `min_scale` is the least scale (weight per integer) of a channel: smaller ones are
/// raised to it. A channel without any non-zero weight takes the layer's largest scale, or 1/128.
/// Float32 gives a tensor without integers.
QuantizedTensor quantize_tensor(std::span<const float> weights, std::size_t channels,
                                const WeightRule& rule, double min_scale = 0.0);

/// Quantizes a model.
///
/// Units: a membrane unit of channel c is scale[c] * 2^-fraction_bits. Integer bias = bias / unit,
/// integer threshold = v_threshold / unit, both to the nearest with halves up. Behind attention the
/// scale is the attention's. No channel's scale is so small that its threshold leaves the membrane
/// word: it is raised, which costs nothing that the neuron could see (its weights are below
/// v_threshold / 2^(bits - fraction_bits - 1) units each).
/// Head: integer bias = bias * T * positions / scale.
///
/// Throws: Error(config) as `resolve`; Error(capacity) with the layer's name and the bits needed
/// when the largest scale's threshold does not fit the membrane word, when fan-in * largest weight
/// * largest input does not fit a 32-bit accumulator, or a current 46 bits; Error(numeric) for a
/// threshold below one membrane unit; Error(unsupported) for a graph other than one input, currents
/// that feed exactly one Lif, and at most one head.
QuantizedNetwork quantize(const Model& model, const QuantizationSpec& spec);

}  // namespace nj
