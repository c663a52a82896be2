#include "dense_reference.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dense_words.hpp"

namespace nj::test {
namespace {

/// What a layer reads: the output of its source, of an earlier step where there is a delay.
struct Read {
  const DenseTensor& source;
  std::uint32_t delay;
  const FeatureShape& shape;
  [[nodiscard]] std::int64_t at(std::uint32_t t, std::uint32_t c, std::uint32_t y,
                                std::uint32_t x) const {
    return t < delay ? 0 : source.at(t - delay, c, y, x);
  }
};

/// Runs all layers in one time step before the next.
class Reference {
 public:
  Reference(const Model& model, const QuantizedNetwork& network, const GradedTensor& input)
      : model_(model), net_(network), input_(input), graph_(network.network()) {
    run_.activity = Activity(graph_.size(), net_.timesteps());
    run_.activity.samples = 1;
    run_.outputs.resize(graph_.size());
    currents_.resize(graph_.size());
    membranes_.resize(graph_.size());
    for (std::uint32_t i = 0; i < graph_.size(); ++i) {
      const FeatureShape& shape = graph_.output_shape({i});
      membranes_[i].resize(shape.neurons());
      if (!graph_.max_output({i})) continue;
      run_.outputs[i] = {shape, std::vector<std::int64_t>(shape.neurons() * net_.timesteps(), 0)};
    }
  }

  DenseExecution operator()() {
    for (now_ = 0; now_ < net_.timesteps(); ++now_) {
      for (std::uint32_t i = 0; i < graph_.size(); ++i) {
        std::visit([&](const auto& op) { layer({i}, op); }, graph_.layer({i}).op);
      }
    }
    for (std::uint32_t i = 0; i < graph_.size(); ++i) {
      const std::size_t neurons = graph_.output_shape({i}).neurons();
      for (std::size_t n = 0; n < run_.outputs[i].values.size(); ++n) {
        StepCounts& step = counts({i}, static_cast<std::uint32_t>(n / neurons));
        const std::int64_t value = run_.outputs[i].values[n];
        step.spikes += value != 0 ? 1 : 0;
        step.spike_values += static_cast<std::uint64_t>(std::abs(value));
      }
    }
    return std::move(run_);
  }

 private:
  StepCounts& counts(LayerId id, std::uint32_t t) {
    return run_.activity.layers[id.index].steps[t];
  }
  Read operand(LayerId id, std::size_t k) const {
    const Operand& from = graph_.operands(id)[k];
    return {run_.outputs[from.source.index], from.delay, graph_.output_shape(from.source)};
  }
  LayerId source(LayerId id, std::size_t k) const { return graph_.operands(id)[k].source; }
  DenseTensor& output(LayerId id) { return run_.outputs[id.index]; }
  void count(LayerId id, std::uint32_t t, std::size_t k, std::uint64_t operations) {
    const bool graded = !graph_.is_binary(source(id, k));
    (graded ? counts(id, t).graded_multiplies : counts(id, t).binary_accumulates) += operations;
  }
  /// Calls `visit(t, c, y, x)` for all neurons in the step that runs.
  template <class Visit>
  void each(const FeatureShape& shape, Visit&& visit) const {
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      for (std::uint32_t y = 0; y < shape.height; ++y) {
        for (std::uint32_t x = 0; x < shape.width; ++x) visit(now_, c, y, x);
      }
    }
  }
  /// Calls `visit(ky, kx, iy, ix)` for the inputs inside the map that a window sees.
  template <class Visit>
  static void for_window(const Extent& kernel, const Extent& stride, const Extent& padding,
                         const Extent& dilation, const FeatureShape& in, std::uint32_t y,
                         std::uint32_t x, Visit&& visit) {
    for (std::uint32_t ky = 0; ky < kernel.y; ++ky) {
      for (std::uint32_t kx = 0; kx < kernel.x; ++kx) {
        const std::int64_t iy = std::int64_t{y} * stride.y + ky * dilation.y - padding.y;
        const std::int64_t ix = std::int64_t{x} * stride.x + kx * dilation.x - padding.x;
        if (iy < 0 || ix < 0 || iy >= in.height || ix >= in.width) continue;
        visit(ky, kx, static_cast<std::uint32_t>(iy), static_cast<std::uint32_t>(ix));
      }
    }
  }

