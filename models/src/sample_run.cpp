#include "sample_run.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "neurojoule/core/parallel.hpp"

#include "general_neurons.hpp"

namespace nj {
namespace {

/// Blocks hold at most this many sums over all time steps, so that they stay in the L2 cache.
constexpr std::size_t block_sums = std::size_t{1} << 16;

/// Input as the train that the first layers see: binary where the network says so.
SpikeTrain input_train(const GradedTensor& input, bool binary) {
  if (!binary) return input;
  SpikeTensor spikes(input.timesteps(), input.shape());
  for (std::uint32_t t = 0; t < input.timesteps(); ++t) {
    input.for_each(t, [&](std::uint64_t address, std::int16_t) { spikes.set(t, address); });
  }
  return spikes;
}

std::uint32_t largest(const std::vector<double>& logits) {
  return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) -
                                    logits.begin());
}

}  // namespace

std::unique_ptr<BlockBuffers> SampleBuffers::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return std::make_unique<BlockBuffers>();
  auto block = std::move(free_.back());
  free_.pop_back();
  return block;
}

void SampleBuffers::give_back(std::unique_ptr<BlockBuffers> block) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(block));
}

SampleRun::SampleRun(const QuantizedNetwork& network, SampleBuffers& buffers,
                     const ExecuteOptions& options)
    : net_(network),
      graph_(network.network()),
      buffers_(buffers),
      options_(options),
      trains_(graph_.size()),
      currents_(graph_.size()),
      readers_(graph_.size(), 0) {
  result_.activity = Activity(graph_.size(), network.timesteps());
  for (std::uint32_t i = 0; i < graph_.size(); ++i) {
    readers_[i] = graph_.consumers({i}).size();
  }
}

Execution SampleRun::operator()(const GradedTensor& input) {
  for (const Population& population : buffers_.order) run(population, input);
  result_.activity.samples = 1;
  if (options_.keep_trace) result_.trace = std::move(trains_);
  return std::move(result_);
}

void SampleRun::run(const Population& population, const GradedTensor& input) {
  const LayerId id = population.lead;
  const Operator& op = graph_.layer(id).op;
  if (std::holds_alternative<Input>(op)) {
    publish(id, input_train(input, graph_.is_binary(id)));
  } else if (std::holds_alternative<Lif>(op)) {
    fire_stored(id);
  } else if (const auto* max = std::get_if<MaxPool2d>(&op)) {
    run_max(id, *max);
  } else if (const auto* average = std::get_if<AveragePool2d>(&op)) {
    run_average(id, *average);
  } else if (std::holds_alternative<ResidualAdd>(op)) {
    run_add(id);
  } else if (std::holds_alternative<SpikeAnd>(op)) {
    run_and(id);
  } else if (const auto* window = std::get_if<TokenChannelMax>(&op)) {
    publish(id, token_channel_max(*window, spikes(id)));
  } else if (std::holds_alternative<Flatten>(op)) {
    publish(id, flatten(train(id)));
  } else if (std::holds_alternative<ClassifierHead>(op)) {
    run_head(id);
  } else {
    make_current(population);
  }
  release_operands(id);
  if (population.lif && !trains_[population.lif->index]) fire_stored(*population.lif);
  if (population.lif && *population.lif != id) release_operands(*population.lif);
  if (!population.pool) return;
  run_max(*population.pool, std::get<MaxPool2d>(graph_.layer(*population.pool).op));
  release_operands(*population.pool);
}

// --- layers that send spikes -------------------------------------------------------------------

/// Stores what a layer sends and counts it.
void SampleRun::publish(LayerId id, SpikeTrain train) {
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    StepCounts& step = counts(id, t);
    step.spikes = count(train, t);
    step.spike_values = step.spikes;
    if (const auto* graded = std::get_if<GradedTensor>(&train)) {
      step.spike_values = 0;
      for (const std::int16_t value : graded->step(t)) {
        step.spike_values += static_cast<std::uint64_t>(value < 0 ? -value : value);
      }
    }
  }
  trains_[id.index] = std::move(train);
}

void SampleRun::run_and(LayerId id) {
  publish(id, spike_and(spikes(id, 0), spikes(id, 1)));
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    counts(id, t).attention_coincidences += counts(id, t).spikes;
  }
}

void SampleRun::run_max(LayerId id, const MaxPool2d& op) {
  const LayerId from = source(id);
  if (trains_[from.index]) {
    return publish(id, pool(op, spikes(id), graph_.output_shape(id)));
  }
  CurrentTensor out = take_current();
  out.shape = graph_.output_shape(id);
  max_pool(op, current(id), out);
  currents_[id.index] = std::move(out);
}

