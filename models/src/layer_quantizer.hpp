#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/models/quantize.hpp"

#include "convolution.hpp"
#include "quantize_current.hpp"

namespace nj {

/// How a convolution connects the maps that it reads and makes.
ConvolutionGeometry convolution_geometry(const Network& network, LayerId id);

/// Quantizes a model layer by layer. A layer may be added again, when its weights in the model have
/// changed; then those that read it must be, too, in their order.
class LayerQuantizer {
 public:
  /// The model must stay. `is_float`: what does not read weights is float32.
  /// Throws: Error(unsupported) for a graph that `quantize` refuses.
  LayerQuantizer(const Model& model, const QuantizedNetwork::Words& words, bool is_float);

  /// Quantizes a layer whose operands are added; `rule` is that of a layer with weights.
  /// Throws: as `quantize`.
  void add(LayerId id, const WeightRule* rule);
  /// Starts again with other words. Throws: Error(config) for words that are none.
  void restart(const QuantizedNetwork::Words& words);
  /// Adds what was made of a layer before, with these words or where they do not matter.
  void put(LayerId id, QuantizedNetwork::Layer layer) { result_.layer(id) = std::move(layer); }

  /// What has been added so far.
  [[nodiscard]] const QuantizedNetwork& network() const { return result_; }

  /// The least scale of an integer layer's weights: below it the threshold of a neuron that reads
  /// the layer would leave the membrane's word. 0 where no neuron does.
  [[nodiscard]] double least_scale(LayerId id) const;

 private:
  using Layer = QuantizedNetwork::Layer;

  void add_plain(LayerId id, const Operator& op);
  void add_convolution(LayerId id, const WeightRule& rule);
  void add_head(LayerId id, const ClassifierHead& op, const WeightRule& rule);
  void add_neurons(LayerId id);
  /// Writes a stream, and a float32 current that is stored, in its final unit.
  void finish_maker(LayerId id, const CurrentUnits& units);

  void check_graph() const;
  [[nodiscard]] std::uint32_t adder_bits(std::int64_t bound) const;
  /// Largest accumulator of an attention or a sum of spikes.
  [[nodiscard]] std::int64_t sum_bound(LayerId id) const;
  /// What the accumulators of a maker stand for.
  [[nodiscard]] CurrentUnits units_of(LayerId maker) const;
  /// What the words of a stream stand for.
  [[nodiscard]] CurrentUnits stream_units(std::size_t channels) const;
  [[nodiscard]] std::int64_t max_input(LayerId id) const;
  /// The largest threshold of the neurons that read a layer's accumulators, or 0.
  [[nodiscard]] double largest_threshold(LayerId id) const;
  void require_threshold_fits(const LayerSpec& layer, double v_threshold, double scale) const;
  /// Weights whose thresholds all fit the membrane word.
  [[nodiscard]] QuantizedTensor fit_tensor(LayerId id, const LayerWeights& weights,
                                           std::size_t channels, const WeightRule& rule) const;

  const Model& model_;
  const Network& network_;
  QuantizedNetwork::Words words_;
  bool float_default_;
  QuantizedNetwork result_;
};

}  // namespace nj
