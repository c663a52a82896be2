#include <algorithm>
#include <type_traits>

#include "neurojoule/core/parallel.hpp"

#include "general_neurons.hpp"
#include "sample_run.hpp"
#include "train_totals.hpp"

// The layers of a sample run that make currents, and the neurons that read them.
namespace nj {
namespace {

/// Blocks hold at most this many sums over all time steps, so that they stay in the L2 cache.
constexpr std::size_t block_sums = std::size_t{1} << 16;

/// Shares of inputs that are not zero from which on dense products win, measured with AVX2.
constexpr double dense_graded_share = 0.25;
constexpr double dense_binary_share = 0.55;

/// Whether all time steps of a graded train are the same, as those of an image are.
bool is_constant(const SpikeTrain& train) {
  const auto* graded = std::get_if<GradedTensor>(&train);
  if (graded == nullptr || graded->timesteps() < 2) return false;
  const auto first = graded->step(0);
  for (std::uint32_t t = 1; t < graded->timesteps(); ++t) {
    if (!std::equal(first.begin(), first.end(), graded->step(t).begin())) return false;
  }
  return true;
}

SpikeTrain first_step(const SpikeTrain& train) {
  const auto& graded = std::get<GradedTensor>(train);
  GradedTensor first(1, graded.shape());
  std::copy(graded.step(0).begin(), graded.step(0).end(), first.step(0).begin());
  return first;
}

}  // namespace

SampleRun::BlockCounts SampleRun::blank_counts() const {
  const std::vector<std::uint64_t> zeros(steps_, 0);
  return {zeros, zeros, zeros, zeros};
}

/// Positions per block: their spikes fill whole words, and their sums fit the cache.
std::uint64_t SampleRun::block_size(const FeatureShape& shape) const {
  const std::uint64_t least = block_unit(shape.channels);
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): no shape is empty, no run without a step
  const std::uint64_t fits = block_sums / (steps_ * padded(shape.channels));
  return std::max(least, fits / least * least);
}

/// Calls `body(begin, end, buffers, counts)` for blocks of positions, in parallel.
template <class Body>
std::vector<SampleRun::BlockCounts> SampleRun::for_each_block(const FeatureShape& shape,
                                                              Body&& body) {
  const std::uint64_t block = block_size(shape);
  std::vector<BlockCounts> counts((shape.positions() + block - 1) / block, blank_counts());
  parallel_for(shape.positions(), block, options_.threads, [&](std::size_t begin, std::size_t end) {
    auto buffers = buffers_.take();
    body(begin, end, *buffers, counts[begin / block]);
    buffers_.give_back(std::move(buffers));
  });
  return counts;
}

/// Adds the blocks' counts in their order: rows to the maker, spikes and saturations where they
/// happened.
void SampleRun::merge(LayerId maker, LayerId clipped, const std::vector<BlockCounts>& blocks) {
  const auto& synapses = net_->layer(maker).synapses;
  const std::uint64_t row = synapses ? synapses->laid_out->geometry().group_outputs() : 0;
  for (std::uint32_t t = 0; t < steps_; ++t) {
    for (const BlockCounts& block : blocks) {
      count_operations(maker, t, 0, block.rows[t] * row);
      counts(maker, t).overflows += block.overflows[t];
      counts(clipped, t).saturations += block.saturations[t];
      counts(clipped, t).spikes += block.spikes[t];
      counts(clipped, t).spike_values += block.spikes[t];
    }
    if (std::holds_alternative<Lif>(graph_.layer(clipped).op)) {
      counts(clipped, t).neuron_updates = graph_.output_shape(clipped).neurons();
    }
  }
}

/// The events that a layer reads, of one step only where all are the same; kept for the next layer,
/// which often reads the same (query, key, value).
const InputEvents& SampleRun::events_into(LayerId id, const ConvolutionWeights& weights) {
  const SpikeTrain& read = train(id);
  const std::uint32_t groups = event_groups(weights.geometry());
  const EventList list = weights.event_list();
  if (!events_ || listed_ != &read || listed_as_ != list || events_->groups() != groups) {
    if (is_constant(read)) {
      events_.emplace(first_step(read), groups, 1, list);
    } else {
      const bool late = graph_.operands(id)[0].delay != 0;
      events_.emplace(read, groups, options_.threads, list,
                      late ? std::span<const StepTotals>{} : totals_[source(id).index]);
    }
    listed_ = &read;
    listed_as_ = list;
  }
  return *events_;
}