void SampleRun::run_average(LayerId id, const AveragePool2d& op) {
  if (trains_[source(id).index]) {
    std::vector<std::uint64_t> operations;
    publish(id, average_pool(op, train(id), graph_.output_shape(id), operations));
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      count_operations(id, t, 0, operations[t]);
    }
    return;
  }
  CurrentTensor out = take_current();
  out.shape = graph_.output_shape(id);
  average_pool(op, current(id), out);
  currents_[id.index] = std::move(out);
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    counts(id, t).stream_additions = current(id).shape.neurons();
  }
}

void SampleRun::run_add(LayerId id) {
  if (!trains_[source(id).index]) {
    CurrentTensor sum = take_current();
    const auto saturations = add_streams(current(id, 0), current(id, 1), net_.stream(), sum);
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      counts(id, t).saturations = saturations[t];
      counts(id, t).stream_additions = sum.shape.neurons();
    }
    currents_[id.index] = std::move(sum);
    return;
  }
  for (std::size_t k = 0; k < 2; ++k) {
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      count_operations(id, t, k, count(train(id, k), t));
    }
  }
  publish(id, add(train(id, 0), train(id, 1)));
}

void SampleRun::run_head(LayerId id) {
  const auto& layer = net_.layer(id);
  const std::size_t classes = graph_.output_shape(id).channels;
  FeatureSums features;
  if (trains_[source(id).index]) {
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      count_operations(id, t, 0, count(train(id), t) * classes);
    }
    features.words = channel_sums(train(id));
  } else {
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      counts(id, t).graded_multiplies = current(id).shape.neurons() * classes;
    }
    features = channel_sums(current(id));
  }
  if (layer.is_float && features.values.empty()) {
    features.values.assign(features.words.begin(), features.words.end());
  }
  const HeadConstants& head = *layer.head;
  for (std::size_t o = 0; o < classes; ++o) {
    if (layer.is_float) {
      const float* const weight = layer.synapses->float_weight.data() + o * features.values.size();
      double sum = 0.0;
      for (std::size_t c = 0; c < features.values.size(); ++c) {
        sum += double{weight[c]} * features.values[c];
      }
      result_.logits.push_back(sum * head.unit + double{head.float_bias[o]});
    } else {
      const std::int16_t* const weight =
          layer.synapses->tensor.integers.data() + o * features.words.size();
      std::int64_t sum = head.bias[o];
      for (std::size_t c = 0; c < features.words.size(); ++c) sum += weight[c] * features.words[c];
      result_.logits.push_back(static_cast<double>(sum) * head.unit);
    }
  }
  result_.prediction = largest(result_.logits);
}

// --- layers that make currents, and neurons ----------------------------------------------------

SampleRun::BlockCounts SampleRun::blank_counts() const {
  return {std::vector<std::uint64_t>(net_.timesteps(), 0),
          std::vector<std::uint64_t>(net_.timesteps(), 0),
          std::vector<StepCounts>(net_.timesteps())};
}

/// Positions per block: their spikes fill whole words, and their sums fit the cache.
std::uint64_t SampleRun::block_size(const FeatureShape& shape) const {
  const std::uint64_t least = 64 / std::gcd<std::uint64_t, std::uint64_t>(64, shape.channels);
  const std::uint64_t fits = block_sums / (net_.timesteps() * padded(shape.channels));
  return std::max(least, fits / least * least);
}

template <class Body>
void SampleRun::for_each_block(const FeatureShape& shape, std::uint64_t block, Body&& body,
                               std::vector<BlockCounts>& counts) {
  counts.assign((shape.positions() + block - 1) / block, blank_counts());
  parallel_for(shape.positions(), block, options_.threads, [&](std::size_t begin, std::size_t end) {
    auto buffers = buffers_.take();
    body(begin, end, *buffers, counts[begin / block]);
    buffers_.give_back(std::move(buffers));
  });
}

void SampleRun::merge(LayerId maker, LayerId neurons, const std::vector<BlockCounts>& blocks) {
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    for (const BlockCounts& block : blocks) {
      count_operations(maker, t, 0, block.operations[t]);
      counts(maker, t) += block.attention[t];
      counts(neurons, t).saturations += block.saturations[t];
    }
  }
}

