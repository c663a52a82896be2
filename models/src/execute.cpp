#include "neurojoule/models/execute.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "event_list.hpp"
#include "spike_operators.hpp"

namespace nj {

struct ExecutionContext::Buffers {
  std::vector<Population> order;
  EventList events;
  std::vector<RowSegment> segments;
  AttentionBuffers attention;
  AlignedVector<std::int32_t> sums;
  AlignedVector<std::int32_t> membranes;
  AlignedVector<float> float_sums;
  AlignedVector<float> float_membranes;
};

ExecutionContext::ExecutionContext(const QuantizedNetwork& network)
    : buffers_(std::make_unique<Buffers>()) {
  buffers_->order = populations(network.network());
}
ExecutionContext::~ExecutionContext() = default;
ExecutionContext::ExecutionContext(ExecutionContext&&) noexcept = default;
ExecutionContext& ExecutionContext::operator=(ExecutionContext&&) noexcept = default;

namespace {

/// Input as the train that the first layers see: binary where the network says so.
SpikeTrain input_train(const GradedTensor& input, bool binary) {
  if (!binary) return input;
  SpikeTensor spikes(input.timesteps(), input.shape());
  for (std::uint32_t t = 0; t < input.timesteps(); ++t) {
    input.for_each(t, [&](std::uint64_t address, std::uint8_t) { spikes.set(t, address); });
  }
  return spikes;
}

void check_input(const QuantizedNetwork& network, const Input& expected, const std::string& name,
                 const GradedTensor& input) {
  if (input.shape() != expected.shape || input.timesteps() != network.timesteps()) {
    throw Error(ErrorKind::shape,
                fmt::format("expected {} time steps of {}, got {} of {}", network.timesteps(),
                            to_string(expected.shape), input.timesteps(), to_string(input.shape())),
                {.key = name});
  }
  if (input.max() > expected.max_value) {
    throw Error(ErrorKind::numeric,
                fmt::format("expected values up to {}, got {}", expected.max_value, input.max()),
                {.key = name});
  }
}

std::uint32_t largest(const std::vector<double>& logits) {
  return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) -
                                    logits.begin());
}

}  // namespace

/// Runs one sample; trains fill in population by population.
template <class Buffers>
class Run {
 public:
  Run(const QuantizedNetwork& network, Buffers& buffers)
      : net_(network),
        graph_(network.network()),
        buffers_(buffers),
        trains_(graph_.size()),
        activity_(graph_.size(), network.timesteps()) {}

  Execution operator()(const GradedTensor& input, const ExecuteOptions& options) {
    Execution result;
    for (const Population& population : buffers_.order) {
      const LayerSpec& layer = graph_.layer(population.lead);
      if (const auto* in = std::get_if<Input>(&layer.op)) {
        check_input(net_, *in, layer.name, input);
        publish(population.lead, input_train(input, in->max_value == 1));
      } else if (std::holds_alternative<ResidualAdd>(layer.op)) {
        run_add(population.lead);
      } else if (std::holds_alternative<ClassifierHead>(layer.op)) {
        result.logits = run_head(population.lead);
        result.prediction = largest(result.logits);
      } else {
        run_neurons(population);
      }
    }
    activity_.samples = 1;
    result.activity = std::move(activity_);
    if (options.keep_trace) result.trace = std::move(trains_);
    return result;
  }

 private:
  [[nodiscard]] const SpikeTrain& operand(LayerId id, std::size_t index) const {
    return *trains_[graph_.operands(id)[index].source.index];
  }
  [[nodiscard]] bool is_graded(LayerId id, std::size_t index) const {
    return std::holds_alternative<GradedTensor>(operand(id, index));
  }
  StepCounts& counts(LayerId id, std::uint32_t t) { return activity_.layers[id.index].steps[t]; }

  void count_operations(LayerId id, std::uint32_t t, bool graded, std::uint64_t operations) {
    (graded ? counts(id, t).graded_multiplies : counts(id, t).binary_accumulates) += operations;
  }

