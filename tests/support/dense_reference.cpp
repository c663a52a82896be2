#include "dense_reference.hpp"

#include <cmath>
#include <utility>

namespace nj::test {
namespace {

class Reference {
 public:
  Reference(const Model& model, const QuantizedNetwork& network, const GradedTensor& input)
      : model_(model), net_(network), input_(input), graph_(network.network()) {
    run_.activity = Activity(graph_.size(), net_.timesteps());
    run_.activity.samples = 1;
    run_.outputs.resize(graph_.size());
    currents_.resize(graph_.size());
    float_currents_.resize(graph_.size());
  }

  DenseExecution operator()() {
    for (std::uint32_t i = 0; i < graph_.size(); ++i) {
      const LayerId id{i};
      std::visit([&](const auto& op) { layer(id, op); }, graph_.layer(id).op);
      if (run_.outputs[i].values.empty()) continue;
      const std::size_t neurons = graph_.output_shape(id).neurons();
      for (std::size_t n = 0; n < run_.outputs[i].values.size(); ++n) {
        StepCounts& step = counts(id, static_cast<std::uint32_t>(n / neurons));
        const std::int64_t value = run_.outputs[i].values[n];
        step.spikes += value != 0 ? 1 : 0;
        step.spike_values += static_cast<std::uint64_t>(value);
      }
    }
    return std::move(run_);
  }

 private:
  StepCounts& counts(LayerId id, std::uint32_t t) {
    return run_.activity.layers[id.index].steps[t];
  }
  const DenseTensor& operand(LayerId id, std::size_t k) const {
    return run_.outputs[graph_.operands(id)[k].source.index];
  }
  DenseTensor blank(const FeatureShape& shape) const {
    return {shape, std::vector<std::int64_t>(shape.neurons() * net_.timesteps(), 0)};
  }
  void count(LayerId id, std::uint32_t t, std::size_t k, std::uint64_t operations) {
    const bool graded = graph_.max_output(graph_.operands(id)[k].source) != 1U;
    (graded ? counts(id, t).graded_multiplies : counts(id, t).binary_accumulates) += operations;
  }
  template <class Visit>
  void each(const FeatureShape& shape, Visit&& visit) const {
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      for (std::uint32_t c = 0; c < shape.channels; ++c) {
        for (std::uint32_t y = 0; y < shape.height; ++y) {
          for (std::uint32_t x = 0; x < shape.width; ++x) visit(t, c, y, x);
        }
      }
    }
  }

  void layer(LayerId id, const Input& op) {
    DenseTensor& out = run_.outputs[id.index] = blank(op.shape);
    each(op.shape, [&](auto t, auto c, auto y, auto x) {
      out.at(t, c, y, x) = input_.step(t)[op.shape.address(c, y, x)];
    });
  }

  void layer(LayerId id, const Conv2d& op) {
    const DenseTensor& in = operand(id, 0);
    const FeatureShape& shape = graph_.output_shape(id);
    const Synapses& synapses = *net_.layer(id).synapses;
    const bool is_float = synapses.format.scheme == Scheme::float32;
    DenseTensor& sums = currents_[id.index] = blank(shape);
    auto& float_sums = float_currents_[id.index];
    float_sums.assign(sums.values.size(), 0.0F);
    std::size_t n = 0;
    each(shape, [&](auto t, auto o, auto y, auto x) {
      std::uint64_t operations = 0;
      for (std::uint32_t ky = 0; ky < op.kernel; ++ky) {
        for (std::uint32_t kx = 0; kx < op.kernel; ++kx) {
          const std::int64_t iy = std::int64_t{y} * op.stride + ky - op.padding;
          const std::int64_t ix = std::int64_t{x} * op.stride + kx - op.padding;
          if (iy < 0 || ix < 0 || iy >= in.shape.height || ix >= in.shape.width) continue;
          for (std::uint32_t i = 0; i < op.in_channels; ++i) {
            const std::int64_t value =
                in.at(t, i, static_cast<std::uint32_t>(iy), static_cast<std::uint32_t>(ix));
            const std::size_t w =
                ((std::size_t{o} * op.in_channels + i) * op.kernel + ky) * op.kernel + kx;
            operations += value != 0 ? 1 : 0;
            if (is_float) {
              float_sums[n] += model_.weights[id.index]->weight[w] * static_cast<float>(value);
            } else {
              sums.values[n] += synapses.tensor.integers[w] * value;
            }
          }
        }
      }
      count(id, t, 0, operations);
      ++n;
    });
  }