/// A maker of currents: they go into its own neurons block by block, or are stored.
void SampleRun::make_current(const Population& population) {
  const LayerId id = population.lead;
  const FeatureShape& shape = graph_.output_shape(id);
  std::uint64_t block = block_size(shape);
  std::optional<InputEvents> events;
  if (std::holds_alternative<Conv2d>(graph_.layer(id).op)) {
    events.emplace(train(id), event_groups(net_.layer(id).synapses->laid_out->geometry()));
  } else {
    block = shape.positions();  // attention and sums of spikes look at all positions at once
  }
  if (population.lif) {
    trains_[population.lif->index] = SpikeTensor(net_.timesteps(), shape);
  } else {
    currents_[id.index] = take_current();
    currents_[id.index]->assign(net_.timesteps(), shape, net_.layer(id).is_float);
  }
  std::vector<BlockCounts> blocks;
  for_each_block(
      shape, block,
      [&](std::uint64_t begin, std::uint64_t end, BlockBuffers& buffers, BlockCounts& counted) {
        if (events) {
          convolve_block(id, *events, begin, end, buffers, counted);
        } else {
          sum_block(id, begin, end, buffers, counted);
        }
        if (!population.lif) return store_block(id, begin, end, buffers, counted);
        const std::size_t step = (end - begin) * padded(shape.channels);
        if (net_.layer(id).is_float) {
          fire_block(*population.lif, begin, end, buffers.float_sums.data(), step, buffers,
                     counted);
        } else {
          fire_block(*population.lif, begin, end, buffers.sums.data(), step, buffers, counted);
        }
      },
      blocks);
  merge(id, population.lif.value_or(id), blocks);
  if (population.lif) finish_neurons(*population.lif);
}

/// Sums of attention or of spikes for a block of positions over all time steps, into `buffers`.
void SampleRun::sum_block(LayerId id, std::uint64_t begin, std::uint64_t end, BlockBuffers& buffers,
                          BlockCounts& counted) {
  const FeatureShape& shape = graph_.output_shape(id);
  const bool is_float = net_.layer(id).is_float;
  const std::size_t step = (end - begin) * padded(shape.channels);
  buffers.sums.resize(step * net_.timesteps());
  if (is_float) buffers.float_sums.resize(step * net_.timesteps());
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    std::int32_t* const sums = buffers.sums.data() + t * step;
    if (const auto* sum = std::get_if<SpikeSum>(&graph_.layer(id).op)) {
      spike_sum(*sum, spikes(id), t, shape, sums);
      counted.operations[t] = count(train(id), t);
    } else {
      attend(std::get<SpikingSelfAttention>(graph_.layer(id).op), spikes(id, 0), spikes(id, 1),
             spikes(id, 2), t, buffers.attention, sums, counted.attention[t]);
    }
    if (!is_float) continue;
    const LayerId lif = graph_.consumers(id)[0];
    const auto& neurons = net_.layer(lif).neurons;
    const float scale = net_.layer(id).writer ? 1.0F : neurons->current_scale;
    std::transform(sums, sums + step,
                   buffers.float_sums.begin() + static_cast<std::ptrdiff_t>(t * step),
                   [&](std::int32_t sum) { return static_cast<float>(sum) * scale; });
  }
}

/// The same of a convolution.
void SampleRun::convolve_block(LayerId id, const InputEvents& events, std::uint64_t begin,
                               std::uint64_t end, BlockBuffers& buffers, BlockCounts& counted) {
  const ConvolutionWeights& weights = *net_.layer(id).synapses->laid_out;
  const std::size_t size =
      (end - begin) * padded(graph_.output_shape(id).channels) * net_.timesteps();
  if (weights.is_float()) {
    buffers.float_sums.resize(size);
    convolve(weights, events, begin, end, buffers.convolution, buffers.float_sums.data(),
             counted.operations);
  } else {
    buffers.sums.resize(size);
    convolve(weights, events, begin, end, buffers.convolution, buffers.sums.data(),
             counted.operations);
  }
  for (std::uint64_t& rows : counted.operations) rows *= weights.geometry().group_outputs();
}

/// Writes a block of sums to the stored current, as accumulators or in the stream's unit.
void SampleRun::store_block(LayerId id, std::uint64_t begin, std::uint64_t end,
                            BlockBuffers& buffers, BlockCounts& counted) {
  const auto& layer = net_.layer(id);
  CurrentTensor& out = *currents_[id.index];
  const std::size_t step = (end - begin) * out.stride();
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    if (out.is_float) {
      float* const sums = buffers.float_sums.data() + t * step;
      write_stream(*layer.writer, out.shape, end - begin, sums);
      std::copy(sums, sums + step, out.values.data() + out.at(t, begin));
      continue;
    }
    std::int32_t* const sums = buffers.sums.data() + t * step;
    if (layer.writer) {
      counted.saturations[t] +=
          write_stream(*layer.writer, net_.stream(), out.shape, end - begin, sums);
    }
    std::copy(sums, sums + step, out.words.data() + out.at(t, begin));
  }
}