  void layer(LayerId id, const Input& op) {
    DenseTensor& out = output(id);
    each(op.shape, [&](auto t, auto c, auto y, auto x) {
      out.at(t, c, y, x) = input_.step(t)[op.shape.address(c, y, x)];
    });
  }

  void layer(LayerId id, const Conv2d& op) {
    const Read in = operand(id, 0);
    const FeatureShape& shape = graph_.output_shape(id);
    const Synapses& synapses = *net_.layer(id).synapses;
    const auto value_scale = graph_.value_scale(source(id, 0));
    Current& out = make(id, shape, synapses.format.scheme == Scheme::float32);
    const std::uint32_t group_in = op.in_channels / op.groups;
    const std::uint32_t group_out = op.out_channels / op.groups;
    each(shape, [&](auto t, auto o, auto y, auto x) {
      const std::size_t n = out.at(t, o, y, x);
      std::uint64_t operations = 0;
      for_window(op.kernel, op.stride, op.padding, op.dilation, in.shape, y, x,
                 [&](auto ky, auto kx, auto iy, auto ix) {
                   for (std::uint32_t i = 0; i < group_in; ++i) {
                     const std::int64_t value = in.at(t, o / group_out * group_in + i, iy, ix);
                     const std::size_t w =
                         ((std::size_t{o} * group_in + i) * op.kernel.y + ky) * op.kernel.x + kx;
                     operations += value != 0 ? 1 : 0;
                     if (out.is_float) {
                       out.floats[n] += model_.weights[id.index]->weight[w] *
                                        static_cast<float>(value_scale) * static_cast<float>(value);
                     } else {
                       out.words[n] += synapses.tensor.integers[w] * value;
                     }
                   }
                 });
      count(id, t, 0, operations);
    });
    out.scale.clear();
    out.bias.clear();
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      const auto& scales = synapses.tensor.scales;
      const double scale = out.is_float ? 1.0 : scales.at(scales.size() == 1 ? 0 : c) * value_scale;
      out.scale.push_back(scale);
      out.bias.push_back(model_.weights[id.index]->bias[c]);
    }
    finish(id);
  }

  void layer(LayerId id, const SpikingSelfAttention& op) {
    const Read q = operand(id, 0);
    const Read k = operand(id, 1);
    const Read v = operand(id, 2);
    const FeatureShape& shape = q.shape;
    const auto size = static_cast<std::uint32_t>(shape.channels / op.heads);
    const auto tokens = static_cast<std::uint32_t>(shape.positions());
    Current& out = make(id, shape, net_.layer(id).is_float);
    std::vector<std::int64_t> sums(shape.neurons(), 0);
    const auto token = [&](const Read& tensor, auto t, auto n, auto c) {
      return tensor.at(t, c, n / shape.width, n % shape.width);
    };
    const std::uint32_t t = now_;
    for (std::uint32_t h = 0; h < op.heads; ++h) {
      for (std::uint32_t n = 0; n < tokens; ++n) {
        for (std::uint32_t c = h * size; c < (h + 1) * size; ++c) {
          counts(id, t).transposed_accumulates +=
              static_cast<std::uint64_t>(token(q, t, n, c)) * size;
        }
        for (std::uint32_t m = 0; m < tokens; ++m) {
          std::int64_t score = 0;
          for (std::uint32_t c = h * size; c < (h + 1) * size; ++c) {
            score += token(q, t, n, c) * token(k, t, m, c);
          }
          counts(id, t).attention_coincidences += static_cast<std::uint64_t>(score);
          const std::int64_t word = read_word(id, t, net_.score(), score);
          for (std::uint32_t i = h * size; n == 0 && i < (h + 1) * size; ++i) {
            for (std::uint32_t j = h * size; j < (h + 1) * size; ++j) {
              counts(id, t).transposed_coincidences +=
                  static_cast<std::uint64_t>(token(k, t, m, i) * token(v, t, m, j));
            }
          }
          for (std::uint32_t c = h * size; c < (h + 1) * size; ++c) {
            const std::int64_t value = token(v, t, m, c);
            counts(id, t).attention_accumulates += score * value != 0 ? 1 : 0;
            sums[std::size_t{c} * tokens + n] += word * value;
          }
        }
      }
    }
    out.set(now_, sums, op.scale);
    finish(id);
  }