  void layer(LayerId id, const SpikingSelfAttention& op) {
    const DenseTensor& q = operand(id, 0);
    const DenseTensor& k = operand(id, 1);
    const DenseTensor& v = operand(id, 2);
    const FeatureShape& shape = q.shape;
    const auto size = static_cast<std::uint32_t>(shape.channels / op.heads);
    const auto tokens = static_cast<std::uint32_t>(shape.positions());
    DenseTensor& sums = currents_[id.index] = blank(shape);
    const auto token = [&](const DenseTensor& tensor, auto t, auto n, auto c) {
      return tensor.at(t, c, n / shape.width, n % shape.width);
    };
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      for (std::uint32_t h = 0; h < op.heads; ++h) {
        for (std::uint32_t n = 0; n < tokens; ++n) {
          for (std::uint32_t m = 0; m < tokens; ++m) {
            std::int64_t score = 0;
            for (std::uint32_t c = h * size; c < (h + 1) * size; ++c) {
              score += token(q, t, n, c) * token(k, t, m, c);
            }
            counts(id, t).attention_coincidences += static_cast<std::uint64_t>(score);
            for (std::uint32_t c = h * size; c < (h + 1) * size; ++c) {
              const std::int64_t product = score * token(v, t, m, c);
              counts(id, t).attention_accumulates += product != 0 ? 1 : 0;
              sums.at(t, c, n / shape.width, n % shape.width) += product;
            }
          }
        }
      }
    }
    auto& float_sums = float_currents_[id.index];
    for (const std::int64_t sum : sums.values) {
      float_sums.push_back(static_cast<float>(sum) * static_cast<float>(op.scale));
    }
  }

