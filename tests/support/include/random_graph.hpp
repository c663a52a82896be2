#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "neurojoule/core/network.hpp"

#include "random_model.hpp"

namespace nj::test {

/// Draws a network layer by layer: convolutions with unequal kernels, strides, dilation and groups,
/// all neuron options, pooling before and after neurons, membrane streams, coincidences, sums and
/// flattening. `now_` is the last layer that sends spikes.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed) : random_(seed, 3) {
    shape_ = {random_.integer(1, 4), random_.integer(4, 9), random_.integer(4, 9)};
    Input input{shape_, random_.pick<std::int16_t>({1, 5, 200})};
    if (input.max_value > 1 && random_.integer(0, 1) == 1) {
      input.min_value = static_cast<std::int16_t>(-input.max_value);
      input.scale = random_.pick({1.0, 0.015625, 0.3});
    }
    binary_ = input.max_value == 1;
    now_ = add("input", input, {});
  }

  Network build() {
    for (std::uint32_t i = random_.integer(1, 4); i > 0; --i) stage();
    return finish();
  }

 protected:
  Network finish() {
    if (random_.integer(0, 2) == 0) flatten();
    const bool stream = random_.integer(0, 3) == 0;
    const std::string last = stream ? membrane_sum() : now_;
    add("head", ClassifierHead{shape_.channels, 3}, {{last}});
    return Network::build(std::move(drafts_));
  }

  using Sources = std::vector<Network::Draft::Source>;

  std::string add(std::string name, Operator op, Sources sources) {
    drafts_.push_back({name, std::move(op), std::move(sources)});
    return name;
  }
  std::string fresh(const std::string& kind) { return kind + std::to_string(drafts_.size()); }

  Lif random_lif() {
    Lif lif;
    lif.tau = random_.pick({1.0, 1.5, 2.0, 2.0, 4.0});
    lif.v_threshold = random_.pick({0.5, 1.0, 1.3});
    lif.reset = random_.pick({Reset::to_zero, Reset::by_subtraction});
    lif.decay_input = random_.integer(0, 1) == 0;
    lif.firing = random_.pick({Firing::at_threshold, Firing::above_threshold});
    lif.refractory = random_.pick({0U, 0U, 1U, 2U});
    lif.tau_synapse = random_.pick({1.0, 1.0, 1.5, 3.0});
    if (random_.integer(0, 3) == 0) {
      lif.tau = no_leak;
      lif.decay_input = false;
    }
    return random_.integer(0, 2) == 0 ? Lif{2.0, lif.v_threshold} : lif;
  }
  std::string neurons(const std::string& current) {
    now_ = add(fresh("lif"), random_lif(), {{current}});
    binary_ = true;
    return now_;
  }
  Extent extent(std::uint32_t most_y, std::uint32_t most_x, std::uint32_t most) {
    return {random_.integer(1, std::min(most_y, most)), random_.integer(1, std::min(most_x, most))};
  }
  /// A convolution of `now` to `out` channels that keeps the shape when `same`.
  std::string convolution(std::uint32_t out, bool same) {
    Conv2d conv{shape_.channels, out};
    if (same) {
      const bool three = random_.integer(0, 1) == 1;
      conv.kernel = three ? 3 : 1;
      conv.padding = three ? 1 : 0;
    } else {
      conv.kernel = extent(shape_.height, shape_.width, 3);
      conv.stride = extent(3, 3, 2);
      conv.padding = {random_.integer(0, conv.kernel.y - 1), random_.integer(0, conv.kernel.x - 1)};
      conv.dilation = {2 * conv.kernel.y - 1 <= shape_.height ? random_.integer(1, 2) : 1,
                       2 * conv.kernel.x - 1 <= shape_.width ? random_.integer(1, 2) : 1};
    }
    if (shape_.channels % 2 == 0 && out % 2 == 0 && random_.integer(0, 2) == 0) conv.groups = 2;
    if (shape_.channels == out && random_.integer(0, 3) == 0) conv.groups = out;
    return add(fresh("conv"), conv, {{now_}});
  }
  void shrink(const Extent& kernel, const Extent& stride, const Extent& padding, Extent dilation) {
    const auto size = [](std::uint32_t n, std::uint32_t k, std::uint32_t s, std::uint32_t p,
                         std::uint32_t d) { return (n + 2 * p - (k - 1) * d - 1) / s + 1; };
    shape_.height = size(shape_.height, kernel.y, stride.y, padding.y, dilation.y);
    shape_.width = size(shape_.width, kernel.x, stride.x, padding.x, dilation.x);
  }
  template <class Pool>
  Pool random_pool() {
    Pool pool;
    pool.kernel = extent(shape_.height, shape_.width, 3);
    pool.stride = extent(3, 3, 2);
    pool.padding = {random_.integer(0, pool.kernel.y - 1), random_.integer(0, pool.kernel.x - 1)};
    return pool;
  }

  void stage() {
    const std::uint32_t out = random_.pick({2U, 4U, 12U, 34U, 64U});
    const std::string current = convolution(out, false);
    const auto conv = std::get<Conv2d>(drafts_.back().op);
    shrink(conv.kernel, conv.stride, conv.padding, conv.dilation);
    shape_.channels = out;
    switch (random_.integer(0, 8)) {
      case 0:
        return pool_before(current);
      case 1:
        neurons(current);
        return pool_after();
      case 2:
        neurons(current);
        return mean_of_spikes();
      case 3:
        neurons(current);
        return shortcut();
      case 4:
        neurons(current);
        return gate_by_channel();
      case 5:
        neurons(current);
        return gate_by_head();
      case 6:
        neurons(current);
        return mean_of_stream();
      case 7:
        two_readers(current);
        return;
      default:
        neurons(current);
    }
  }
  void pool_before(const std::string& current) {
    const auto pool = random_pool<MaxPool2d>();
    const std::string pooled = add(fresh("pool"), pool, {{current}});
    shrink(pool.kernel, pool.stride, pool.padding, 1);
    neurons(pooled);
  }
  void pool_after() {
    const auto pool = random_pool<MaxPool2d>();
    now_ = add(fresh("pool"), pool, {{now_}});
    shrink(pool.kernel, pool.stride, pool.padding, 1);
  }
  void mean_of_spikes() {
    const auto pool = random_pool<AveragePool2d>();
    now_ = add(fresh("mean"), pool, {{now_}});
    shrink(pool.kernel, pool.stride, pool.padding, 1);
    binary_ = false;
  }
  /// Two currents of one shape, added; the sum feeds neurons or, at the end, the head.
  std::string membrane_sum() {
    const std::uint32_t out = random_.pick({4U, 33U});
    const std::string a = convolution(out, true);
    const std::string b = convolution(out, true);
    shape_.channels = out;
    return add(fresh("sum"), ResidualAdd{}, {{a}, {b, Port::residual}});
  }
  void shortcut() {
    const std::string sum = membrane_sum();
    const std::string first = neurons(sum);
    const std::string c = convolution(shape_.channels, true);
    neurons(add(fresh("sum"), ResidualAdd{}, {{sum}, {c, Port::residual}}));
  }
  void mean_of_stream() {
    const std::string current = convolution(shape_.channels, true);
    const Extent all{shape_.height, shape_.width};
    const std::string mean = add(fresh("mean"), AveragePool2d{all, 1, 0}, {{current}});
    shape_.height = shape_.width = 1;
    neurons(mean);
  }
  void two_readers(const std::string& current) {
    const std::string a = neurons(current);
    const std::string b = neurons(current);
    now_ = add(fresh("add"), ResidualAdd{}, {{a}, {b, Port::residual}});
    binary_ = false;
  }
  /// Spike-Driven Transformer: q AND (sum over tokens of k AND v).
  void gate_by_channel() {
    const std::string q = now_;
    std::string both = add(fresh("and"), SpikeAnd{}, {{q}, {q, Port::gate}});
    const std::uint32_t heads = shape_.channels % 2 == 0 ? 2 : 1;
    if (random_.integer(0, 1) == 1) {
      both = add(fresh("max"), TokenChannelMax{heads}, {{both}});
    }
    const std::string sum = add(fresh("sum"), SpikeSum{SumAxis::tokens, 1, 0.25}, {{both}});
    const std::string gate = neurons(sum);
    now_ = add(fresh("and"), SpikeAnd{}, {{q}, {gate, Port::gate}});
  }
  /// QKFormer: k AND (sum over a head's channels of q).
  void gate_by_head() {
    const std::string k = now_;
    const std::uint32_t heads = shape_.channels % 2 == 0 ? 2 : 1;
    const std::string sum = add(fresh("sum"), SpikeSum{SumAxis::head, heads, 1.0}, {{k}});
    const std::string gate = neurons(sum);
    now_ = add(fresh("and"), SpikeAnd{}, {{k}, {gate, Port::gate}});
  }
  void flatten() {
    now_ = add(fresh("flatten"), Flatten{}, {{now_}});
    shape_ = {shape_.channels * shape_.height * shape_.width, 1, 1};
  }

  Random random_;
  std::vector<Network::Draft> drafts_;
  FeatureShape shape_;
  std::string now_;
  bool binary_ = false;
};

}  // namespace nj::test
