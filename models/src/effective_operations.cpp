#include "neurojoule/models/effective_operations.hpp"

#include <algorithm>

#include "neurojoule/core/parallel.hpp"
#include "neurojoule/models/model.hpp"

namespace nj {
namespace {

/// Weights that are not zero, by tap and input channel: `[ky, kx, in_channels]`.
std::vector<std::uint32_t> nonzero_weights(const Synapses& synapses, const Conv2d& conv) {
  const WeightShape shape = *weight_shape(conv);
  const std::size_t taps = std::size_t{shape.kernel.y} * shape.kernel.x;
  const std::uint32_t group_outputs = conv.out_channels / conv.groups;
  std::vector<std::uint32_t> counts(taps * conv.in_channels);
  const auto count = [&](const auto& weights) {
    std::size_t i = 0;
    for (std::uint32_t out = 0; out < shape.out; ++out) {
      const std::size_t first = std::size_t{out / group_outputs} * shape.in;
      for (std::uint32_t in = 0; in < shape.in; ++in) {
        for (std::size_t tap = 0; tap < taps; ++tap, ++i) {
          if (weights[i] != 0) ++counts[tap * conv.in_channels + first + in];
        }
      }
    }
  };
  synapses.tensor.integers.empty() ? count(synapses.float_weight) : count(synapses.tensor.integers);
  return counts;
}

/// Where a tap meets an input position, in one direction.
struct Line {
  std::uint32_t in, out, kernel, stride, padding, dilation;

  /// Whether a window that ends within the output has its tap there.
  [[nodiscard]] bool sees(std::uint32_t position, std::uint32_t tap) const {
    const std::int64_t first =
        std::int64_t{position} + padding - std::int64_t{tap} * dilation;  // stride x output
    return first >= 0 && first % stride == 0 && first / stride < out;
  }
  /// How often that is so.
  [[nodiscard]] std::uint64_t meetings() const {
    std::uint64_t count = 0;
    for (std::uint32_t position = 0; position < in; ++position) {
      for (std::uint32_t tap = 0; tap < kernel; ++tap) count += sees(position, tap) ? 1 : 0;
    }
    return count;
  }
};

/// A convolution's weights as each of its inputs meets them.
class Reach {
 public:
  Reach(const QuantizedNetwork& network, LayerId id) {
    const auto& conv = std::get<Conv2d>(network.network().layer(id).op);
    const FeatureShape& in =
        network.network().output_shape(network.network().operands(id)[0].source);
    const FeatureShape& out = network.network().output_shape(id);
    const Line y{in.height,     out.height,     conv.kernel.y,
                 conv.stride.y, conv.padding.y, conv.dilation.y};
    const Line x{in.width,      out.width,      conv.kernel.x,
                 conv.stride.x, conv.padding.x, conv.dilation.x};
    dense_ = y.meetings() * x.meetings() * conv.in_channels * (conv.out_channels / conv.groups);
    const auto weights = nonzero_weights(*network.layer(id).synapses, conv);
    products_.resize(in.neurons());
    for (std::uint32_t iy = 0; iy < in.height; ++iy) {
      for (std::uint32_t ix = 0; ix < in.width; ++ix) {
        std::uint32_t* const products = products_.data() + in.address(0, iy, ix);
        for (std::uint32_t tap = 0; tap < y.kernel * x.kernel; ++tap) {
          if (!y.sees(iy, tap / x.kernel) || !x.sees(ix, tap % x.kernel)) continue;
          const std::uint32_t* const row = weights.data() + std::size_t{tap} * in.channels;
          for (std::uint32_t c = 0; c < in.channels; ++c) products[c] += row[c];
        }
      }
    }
  }
  /// Products of the input at an address whose weight is not zero.
  [[nodiscard]] std::uint64_t products(std::uint64_t address) const { return products_[address]; }
  [[nodiscard]] std::uint64_t dense() const { return dense_; }

