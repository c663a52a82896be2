#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/sanafe_network.hpp>

#include "support/changed_text.hpp"
#include "support/sanafe_files.hpp"
#include "support/thrown.hpp"

namespace nj::sanafe {
namespace {

using testing::with;

const std::string netlist = R"(# Two inputs, and five neurons of which two have lines of their own.
g 2   soma_hw_name=stimulus[0] spikes=[1, 0, 1]
g 5   threshold=2.5 reset=-1 log_spikes=1   # attributes of all

n 0.1 { soma_hw_name: 'stimulus[1]', rate: 0.5 }
n 1.3 bias=1 force_update=1 synapse_hw_name=t
  n 1.1	[bias: -2.0]
e 0.0->1.0 weight=1.5
e 0.1->1.4 w=-2 d=3
e 1.4->1.0 [weight: 0.25]

& 1.3@5.1
& 0.0@0.0
& 0.1@0.1
& 1.0@0.1
& 1.1@0.1
& 1.2@2.0
& 1.4@2.0
)";

const std::string same_in_yaml = R"(network:
  groups:
    - name: 0
      attributes: {soma_hw_name: 'stimulus[0]', spikes: [1, 0, 1]}
      neurons:
        - 0
        - 1: {soma_hw_name: 'stimulus[1]', rate: 0.5}
    - name: 1
      attributes: {threshold: 2.5, reset: -1}
      neurons:
        - 0
        - 1: {bias: -2}
        - 2
        - 3: {bias: 1, force_update: true, synapse_hw_name: t}
        - 4
  edges:
    - 0.0 -> 1.0: {weight: 1.5}
    - 0.1 -> 1.4: {weight: -2, delay: 3}
    - 1.4 -> 1.0: {weight: 0.25}
mappings:
- 1.3: {core: 5.1}
- 0.0: {core: 0.0}
- 0.1: {core: 0.1}
- 1.0..1: {core: 0.1}
- 1.2: {core: 2.0}
- 1.4: {core: 2.0}
)";

Network read_small(const std::string& text) {
  return read_network(text, "small.net", read_architecture(testing::sanafe_chip, "chip.yaml"));
}

auto synapses(const Network& n) {
  std::vector<std::tuple<std::uint32_t, std::uint32_t, double, int>> all;
  for (const Edge& edge : n.edges) {
    for (const Synapse& s : std::get<SparseEdge>(edge).synapses) {
      all.emplace_back(s.source, s.target, s.weight, s.delay);
    }
  }
  return all;
}

auto cores_and_units(const Network& n) {
  std::vector<std::tuple<std::uint32_t, int, int, std::uint32_t>> all;
  for (const Placement& p : n.placements) {
    all.emplace_back(p.core, p.synapse, p.soma, p.soma_instance);
  }
  return all;
}

void check_same(const Network& a, const Network& b) {
  REQUIRE(a.neurons() == b.neurons());
  for (std::uint32_t i = 0; i < a.neurons(); ++i) {
    CAPTURE(i);
    CHECK(a.neuron_name(i) == b.neuron_name(i));
    CHECK(a.parameters[a.parameters_of[i]] == b.parameters[b.parameters_of[i]]);
  }
  CHECK(a.spike_trains == b.spike_trains);
  CHECK(a.bias == b.bias);
  CHECK(a.order == b.order);
  CHECK(synapses(a) == synapses(b));
  CHECK(cores_and_units(a) == cores_and_units(b));
}

TEST_CASE("SANA-FE netlist: reads as the same network in YAML") {
  const Network yaml = read_small(same_in_yaml);
  REQUIRE(synapses(yaml).size() == 3);
  check_same(read_small(netlist), yaml);
}

TEST_CASE("SANA-FE netlist: line ends, a byte order mark, and the order of lines change nothing") {
  const Network yaml = read_small(same_in_yaml);
  std::string windows = "\xef\xbb\xbf";
  for (const char c : netlist) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  check_same(read_small(windows), yaml);
  check_same(read_small(netlist.substr(0, netlist.size() - 1)), yaml);  // no last line end
  const std::string own = "n 1.3 bias=1 force_update=1 synapse_hw_name=t\n";
  check_same(read_small(with(netlist, own, "") + own), yaml);
}

