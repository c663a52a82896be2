// Question: does an operand with a delay give what its source sent one step before, through any
// cycle, and is it silent in the first step of each sample?
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "neurojoule/core/attention_operations.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/quantize.hpp"

namespace {

using namespace nj;

/// float32 weights by layer name; no biases.
QuantizedNetwork in_float(const Network& network, std::uint32_t timesteps,
                          const std::vector<std::pair<std::string, std::vector<float>>>& weights) {
  Model model{network, {}, timesteps};
  model.weights.resize(network.size());
  for (const auto& [name, values] : weights) {
    const LayerId id = *network.find(name);
    const WeightShape shape = *weight_shape(network.layer(id).op);
    model.weights[id.index] = LayerWeights{values, std::vector<float>(shape.out, 0.0F)};
  }
  QuantizationSpec spec;
  spec.default_rule.format = NumberFormat{};
  return quantize(model, spec);
}

/// One channel at one position.
GradedTensor frames(const std::vector<std::int16_t>& values) {
  GradedTensor tensor(static_cast<std::uint32_t>(values.size()), {1, 1, 1});
  for (std::uint32_t t = 0; t < values.size(); ++t) tensor.step(t)[0] = values[t];
  return tensor;
}

std::vector<int> spikes_of(const Execution& run, const Network& network, const char* name) {
  std::vector<int> spikes;
  const SpikeTrain& train = *(*run.trace)[network.find(name)->index];
  for (std::uint32_t t = 0; t < timesteps_of(train); ++t) {
    spikes.push_back(static_cast<int>(count(train, t)));
  }
  return spikes;
}

/// input -> fc -> sum <- rec <- (a step late) lif <- sum
Network inhibited() {
  return Network::build({{"input", Input{{1, 1, 1}, 1}, {}},
                         {"fc", Conv2d{1, 1}, {{"input"}}},
                         {"rec", Conv2d{1, 1}, {{"lif", Port::input, 1}}},
                         {"sum", ResidualAdd{}, {{"fc"}, {"rec", Port::residual}}},
                         {"lif", Lif{.tau = no_leak, .decay_input = false}, {{"sum"}}}});
}

}  // namespace

TEST_CASE("a neuron that inhibits itself fires every third step") {
  const Network network = inhibited();
  // Weights 0.5 and -0.5, threshold 1, V stays, reset to zero:
  //   t  fc   rec   V before  H    spike
  //   0  0.5   0    0         0.5
  //   1  0.5   0    0.5       1    yes
  //   2  0.5  -0.5  0         0
  //   3  0.5   0    0         0.5
  //   4  0.5   0    0.5       1    yes
  //   5  0.5  -0.5  0         0
  const QuantizedNetwork quantized = in_float(network, 6, {{"fc", {0.5F}}, {"rec", {-0.5F}}});
  ExecutionContext context(quantized);
  const GradedTensor input = frames({1, 1, 1, 1, 1, 1});
  for (int sample = 0; sample < 2; ++sample) {  // the second starts at rest, like the first
    const Execution run = execute(quantized, input, {.keep_trace = true}, context);
    CHECK(spikes_of(run, network, "lif") == std::vector<int>{0, 1, 0, 0, 1, 0});
    const auto& steps = run.activity.layers;
    for (std::uint32_t t = 0; t < 6; ++t) {
      CAPTURE(t);
      CHECK(steps[network.find("fc")->index].steps[t].binary_accumulates == 1);
      // Counted where the spike is read: in steps 2 and 5.
      CHECK(steps[network.find("rec")->index].steps[t].binary_accumulates ==
            (t == 2 || t == 5 ? 1 : 0));
      CHECK(steps[network.find("lif")->index].steps[t].neuron_updates == 1);
      CHECK(steps[network.find("sum")->index].steps[t].stream_additions == 1);
    }
  }
}

TEST_CASE("without a cycle a delay is a train that comes later, graded values too") {
  const Network network =
      Network::build({{"input", Input{{1, 1, 1}, 9, -9}, {}},
                      {"fc", Conv2d{1, 1}, {{"input", Port::input, 1}}},
                      {"lif", Lif{.tau = 1.0, .v_threshold = 4.0}, {{"fc"}}},
                      {"again", ResidualAdd{}, {{"lif"}, {"lif", Port::residual, 1}}},
                      {"head", ClassifierHead{1, 1}, {{"again", Port::input, 1}}}});
  const QuantizedNetwork quantized = in_float(network, 4, {{"fc", {1.0F}}, {"head", {1.0F}}});
  const Execution run = execute(quantized, frames({5, -7, 4, 8}), {.keep_trace = true});
  // fc reads 0, 5, -7, 4; the neurons have no memory and fire at 4.
  CHECK(spikes_of(run, network, "lif") == std::vector<int>{0, 1, 0, 1});
  // lif + lif a step late: 0, 1, 1, 1; the head reads 0, 0, 1, 1 and takes the mean of 4 steps.
  CHECK(spikes_of(run, network, "again") == std::vector<int>{0, 1, 1, 1});
  CHECK(run.logits == std::vector<double>{0.5});
  // Its input is silent in steps 0 and 1.
  const LayerActivity& head = run.activity.layers[network.find("head")->index];
  CHECK(head.steps[1].graded_multiplies == 0);
  CHECK(head.steps[2].graded_multiplies == 1);
}

TEST_CASE("attention that reads a train a step late is not charged for the last step") {
  const Network network =
      Network::build({{"input", Input{{2, 1, 1}, 1}, {}},
                      {"ssa",
                       SpikingSelfAttention{1, 1.0},
                       {{"input", Port::query, 1}, {"input", Port::key}, {"input", Port::value}}},
                      {"lif", Lif{}, {{"ssa"}}}});
  const QuantizedNetwork quantized = in_float(network, 2, {});
  GradedTensor input(2, {2, 1, 1});
  for (std::uint32_t t = 0; t < 2; ++t) input.step(t)[0] = input.step(t)[1] = 1;
  const Execution run = execute(quantized, input);
  const LayerId ssa = *network.find("ssa");
  // Both channels spike in both steps; the query is that of the step before: 0, then 2 spikes.
  CHECK(run.activity.layers[ssa.index].steps[0].attention_coincidences == 0);
  CHECK(run.activity.layers[ssa.index].steps[1].attention_coincidences == 2);
  const AttentionOperations operations = attention_operations(network, ssa, run.activity);
  CHECK(operations.scores.gated == 2);            // 1 token x 2 spikes of q
  CHECK(operations.score_values.gated == 4);      // 1 token x 4 spikes of v
  CHECK(operations.query_values.gated == 2 * 2);  // 2 channels x 2 spikes of q
}
