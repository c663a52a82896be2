#include <algorithm>

#include <doctest/doctest.h>

#include <neurojoule/core/network.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

namespace {

using Draft = Network::Draft;

Draft input() { return {"input", Input{{2, 8, 6}, 15}, {}}; }
Draft conv(std::string name, std::string source, Conv2d op) {
  return {std::move(name), op, {{std::move(source)}}};
}
Draft lif(std::string name, std::string source) {
  return {std::move(name), Lif{}, {{std::move(source)}}};
}

std::vector<Draft> small_network() {
  return {input(),
          conv("conv", "input", {2, 4, 3, 1, 1}),
          lif("lif", "conv"),
          {"pool", MaxPool2d{}, {{"lif"}}},
          conv("rpe", "pool", {4, 4, 3, 1, 1}),
          lif("rpe_lif", "rpe"),
          {"add", ResidualAdd{}, {{"pool"}, {"rpe_lif", Port::residual}}},
          {"head", ClassifierHead{4, 10}, {{"add"}}}};
}

std::string refusal(std::vector<Draft> drafts) {
  return message_of([&] { Network::build(std::move(drafts)); });
}

}  // namespace

TEST_CASE("shapes and largest values follow from the operators") {
  const Network network = Network::build(small_network());
  const auto shape = [&](const char* name) { return network.output_shape(*network.find(name)); };
  CHECK(shape("conv") == FeatureShape{4, 8, 6});
  CHECK(shape("pool") == FeatureShape{4, 4, 3});  // (8 + 2 - 3) / 2 + 1, (6 + 2 - 3) / 2 + 1
  CHECK(shape("head") == FeatureShape{10, 1, 1});
  CHECK(network.max_output(*network.find("input")) == 15U);
  CHECK(network.max_output(*network.find("add")) == 2U);
  CHECK(network.max_output(*network.find("conv")) == std::nullopt);
  CHECK(network.weighted_layers().size() == 3);
}

TEST_CASE("channels left open are those of the operand") {
  std::vector<Draft> drafts = small_network();
  std::get<Conv2d>(drafts[1].op).in_channels = 0;
  std::get<ClassifierHead>(drafts[7].op).in_channels = 0;
  const Network network = Network::build(drafts);
  CHECK(std::get<Conv2d>(network.layer(*network.find("conv")).op).in_channels == 2);
  CHECK(std::get<ClassifierHead>(network.layer(*network.find("head")).op).in_channels == 4);
}

TEST_CASE("layers come in topological order whatever the order of the drafts") {
  std::vector<Draft> drafts = small_network();
  std::reverse(drafts.begin(), drafts.end());
  const Network network = Network::build(drafts);
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    for (const Operand& operand : network.operands({i})) CHECK(operand.source.index < i);
    for (const LayerId consumer : network.consumers({i})) CHECK(consumer.index > i);
  }
}

TEST_CASE("populations hold synapses, their neurons and the pooling of their spikes") {
  const Network network = Network::build(small_network());
  const std::vector<Population> groups = populations(network);
  REQUIRE(groups.size() == 5);  // input, conv, rpe, add, head
  CHECK(groups[1].lead == *network.find("conv"));
  CHECK(groups[1].lif == *network.find("lif"));
  CHECK(groups[1].output() == *network.find("pool"));
  CHECK_FALSE(groups[3].lif);
  CHECK(groups[3].output() == *network.find("add"));

  std::vector<Draft> shared = small_network();
  shared.push_back(lif("second", "conv"));
  const Network two = Network::build(shared);
  const std::vector<Population> apart = populations(two);
  REQUIRE(apart.size() == 7);  // both lif layers read the current of conv: each stands alone
  CHECK_FALSE(apart[1].lif);
  CHECK(apart[2].lead == *two.find("lif"));
  CHECK(apart[2].lif == *two.find("lif"));
}

