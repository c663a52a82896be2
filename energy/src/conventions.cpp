#include "neurojoule/energy/conventions.hpp"

#include <algorithm>

namespace nj {
namespace {

ConventionCost accumulates(double count) { return float_operations(0, count); }
ConventionCost products(double count) { return float_operations(count, 0); }
ConventionCost by_input(double count, double rate, bool binary) {
  return binary ? accumulates(count * rate) : products(count);
}

/// The rules of one convention, by kind of layer; what has no rule is not counted.
struct SpikformerRule {
  ConventionCost operator()(const WeightedWork& w) const {
    return w.reads_input ? products(w.dense) : accumulates(w.input_rate * w.dense);
  }
  ConventionCost operator()(const AttentionWork& a) const {
    const double rate = (a.query_rate + a.key_rate + a.value_rate) / 3;
    return accumulates(rate * 2 * a.timesteps * a.tokens * a.tokens * a.channels);
  }
  ConventionCost operator()(const NeuronWork&) const { return {}; }
  ConventionCost operator()(const PoolingWork&) const { return {}; }
};

struct SpikingformerRule {
  ConventionCost operator()(const WeightedWork& w) const {
    return by_input(w.dense, w.input_rate, w.binary);
  }
  ConventionCost operator()(const AttentionWork& a) const {
    const double head = a.channels / a.heads;
    return accumulates(a.timesteps * a.heads * a.tokens * head * head *
                       (std::min(a.key_rate, a.value_rate) + a.query_rate));
  }
  ConventionCost operator()(const NeuronWork&) const { return {}; }
  ConventionCost operator()(const PoolingWork&) const { return {}; }
};

struct SyopsRule {
  ConventionCost operator()(const WeightedWork& w) const {
    return by_input(w.dense, w.input_rate, w.binary);
  }
  ConventionCost operator()(const AttentionWork&) const { return {}; }
  ConventionCost operator()(const NeuronWork& n) const { return accumulates(n.updates); }
  ConventionCost operator()(const PoolingWork& p) const {
    return by_input(p.inputs, p.input_rate, p.binary);
  }
};

struct LinearBitsRule {
  ConventionCost operator()(const WeightedWork& w) const {
    return accumulates(w.input_rate * w.dense * w.weight_bits / 32);
  }
  ConventionCost operator()(const AttentionWork&) const { return {}; }
  ConventionCost operator()(const NeuronWork&) const { return {}; }
  ConventionCost operator()(const PoolingWork&) const { return {}; }
};

/// Adds up what one layer costs under `lemaire`.
class LemaireSum {
 public:
  explicit LemaireSum(double bits)
      : bits_(bits), add_(bits == 8 ? 0.03 : 0.1), multiply_(bits == 8 ? 0.2 : 3.1) {}

  void multiply_accumulate(double count) {
    sum_ += {count, 0, 0, Picojoules{count * (multiply_ + add_)}, {}};
  }
  void multiply(double count) { sum_ += {count, 0, 0, Picojoules{count * multiply_}, {}}; }
  void accumulate(double count) { sum_ += {0, count, 0, Picojoules{count * add_}, {}}; }
  /// Accesses to a memory of `words`.
  void access(double count, double words) {
    const double price = 1.09e-5 * words * bits_ + 13.2;
    sum_ += {0, 0, count, {}, Picojoules{count * price}};
  }
  [[nodiscard]] const ConventionCost& cost() const { return sum_; }

