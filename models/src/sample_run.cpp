#include "sample_run.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "neurojoule/core/parallel.hpp"

#include "spike_pooling.hpp"
#include "train_totals.hpp"

namespace nj {
namespace {

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

std::size_t bytes_of(const SpikeTrain& train) {
  const std::size_t neurons = timesteps_of(train) * shape_of(train).neurons();
  return std::holds_alternative<SpikeTensor>(train) ? neurons / 8 : neurons * sizeof(std::int16_t);
}

/// Sums in units of `unit` as means of `count` values.
std::vector<double> means(const FeatureSums& sums, double unit, double count) {
  std::vector<double> means;
  for (const std::int64_t word : sums.words) {
    means.push_back(static_cast<double>(word) * unit / count);
  }
  for (const double value : sums.values) means.push_back(value / count);
  return means;
}

}  // namespace

std::size_t PopulationOutputs::bytes() const {
  std::size_t sum = 0;
  for (const Layer& layer : layers) {
    for (const auto* train : {&layer.train, &layer.delayed}) {
      if (*train) sum += bytes_of(**train);
    }
    sum += layer.totals.size() * sizeof(StepTotals);
    if (!layer.current) continue;
    sum += layer.current->words.size() * sizeof(std::int32_t) +
           layer.current->values.size() * sizeof(float);
  }
  return sum;
}

std::unique_ptr<BlockBuffers> SampleBuffers::take() {
  const std::lock_guard lock(mutex_);
  const auto mine = std::find_if(free_.begin(), free_.end(), [](const auto& block) {
    return block->user == std::this_thread::get_id();
  });
  if (mine == free_.end()) {
    auto block = std::make_unique<BlockBuffers>();
    block->user = std::this_thread::get_id();
    return block;
  }
  auto block = std::move(*mine);
  free_.erase(mine);
  return block;
}

void SampleBuffers::give_back(std::unique_ptr<BlockBuffers> block) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(block));
}

SampleRun::SampleRun(const QuantizedNetwork& network, SampleBuffers& buffers,
                     const ExecuteOptions& options)
    : SampleRun(network, buffers, options, network.timesteps()) {}

SampleRun::SampleRun(const QuantizedNetwork& network, SampleBuffers& buffers,
                     const ExecuteOptions& options, std::uint32_t steps)
    : net_(&network),
      graph_(network.network()),
      buffers_(buffers),
      options_(options),
      steps_(steps),
      trains_(graph_.size()),
      delayed_(graph_.size()),
      totals_(graph_.size()),
      currents_(graph_.size()),
      readers_(graph_.size(), 0) {
  result_.activity = Activity(graph_.size(), steps);
  for (std::uint32_t i = 0; i < graph_.size(); ++i) {
    readers_[i] = graph_.consumers({i}).size();
  }
}

Execution SampleRun::operator()(const GradedTensor& input) {
  for (const Stage& stage : buffers_.order) {
    if (stage.stepwise) {
      RecurrentRun(*this, stage)(input);
    } else {
      run(stage.populations.front(), input);
    }
  }
  result_.activity.samples = 1;
  if (options_.keep_trace) result_.trace = std::move(trains_);
  return std::move(result_);
}

void SampleRun::forget_events(LayerId id) {
  const auto& train = trains_[id.index];
  if (train && listed_ == &*train) events_.reset();
}

void SampleRun::rerun(const QuantizedNetwork& network, std::size_t index,
                      const GradedTensor& input) {
  const Stage& stage = buffers_.order[index];
  assert(!stage.stepwise);
  const Population& population = stage.populations.front();
  net_ = &network;
  goes_back_ = true;
  for (const LayerId id : population.layers()) {
    result_.activity.layers[id.index].steps.assign(steps_, {});
    forget_events(id);
    trains_[id.index].reset();
    delayed_[id.index].reset();
    totals_[id.index].clear();
  }
  run(population, input);
}

const Execution& SampleRun::result() {
  result_.activity.samples = 1;
  return result_;
}