TEST_CASE("a graph that cannot be is refused with the layer's name") {
  CHECK(refusal({}) == "a network needs at least one layer");
  CHECK(refusal({input(), conv("caf\xe9", "input", {2, 4, 3, 1, 1})}) ==
        "the name of layer 1: byte 0xe9 is not UTF-8");
  CHECK(refusal({input(), lif("a\x1b[31m", "input")}) ==
        "the name of layer 1: control character U+001B");
  CHECK(refusal({input(), input()}) == "input: two layers have this name");
  CHECK(refusal({input(), conv("c", "inptu", {2, 4, 1, 1, 0})}) ==
        "c: operand 'inptu' is no layer, did you mean 'input'?");
  CHECK(refusal({input(), conv("c", "input", {3, 4, 1, 1, 0})}) ==
        "c: expects 3 channels, 'input' sends [2, 8, 6]");
  CHECK(refusal({input(), conv("c", "input", {2, 4, 9, 1, 0})}) ==
        "c: a window of 9 does not fit 8 with padding 0");
  CHECK(refusal({input(), lif("l", "input")}) == "l: needs a current, 'input' sends spikes");
  CHECK(refusal({input(), conv("c", "input", {2, 4, 1, 1, 0}), conv("d", "c", {4, 4, 1, 1, 0})}) ==
        "d: needs spikes, 'c' gives a current");
  CHECK(refusal({input(), {"p", MaxPool2d{}, {{"input"}}}}) ==
        "p: needs binary spikes, which 'input' does not send");
  CHECK(refusal({input(), {"a", ResidualAdd{}, {{"input"}}}}) == "a: add takes 2 operands, got 1");
  CHECK(refusal({input(), {"a", ResidualAdd{}, {{"input"}, {"input"}}}}) ==
        "a: add lacks its operand 'residual'");
  CHECK(refusal({input(),
                 {"a", ResidualAdd{}, {{"input"}, {"b", Port::residual}}},
                 {"b", ResidualAdd{}, {{"input"}, {"a", Port::residual}}}}) ==
        "a: lies on a cycle without delay: a -> b -> a");
  CHECK(refusal({{"input", Input{{4, 2, 2}, 1}, {}},
                 {"s",
                  SpikingSelfAttention{3, 0.25},
                  {{"input", Port::query}, {"input", Port::key}, {"input", Port::value}}}}) ==
        "s: 4 channels do not divide into 3 heads");
  CHECK(refusal({{"input", Input{{1U << 31, 1U << 31, 4}, 1}, {}}}) ==
        "input: has more than 2147483648 neurons");
}

TEST_CASE("a sum of residuals that could leave sixteen bits is refused") {
  std::vector<Draft> drafts = {{"input", Input{{1, 1, 1}, 20000}, {}},
                               {"a", ResidualAdd{}, {{"input"}, {"input", Port::residual}}}};
  CHECK(refusal(drafts) == "a: its values can reach 40000, beyond 32767");
}

namespace {

/// input [2, 8, 6] -> conv -> sum <- rec <- (a step late) lif <- sum; lif -> head.
std::vector<Draft> recurrent_network() {
  return {input(),
          {"rec", Conv2d{0, 4, 3, 1, 1}, {{"lif", Port::input, 1}}},
          conv("conv", "input", {2, 4, 3, 1, 1}),
          {"sum", ResidualAdd{}, {{"conv"}, {"rec", Port::residual}}},
          lif("lif", "sum"),
          {"head", ClassifierHead{4, 10}, {{"lif"}}}};
}

}  // namespace

TEST_CASE("an operand with a delay may come from behind") {
  const Network network = Network::build(recurrent_network());
  const LayerId rec = *network.find("rec");
  const LayerId neurons = *network.find("lif");
  CHECK(network.has_delays());
  CHECK_FALSE(Network::build(small_network()).has_delays());
  // Without the delayed edge rec is ready at once, in the order of the drafts.
  CHECK(rec.index == 1);
  CHECK(neurons.index == 4);
  REQUIRE(network.operands(rec).size() == 1);
  CHECK(network.operands(rec)[0].source == neurons);
  CHECK(network.operands(rec)[0].delay == 1);
  CHECK(network.operands(neurons)[0].delay == 0);
  CHECK(network.consumers(neurons).size() == 2);
  // Four channels and the map of conv, by way of sum and lif.
  CHECK(std::get<Conv2d>(network.layer(rec).op).in_channels == 4);
  CHECK(network.output_shape(rec) == FeatureShape{4, 8, 6});
  CHECK(network.is_stream(rec));
  CHECK(network.is_binary(neurons));
}