  void layer(LayerId id, const SpikeSum& op) {
    const Read in = operand(id, 0);
    const FeatureShape& shape = graph_.output_shape(id);
    Current& out = make(id, shape, net_.layer(id).is_float);
    std::vector<std::int64_t> sums(shape.neurons(), 0);
    each(in.shape, [&](auto t, auto c, auto y, auto x) {
      if (in.at(t, c, y, x) == 0) return;
      count(id, t, 0, 1);
      if (op.axis == SumAxis::tokens) {
        ++sums[c];
      } else {
        const std::uint32_t head = c / (in.shape.channels / op.heads);
        ++sums[(std::size_t{head} * shape.height + y) * shape.width + x];
      }
    });
    out.set(now_, sums, op.scale);
    finish(id);
  }

  void layer(LayerId id, const SpikeAnd&) {
    const Read in = operand(id, 0);
    const Read gate = operand(id, 1);
    DenseTensor& out = output(id);
    const bool by_channel = gate.shape == FeatureShape{in.shape.channels, 1, 1};
    each(in.shape, [&](auto t, auto c, auto y, auto x) {
      const std::int64_t open =
          by_channel ? gate.at(t, c, 0, 0)
                     : gate.at(t, c / (in.shape.channels / gate.shape.channels), y, x);
      out.at(t, c, y, x) = in.at(t, c, y, x) * open;
      counts(id, t).attention_coincidences += static_cast<std::uint64_t>(out.at(t, c, y, x));
    });
  }

  void layer(LayerId id, const TokenChannelMax& op) {
    const Read in = operand(id, 0);
    const FeatureShape& shape = in.shape;
    DenseTensor& out = output(id);
    const std::int64_t size = shape.channels / op.heads;
    const auto tokens = static_cast<std::int64_t>(shape.positions());
    each(shape, [&](auto t, auto c, auto y, auto x) {
      for (std::int64_t dn = -1; dn <= 1; ++dn) {
        for (std::int64_t dc = -1; dc <= 1; ++dc) {
          const std::int64_t n = std::int64_t{y} * shape.width + x + dn;
          const std::int64_t within = c % size + dc;
          if (n < 0 || n >= tokens || within < 0 || within >= size) continue;
          const auto channel = static_cast<std::uint32_t>(c / size * size + within);
          if (in.at(t, channel, static_cast<std::uint32_t>(n / shape.width),
                    static_cast<std::uint32_t>(n % shape.width)) != 0) {
            out.at(t, c, y, x) = 1;
          }
        }
      }
    });
  }

  void layer(LayerId id, const Flatten&) {
    const Read in = operand(id, 0);
    DenseTensor& out = output(id);
    std::uint32_t channel = 0;
    each(in.shape,
         [&](auto t, auto c, auto y, auto x) { out.at(t, channel++, 0, 0) = in.at(t, c, y, x); });
  }

  void layer(LayerId id, const AveragePool2d& op) {
    const FeatureShape& shape = graph_.output_shape(id);
    const std::int64_t size = std::int64_t{op.kernel.y} * op.kernel.x;
    if (graph_.max_output(id)) {
      const Read in = operand(id, 0);
      DenseTensor& out = output(id);
      each(shape, [&](auto t, auto c, auto y, auto x) {
        for_window(op.kernel, op.stride, op.padding, 1, in.shape, y, x,
                   [&](auto, auto, auto iy, auto ix) {
                     out.at(t, c, y, x) += in.at(t, c, iy, ix);
                     if (in.at(t, c, iy, ix) != 0) count(id, t, 0, 1);
                   });
      });
      return;
    }
    const Current& in = currents_[source(id, 0).index];
    Current& out = make(id, shape, in.is_float);
    out.scale = in.scale;
    out.bias.assign(shape.channels, 0.0F);
    each(shape, [&](auto t, auto c, auto y, auto x) {
      const std::size_t n = out.at(t, c, y, x);
      std::int64_t sum = 0;
      for_window(op.kernel, op.stride, op.padding, 1, in.shape, y, x,
                 [&](auto, auto, auto iy, auto ix) {
                   const std::size_t from = in.at(t, c, iy, ix);
                   if (in.is_float) {
                     out.floats[n] += in.floats[from];
                   } else {
                     sum += in.words[from];
                   }
                 });
      if (in.is_float) {
        out.floats[n] /= static_cast<float>(size);
      } else {
        out.words[n] = static_cast<std::int64_t>(
            std::floor(static_cast<double>(sum) / static_cast<double>(size) + 0.5));
      }
    });
    counts(id, now_).stream_additions = in.shape.neurons();
  }

