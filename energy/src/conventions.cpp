#include "neurojoule/energy/conventions.hpp"

#include <algorithm>

namespace nj {
namespace {

ConventionCost accumulates(double count) { return {0, count}; }
ConventionCost products(double count) { return {count, 0}; }
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
      break;
  }
  return "linear-bits";
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
      break;
  }
  return "rate x dense ACs x weight bits / 32";
}

ConventionCost& ConventionCost::operator+=(const ConventionCost& other) {
  macs += other.macs;
  acs += other.acs;
  return *this;
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
      break;
  }
  return std::visit(LinearBitsRule{}, layer.work);
}

ConventionCost cost(Convention convention, std::span<const LayerWork> layers) {
  ConventionCost sum;
  for (const LayerWork& layer : layers) sum += cost(convention, layer);
  return sum;
}

}  // namespace nj