TEST_CASE("shapes on a cycle follow from what leads into it, whatever the order of the drafts") {
  // q AND (a step late: the gate of its own tokens), then attention whose key is its own output.
  std::vector<Draft> drafts = {
      {"input", Input{{4, 3, 2}, 1}, {}},
      {"and", SpikeAnd{}, {{"input"}, {"gate", Port::gate, 1}}},
      {"sum", SpikeSum{}, {{"and"}}},
      lif("gate", "sum"),
      {"ssa",
       SpikingSelfAttention{2},
       {{"and", Port::query}, {"a", Port::key, 1}, {"and", Port::value}}},
      lif("a", "ssa"),
      {"both", ResidualAdd{}, {{"a", Port::input, 1}, {"b", Port::residual}}},
      conv("c", "both", {0, 4}),
      lif("b", "d"),
      {"d", Conv2d{0, 4}, {{"e", Port::input, 1}}},
      {"e", MaxPool2d{3, 1, 1}, {{"a"}}}};
  for (int turn = 0; turn < 2; ++turn) {
    const Network network = Network::build(drafts);
    CHECK(network.output_shape(*network.find("gate")) == FeatureShape{4, 1, 1});
    CHECK(network.output_shape(*network.find("a")) == FeatureShape{4, 3, 2});
    CHECK(network.max_output(*network.find("both")) == 2U);
    CHECK(network.output_shape(*network.find("c")) == FeatureShape{4, 3, 2});
    for (std::uint32_t i = 0; i < network.size(); ++i) {
      for (const Operand& operand : network.operands({i})) {
        if (operand.delay == 0) CHECK(operand.source.index < i);
      }
    }
    std::reverse(drafts.begin(), drafts.end());
  }
}

TEST_CASE("a pool that reads neurons a step late is no part of their population") {
  const auto pooled = [](std::uint32_t delay) {
    return populations(Network::build({input(),
                                       conv("conv", "input", {2, 4, 3, 1, 1}),
                                       lif("lif", "conv"),
                                       {"pool", MaxPool2d{}, {{"lif", Port::input, delay}}}}));
  };
  CHECK(pooled(0).size() == 2);
  CHECK(pooled(1).size() == 3);
}

TEST_CASE("delays that cannot be are refused with the layer's name") {
  std::vector<Draft> drafts = recurrent_network();
  drafts[1].operands[0].delay = 0;
  CHECK(refusal(drafts) == "rec: lies on a cycle without delay: rec -> sum -> lif -> rec");
  drafts[1].operands[0].delay = 2;
  CHECK(refusal(drafts) == "rec: reads 'lif' with a delay of 2 time steps, expected 0..1");
  drafts = recurrent_network();
  drafts[3].operands[0].delay = 1;
  CHECK(refusal(drafts) ==
        "sum: reads 'conv' with a delay, which gives a current; only spikes can wait");
  drafts = recurrent_network();
  std::get<Conv2d>(drafts[1].op).out_channels = 5;
  CHECK(refusal(drafts) == "sum: operands differ in shape: 'conv' [4, 8, 6] and 'rec' [5, 8, 6]");
  drafts = recurrent_network();
  std::get<Conv2d>(drafts[1].op).in_channels = 3;
  CHECK(refusal(drafts) == "rec: expects 3 channels, 'lif' sends [4, 8, 6]");
  // Nothing leads into the cycle.
  CHECK(refusal({input(), {"c", Conv2d{0, 4}, {{"l", Port::input, 1}}}, lif("l", "c")}) ==
        "c: the shape or range of 'l', which it reads with a delay, depends on itself alone");
  // A sum of its own past has no largest value.
  CHECK(refusal({input(), {"a", ResidualAdd{}, {{"input"}, {"a", Port::residual, 1}}}}) ==
        "a: the shape or range of 'a', which it reads with a delay, depends on itself alone");
  CHECK(refusal({input(), lif("l", "l")}) == "l: lies on a cycle without delay: l -> l");
  // A long cycle is not listed whole; what only waits for it is not listed at all.
  drafts = {input(), lif("waits", "x8")};
  for (int i = 0; i < 9; ++i) {
    const std::string name = "x" + std::to_string(i);
    drafts.push_back(conv(name, i == 0 ? "x8" : "x" + std::to_string(i - 1), {0, 4}));
  }
  CHECK(refusal(drafts) ==
        "x0: lies on a cycle without delay: x0 -> x1 -> x2 -> x3 -> x4 -> x5 -> x6 -> x7 -> .. (9 "
        "layers) -> x0");
}
