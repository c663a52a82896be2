#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/core/number_format.hpp"
#include "neurojoule/models/neuron_constants.hpp"

namespace nj {

/// The words that all layers share.
enum class SharedWord : std::uint8_t { membrane, stream, accumulator, attention_score };
inline constexpr std::array shared_words{SharedWord::membrane, SharedWord::stream,
                                         SharedWord::accumulator, SharedWord::attention_score};
std::string_view to_string(SharedWord word);

class ConvolutionWeights;
class DenseWeights;

/// The weights of one layer as the hardware stores and as the executor adds them.
struct Synapses {
  NumberFormat format;
  QuantizedTensor tensor;           ///< [out, in / groups, ky, kx]; empty for float32
  std::vector<float> float_weight;  ///< float32 only; times the input's value scale
  std::shared_ptr<const ConvolutionWeights> laid_out;  ///< for the kernels; none for the head
  std::shared_ptr<const DenseWeights> dense;  ///< the same for inputs that are rarely zero, or null
};

/// The neurons of one Lif layer.
struct Neurons {
  Lif op;
  WideLif wide;                     ///< integer neurons: bias and thresholds of any width
  std::optional<NarrowLif> narrow;  ///< the same for the fast kernel, where all values fit 31 bits
                                    ///< and membranes are the only state
  FloatLif floating;                ///< float32 neurons
  bool is_float = false;
  std::uint32_t synapse_leak_q16 = 65536;  ///< round(2^16 / tau_synapse)
};

/// How a layer that makes a stream turns accumulators into words, or sums into float32 values.
///
/// Integers: word = saturate(floor((sum * multiplier[c] + 2^(shift-1)) / 2^shift) + bias[c]), with
/// multiplier[c] = round(scale[c] * 2^(fraction_bits + shift)) and the largest shift (at most 62)
/// that keeps all multipliers below 2^31. Float32: value = sum * scale + bias[c].
struct StreamWriter {
  std::vector<std::int32_t> multiplier;  ///< [channels]
  std::vector<std::int32_t> bias;        ///< [channels], in words
  int shift = 1;                         ///< 1..62
  std::vector<float> float_bias;         ///< [channels]
  float float_scale = 1.0F;
};

/// The classifier head: logits[o] = (sum of weight * channel sum + bias[o]) * unit.
struct HeadConstants {
  std::vector<std::int64_t> bias;  ///< [classes], in units of `unit`
  std::vector<float> float_bias;   ///< [classes]; float32 only
  double unit = 1.0;               ///< weight scale * value scale / (T * positions)
};

/// A network with integer weights, biases and thresholds, ready to be executed.
class QuantizedNetwork {
 public:
  /// What `quantize` computes, by LayerId.
  struct Layer {
    std::optional<Synapses> synapses;    ///< Conv2d, ClassifierHead
    std::optional<Neurons> neurons;      ///< Lif
    std::optional<StreamWriter> writer;  ///< what makes a stream or a stored float32 current
    std::optional<HeadConstants> head;   ///< ClassifierHead
    std::uint32_t accumulator_bits = 0;
    std::int64_t current_bound = 0;  ///< no |word| of the layer's current exceeds it
    bool may_overflow = false;       ///< a sum may not fit the accumulator's word
    bool is_float = false;           ///< the layer's current is float32
  };
  /// The integer words that all layers share.
  struct Words {
    FixedPointFormat membrane;
    FixedPointFormat stream;
    AccumulatorFormat accumulator;
    AccumulatorFormat score;
    friend bool operator==(const Words&, const Words&) = default;
    [[nodiscard]] std::uint8_t bits(SharedWord word) const;
  };
  QuantizedNetwork(Network network, std::uint32_t timesteps, const Words& words,
                   std::vector<Layer> layers);

  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }
  [[nodiscard]] const Words& words() const { return words_; }
  /// The word of all integer membranes, streams, accumulators and attention scores.
  [[nodiscard]] const FixedPointFormat& membrane() const { return words_.membrane; }
  [[nodiscard]] const FixedPointFormat& stream() const { return words_.stream; }
  [[nodiscard]] const AccumulatorFormat& accumulator() const { return words_.accumulator; }
  [[nodiscard]] const AccumulatorFormat& score() const { return words_.score; }
  [[nodiscard]] const Layer& layer(LayerId id) const { return layers_.at(id.index); }
  Layer& layer(LayerId id) { return layers_.at(id.index); }
  /// Format of a layer's weights. Throws: Error(config) when it owns none.
  [[nodiscard]] const NumberFormat& weight_format(LayerId id) const;
  /// Bits of the adder that a layer's partial sums need: 1 + ceil(log2(bound + 1)), at most 32,
  /// and at most the accumulator's word, where bound is, for Conv2d and head, fan-in * largest
  /// integer of the format * largest input; for attention, tokens * channels of a head; for
  /// ResidualAdd its largest output. 32 for float32 weights, 0 for layers that do not add.
  [[nodiscard]] std::uint32_t accumulator_bits(LayerId id) const;
  /// Whether the neurons of a Lif layer are computed in float32.
  [[nodiscard]] bool has_float_neurons(LayerId lif) const;
  /// Bits that all weights occupy, scales included.
  [[nodiscard]] std::uint64_t weight_storage_bits() const;

 private:
  Network network_;
  std::uint32_t timesteps_ = 0;
  Words words_;
  std::vector<Layer> layers_;
};

}  // namespace nj
