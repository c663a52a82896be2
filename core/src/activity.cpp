#include "neurojoule/core/activity.hpp"

#include "neurojoule/core/error.hpp"

namespace nj {

StepCounts& StepCounts::operator+=(const StepCounts& other) {
  spikes += other.spikes;
  spike_values += other.spike_values;
  binary_accumulates += other.binary_accumulates;
  graded_multiplies += other.graded_multiplies;
  attention_coincidences += other.attention_coincidences;
  attention_accumulates += other.attention_accumulates;
  transposed_coincidences += other.transposed_coincidences;
  transposed_accumulates += other.transposed_accumulates;
  neuron_updates += other.neuron_updates;
  stream_additions += other.stream_additions;
  overflows += other.overflows;
  saturations += other.saturations;
  return *this;
}

StepCounts LayerActivity::total() const {
  StepCounts sum;
  for (const StepCounts& step : steps) sum += step;
  return sum;
}

Activity::Activity(std::size_t layer_count, std::uint32_t steps)
    : timesteps(steps), layers(layer_count, LayerActivity{std::vector<StepCounts>(steps)}) {}

Activity& Activity::operator+=(const Activity& other) {
  if (layers.empty()) return *this = other;
  if (layers.size() != other.layers.size() || timesteps != other.timesteps) {
    throw Error(ErrorKind::shape, "activities of different networks cannot be added");
  }
  samples += other.samples;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (std::uint32_t t = 0; t < timesteps; ++t) layers[i].steps[t] += other.layers[i].steps[t];
  }
  return *this;
}

StepCounts Activity::total() const {
  StepCounts sum;
  for (const LayerActivity& layer : layers) sum += layer.total();
  return sum;
}

}  // namespace nj