TEST_CASE("SANA-FE netlist: what is wrong is named with its place") {
  const auto refusal = [](const std::string& from, const std::string& to) {
    return testing::message_of([&] { read_small(with(netlist, from, to)); });
  };
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"g 2", "g two", "small.net:2:3: expected a number of neurons, got 'two'"},
      {"g 2", "g 0", "small.net:2:3: expected a number of neurons, got '0'"},
      {"g 2  ", "g  # ", "small.net:2:4: expected how many neurons"},
      {"g 2", "g 4294967294", "more than 268435456 neurons"},
      {"n 0.1", "n 0", "small.net:5:3: expected a neuron such as 0.3, got '0'"},
      {"n 0.1", "n 0.1..2", "small.net:5:3: expected a neuron such as 0.3, got '0.1..2'"},
      {"n 0.1", "n 2.1", "small.net:5:3: no line before this one is of group 2"},
      {"n 1.3", "n 1.5", "small.net:6:3: group 1 has neurons 0..4, got 5"},
      {"n 1.3", "n 1.1", "neuron 1 stands twice"},
      {"bias=1 ", "bias =1 ", "small.net:6:7: expected an attribute such as weight=1.5"},
      {"bias=1 ", "bias= 1 ", "small.net:6:12: expected a value right behind the '='"},
      {"bias=1 ", "bias=1 bias=2 ", "small.net:6:14: duplicate key 'bias'"},
      {"bias=1 ", "bias=one ", "small.net:6:7: network.groups[1].neurons[0].3.bias: expected a "},
      {"bias=1 ", "bais=1 ", "small.net:6:7: network.groups[1].neurons[0].3.bais: unknown key"},
      {"bias=1 ", "bias=[1 ", "small.net:7:3: expected ',' or ']'"},
      {"0.5 }", "0.5 } bias=1", "small.net:5:50: expected the end of the line"},
      {"0.0->1.0", "0.0-1.0", "small.net:8:3: network.edges[0].0.0-1.0: expected source -> "},
      {"0.0->1.0", "0.0->1.9", "group '1' has neurons 0..4, got 9"},
      {"1.0 weight=1.5", "1.0", "network.edges[0].0.0->1.0: lacks the attribute 'weight'"},
      {"1.3@5.1", "1.3:5.1", "small.net:12:3: expected a mapping such as 0.3@0.1, got '1.3:5.1'"},
      {"1.3@5.1", "1.3@6.0", "small.net:12:3: mappings[0].1.3.core: the chip has tiles 0..5"},
      {"1.3@5.1", "1.3@5.1 soma=lif", "small.net:12:11: expected the end of the line"},
      {"& 1.3@5.1\n", "", "neuron 1.3 is on no core"},
      {"& 1.3", "x 1.3", "small.net:12:1: expected a line of type g, n, e or &, got 'x'"},
      {"& 1.3", "&1.3", "small.net:12:1: expected a line such as g, n, e or & and a space"},
  };
  for (const auto& [from, to, message] : cases) {
    CAPTURE(to);
    const std::string said = refusal(from, to);
    CAPTURE(said);
    CHECK(said.find(message) != std::string::npos);
  }
  const auto refusal_of = [](const std::string& text) {
    return testing::message_of([&] { read_small(text); });
  };
  CHECK(refusal_of("e 0.0->0.1 w=1") == "small.net:1:15: has no group, such as g 10 threshold=1");
  CHECK(refusal_of("g 2\n") == "small.net:2:1: maps no neuron, such as & 0.3@0.1");
}

TEST_CASE("SANA-FE netlist: any text is read or refused") {
  const auto reads = [](const std::string& text) {
    try {
      return read_small(text).neurons() == 7;
    } catch (const Error&) {
      return false;
    }
  };
  std::size_t read = 0;
  for (std::size_t at = 0; at < netlist.size(); ++at) {
    read += reads(netlist.substr(0, at)) ? 1 : 0;
    for (const char other : std::string_view(" \n=.@[{}'\"#0")) {
      std::string text = netlist;
      text[at] = other;
      read += reads(text) ? 1 : 0;
    }
  }
  CHECK(read > netlist.size());  // those in comments, at least
}

}  // namespace
}  // namespace nj::sanafe