/// A convolution: its sums go into its own neurons block by block, or are stored.
void SampleRun::run_convolution(const Population& population) {
  const LayerId id = population.lead;
  const FeatureShape& shape = graph_.output_shape(id);
  const ConvolutionWeights& weights = *net_->layer(id).synapses->laid_out;
  const InputEvents& events = events_into(id, weights);
  if (population.lif) {
    trains_[population.lif->index] = SpikeTensor::unwritten(steps_, shape);
  } else {
    currents_[id.index] = take_current();
    currents_[id.index]->assign(steps_, shape, weights.is_float());
  }
  const auto blocks = for_each_block(shape, [&](std::uint64_t begin, std::uint64_t end,
                                                BlockBuffers& buffers, BlockCounts& counted) {
    if (weights.is_float()) {
      convolve_block(population, events, begin, end, buffers.float_sums, buffers, counted);
    } else if (!is_dense(id, events) && population.lif && is_fast(*population.lif) &&
               !net_->layer(id).may_overflow && weights.fits_int16(events)) {
      convolve_block(population, events, begin, end, buffers.narrow_sums, buffers, counted);
    } else {
      convolve_block(population, events, begin, end, buffers.sums, buffers, counted);
    }
  });
  merge(id, population.lif.value_or(id), blocks);
}

/// Whether the fast integer kernel can step these neurons.
bool SampleRun::is_fast(LayerId lif) const {
  return running_ == nullptr && net_->layer(lif).neurons->narrow.has_value();
}

/// Whether so many inputs are not zero that making all products is faster than listing events.
bool SampleRun::is_dense(LayerId id, const InputEvents& events) const {
  const auto& dense = net_->layer(id).synapses->dense;
  if (!dense || !dense->takes(events.min_value(), events.max_value())) return false;
  const double share = static_cast<double>(events.listed()) /
                       static_cast<double>(shape_of(train(id)).neurons() * events.timesteps());
  return share > (events.graded() ? dense_graded_share : dense_binary_share);
}

template <class Sum>
void SampleRun::convolve_block(const Population& population, const InputEvents& events,
                               std::uint64_t begin, std::uint64_t end, AlignedVector<Sum>& sums,
                               BlockBuffers& buffers, BlockCounts& counted) {
  const LayerId id = population.lead;
  const ConvolutionWeights& weights = *net_->layer(id).synapses->laid_out;
  const std::size_t step = (end - begin) * padded(graph_.output_shape(id).channels);
  if (sums.size() < step * steps_) sums.resize(step * steps_);
  if constexpr (std::is_same_v<Sum, std::int32_t>) {
    if (is_dense(id, events)) {
      dense_sums(*net_->layer(id).synapses->dense, train(id), events, begin, end, buffers.dense,
                 sums.data(), counted.rows);
    } else {
      convolve(weights, events, begin, end, buffers.convolution, sums.data(), counted.rows);
    }
  } else {
    convolve(weights, events, begin, end, buffers.convolution, sums.data(), counted.rows);
  }
  for (std::uint32_t t = events.timesteps(); t < steps_; ++t) {
    std::copy(sums.data(), sums.data() + step, sums.data() + t * step);
    counted.rows[t] = counted.rows[0];
  }
  if constexpr (std::is_same_v<Sum, std::int32_t>) {
    for (std::uint32_t t = 0; net_->layer(id).may_overflow && t < steps_; ++t) {
      counted.overflows[t] =
          read_accumulators(net_->accumulator(), graph_.output_shape(id).channels, end - begin,
                            sums.data() + t * step);
    }
  }
  if (population.lif) {
    return fire_block(*population.lif, {begin, end, step}, sums.data(),
                      net_->layer(id).current_bound, counted);
  }
  if constexpr (!std::is_same_v<Sum, std::int16_t>) {
    for (std::uint32_t t = 0; t < steps_; ++t) {
      counted.saturations[t] += store(id, t, begin, end - begin, sums.data() + t * step);
    }
  }
}

void SampleRun::run_step_sums(LayerId id) {
  currents_[id.index] = take_current();
  currents_[id.index]->assign(steps_, graph_.output_shape(id), net_->layer(id).is_float);
  for_each_step([&](std::uint32_t t, BlockBuffers& buffers) {
    counts(id, t).saturations = sum_step(id, t, buffers);
  });
}

