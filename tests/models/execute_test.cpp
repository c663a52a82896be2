// Question: is the event-driven executor the same function as naive dense loops? Spikes, residual
// values, logits and every count, on random networks of random shapes, strides, paddings, formats
// and densities.
#include "neurojoule/models/execute.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/attention_operations.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/models/effective_operations.hpp"
#include "neurojoule/models/quantize.hpp"

#include "dense_reference.hpp"
#include "random_model.hpp"

namespace {

using namespace nj;
using nj::test::Random;
using Drafts = std::vector<Network::Draft>;

/// Adds conv + lif and returns the name of the lif.
std::string add_neurons(Drafts& drafts, Random& random, const std::string& source,
                        const Conv2d& conv) {
  const std::string name = "layer" + std::to_string(drafts.size());
  const Lif lif{random.pick({1.0, 1.5, 2.0, 2.0, 2.0, 4.0}), random.pick({0.5, 1.0, 1.3})};
  drafts.push_back({name + "_conv", conv, {{source, Port::input}}});
  drafts.push_back({name + "_lif", lif, {{name + "_conv", Port::input}}});
  return name + "_lif";
}

/// A random network: 1-3 stages (conv, lif, perhaps pool), perhaps a residual, perhaps attention.
Network random_network(std::uint64_t seed) {
  Random random(seed);
  Drafts drafts;
  const FeatureShape input{random.integer(1, 4), random.integer(3, 10), random.integer(3, 10)};
  const auto max_value = random.pick<std::int16_t>({1, 1, 3, 7, 255});
  drafts.push_back({"input", Input{input, max_value}, {}});
  std::string stream = "input";
  std::uint32_t channels = input.channels;
  std::uint32_t least = std::min(input.height, input.width);
  const auto window = [&](std::uint32_t kernel, std::uint32_t stride, std::uint32_t padding) {
    least = (least + 2 * padding - kernel) / stride + 1;
  };
  for (std::uint32_t stage = random.integer(1, 3); stage > 0; --stage) {
    const std::uint32_t out = random.pick({1U, 4U, 12U, 33U, 64U, 70U});
    const std::uint32_t kernel = random.integer(1, std::min(least, 3U));
    const Conv2d conv{channels, out, kernel, random.integer(1, 2), random.integer(0, kernel - 1)};
    stream = add_neurons(drafts, random, stream, conv);
    window(kernel, conv.stride.y, conv.padding.y);
    channels = out;
    if (random.integer(0, 1) == 1) {
      const std::string name = "pool" + std::to_string(stage);
      const std::uint32_t size = random.integer(2, 3);
      const MaxPool2d pool{size, random.integer(1, 3), size - 1};
      drafts.push_back({name, pool, {{stream, Port::input}}});
      window(size, pool.stride.y, pool.padding.y);
      stream = name;
    }
  }
  if (random.integer(0, 2) > 0) {
    const std::string branch = add_neurons(drafts, random, stream, {channels, channels, 3, 1, 1});
    drafts.push_back({"add", ResidualAdd{}, {{stream, Port::input}, {branch, Port::residual}}});
    stream = "add";
  }
  if (random.integer(0, 2) > 0) {
    const std::uint32_t heads = random.integer(1, 3);
    const Conv2d linear{channels, heads * random.pick({1U, 5U, 24U, 70U}), 1, 1, 0};
    const std::string q = add_neurons(drafts, random, stream, linear);
    const std::string k = add_neurons(drafts, random, stream, linear);
    const std::string v = add_neurons(drafts, random, stream, linear);
    drafts.push_back({"ssa",
                      SpikingSelfAttention{heads, 0.25},
                      {{q, Port::query}, {k, Port::key}, {v, Port::value}}});
    drafts.push_back({"attn_lif", Lif{2.0, 0.5}, {{"ssa", Port::input}}});
    stream = "attn_lif";
    channels = linear.out_channels;
  }
  drafts.push_back({"head", ClassifierHead{channels, 5}, {{stream, Port::input}}});
  return Network::build(std::move(drafts));
}

WeightRule random_rule(Random& random) {
  WeightRule rule;
  rule.format.granularity = random.pick({Granularity::per_channel, Granularity::per_tensor});
  rule.scale_rule = random.pick({ScaleRule::mse, ScaleRule::max});
  const std::uint32_t kind = random.integer(0, 9);
  if (kind == 0) {
    rule.format = NumberFormat{};
  } else if (kind < 4) {
    rule.format.scheme = Scheme::power_of_two;
    rule.format.bits = static_cast<std::uint8_t>(random.integer(2, 5));
  } else if (kind == 4) {
    rule.format.scheme = Scheme::additive_power_of_two;
    rule.format.bits = static_cast<std::uint8_t>(random.integer(2, 8));
  } else if (kind == 5) {
    const bool ternary = random.integer(0, 1) == 1;
    rule.format.scheme = ternary ? Scheme::ternary : Scheme::binary;
    rule.format.bits = ternary ? 2 : 1;
  } else if (kind == 6) {
    rule.format = {Scheme::uniform, 4, Granularity::per_group, random.integer(0, 1) == 1,
                   static_cast<std::uint16_t>(random.integer(1, 20))};
  } else {
    rule.format.scheme = Scheme::uniform;
    rule.format.bits = static_cast<std::uint8_t>(random.pick({2U, 3U, 4U, 6U, 8U, 8U, 12U, 16U}));
  }
  return rule;
}

QuantizationSpec random_spec(Random& random, const Network& network) {
  QuantizationSpec spec;
  spec.default_rule = random_rule(random);
  for (const LayerId id : network.weighted_layers()) {
    if (random.integer(0, 1) == 1) {
      spec.layers.push_back({network.layer(id).name, random_rule(random)});
    }
  }
  spec.membrane.fraction_bits = static_cast<std::uint8_t>(random.integer(0, 8));
  spec.membrane.bits = static_cast<std::uint8_t>(
      std::max<std::uint32_t>(random.integer(8, 32), spec.membrane.fraction_bits + 4U));
  spec.membrane.rounding = random.pick({Rounding::nearest_half_up, Rounding::floor});
  if (random.integer(0, 2) == 0) {
    spec.accumulator.bits = static_cast<std::uint8_t>(random.integer(4, 16));
    spec.accumulator.overflow = random.pick({Overflow::saturate, Overflow::wrap});
    spec.score = {static_cast<std::uint8_t>(random.integer(2, 6)), spec.accumulator.overflow};
  }
  return spec;
}

/// A quantized random network, or nullopt when its formats do not fit each other.
std::optional<QuantizedNetwork> try_quantize(const Model& model, const QuantizationSpec& spec) {
  try {
    return quantize(model, spec);
  } catch (const Error& error) {
    const bool expected = error.kind() == ErrorKind::capacity || error.kind() == ErrorKind::numeric;
    CHECK_MESSAGE(expected, error.what());
    return std::nullopt;
  }
}

TEST_CASE("executor equals the dense reference: spikes, residuals, logits and counts") {
  std::uint32_t compared = 0;
  StepCounts seen;
  for (std::uint64_t seed = 0; seed < 250; ++seed) {
    CAPTURE(seed);
    Random random(seed, 1);
    const Network network = random_network(seed);
    const std::uint32_t timesteps = random.integer(1, 5);
    const Model model =
        nj::test::random_model(network, timesteps, seed, random.pick({0.5F, 1.0F, 4.0F}));
    const auto quantized = try_quantize(model, random_spec(random, network));
    if (!quantized) continue;
    const auto& input = std::get<Input>(network.layer({0}).op);
    const GradedTensor frames =
        nj::test::random_frames(timesteps, input.shape, static_cast<std::uint32_t>(input.max_value),
                                random.pick({0U, 5U, 20U, 60U, 100U}), seed);
    const Execution run = execute(*quantized, frames, {.keep_trace = true});
    const auto reference = nj::test::execute_dense(model, *quantized, frames);
    CHECK(run.activity == reference.activity);
    CHECK(run.logits == reference.logits);
    for (std::uint32_t i = 0; i < network.size(); ++i) {
      CAPTURE(network.layer({i}).name);
      const auto& train = (*run.trace)[i];
      REQUIRE(train.has_value() == network.max_output({i}).has_value());
      if (train) CHECK(nj::test::equal(reference.outputs[i], *train));
    }
    seen += run.activity.total();
    ++compared;
  }
  MESSAGE("networks compared: " << compared);
  CHECK(compared >= 100);  // the rest have formats that do not fit each other
  CHECK(seen.binary_accumulates > 100000);
  CHECK(seen.graded_multiplies > 100000);
  CHECK(seen.attention_coincidences > 1000);
  CHECK(seen.attention_accumulates > 1000);
  CHECK(seen.saturations > 100);
  CHECK(seen.overflows > 100);
}

/// Input [1, 1, 3] -> conv3x3 (1 -> 1, padding 1, all weights 1) -> lif.
Model hand_model(float weight, float bias, std::uint32_t timesteps) {
  Network network = Network::build({{"input", Input{{1, 1, 3}, 4}, {}},
                                    {"conv", Conv2d{1, 1, 3, 1, 1}, {{"input", Port::input}}},
                                    {"lif", Lif{2.0, 1.0}, {{"conv", Port::input}}}});
  Model model{network, {}, timesteps};
  model.weights.resize(3);
  model.weights[1] = LayerWeights{std::vector<float>(9, weight), {bias}};
  return model;
}

QuantizationSpec fixed_spec(double scale, FixedPointFormat membrane) {
  QuantizationSpec spec;
  spec.default_rule = {{Scheme::uniform, 8, Granularity::per_tensor}, ScaleRule::fixed, scale};
  spec.membrane = membrane;
  return spec;
}

TEST_CASE("hand-worked membrane: ties fire, hard reset, halves round up") {
  // scale 1/4, 2 fraction bits: unit 1/16, weight 0.75 = 3 codes, threshold 16 units,
  // bias -0.3125 = -5 units. Input at x = 0 of both steps: value 1.
  const Model model = hand_model(0.75F, -0.3125F, 3);
  const QuantizedNetwork network =
      quantize(model, fixed_spec(0.25, {8, 2, Rounding::nearest_half_up}));
  GradedTensor frames(3, {1, 1, 3});
  frames.step(0)[0] = 1;
  frames.step(1)[0] = 3;
  const Execution run = execute(network, frames, {.keep_trace = true});
  // x = 0, 1 see the event. X0 = (3 << 2) - 5 = 7 -> H = 0 + (7 + 1) >> 1 = 4 (3.5 rounds up).
  // X1 = (9 << 2) - 5 = 31: H = 4 + (27 + 1) >> 1 = 18 >= 16: fires, V = 0.
  // X2 = -5: H = (-5 + 1) >> 1 = -2 (-2.5 rounds up).
  // x = 2 sees nothing: -5 -> -2; -2 + (-3 + 1) >> 1 = -3; -3 + (-2 + 1 >> 1 = -1) = -4.
  const auto& spikes = std::get<SpikeTensor>(*(*run.trace)[2]);
  CHECK(spikes.count(0) == 0);
  CHECK(spikes.count(1) == 2);
  CHECK(spikes.count(2) == 0);
  CHECK(spikes.test(1, 0));
  CHECK(spikes.test(1, 1));
  // One event at the border of a 1 x 3 map: 2 of the 3 outputs see it, once each.
  CHECK(run.activity.layers[1].steps[0].graded_multiplies == 2);
  CHECK(run.activity.layers[1].steps[2].graded_multiplies == 0);
  CHECK(run.activity.layers[2].steps[0].neuron_updates == 3);
  CHECK(run.activity.layers[0].steps[1].spikes == 1);
  CHECK(run.activity.layers[0].steps[1].spike_values == 3);
  CHECK(run.activity.layers[2].total().saturations == 0);
}

TEST_CASE("hand-worked saturation: membranes stop at the word's limits and are counted") {
  // scale 1/4, no fraction: threshold 4 units; 5-bit word: -16 .. 15. Weight -4 = -16 codes.
  // X = -16 * 4 = -64: H = -32 -> saturates at -16, for the two outputs that see the event.
  const QuantizedNetwork network =
      quantize(hand_model(-4.0F, 0.0F, 1), fixed_spec(0.25, {5, 0, Rounding::nearest_half_up}));
  GradedTensor frames(1, {1, 1, 3});
  frames.step(0)[2] = 4;
  CHECK(execute(network, frames).activity.layers[2].steps[0].saturations == 2);
  // A membrane exactly at the limit is no saturation: X = -16 * 2 = -32, H = -16.
  frames.step(0)[2] = 2;
  CHECK(execute(network, frames).activity.layers[2].steps[0].saturations == 0);
}

TEST_CASE("attention by hand: both product orders under every convention") {
  // 2 tokens, 2 heads of 2 channels; q = k = v: token 0 has channels 0, 1, 2, token 1 has channel
  // 0.
  const Network network =
      Network::build({{"input", Input{{4, 1, 2}, 1}, {}},
                      {"ssa",
                       SpikingSelfAttention{2, 0.25},
                       {{"input", Port::query}, {"input", Port::key}, {"input", Port::value}}},
                      {"lif", Lif{2.0, 0.5}, {{"ssa", Port::input}}},
                      {"head", ClassifierHead{4, 2}, {{"lif", Port::input}}}});
  GradedTensor frames(1, {4, 1, 2});
  for (const std::size_t address : {0U, 1U, 2U, 4U}) frames.step(0)[address] = 1;
  const Execution run = execute(quantize(nj::test::random_model(network, 1, 1), {}), frames);
  const AttentionOperations counted = attention_operations(network, {1}, run.activity);
  // Q K^T: head 0 has 2 + 1 + 1 + 1 common channels of the four pairs of tokens, head 1 has 1.
  // V: spikes of v[m] for each pair with a score: head 0 2 + 1 + 2 + 1, head 1 1.
  CHECK(counted.scores == ProductOperations{2 * 2 * 4, 2 * 4, 6});
  CHECK(counted.score_values == ProductOperations{2 * 2 * 4, 2 * 4, 7});
  // K^T V: per token and head the spikes of k times those of v: 2 * 2 + 1 * 1 and 1 * 1. Q: a row
  // of 2 channels for each of 4 spikes.
  CHECK(counted.key_values == ProductOperations{2 * 4 * 2, 2 * 4, 6});
  CHECK(counted.query_values == ProductOperations{2 * 4 * 2, 2 * 4, 8});
  CHECK_THROWS_WITH_AS(attention_operations(network, {2}, run.activity),
                       "lif: is no spiking self-attention", Error);
}

TEST_CASE("input that does not fit the network is refused") {
  const QuantizedNetwork network =
      quantize(hand_model(1.0F, 0.0F, 2), fixed_spec(0.25, {8, 2, Rounding::nearest_half_up}));
  CHECK_THROWS_WITH_AS(execute(network, GradedTensor(2, {1, 3, 1})),
                       "input: expected 2 time steps of [1, 1, 3], got 2 of [1, 3, 1]", Error);
  CHECK_THROWS_WITH_AS(execute(network, GradedTensor(3, {1, 1, 3})),
                       "input: expected 2 time steps of [1, 1, 3], got 3 of [1, 1, 3]", Error);
  GradedTensor bright(2, {1, 1, 3});
  bright.step(1)[2] = 5;
  CHECK_THROWS_WITH_AS(execute(network, bright), "input: expected values up to 4, got 5", Error);
}

TEST_CASE("equal logits: the lowest class is predicted") {
  const Network network =
      Network::build({{"input", Input{{2, 1, 1}, 1}, {}},
                      {"head", ClassifierHead{2, 3}, {{"input", Port::input}}}});
  Model model{network, {}, 1};
  model.weights.resize(2);
  model.weights[1] = LayerWeights{{0, 0, 1, 1, 1, 1}, {0, 0, 0}};
  GradedTensor frames(1, {2, 1, 1});
  frames.step(0)[0] = 1;
  const Execution run = execute(quantize(model, {}), frames);
  CHECK(run.logits[1] == run.logits[2]);
  CHECK(run.prediction == 1);
  CHECK(run.activity.layers[1].steps[0].binary_accumulates == 3);  // one spike, three classes
}

TEST_CASE("many samples: same result at 1, 2 and 4 threads, and as one by one") {
  const Network network = random_network(3);
  const Model model = nj::test::random_model(network, 3, 3);
  QuantizationSpec spec;
  const QuantizedNetwork quantized = quantize(model, spec);
  const auto& input = std::get<Input>(network.layer({0}).op);
  const auto load = [&](std::size_t i) {
    return nj::test::random_frames(3, input.shape, input.max_value, 30, i);
  };
  std::size_t last = 0;
  const BatchExecution one = execute_many(
      quantized, 21, load, {.threads = 1, .trace_samples = 2, .progress = [&](std::size_t done) {
                              CHECK(done == last + 1);
                              last = done;
                            }});
  CHECK(last == 21);
  Activity sum;
  for (std::size_t i = 0; i < 21; ++i) {
    const Execution run = execute(quantized, load(i), {.keep_trace = i < 2});
    sum += run.activity;
    CHECK(one.logits[i] == run.logits);
    CHECK(one.predictions[i] == run.prediction);
    if (i < 2) {
      CHECK(one.traces[i] == *run.trace);
      CHECK(one.traced_activities[i] == run.activity);
    }
  }
  CHECK(one.activity == sum);
  CHECK(one.activity.samples == 21);
  for (const unsigned threads : {2U, 4U}) {
    const BatchExecution many = execute_many(quantized, 21, load, {.threads = threads});
    CHECK(many.activity == one.activity);
    CHECK(many.logits == one.logits);
  }
}

/// The network and trains of tools/convention_reference.py.
struct EffectiveCase {
  EffectiveCase() {
    model.weights.resize(model.network.size());
    for (const LayerId id : model.network.weighted_layers()) {
      const WeightShape shape = *weight_shape(model.network.layer(id).op);
      LayerWeights weights{{}, std::vector<float>(shape.out)};
      for (std::uint32_t out = 0; out < shape.out; ++out) {
        for (std::uint32_t in = 0; in < shape.in; ++in) {
          for (std::uint32_t y = 0; y < shape.kernel.y; ++y) {
            for (std::uint32_t x = 0; x < shape.kernel.x; ++x) {
              weights.weight.push_back(
                  std::array{0.0F, 1.0F, -1.0F, 0.5F}.at((out * 5 + in * 3 + y * 2 + x) % 4));
            }
          }
        }
      }
      model.weights[id.index] = std::move(weights);
    }
    GradedTensor frames(3, {2, 5, 4});
    fill({2, 5, 4}, [&](std::uint32_t t, std::uint64_t address, std::uint32_t key) {
      frames.step(t)[address] = static_cast<std::int16_t>(key % (t == 1 ? 2 : 4));
    });
    trace[0] = frames;
    for (const auto& [layer, channels] : {std::pair{2, 3U}, std::pair{4, 6U}}) {
      SpikeTensor spikes(3, {channels, 3, 2});
      fill({channels, 3, 2}, [&](std::uint32_t t, std::uint64_t address, std::uint32_t key) {
        if (key % 5 == 0) spikes.set(t, address);
        if (layer == 4 && key % 5 == 0) head_inputs[address % 6] += 1.0 / 18;
      });
      trace[static_cast<std::size_t>(layer)] = spikes;
    }
  }

