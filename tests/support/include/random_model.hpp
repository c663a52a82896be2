#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "neurojoule/core/rng.hpp"
#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/model.hpp"

namespace nj::test {

/// Draws numbers one after the other from one counter-based stream.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t entity = 0) : key_{seed, 77, entity} {}
  /// Uniform in [least, most].
  std::uint32_t integer(std::uint32_t least, std::uint32_t most) {
    return least +
           static_cast<std::uint32_t>(random_below(key_, step_++, std::uint64_t{most} - least + 1));
  }
  /// Uniform in [-1, 1).
  float symmetric() {
    return static_cast<float>(static_cast<double>(random_u64(key_, step_++) >> 11) * 0x1p-52 - 1.0);
  }
  template <class T, std::size_t N>
  T pick(const T (&values)[N]) {
    return values[integer(0, N - 1)];
  }

 private:
  RandomKey key_;
  std::uint32_t step_ = 0;
};

/// Uniform random weights whose sums have a standard deviation of about `gain` at an input density
/// of 15 %, and biases in [-bias, bias).
inline Model random_model(Network network, std::uint32_t timesteps, std::uint64_t seed,
                          float gain = 1.0F, float bias = 0.3F) {
  Model model{std::move(network), {}, timesteps};
  model.weights.resize(model.network.size());
  for (const LayerId id : model.network.weighted_layers()) {
    const WeightShape shape = *weight_shape(model.network.layer(id).op);
    Random random(seed, id.index + 1);
    const float amplitude = gain * std::sqrt(3.0F / (0.15F * static_cast<float>(shape.fan_in())));
    LayerWeights& layer = model.weights[id.index].emplace();
    for (std::uint64_t i = 0; i < shape.elements(); ++i) {
      layer.weight.push_back(amplitude * random.symmetric());
    }
    for (std::uint32_t o = 0; o < shape.out; ++o) layer.bias.push_back(bias * random.symmetric());
  }
  return model;
}

/// Values 1..max_value at about `percent` of the places, 0 elsewhere; with a negative `min_value`,
/// every third of them is in min_value..-1.
inline GradedTensor random_frames(std::uint32_t timesteps, const FeatureShape& shape,
                                  std::uint32_t max_value, std::uint32_t percent,
                                  std::uint64_t seed, std::int16_t min_value = 0) {
  GradedTensor frames(timesteps, shape);
  Random random(seed, 0xF00D);
  for (std::uint32_t t = 0; t < timesteps; ++t) {
    for (std::int16_t& value : frames.step(t)) {
      if (random.integer(0, 99) < percent) {
        value = static_cast<std::int16_t>(random.integer(1, max_value));
        if (min_value < 0 && random.integer(0, 2) == 0) {
          value = static_cast<std::int16_t>(
              -static_cast<int>(random.integer(1, static_cast<std::uint32_t>(-min_value))));
        }
      }
    }
  }
  return frames;
}

}  // namespace nj::test