PopulationOutputs SampleRun::take(std::size_t index) {
  PopulationOutputs outputs;
  for (const LayerId id : buffers_.order[index].populations.front().layers()) {
    forget_events(id);
    outputs.layers.push_back({std::exchange(trains_[id.index], std::nullopt),
                              std::exchange(delayed_[id.index], std::nullopt),
                              std::exchange(totals_[id.index], {}),
                              std::exchange(currents_[id.index], std::nullopt)});
  }
  return outputs;
}

void SampleRun::put(std::size_t index, PopulationOutputs outputs) {
  auto layer = outputs.layers.begin();
  for (const LayerId id : buffers_.order[index].populations.front().layers()) {
    forget_events(id);
    trains_[id.index] = std::move(layer->train);
    delayed_[id.index] = std::move(layer->delayed);
    totals_[id.index] = std::move(layer->totals);
    currents_[id.index] = std::move(layer->current);
    ++layer;
  }
}

void SampleRun::run(const Population& population, const GradedTensor& input) {
  const LayerId id = population.lead;
  const Operator& op = graph_.layer(id).op;
  delay_operands(id);
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
  } else if (std::holds_alternative<Conv2d>(op)) {
    run_convolution(population);
  } else {
    run_step_sums(id);
  }
  release_operands(id);
  if (population.lif && !trains_[population.lif->index]) fire_stored(*population.lif);
  if (population.lif && *population.lif != id) release_operands(*population.lif);
  if (!population.pool) return;
  run_max(*population.pool, std::get<MaxPool2d>(graph_.layer(*population.pool).op));
  release_operands(*population.pool);
}

void SampleRun::for_each_step(const StepBody& body) {
  parallel_for(steps_, 1, options_.threads, [&](std::size_t begin, std::size_t) {
    auto buffers = buffers_.take();
    body(static_cast<std::uint32_t>(begin), *buffers);
    buffers_.give_back(std::move(buffers));
  });
}

void SampleRun::publish_bands(LayerId id, SpikeTrain train, const BandBody& body) {
  SpikeTrain& out = trains_[id.index].emplace(std::move(train));
  const std::vector<RowBand> bands = row_bands(shape_of(out));
  std::vector<StepTotals>& totals = totals_[id.index];
  totals.resize(bands.size() * steps_);
  parallel_for(bands.size(), 1, options_.threads, [&](std::size_t band, std::size_t) {
    auto buffers = buffers_.take();
    for (std::uint32_t t = 0; t < steps_; ++t) {
      body(bands[band], t, *buffers);
      totals[band * steps_ + t] = band_totals(out, t, bands[band]);
    }
    buffers_.give_back(std::move(buffers));
  });
  for (std::size_t i = 0; i < totals.size(); ++i) {
    StepCounts& step = counts(id, static_cast<std::uint32_t>(i % steps_));
    step.spikes += totals[i].spikes;
    step.spike_values += totals[i].magnitude;
  }
}

// --- layers that send spikes -------------------------------------------------------------------

void SampleRun::publish(LayerId id, SpikeTrain train) {
  publish_bands(id, std::move(train), [](const RowBand&, std::uint32_t, BlockBuffers&) {});
}

void SampleRun::run_and(LayerId id) {
  publish(id, spike_and(spikes(id, 0), spikes(id, 1)));
  for (std::uint32_t t = 0; t < steps_; ++t) {
    counts(id, t).attention_coincidences += counts(id, t).spikes;
  }
}

void SampleRun::run_max(LayerId id, const MaxPool2d& op) {
  if (reads_spikes(id)) {
    publish_bands(id, SpikeTensor::unwritten(steps_, graph_.output_shape(id)),
                  [&](const RowBand& band, std::uint32_t t, BlockBuffers& buffers) {
                    pool_rows(op, spikes(id), t, band, buffers.pooled_row,
                              std::get<SpikeTensor>(*trains_[id.index]));
                  });
    return;
  }
  CurrentTensor out = take_current();
  out.shape = graph_.output_shape(id);
  max_pool(op, current(id), out);
  currents_[id.index] = std::move(out);
}