  void layer(LayerId id, const Lif& op) {
    const LayerId lead = graph_.operands(id)[0].source;
    const bool attention = std::holds_alternative<SpikingSelfAttention>(graph_.layer(lead).op);
    const FeatureShape& shape = graph_.output_shape(id);
    DenseTensor& out = run_.outputs[id.index] = blank(shape);
    const std::vector<float> bias =
        attention ? std::vector<float>(shape.channels, 0.0F) : model_.weights[lead.index]->bias;
    if (net_.has_float_neurons(id)) return float_neurons(id, op, bias, out);
    const FixedPointFormat& word = net_.membrane();
    const std::int64_t leak = std::llround(65536.0 / op.tau);
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      const double unit = scale_of(lead, c) / std::exp2(word.fraction_bits);
      const auto threshold = std::min<std::int64_t>(
          static_cast<std::int64_t>(std::floor(op.v_threshold / unit + 0.5)), word.max());
      const auto offset = static_cast<std::int64_t>(std::floor(double{bias[c]} / unit + 0.5));
      for (std::uint32_t y = 0; y < shape.height; ++y) {
        for (std::uint32_t x = 0; x < shape.width; ++x) {
          std::int64_t v = 0;
          for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
            const std::int64_t current =
                currents_[lead.index].at(t, c, y, x) * (std::int64_t{1} << word.fraction_bits) +
                offset;
            // floor((current - v) * leak / 2^16 [+ 1/2])
            const std::int64_t product =
                (current - v) * leak + (word.rounding == Rounding::nearest_half_up ? 32768 : 0);
            std::int64_t h = v + product / 65536 - (product % 65536 < 0 ? 1 : 0);
            ++counts(id, t).neuron_updates;
            if (h > word.max() || h < word.min()) {
              ++counts(id, t).saturations;
              h = h > 0 ? word.max() : word.min();
            }
            out.at(t, c, y, x) = h >= threshold ? 1 : 0;
            v = h >= threshold ? 0 : h;
          }
        }
      }
    }
  }

  double scale_of(LayerId lead, std::uint32_t c) const {
    if (const auto* attention = std::get_if<SpikingSelfAttention>(&graph_.layer(lead).op)) {
      return attention->scale;
    }
    const auto& scales = net_.layer(lead).synapses->tensor.scales;
    return scales.size() == 1 ? scales[0] : scales[c];
  }

  void float_neurons(LayerId id, const Lif& op, const std::vector<float>& bias, DenseTensor& out) {
    const auto& sums = float_currents_[graph_.operands(id)[0].source.index];
    const std::size_t neurons = out.shape.neurons();
    for (std::size_t n = 0; n < neurons; ++n) {
      const float offset = bias[n / out.shape.positions()];
      float v = 0.0F;
      for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
        const float current = sums[t * neurons + n] + offset;
        const float h = v + (current - v) / static_cast<float>(op.tau);
        const bool fires = h >= static_cast<float>(op.v_threshold);
        out.values[t * neurons + n] = fires ? 1 : 0;
        v = fires ? 0.0F : h;
        ++counts(id, t).neuron_updates;
      }
    }
  }

  void layer(LayerId id, const MaxPool2d& op) {
    const DenseTensor& in = operand(id, 0);
    const FeatureShape& shape = graph_.output_shape(id);
    DenseTensor& out = run_.outputs[id.index] = blank(shape);
    each(shape, [&](auto t, auto c, auto y, auto x) {
      for (std::uint32_t ky = 0; ky < op.kernel; ++ky) {
        for (std::uint32_t kx = 0; kx < op.kernel; ++kx) {
          const std::int64_t iy = std::int64_t{y} * op.stride + ky - op.padding;
          const std::int64_t ix = std::int64_t{x} * op.stride + kx - op.padding;
          if (iy < 0 || ix < 0 || iy >= in.shape.height || ix >= in.shape.width) continue;
          if (in.at(t, c, static_cast<std::uint32_t>(iy), static_cast<std::uint32_t>(ix)) != 0) {
            out.at(t, c, y, x) = 1;
          }
        }
      }
    });
  }

  void layer(LayerId id, const ResidualAdd&) {
    DenseTensor& out = run_.outputs[id.index] = blank(graph_.output_shape(id));
    for (std::size_t k = 0; k < 2; ++k) {
      each(out.shape, [&](auto t, auto c, auto y, auto x) {
        const std::int64_t value = operand(id, k).at(t, c, y, x);
        out.at(t, c, y, x) += value;
        if (value != 0) count(id, t, k, 1);
      });
    }
  }

  void layer(LayerId id, const ClassifierHead& op) {
    const DenseTensor& in = operand(id, 0);
    const double summands = static_cast<double>(in.shape.positions()) * net_.timesteps();
    std::vector<std::int64_t> features(op.in_channels, 0);
    each(in.shape, [&](auto t, auto c, auto y, auto x) {
      features[c] += in.at(t, c, y, x);
      if (in.at(t, c, y, x) != 0) count(id, t, 0, op.classes);
    });
    const LayerWeights& weights = *model_.weights[id.index];
    const Synapses& synapses = *net_.layer(id).synapses;
    for (std::uint32_t o = 0; o < op.classes; ++o) {
      if (synapses.format.scheme == Scheme::float32) {
        double sum = 0.0;
        for (std::uint32_t c = 0; c < op.in_channels; ++c) {
          sum += double{weights.weight[o * op.in_channels + c]} * static_cast<double>(features[c]);
        }
        run_.logits.push_back(sum * (1.0 / summands) + double{weights.bias[o]});
        continue;
      }
      const double unit = synapses.tensor.scales.at(0) / summands;
      auto sum = static_cast<std::int64_t>(std::floor(double{weights.bias[o]} / unit + 0.5));
      for (std::uint32_t c = 0; c < op.in_channels; ++c) {
        sum += synapses.tensor.integers[o * op.in_channels + c] * features[c];
      }
      run_.logits.push_back(static_cast<double>(sum) * unit);
    }
  }

  const Model& model_;
  const QuantizedNetwork& net_;
  const GradedTensor& input_;
  const Network& graph_;
  DenseExecution run_;
  std::vector<DenseTensor> currents_;               ///< integer sums of conv and attention
  std::vector<std::vector<float>> float_currents_;  ///< the same in float32
};

}  // namespace

DenseExecution execute_dense(const Model& model, const QuantizedNetwork& network,
                             const GradedTensor& input) {
  return Reference(model, network, input)();
}

bool equal(const DenseTensor& dense, const SpikeTrain& train) {
  const FeatureShape& shape = shape_of(train);
  if (dense.shape != shape) return false;
  DenseTensor given{shape, std::vector<std::int64_t>(dense.values.size(), 0)};
  for (std::uint32_t t = 0; t < timesteps_of(train); ++t) {
    for_each(train, t, [&](std::uint64_t address, std::uint8_t value) {
      const auto position = static_cast<std::uint32_t>(address / shape.channels);
      given.at(t, static_cast<std::uint32_t>(address % shape.channels), position / shape.width,
               position % shape.width) = value;
    });
  }
  return given.values == dense.values;
}

}  // namespace nj::test
