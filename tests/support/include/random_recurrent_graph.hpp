#pragma once

#include <cstdint>
#include <string>

#include "random_graph.hpp"

namespace nj::test {

/// A random graph with operands with a delay, most of them on cycles: behind at most two stages of
/// a RandomGraph, recurrent neurons of one layer and of two, cycles over sums, masks, attention and
/// pools, and sums of a train with its past.
class RandomRecurrentGraph : private RandomGraph {
 public:
  explicit RandomRecurrentGraph(std::uint64_t seed) : RandomGraph(seed) {}

  Network build() {
    for (std::uint32_t i = random_.integer(0, 2); i > 0; --i) stage();
    for (std::uint32_t i = random_.integer(1, 3); i > 0; --i) recurrent_stage();
    return finish();
  }

 private:
  /// Adds neurons of a name given before, so that layers in front could name them.
  void named_neurons(const std::string& name, const std::string& current) {
    now_ = add(name, random_lif(), {{current}});
    binary_ = true;
  }
  std::string sum_of(const std::string& a, const std::string& b, std::uint32_t delay = 0) {
    return add(fresh("sum"), ResidualAdd{}, {{a}, {b, Port::residual, delay}});
  }
  /// A convolution that keeps the map and reads `from` a step late.
  std::string late_convolution(const std::string& from, std::uint32_t in, std::uint32_t out) {
    const bool three = random_.integer(0, 1) == 1;
    return add(fresh("late"), Conv2d{in, out, three ? 3 : 1, 1, three ? 1 : 0},
               {{from, Port::input, 1}});
  }
  std::uint32_t heads() const { return shape_.channels % 2 == 0 ? 2 : 1; }

  void recurrent_stage() {
    if (!binary_) {  // every kind below has spikes to start from
      neurons(add(fresh("conv"), Conv2d{0, 4}, {{now_}}));
      shape_.channels = 4;
    }
    const std::string name = fresh("cycle");
    switch (random_.integer(0, 7)) {
      case 0:
        return late_only();
      case 1:
        return two_layers(name);
      case 2:
        return residual_cycle(name);
      case 3:
        return gated_cycle(name);
      case 4:
        return attention_cycle(name);
      case 5:
        return pooled_cycle(name);
      case 6:
        return stream_beside(name);
      default:
        return recurrent_neurons(name);
    }
  }
  /// conv -> sum -> neurons, whose spikes come back a step late.
  void recurrent_neurons(const std::string& name) {
    const std::uint32_t out = random_.pick({3U, 33U, 64U});
    const std::string current = convolution(out, true);
    const std::string late = late_convolution(name, out, out);
    shape_.channels = out;
    named_neurons(name, sum_of(current, late));
  }
  /// The same over a second layer of neurons; what follows reads the first.
  void two_layers(const std::string& name) {
    const std::string second = name + "b";
    const std::string current = convolution(4, true);
    const std::string late = late_convolution(second, 6, 4);
    shape_.channels = 4;
    named_neurons(name, sum_of(current, late));
    named_neurons(second, add(fresh("conv"), Conv2d{4, 6}, {{name}}));
    now_ = name;
  }
  /// No cycle: a sum with the step before, read with and without delay.
  void late_only() {
    const std::string sum = sum_of(now_, now_, 1);
    const std::string late = late_convolution(sum, shape_.channels, 5);
    const std::string present = add(fresh("conv"), Conv2d{shape_.channels, 5}, {{sum}});
    shape_.channels = 5;
    neurons(sum_of(late, present));
  }
  /// A graded sum inside the cycle, and neurons outside that read a current of it, which is no
  /// stream.
  void residual_cycle(const std::string& name) {
    const std::string sum = sum_of(now_, name, 1);
    const std::string current = add(fresh("conv"), Conv2d{0, shape_.channels}, {{sum}});
    named_neurons(name, current);
    now_ = random_.integer(0, 1) == 0 ? sum : sum_of(sum, neurons(current));
    binary_ = false;
  }
  /// Spikes masked by a gate that they drove a step before, and fed by their own maximum.
  void gated_cycle(const std::string& name) {
    const SpikeSum sum = random_.integer(0, 1) == 0 ? SpikeSum{SumAxis::tokens, 1, 0.25}
                                                    : SpikeSum{SumAxis::head, heads(), 1.0};
    const std::string window = name + "w";
    const std::string both = sum_of(now_, window, 1);
    const std::string spikes = neurons(add(fresh("conv"), Conv2d{0, shape_.channels}, {{both}}));
    const std::string masked = add(fresh("and"), SpikeAnd{}, {{spikes}, {name, Port::gate, 1}});
    add(window, TokenChannelMax{heads()}, {{masked}});
    named_neurons(name, add(fresh("sum"), sum, {{spikes}}));
    now_ = masked;
  }
  /// Attention whose keys are driven by what it drove a step before; its values are late too.
  void attention_cycle(const std::string& name) {
    const std::string q = now_;
    const std::string current = add(fresh("conv"), Conv2d{0, shape_.channels}, {{q}});
    const std::string late = late_convolution(name, shape_.channels, shape_.channels);
    const std::string k = neurons(sum_of(current, late));
    named_neurons(name, add(fresh("ssa"), SpikingSelfAttention{heads(), 0.25},
                            {{q, Port::query}, {k, Port::key}, {q, Port::value, 1}}));
  }
  /// Pooled spikes come back: their maximum or their mean, delayed before the pool or behind it.
  void pooled_cycle(const std::string& name) {
    const std::string current = convolution(4, true);
    shape_.channels = 4;
    const std::uint32_t before = random_.integer(0, 1);
    const Sources from = {{name, Port::input, before}};
    const std::string back = random_.integer(0, 1) == 0
                                 ? add(fresh("pool"), MaxPool2d{3, 1, 1}, from)
                                 : add(fresh("mean"), AveragePool2d{3, 1, 1}, from);
    const std::string again = add(fresh("conv"), Conv2d{4, 4}, {{back, Port::input, 1 - before}});
    named_neurons(name, sum_of(current, again));
  }
  /// The sum that drives recurrent neurons also leaves the cycle, as it is and through a pool.
  void stream_beside(const std::string& name) {
    const std::string current = convolution(4, true);
    const std::string late = late_convolution(name, 4, 4);
    shape_.channels = 4;
    const std::string sum = sum_of(current, late);
    named_neurons(name, sum);
    neurons(sum_of(sum, add(fresh("pool"), MaxPool2d{3, 1, 1}, {{sum}})));
  }
};

}  // namespace nj::test