  void layer(LayerId id, const Lif& op) {
    const Current& in = currents_[source(id, 0).index];
    DenseTensor& out = output(id);
    each(out.shape, [&](auto t, auto c, auto y, auto x) {
      Membrane& m =
          membranes_[id.index][(std::size_t{c} * out.shape.height + y) * out.shape.width + x];
      const std::size_t n = in.at(t, c, y, x);
      StepCounts& step = counts(id, t);
      ++step.neuron_updates;
      const bool fires = in.is_float ? m.step(op, in.floats[n])
                                     : m.step(op, net_.membrane(), in.words[n], in.scale[c],
                                              in.bias[c], step.saturations);
      out.at(t, c, y, x) = fires ? 1 : 0;
    });
  }

  void layer(LayerId id, const MaxPool2d& op) {
    const FeatureShape& shape = graph_.output_shape(id);
    if (graph_.max_output(id)) {
      const Read in = operand(id, 0);
      DenseTensor& out = output(id);
      each(shape, [&](auto t, auto c, auto y, auto x) {
        for_window(op.kernel, op.stride, op.padding, 1, in.shape, y, x,
                   [&](auto, auto, auto iy, auto ix) {
                     if (in.at(t, c, iy, ix) != 0) out.at(t, c, y, x) = 1;
                   });
      });
      return;
    }
    const Current& in = currents_[source(id, 0).index];
    Current& out = make(id, shape, in.is_float);
    out.scale = in.scale;
    out.bias = in.bias;
    each(shape, [&](auto t, auto c, auto y, auto x) {
      const std::size_t n = out.at(t, c, y, x);
      bool first = true;
      for_window(
          op.kernel, op.stride, op.padding, 1, in.shape, y, x, [&](auto, auto, auto iy, auto ix) {
            const std::size_t from = in.at(t, c, iy, ix);
            if (in.is_float) {
              out.floats[n] = first ? in.floats[from] : std::max(out.floats[n], in.floats[from]);
            } else {
              out.words[n] = first ? in.words[from] : std::max(out.words[n], in.words[from]);
            }
            first = false;
          });
    });
  }

  void layer(LayerId id, const ResidualAdd&) {
    if (!graph_.max_output(id)) return add_streams(id);
    DenseTensor& out = output(id);
    for (std::size_t k = 0; k < 2; ++k) {
      each(out.shape, [&](auto t, auto c, auto y, auto x) {
        const std::int64_t value = operand(id, k).at(t, c, y, x);
        out.at(t, c, y, x) += value;
        if (value != 0) count(id, t, k, 1);
      });
    }
  }

  void add_streams(LayerId id) {
    const Current& a = currents_[source(id, 0).index];
    const Current& b = currents_[source(id, 1).index];
    Current& out = make(id, a.shape, a.is_float);
    out.scale = a.scale;
    out.bias.assign(a.shape.channels, 0.0F);
    each(a.shape, [&](auto t, auto c, auto y, auto x) {
      const std::size_t n = out.at(t, c, y, x);
      ++counts(id, t).stream_additions;
      if (out.is_float) {
        out.floats[n] = a.floats[n] + b.floats[n];
      } else {
        out.words[n] = word_of(net_.stream(), a.words[n] + b.words[n], counts(id, t).saturations);
      }
    });
  }

