#include "neurojoule/core/spike_tensor.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nj {
namespace {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string to_string(const FeatureShape& shape) {
  return fmt::format("[{}, {}, {}]", shape.channels, shape.height, shape.width);
}

SpikeTensor::SpikeTensor(std::uint32_t timesteps, FeatureShape shape)
    : timesteps_(timesteps),
      shape_(shape),
      words_per_step_((shape.neurons() + 63) / 64),
      words_(words_per_step_ * timesteps, 0) {}

SpikeTensor SpikeTensor::unwritten(std::uint32_t timesteps, FeatureShape shape) {
  SpikeTensor tensor(0, shape);
  tensor.timesteps_ = timesteps;
  tensor.words_.resize(tensor.words_per_step_ * timesteps);
  return tensor;
}

std::uint64_t SpikeTensor::count(std::uint32_t t) const { return count_bits(step(t)); }

std::uint64_t SpikeTensor::count() const {
  std::uint64_t spikes = 0;
  for (std::uint32_t t = 0; t < timesteps_; ++t) spikes += count(t);
  return spikes;
}

double SpikeTensor::density() const { return ratio(count(), shape_.neurons() * timesteps_); }

GradedTensor::GradedTensor(std::uint32_t timesteps, FeatureShape shape)
    : timesteps_(timesteps), shape_(shape), values_(shape.neurons() * timesteps, 0) {}

GradedTensor GradedTensor::unwritten(std::uint32_t timesteps, FeatureShape shape) {
  GradedTensor tensor(0, shape);
  tensor.timesteps_ = timesteps;
  tensor.values_.resize(shape.neurons() * timesteps);
  return tensor;
}

std::uint64_t GradedTensor::count(std::uint32_t t) const {
  const auto values = step(t);
  return static_cast<std::uint64_t>(
      std::count_if(values.begin(), values.end(), [](std::int16_t v) { return v != 0; }));
}

std::uint64_t GradedTensor::count() const {
  std::uint64_t spikes = 0;
  for (std::uint32_t t = 0; t < timesteps_; ++t) spikes += count(t);
  return spikes;
}

double GradedTensor::density() const { return ratio(count(), shape_.neurons() * timesteps_); }

std::int16_t GradedTensor::min() const {
  std::int16_t least = values_.empty() ? std::int16_t{0} : values_.front();
  for (const std::int16_t v : values_) least = std::min(least, v);
  return least;
}
std::int16_t GradedTensor::max() const {
  std::int16_t most = values_.empty() ? std::int16_t{0} : values_.front();
  for (const std::int16_t v : values_) most = std::max(most, v);
  return most;
}

std::uint64_t count(const SpikeTrain& train, std::uint32_t t) {
  return std::visit([&](const auto& tensor) { return tensor.count(t); }, train);
}
std::uint64_t count(const SpikeTrain& train) {
  return std::visit([](const auto& tensor) { return tensor.count(); }, train);
}
const FeatureShape& shape_of(const SpikeTrain& train) {
  return std::visit([](const auto& tensor) -> const FeatureShape& { return tensor.shape(); },
                    train);
}
std::uint32_t timesteps_of(const SpikeTrain& train) {
  return std::visit([](const auto& tensor) { return tensor.timesteps(); }, train);
}

}  // namespace nj
