#include "recurrent_run.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "graph_components.hpp"
#include "sample_run.hpp"

namespace nj {
namespace {

std::vector<LayerId> layers_of(const Population& population) {
  std::vector<LayerId> layers{population.lead};
  if (population.lif && *population.lif != population.lead) layers.push_back(*population.lif);
  if (population.pool) layers.push_back(*population.pool);
  return layers;
}

SpikeTrain silence(bool binary, std::uint32_t timesteps, const FeatureShape& shape) {
  if (binary) return SpikeTensor(timesteps, shape);
  return GradedTensor(timesteps, shape);
}

/// Copies step `from` of a train to step `to` of another of the same kind and shape.
void copy_step(const SpikeTrain& source, std::uint32_t from, SpikeTrain& target, std::uint32_t to) {
  std::visit(
      [&](const auto& tensor) {
        const auto step = tensor.step(from);
        auto& into = std::get<std::decay_t<decltype(tensor)>>(target);
        std::copy(step.begin(), step.end(), into.step(to).begin());
      },
      source);
}

SpikeTrain silence_like(const SpikeTrain& train, std::uint32_t timesteps) {
  return silence(std::holds_alternative<SpikeTensor>(train), timesteps, shape_of(train));
}

SpikeTrain step_of(const SpikeTrain& train, std::uint32_t t) {
  SpikeTrain step = silence_like(train, 1);
  copy_step(train, t, step, 0);
  return step;
}

/// Copies step `from` of a current to step `to` of another of the same kind and shape.
void copy_step(const CurrentTensor& source, std::uint32_t from, CurrentTensor& target,
               std::uint32_t to) {
  const auto copy = [&](const auto& values, auto& into) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(source.at(from, 0)), source.at(1, 0),
                into.begin() + static_cast<std::ptrdiff_t>(target.at(to, 0)));
  };
  source.is_float ? copy(source.values, target.values) : copy(source.words, target.words);
}

/// The populations of each component, lowest first, in an order in which none reads a later one.
std::vector<std::vector<std::size_t>> ordered_components(const Edges& readers) {
  const std::vector<std::size_t> component = strong_components(readers);
  std::vector<std::vector<std::size_t>> members(readers.size());
  std::vector<std::size_t> waiting(readers.size(), 0);
  for (std::size_t p = 0; p < readers.size(); ++p) {
    members[component[p]].push_back(p);
    for (const std::size_t reader : readers[p]) {
      if (component[reader] != component[p]) ++waiting[component[reader]];
    }
  }
  // Ready components by their lowest population.
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  const auto admit = [&](std::size_t c) {
    if (waiting[c] == 0) ready.push(members[c].front());
  };
  for (std::size_t c = 0; c < readers.size() && !members[c].empty(); ++c) admit(c);
  std::vector<std::vector<std::size_t>> order;
  while (!ready.empty()) {
    const std::size_t next = component[ready.top()];
    ready.pop();
    order.push_back(members[next]);
    for (const std::size_t p : members[next]) {
      for (const std::size_t reader : readers[p]) {
        const std::size_t c = component[reader];
        if (c == next) continue;
        --waiting[c];
        admit(c);
      }
    }
  }
  return order;
}

}  // namespace

std::vector<Stage> stages(const Network& network) {
  const std::vector<Population> groups = populations(network);
  std::vector<std::size_t> group_of(network.size());
  for (std::size_t p = 0; p < groups.size(); ++p) {
    for (const LayerId id : layers_of(groups[p])) group_of[id.index] = p;
  }
  Edges readers(groups.size());
  std::vector<bool> reads_itself(groups.size(), false);
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    for (const Operand& operand : network.operands({i})) {
      const std::size_t from = group_of[operand.source.index];
      if (from != group_of[i]) readers[from].push_back(group_of[i]);
      if (from == group_of[i] && operand.delay != 0) reads_itself[from] = true;
    }
  }
  std::vector<Stage> result;
  for (const auto& members : ordered_components(readers)) {
    Stage& stage = result.emplace_back();
    stage.stepwise = members.size() > 1 || reads_itself[members[0]];
    for (const std::size_t p : members) stage.populations.push_back(groups[p]);
  }
  return result;
}

SpikeTrain one_step_late(const SpikeTrain& train) {
  SpikeTrain late = silence_like(train, timesteps_of(train));
  for (std::uint32_t t = 1; t < timesteps_of(train); ++t) copy_step(train, t - 1, late, t);
  return late;
}