 private:
  ConventionCost sum_;
  double bits_, add_, multiply_;
};

/// Words of the queues that spikes come from and go to.
constexpr double queue_words = 0;

double products_per_output(const LayerExtents& e) {
  return e.fully_connected ? e.inputs : e.in_channels * e.kernel;
}

/// Products that one input makes, wherever it is.
double products_per_input(const LayerExtents& e, double kernel) {
  return e.fully_connected ? e.outputs : e.out_channels * kernel;
}

/// A layer that is not spiking.
void add_formal(const LayerExtents& e, LemaireSum& sum) {
  const double products = e.outputs * products_per_output(e);
  sum.multiply_accumulate(products);
  sum.accumulate(e.outputs);
  sum.accumulate(e.fully_connected ? e.inputs * e.outputs
                                   : e.inputs + e.outputs + e.out_channels * e.kernel);
  sum.access(e.fully_connected ? e.inputs : products, e.inputs);
  sum.access(products, e.weights);
  if (e.biases > 0) sum.access(e.outputs, e.biases);
  sum.access(e.outputs, e.outputs);
}

/// A spiking layer; `input_rate` is that of inputs which are no spikes.
void add_spiking(const LayerExtents& e, double input_rate, LemaireSum& sum) {
  const bool hybrid = !e.spike_rate;
  const double all_steps = e.spike_rate.value_or(input_rate) * e.timesteps;
  const double rate = hybrid ? input_rate : all_steps;  // a value is read once
  const double inputs = rate * e.inputs;
  const double fired = e.output_rate * e.timesteps * e.outputs;
  if (hybrid) {
    sum.multiply_accumulate(rate * e.outputs * products_per_output(e));
    sum.accumulate(e.outputs + fired);
    if (e.leaks) sum.multiply(e.outputs);
  } else {
    sum.accumulate(inputs * products_per_input(e, e.strided_kernel) + e.timesteps * e.outputs +
                   fired);
    if (e.leaks) sum.multiply_accumulate(e.timesteps * e.outputs);
  }
  if (e.fully_connected) {
    sum.accumulate(rate * e.outputs);
  } else {
    sum.multiply_accumulate(2 * inputs);
    sum.accumulate(inputs * e.kernel);
  }
  sum.access(inputs + fired, queue_words);
  sum.access(inputs * products_per_input(e, e.kernel), e.weights);
  if (e.biases > 0) sum.access(e.timesteps * e.outputs, e.biases);
  sum.access(2 * (all_steps * e.inputs * products_per_input(e, e.kernel) + e.timesteps * e.outputs),
             e.outputs);
}

struct LemaireRule {
  ConventionCost operator()(const WeightedWork& w) const {
    LemaireSum sum(w.weight_bits);
    w.extents.spiking ? add_spiking(w.extents, w.input_rate, sum) : add_formal(w.extents, sum);
    return sum.cost();
  }
  ConventionCost operator()(const AttentionWork&) const { return {}; }
  ConventionCost operator()(const NeuronWork&) const { return {}; }
  ConventionCost operator()(const PoolingWork&) const { return {}; }
};

}  // namespace

std::string_view to_string(Convention convention) {
  switch (convention) {
    case Convention::spikformer:
      return "spikformer";
    case Convention::spikingformer:
      return "spikingformer";
    case Convention::syops:
      return "syops";
    case Convention::linear_bits:
      return "linear-bits";
    case Convention::lemaire:
      break;
  }
  return "lemaire";
}

std::string_view describe(Convention convention) {
  switch (convention) {
    case Convention::spikformer:
      return "MACs of the first layer, rate x dense ACs of the others and of attention";
    case Convention::spikingformer:
      return "MACs where inputs are not binary, else rate x dense ACs; attention as Q (K^T V)";
    case Convention::syops:
      return "the same without attention, with neuron updates and pooling";
    case Convention::linear_bits:
      return "rate x dense ACs x weight bits / 32";
    case Convention::lemaire:
      break;
  }
  return "operations, addresses and memories of weighted layers, an access per operand";
}

ConventionCost& ConventionCost::operator+=(const ConventionCost& other) {
  macs += other.macs;
  acs += other.acs;
  memory_accesses += other.memory_accesses;
  operations += other.operations;
  memory += other.memory;
  return *this;
}

ConventionCost float_operations(double macs, double acs) {
  const Picojoules energy{macs * mac_energy.value() + acs * ac_energy.value()};
  return {macs, acs, 0, energy, {}};
}

ConventionCost cost(Convention convention, const LayerWork& layer) {
  switch (convention) {
    case Convention::spikformer:
      return std::visit(SpikformerRule{}, layer.work);
    case Convention::spikingformer:
      return std::visit(SpikingformerRule{}, layer.work);
    case Convention::syops:
      return std::visit(SyopsRule{}, layer.work);
    case Convention::linear_bits:
      return std::visit(LinearBitsRule{}, layer.work);
    case Convention::lemaire:
      break;
  }
  return std::visit(LemaireRule{}, layer.work);
}

ConventionCost cost(Convention convention, std::span<const LayerWork> layers) {
  ConventionCost sum;
  for (const LayerWork& layer : layers) sum += cost(convention, layer);
  return sum;
}

}  // namespace nj