/// Sums of one step of attention or of spikes.
std::uint64_t SampleRun::sum_step(LayerId id, std::uint32_t t, BlockBuffers& buffers) {
  const FeatureShape& shape = graph_.output_shape(id);
  const std::size_t room = shape.positions() * padded(shape.channels);
  if (buffers.sums.size() < room) buffers.sums.resize(room);
  if (const auto* sum = std::get_if<SpikeSum>(&graph_.layer(id).op)) {
    spike_sum(*sum, spikes(id), t, shape, buffers.sums.data());
    count_operations(id, t, 0, step_totals(train(id), t).spikes);
  } else {
    const auto& op = std::get<SpikingSelfAttention>(graph_.layer(id).op);
    const AttentionCounts counted = attend(op.heads, spikes(id, 0), spikes(id, 1), spikes(id, 2), t,
                                           buffers.attention, buffers.sums.data());
    StepCounts& step = counts(id, t);
    if (shape.channels / op.heads > static_cast<std::uint32_t>(net_->score().max())) {
      step.overflows = attend_words(op.heads, net_->score(), spikes(id, 0), spikes(id, 1),
                                    spikes(id, 2), t, buffers.sums.data());
    }
    step.attention_coincidences = counted.coincidences;
    step.attention_accumulates = counted.score_additions;
    step.transposed_coincidences = counted.key_value_coincidences;
    step.transposed_accumulates = counted.query_additions;
  }
  if (net_->layer(id).may_overflow && !net_->layer(id).is_float) {
    counts(id, t).overflows += read_accumulators(net_->accumulator(), shape.channels,
                                                 shape.positions(), buffers.sums.data());
  }
  if (!net_->layer(id).is_float) return store(id, t, 0, shape.positions(), buffers.sums.data());
  buffers.float_sums.assign(buffers.sums.data(), buffers.sums.data() + room);
  return store(id, t, 0, shape.positions(), buffers.float_sums.data());
}

template <class Sum>
std::uint64_t SampleRun::store(LayerId id, std::uint32_t t, std::uint64_t begin, std::uint64_t rows,
                               Sum* sums) {
  const auto& writer = net_->layer(id).writer;
  CurrentTensor& out = *currents_[id.index];
  std::uint64_t saturations = 0;
  if constexpr (std::is_same_v<Sum, float>) {
    write_stream(*writer, out.shape, rows, sums);
    std::copy(sums, sums + rows * out.stride(), out.values.data() + out.at(t, begin));
  } else {
    if (writer) saturations = write_stream(*writer, net_->stream(), out.shape, rows, sums);
    std::copy(sums, sums + rows * out.stride(), out.words.data() + out.at(t, begin));
  }
  return saturations;
}

template <class Sum>
void SampleRun::fire_block(LayerId lif, const NeuronBlock& block, const Sum* sums,
                           std::int64_t bound, BlockCounts& counted) {
  step_block(lif, block, sums, bound, counted.saturations);
  auto& out = std::get<SpikeTensor>(*trains_[lif.index]);
  for (std::uint32_t t = 0; t < steps_; ++t) {
    counted.spikes[t] = count_words(words_of(out, t, block));
  }
}

template <class Sum>
void SampleRun::step_block(LayerId lif, const NeuronBlock& block, const Sum* sums,
                           std::int64_t bound, std::span<std::uint64_t> saturations) {
  auto& out = std::get<SpikeTensor>(*trains_[lif.index]);
  const Neurons& neurons = *net_->layer(lif).neurons;
  if constexpr (!std::is_same_v<Sum, std::int16_t>) {
    if (running_ != nullptr) return running_->at(lif, block.begin).run(sums, out, saturations);
  }
  if constexpr (std::is_same_v<Sum, float>) {
    if (has_membrane_only(neurons.op)) return lif_block(neurons.floating, block, sums, out);
  } else if (neurons.narrow) {
    return lif_block(*neurons.narrow, block, sums, bound, out, saturations);
  }
  if constexpr (!std::is_same_v<Sum, std::int16_t>) {
    GeneralNeurons(neurons, block, out.shape().channels).run(sums, out, saturations);
  }
}

/// Neurons that read a stored current.
void SampleRun::fire_stored(LayerId lif) {
  const FeatureShape& shape = graph_.output_shape(lif);
  const CurrentTensor& in = current(lif);
  const std::int64_t bound = net_->layer(source(lif)).current_bound;
  trains_[lif.index] = SpikeTensor::unwritten(steps_, shape);
  const auto blocks = for_each_block(
      shape, [&](std::uint64_t begin, std::uint64_t end, BlockBuffers&, BlockCounts& counted) {
        const NeuronBlock block{begin, end, shape.positions() * in.stride()};
        if (in.is_float) {
          fire_block(lif, block, in.values.data() + in.at(0, begin), bound, counted);
        } else {
          fire_block(lif, block, in.words.data() + in.at(0, begin), bound, counted);
        }
      });
  merge(lif, lif, blocks);
}

}  // namespace nj