void SampleRun::run_average(LayerId id, const AveragePool2d& op) {
  if (reads_spikes(id)) {
    std::vector<std::uint64_t> operations;
    publish(id, average_pool(op, train(id), graph_.output_shape(id), operations));
    for (std::uint32_t t = 0; t < steps_; ++t) {
      count_operations(id, t, 0, operations[t]);
    }
    return;
  }
  CurrentTensor out = take_current();
  out.shape = graph_.output_shape(id);
  average_pool(op, current(id), out);
  currents_[id.index] = std::move(out);
  for (std::uint32_t t = 0; t < steps_; ++t) {
    counts(id, t).stream_additions = current(id).shape.neurons();
  }
}

void SampleRun::run_add(LayerId id) {
  if (!reads_spikes(id)) {
    CurrentTensor sum = take_current();
    const auto saturations = add_streams(current(id, 0), current(id, 1), net_->stream(), sum);
    for (std::uint32_t t = 0; t < steps_; ++t) {
      counts(id, t).saturations = saturations[t];
      counts(id, t).stream_additions = sum.shape.neurons();
    }
    currents_[id.index] = std::move(sum);
    return;
  }
  // Inputs that are not zero: [operand, band, t].
  const FeatureShape& shape = graph_.output_shape(id);
  const std::size_t parts = row_bands(shape).size() * steps_;
  std::vector<std::uint64_t> inputs(2 * parts);
  publish_bands(id, GradedTensor::unwritten(steps_, shape),
                [&](const RowBand& band, std::uint32_t t, BlockBuffers&) {
                  const std::size_t part = band.index * steps_ + t;
                  for (std::size_t k = 0; k < 2; ++k) {
                    inputs[k * parts + part] = band_totals(train(id, k), t, band).spikes;
                  }
                  add(train(id, 0), train(id, 1), t, band,
                      std::get<GradedTensor>(*trains_[id.index]));
                });
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    count_operations(id, static_cast<std::uint32_t>(i % steps_), i / parts, inputs[i]);
  }
}

void SampleRun::run_head(LayerId id) {
  result_.logits.clear();
  const auto& layer = net_->layer(id);
  const std::size_t classes = graph_.output_shape(id).channels;
  FeatureSums features;
  if (reads_spikes(id)) {
    for (std::uint32_t t = 0; t < steps_; ++t) {
      count_operations(id, t, 0, step_totals(train(id), t).spikes * classes);
    }
    features.words = channel_sums(train(id));
  } else {
    for (std::uint32_t t = 0; t < steps_; ++t) {
      counts(id, t).graded_multiplies = current(id).shape.neurons() * classes;
    }
    features = channel_sums(current(id));
  }
  if (options_.keep_trace) {
    const double unit = reads_spikes(id) ? graph_.value_scale(source(id, 0))
                                         : std::ldexp(1.0, -net_->stream().fraction_bits);
    const std::uint64_t positions = graph_.output_shape(source(id, 0)).positions();
    result_.head_inputs = means(features, unit, static_cast<double>(positions * steps_));
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

// --- operands ------------------------------------------------------------------------------------

LayerId SampleRun::source(LayerId id, std::size_t index) const {
  return graph_.operands(id)[index].source;
}
bool SampleRun::reads_spikes(LayerId id) const { return graph_.max_output(source(id)).has_value(); }
const SpikeTrain& SampleRun::train(LayerId id, std::size_t index) const {
  const Operand& operand = graph_.operands(id)[index];
  return *(operand.delay != 0 ? delayed_ : trains_)[operand.source.index];
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
  if (goes_back_ || buffers_.currents.empty()) return {};
  CurrentTensor tensor = std::move(buffers_.currents.back());
  buffers_.currents.pop_back();
  return tensor;
}

void SampleRun::delay_operands(LayerId id) {
  for (const Operand& operand : graph_.operands(id)) {
    auto& delayed = delayed_[operand.source.index];
    if (operand.delay != 0 && !delayed) delayed = one_step_late(*trains_[operand.source.index]);
  }
}

/// Frees the currents that nothing reads any more.
void SampleRun::release_operands(LayerId id) {
  if (goes_back_) return;
  for (const Operand& operand : graph_.operands(id)) {
    const std::size_t i = operand.source.index;
    if (--readers_[i] > 0 || !currents_[i]) continue;
    buffers_.currents.push_back(std::move(*currents_[i]));
    currents_[i].reset();
  }
}

}  // namespace nj