  void layer(LayerId id, const ClassifierHead& op) {
    const bool stream = !graph_.max_output(source(id, 0));
    const FeatureShape& shape = graph_.output_shape(source(id, 0));
    features_.resize(op.in_channels, 0);
    values_.resize(op.in_channels, 0.0);
    each(shape, [&](auto t, auto c, auto y, auto x) {
      if (!stream) {
        const std::int64_t value = operand(id, 0).at(t, c, y, x);
        features_[c] += value;
        values_[c] = static_cast<double>(features_[c]);
        if (value != 0) count(id, t, 0, op.classes);
        return;
      }
      const Current& in = currents_[source(id, 0).index];
      counts(id, t).graded_multiplies += op.classes;
      if (in.is_float) {
        values_[c] += double{in.floats[in.at(t, c, y, x)]};
      } else {
        features_[c] += in.words[in.at(t, c, y, x)];
      }
    });
    if (now_ + 1 == net_.timesteps()) classify(id, op, stream);
  }

  void classify(LayerId id, const ClassifierHead& op, bool stream) {
    const double summands =
        static_cast<double>(graph_.output_shape(source(id, 0)).positions()) * net_.timesteps();
    const LayerWeights& weights = *model_.weights[id.index];
    const Synapses& synapses = *net_.layer(id).synapses;
    const bool is_float = synapses.format.scheme == Scheme::float32;
    const double value = !stream    ? graph_.value_scale(source(id, 0))
                         : is_float ? 1.0
                                    : std::exp2(-net_.stream().fraction_bits);
    for (std::uint32_t o = 0; o < op.classes; ++o) {
      if (is_float) {
        double sum = 0.0;
        for (std::uint32_t c = 0; c < op.in_channels; ++c) {
          sum += double{weights.weight[o * op.in_channels + c]} * values_[c];
        }
        run_.logits.push_back(sum * (value / summands) + double{weights.bias[o]});
        continue;
      }
      const double unit = synapses.tensor.scales.at(0) * value / summands;
      auto sum = static_cast<std::int64_t>(std::floor(double{weights.bias[o]} / unit + 0.5));
      for (std::uint32_t c = 0; c < op.in_channels; ++c) {
        sum += synapses.tensor.integers[o * op.in_channels + c] * features_[c];
      }
      run_.logits.push_back(static_cast<double>(sum) * unit);
    }
  }

  // --- currents -----------------------------------------------------------------------------

  Current& make(LayerId id, const FeatureShape& shape, bool is_float) {
    Current& current = currents_[id.index];
    current.resize(shape, net_.timesteps(), is_float);
    return current;
  }
  /// Adds float32 biases; turns the accumulators of a stream into its words.
  void finish(LayerId id) {
    Current& out = currents_[id.index];
    each(out.shape, [&](auto t, auto c, auto y, auto x) {
      const std::size_t n = out.at(t, c, y, x);
      if (out.is_float) {
        out.floats[n] += out.bias[c];
      } else {
        out.words[n] = read_word(id, t, net_.accumulator(), out.words[n]);
      }
    });
    if (out.is_float || !graph_.is_stream(id)) return;
    out.to_stream(now_, net_.stream(), counts(id, now_).saturations);
  }
  std::int64_t read_word(LayerId id, std::uint32_t t, const AccumulatorFormat& format,
                         std::int64_t exact) {
    return word_of(format, exact, counts(id, t).overflows);
  }
  const Model& model_;
  const QuantizedNetwork& net_;
  const GradedTensor& input_;
  const Network& graph_;
  DenseExecution run_;
  std::vector<Current> currents_;
  std::vector<std::vector<Membrane>> membranes_;  ///< by LayerId
  std::vector<std::int64_t> features_;            ///< of the head, summed so far
  std::vector<double> values_;
  std::uint32_t now_ = 0;  ///< the step that runs
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
    for_each(train, t, [&](std::uint64_t address, std::int16_t value) {
      const auto position = static_cast<std::uint32_t>(address / shape.channels);
      given.at(t, static_cast<std::uint32_t>(address % shape.channels), position / shape.width,
               position % shape.width) = value;
    });
  }
  return given.values == dense.values;
}

}  // namespace nj::test
