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
        "a: waits for its own output (cyclic graph)");
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