 private:
  std::vector<std::uint32_t> products_;
  std::uint64_t dense_ = 0;
};

bool is_spike(double value) { return value == 1 || value == -1; }

/// Adds what was done in one step, or by a head.
void add(EffectiveOperations& sum, std::uint64_t products, bool spikes, std::uint64_t dense) {
  (spikes ? sum.acs : sum.macs) += products;
  sum.dense += dense;
}

EffectiveOperations convolution_operations(const QuantizedNetwork& network, LayerId id,
                                           std::span<const SpikeTrace> traces) {
  const Reach reach(network, id);
  const Operand& operand = network.network().operands(id)[0];
  const double scale = network.network().value_scale(operand.source);
  EffectiveOperations sum;
  for (const SpikeTrace& trace : traces) {
    const SpikeTrain& train = *trace[operand.source.index];
    for (std::uint32_t t = 0; t < timesteps_of(train); ++t) {
      std::uint64_t products = 0;
      bool spikes = true;
      if (t >= operand.delay) {
        for_each(train, t - operand.delay, [&](std::uint64_t address, std::int16_t value) {
          products += reach.products(address);
          spikes = spikes && is_spike(value * scale);
        });
      }
      add(sum, products, spikes, reach.dense());
    }
  }
  return sum;
}

EffectiveOperations head_operations(const QuantizedNetwork& network, LayerId id,
                                    std::span<const std::vector<double>> head_inputs) {
  const WeightShape shape = *weight_shape(network.network().layer(id).op);
  const auto counts =
      nonzero_weights(*network.layer(id).synapses, Conv2d{shape.in, shape.out, 1, 1, 0, 1, 1});
  EffectiveOperations sum;
  for (const std::vector<double>& inputs : head_inputs) {
    std::uint64_t products = 0;
    bool spikes = true;
    for (std::size_t c = 0; c < inputs.size(); ++c) {
      if (inputs[c] == 0) continue;
      products += counts[c];
      spikes = spikes && is_spike(inputs[c]);
    }
    add(sum, products, spikes, shape.elements());
  }
  return sum;
}

}  // namespace

EffectiveOperations& EffectiveOperations::operator+=(const EffectiveOperations& other) {
  macs += other.macs;
  acs += other.acs;
  dense += other.dense;
  return *this;
}

EffectiveOperations EffectiveActivity::total() const {
  EffectiveOperations sum;
  for (const EffectiveOperations& layer : layers) sum += layer;
  return sum;
}

double EffectiveActivity::activation_sparsity() const {
  return activations == 0 ? 0.0 : static_cast<double>(zeros) / static_cast<double>(activations);
}

EffectiveActivity effective_activity(const QuantizedNetwork& network,
                                     std::span<const SpikeTrace> traces,
                                     std::span<const std::vector<double>> head_inputs,
                                     unsigned threads) {
  const Network& graph = network.network();
  EffectiveActivity result{traces.size(), std::vector<EffectiveOperations>(graph.size()), 0, 0};
  const std::vector<LayerId> layers = graph.weighted_layers();
  parallel_for(layers.size(), 1, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const bool head = std::holds_alternative<ClassifierHead>(graph.layer(layers[i]).op);
      result.layers[layers[i].index] = head ? head_operations(network, layers[i], head_inputs)
                                            : convolution_operations(network, layers[i], traces);
    }
  });
  for (std::uint32_t i = 0; i < graph.size(); ++i) {
    if (!std::holds_alternative<Lif>(graph.layer({i}).op)) continue;
    for (const SpikeTrace& trace : traces) {
      const std::uint64_t outputs = shape_of(*trace[i]).neurons() * timesteps_of(*trace[i]);
      result.activations += outputs;
      result.zeros += outputs - count(*trace[i]);
    }
  }
  return result;
}

std::uint64_t footprint_bytes(const QuantizedNetwork& network) {
  std::uint64_t bits = network.weight_storage_bits();
  for (const LayerId id : network.network().weighted_layers()) {
    const Operator& op = network.network().layer(id).op;
    const std::uint64_t word = network.layer(id).is_float ? 32
                               : std::holds_alternative<ClassifierHead>(op)
                                   ? 64
                                   : network.membrane().bits;
    bits += weight_shape(op)->out * word;
  }
  return (bits + 7) / 8;
}

}  // namespace nj