template <class Sum>
void SampleRun::fire_block(LayerId lif, std::uint64_t begin, std::uint64_t end, const Sum* sums,
                           std::size_t step_stride, BlockBuffers& buffers, BlockCounts& counted) {
  auto& out = std::get<SpikeTensor>(*trains_[lif.index]);
  const std::uint32_t channels = out.shape().channels;
  const Neurons& neurons = *net_.layer(lif).neurons;
  const NeuronRows rows{end - begin, channels, padded(channels)};
  const std::size_t first_word = begin * channels / 64;
  const std::size_t words = (end * channels + 63) / 64 - first_word;
  const auto step_spikes = [&](std::uint32_t t) { return out.step(t).subspan(first_word, words); };
  if (!is_plain(neurons.op)) {
    GeneralNeurons general(neurons, rows);
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      if constexpr (std::is_same_v<Sum, float>) {
        general.step(sums + t * step_stride, step_spikes(t));
      } else {
        counted.saturations[t] += general.step(sums + t * step_stride, step_spikes(t));
      }
    }
    return;
  }
  if constexpr (std::is_same_v<Sum, float>) {
    buffers.float_membranes.assign(rows.positions * rows.stride, 0.0F);
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      lif_step(neurons.floating, rows, sums + t * step_stride, buffers.float_membranes.data(),
               step_spikes(t));
    }
  } else {
    buffers.membranes.assign(rows.positions * rows.stride, 0);
    for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
      counted.saturations[t] += neurons.narrow
                                    ? lif_step(*neurons.narrow, rows, sums + t * step_stride,
                                               buffers.membranes.data(), step_spikes(t))
                                    : lif_step_ref(neurons.wide, rows, sums + t * step_stride,
                                                   buffers.membranes.data(), step_spikes(t));
    }
  }
}

/// Neurons that read a stored current.
void SampleRun::fire_stored(LayerId lif) {
  const FeatureShape& shape = graph_.output_shape(lif);
  const CurrentTensor& in = current(lif);
  trains_[lif.index] = SpikeTensor(net_.timesteps(), shape);
  std::vector<BlockCounts> blocks;
  for_each_block(
      shape, block_size(shape),
      [&](std::uint64_t begin, std::uint64_t end, BlockBuffers& buffers, BlockCounts& counted) {
        const std::size_t step = shape.positions() * in.stride();
        if (in.is_float) {
          fire_block(lif, begin, end, in.values.data() + in.at(0, begin), step, buffers, counted);
        } else {
          fire_block(lif, begin, end, in.words.data() + in.at(0, begin), step, buffers, counted);
        }
      },
      blocks);
  merge(lif, lif, blocks);
  finish_neurons(lif);
}

void SampleRun::finish_neurons(LayerId lif) {
  SpikeTrain train = std::move(*trains_[lif.index]);
  for (std::uint32_t t = 0; t < net_.timesteps(); ++t) {
    counts(lif, t).neuron_updates = shape_of(train).neurons();
  }
  publish(lif, std::move(train));
}

// --- operands ------------------------------------------------------------------------------------

LayerId SampleRun::source(LayerId id, std::size_t index) const {
  return graph_.operands(id)[index].source;
}
const SpikeTrain& SampleRun::train(LayerId id, std::size_t index) const {
  return *trains_[source(id, index).index];
}
const SpikeTensor& SampleRun::spikes(LayerId id, std::size_t index) const {
  return std::get<SpikeTensor>(train(id, index));
}
const CurrentTensor& SampleRun::current(LayerId id, std::size_t index) const {
  return *currents_[source(id, index).index];
}

void SampleRun::count_operations(LayerId id, std::uint32_t t, std::size_t operand,
                                 std::uint64_t operations) {
  if (operations == 0) return;
  const bool graded = std::holds_alternative<GradedTensor>(train(id, operand));
  (graded ? counts(id, t).graded_multiplies : counts(id, t).binary_accumulates) += operations;
}

CurrentTensor SampleRun::take_current() {
  if (buffers_.currents.empty()) return {};
  CurrentTensor tensor = std::move(buffers_.currents.back());
  buffers_.currents.pop_back();
  return tensor;
}

/// Frees the currents that nothing reads any more.
void SampleRun::release_operands(LayerId id) {
  for (const Operand& operand : graph_.operands(id)) {
    const std::size_t i = operand.source.index;
    if (--readers_[i] > 0 || !currents_[i]) continue;
    buffers_.currents.push_back(std::move(*currents_[i]));
    currents_[i].reset();
  }
}

}  // namespace nj