  /// Stores what a layer sends and counts it.
  void publish(LayerId id, SpikeTrain train) {
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      StepCounts& step = counts(id, t);
      step.spikes = count(train, t);
      step.spike_values = step.spikes;
      if (const auto* graded = std::get_if<GradedTensor>(&train)) {
        step.spike_values = 0;
        for (const std::uint8_t value : graded->step(t)) step.spike_values += value;
      }
    }
    trains_[id.index] = std::move(train);
  }

  void run_add(LayerId id) {
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
        count_operations(id, t, is_graded(id, k), count(operand(id, k), t));
      }
    }
    publish(id, add(operand(id, 0), operand(id, 1)));
  }

  std::vector<double> run_head(LayerId id) {
    const auto& layer = net_.layer(id);
    const std::uint32_t classes = graph_.output_shape(id).channels;
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      count_operations(id, t, is_graded(id, 0), count(operand(id, 0), t) * classes);
    }
    const std::vector<std::int64_t> features = channel_sums(operand(id, 0));
    const HeadConstants& head = *layer.head;
    std::vector<double> logits;
    for (std::size_t o = 0; o < classes; ++o) {
      const std::size_t row = o * features.size();
      if (layer.synapses->format.scheme == Scheme::float32) {
        double sum = 0.0;
        for (std::size_t c = 0; c < features.size(); ++c) {
          sum += double{layer.synapses->float_weight[row + c]} * static_cast<double>(features[c]);
        }
        logits.push_back(sum * head.unit + double{head.float_bias[o]});
      } else {
        std::int64_t sum = head.bias[o];
        for (std::size_t c = 0; c < features.size(); ++c) {
          sum += std::int64_t{layer.synapses->tensor.integers[row + c]} * features[c];
        }
        logits.push_back(static_cast<double>(sum) * head.unit);
      }
    }
    return logits;
  }

  /// Synapses or attention, the neurons they drive, and the pooling of their spikes.
  void run_neurons(const Population& population) {
    const LayerId lif = *population.lif;
    const FeatureShape& shape = graph_.output_shape(lif);
    const NeuronRows rows{shape.positions(), shape.channels, padded(shape.channels)};
    const Neurons& neurons = *net_.layer(lif).neurons;
    if (neurons.is_float) {
      buffers_.float_sums.resize(rows.positions * rows.stride);
      buffers_.float_membranes.assign(rows.positions * rows.stride, 0.0F);
    } else {
      buffers_.membranes.assign(rows.positions * rows.stride, 0);
    }
    buffers_.sums.resize(rows.positions * rows.stride);
    SpikeTensor spikes(net_.timesteps(), shape);
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      sum_inputs(population.lead, t, neurons);
      StepCounts& step = counts(lif, t);
      step.neuron_updates = shape.neurons();
      step.saturations = update(neurons, rows, spikes.step(t));
    }
    publish(lif, std::move(spikes));
    if (!population.pool) return;
    const auto& op = std::get<MaxPool2d>(graph_.layer(*population.pool).op);
    publish(*population.pool, pool(op, std::get<SpikeTensor>(*trains_[lif.index]),
                                   graph_.output_shape(*population.pool)));
  }

  std::uint64_t update(const Neurons& neurons, const NeuronRows& rows,
                       std::span<std::uint64_t> spikes) {
    if (neurons.is_float) {
      lif_step(neurons.floating, rows, buffers_.float_sums.data(), buffers_.float_membranes.data(),
               spikes);
      return 0;
    }
    if (neurons.narrow) {
      return lif_step(*neurons.narrow, rows, buffers_.sums.data(), buffers_.membranes.data(),
                      spikes);
    }
    return lif_step_ref(neurons.wide, rows, buffers_.sums.data(), buffers_.membranes.data(),
                        spikes);
  }

  /// Fills the accumulators of one step.
  void sum_inputs(LayerId lead, std::uint32_t t, const Neurons& neurons) {
    if (const auto* conv = std::get_if<Conv2d>(&graph_.layer(lead).op)) {
      return sum_convolution(lead, *conv, t);
    }
    const auto& attention = std::get<SpikingSelfAttention>(graph_.layer(lead).op);
    attend(attention, std::get<SpikeTensor>(operand(lead, 0)),
           std::get<SpikeTensor>(operand(lead, 1)), std::get<SpikeTensor>(operand(lead, 2)), t,
           buffers_.attention, buffers_.sums.data(), counts(lead, t));
    if (!neurons.is_float) return;
    std::transform(
        buffers_.sums.begin(), buffers_.sums.end(), buffers_.float_sums.begin(),
        [&](std::int32_t sum) { return static_cast<float>(sum) * neurons.current_scale; });
  }

  void sum_convolution(LayerId lead, const Conv2d& conv, std::uint32_t t) {
    const Synapses& synapses = *net_.layer(lead).synapses;
    const FeatureShape& in = shape_of(operand(lead, 0));
    const FeatureShape& out = graph_.output_shape(lead);
    const bool graded = is_graded(lead, 0);
    buffers_.events.assign(operand(lead, 0), t);
    std::uint64_t rows_added = 0;
    if (synapses.format.scheme == Scheme::float32) {
      rows_added = convolve(conv, in, out, buffers_.events, buffers_.segments,
                            buffers_.float_sums.data(), [&](auto segments, float* sums) {
                              accumulate_rows(synapses.float_rows, segments, graded, sums);
                            });
    } else {
      const std::int32_t product =
          synapses.max_weight * std::max<std::int32_t>(buffers_.events.max_value, 1);
      const auto block = static_cast<std::size_t>(32767 / std::max(product, 1));
      rows_added = convolve(conv, in, out, buffers_.events, buffers_.segments, buffers_.sums.data(),
                            [&](auto segments, std::int32_t* sums) {
                              accumulate_rows(synapses.rows, segments, graded, block, sums);
                            });
    }
    count_operations(lead, t, graded, rows_added * conv.out_channels);
  }

  const QuantizedNetwork& net_;
  const Network& graph_;
  Buffers& buffers_;
  SpikeTrace trains_;
  Activity activity_;
};

Execution execute(const QuantizedNetwork& network, const GradedTensor& input,
                  const ExecuteOptions& options, ExecutionContext& context) {
  return Run(network, *context.buffers_)(input, options);
}

Execution execute(const QuantizedNetwork& network, const GradedTensor& input,
                  const ExecuteOptions& options) {
  ExecutionContext context(network);
  return execute(network, input, options, context);
}

}  // namespace nj