void RunningNeurons::add(LayerId lif, const Neurons& neurons, const FeatureShape& shape,
                         std::uint64_t block) {
  Layer& layer = layers_[lif.index];
  layer.block = block;
  for (std::uint64_t begin = 0; begin < shape.positions(); begin += block) {
    const std::uint64_t end = std::min(begin + block, shape.positions());
    layer.blocks.emplace_back(neurons, NeuronBlock{begin, end, 0}, shape.channels);
  }
}

RecurrentRun::RecurrentRun(SampleRun& sample, const Stage& stage)
    : sample_(sample), stage_(stage), inside_(sample.graph_.size(), false) {
  for (const Population& population : stage.populations) {
    for (const LayerId id : layers_of(population)) {
      layers_.push_back(id);
      inside_[id.index] = true;
    }
  }
}

void RecurrentRun::operator()(const GradedTensor& input) {
  prepare_results();
  SampleRun step(*sample_.net_, sample_.buffers_, sample_.options_, 1);
  RunningNeurons neurons(sample_.graph_.size());
  step.running_ = &neurons;
  for (const Population& population : stage_.populations) {
    if (!population.lif) continue;
    const LayerId lif = *population.lif;
    const FeatureShape& shape = sample_.graph_.output_shape(lif);
    neurons.add(lif, *sample_.net_->layer(lif).neurons, shape, step.block_size(shape));
  }
  for (std::uint32_t t = 0; t < sample_.steps_; ++t) {
    begin_step(step, t);
    for (const Population& population : stage_.populations) step.run(population, input);
    end_step(step, t);
  }
  for (const LayerId id : layers_) sample_.release_operands(id);
}

/// Whether layers outside read the current of one inside.
bool RecurrentRun::leaves_current(LayerId id) const {
  const auto readers = sample_.graph_.consumers(id);
  return !sample_.graph_.max_output(id) &&
         std::any_of(readers.begin(), readers.end(),
                     [&](LayerId reader) { return !inside_[reader.index]; });
}

void RecurrentRun::prepare_results() {
  for (const LayerId id : layers_) {
    const FeatureShape& shape = sample_.graph_.output_shape(id);
    if (sample_.graph_.max_output(id)) {
      sample_.trains_[id.index] = silence(sample_.graph_.is_binary(id), sample_.steps_, shape);
    } else if (leaves_current(id)) {
      sample_.currents_[id.index] = sample_.take_current();
      sample_.currents_[id.index]->assign(sample_.steps_, shape, sample_.net_->layer(id).is_float);
    }
  }
}

/// Hands step `t` of what comes from outside, and step `t` - 1 of what is read a step late.
void RecurrentRun::begin_step(SampleRun& step, std::uint32_t t) const {
  step.events_.reset();
  for (const LayerId id : layers_) {
    step.trains_[id.index].reset();
    step.result_.activity.layers[id.index].steps[0] = {};
    step.readers_[id.index] = std::numeric_limits<std::size_t>::max();  // released by end_step
  }
  for (const LayerId id : layers_) {
    for (const Operand& operand : sample_.graph_.operands(id)) {
      const std::size_t from = operand.source.index;
      const auto& train = sample_.trains_[from];
      if (operand.delay != 0) {
        step.delayed_[from] = t == 0 ? silence_like(*train, 1) : step_of(*train, t - 1);
      } else if (!inside_[from] && train) {
        step.trains_[from] = step_of(*train, t);
      } else if (!inside_[from] && !step.currents_[from]) {
        const CurrentTensor& current = *sample_.currents_[from];
        step.readers_[from] = std::numeric_limits<std::size_t>::max();
        step.currents_[from] = step.take_current();
        step.currents_[from]->assign(1, current.shape, current.is_float);
        copy_step(current, t, *step.currents_[from], 0);
      }
    }
  }
}

/// Keeps what the stage did in step `t`.
void RecurrentRun::end_step(SampleRun& step, std::uint32_t t) const {
  for (const LayerId id : layers_) {
    sample_.counts(id, t) += step.counts(id, 0);
    if (const auto& train = step.trains_[id.index]) {
      copy_step(*train, 0, *sample_.trains_[id.index], t);
    }
    if (leaves_current(id)) {
      copy_step(*step.currents_[id.index], 0, *sample_.currents_[id.index], t);
    }
  }
  for (auto& current : step.currents_) {
    if (!current) continue;
    sample_.buffers_.currents.push_back(std::move(*current));
    current.reset();
  }
}

}  // namespace nj