  template <class Set>
  static void fill(const FeatureShape& shape, Set&& set) {
    for (std::uint32_t t = 0; t < 3; ++t) {
      for (std::uint32_t c = 0; c < shape.channels; ++c) {
        for (std::uint32_t y = 0; y < shape.height; ++y) {
          for (std::uint32_t x = 0; x < shape.width; ++x) {
            set(t, shape.address(c, y, x), c * 7 + y * 5 + x * 3 + t * 2);
          }
        }
      }
    }
  }

  Model model{
      Network::build(
          {{"input", Input{{2, 5, 4}, 3}, {}},
           {"first", Conv2d{2, 3, 3, 2, 1}, {{"input", Port::input}}},
           {"first_lif", Lif{}, {{"first", Port::input}}},
           {"second", Conv2d{3, 6, {3, 1}, 1, {2, 0}, {2, 1}, 3}, {{"first_lif", Port::input}}},
           {"second_lif", Lif{}, {{"second", Port::input}}},
           {"head", ClassifierHead{6, 4}, {{"second_lif", Port::input}}}}),
      {},
      3};
  SpikeTrace trace{6};
  std::vector<double> head_inputs = std::vector<double>(6);
};

TEST_CASE("effective operations: what NeuroBench counts on the same layers") {
  // single_layer_MACs, SynapticOperations and ActivationSparsity of neurobench 2.3.0, printed by
  // tools/convention_reference.py: by call 124, 86 (spikes), 124; 15, 8, 0 (spikes); 15 of the
  // head, whose inputs are fractions. Dense: 3 x (7 x 5 taps in the map x 2 x 3), 3 x (5 x 2 taps
  // x 3 x 2), 6 x 4.
  const EffectiveCase reference;
  for (const Scheme scheme : {Scheme::uniform, Scheme::float32}) {
    QuantizationSpec spec;
    spec.default_rule.format.scheme = scheme;
    spec.default_rule.format.bits = scheme == Scheme::uniform ? 8 : 32;
    const QuantizedNetwork network = quantize(reference.model, spec);
    const std::vector<SpikeTrace> traces(2, reference.trace);
    const std::vector<std::vector<double>> heads(2, reference.head_inputs);
    const EffectiveActivity counted = effective_activity(network, traces, heads, 2);
    CHECK(counted.samples == 2);
    CHECK(counted.layers[1] == EffectiveOperations{2 * 248, 2 * 86, 2 * 630});
    CHECK(counted.layers[3] == EffectiveOperations{0, 2 * 23, 2 * 180});
    CHECK(counted.layers[5] == EffectiveOperations{2 * 15, 0, 2 * 24});
    CHECK(counted.total() == EffectiveOperations{2 * 263, 2 * 109, 2 * 834});
    CHECK(counted.activation_sparsity() == doctest::Approx(0.7962962962962963).epsilon(1e-15));
  }
}

TEST_CASE("effective operations: a late operand's first step is empty, its last is not read") {
  // 1 x 1, weight 1: what the layer reads in step 1 is the input of step 0.
  Network network = Network::build({{"input", Input{{1, 1, 1}, 1}, {}},
                                    {"conv", Conv2d{1, 1, 1, 1, 0}, {{"input", Port::input, 1}}},
                                    {"lif", Lif{1.0, 1.0}, {{"conv", Port::input}}}});
  Model model{network, {}, 2};
  model.weights.resize(3);
  model.weights[1] = LayerWeights{{1.0F}, {0.0F}};
  const QuantizedNetwork quantized = quantize(model, {});
  SpikeTensor spikes(2, {1, 1, 1});
  spikes.set(1, 0);  // read in a third step, which is none
  SpikeTrace trace(3);
  trace[0] = spikes;
  trace[2] = SpikeTensor(2, {1, 1, 1});
  CHECK(effective_activity(quantized, std::span(&trace, 1), {}, 1).layers[1].acs == 0);
  spikes.set(0, 0);
  trace[0] = spikes;
  CHECK(effective_activity(quantized, std::span(&trace, 1), {}, 1).layers[1] ==
        EffectiveOperations{0, 1, 2});
}

TEST_CASE("head inputs are means of what the head reads") {
  EffectiveCase reference;
  reference.model.weights[3]->bias = {0.0F, 2.0F, 0.0F, 4.0F, 0.0F, 1.0F};
  const QuantizedNetwork network = quantize(reference.model, {});
  const GradedTensor frames = std::get<GradedTensor>(*reference.trace[0]);
  const Execution run = execute(network, frames, {.keep_trace = true});
  std::vector<double> sums(6);
  for (std::uint32_t t = 0; t < 3; ++t) {
    for_each(*(*run.trace)[4], t,
             [&](std::uint64_t address, std::int16_t) { ++sums[address % 6]; });
  }
  CHECK(sums[1] == 18);  // H = 2 / 2 fires in every step
  REQUIRE(run.head_inputs.size() == 6);
  for (std::size_t c = 0; c < 6; ++c) CHECK(run.head_inputs[c] == sums[c] / 18);
  CHECK(execute(network, frames).head_inputs.empty());
}

TEST_CASE("footprint: stored weights and biases") {
  // 54 + 18 + 24 weights of 8 bits, 3 + 6 scales and the head's of 32 (it has one a tensor), biases
  // of 9 channels in 24-bit membranes and of 4 classes in 64 bits.
  const QuantizedNetwork network = quantize(EffectiveCase{}.model, {});
  CHECK(network.weight_storage_bits() == 96 * 8 + 10 * 32);
  CHECK(footprint_bytes(network) == (96 * 8 + 10 * 32 + 9 * 24 + 4 * 64) / 8);
}

}  // namespace
