#include "support/sanafe_files.hpp"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/sanafe_network.hpp>

#include "support/changed_text.hpp"
#include "support/thrown.hpp"

namespace nj::sanafe {
namespace {

using testing::message_of;
using testing::sanafe_chip;
using testing::with;

const std::string good_network = R"(network:
  name: small
  groups:
    - name: in   # inputs
      attributes: {soma_hw_name: 'stimulus[0]'}
      neurons:
        - 0: {spikes: [1, 0, 1]}
        - 1: [soma_hw_name: "stimulus[1]", rate: 0.5]
    - name: a.b
      attributes: [threshold: 2.5, soma: {reset: -1}, log_spikes: true]
      neurons:
        - 0..1
        - 2..3: {bias: 1, force_update: true,
                 synapse_hw_name: t}
  edges:
    - in -> a.b: {type: dense, weight: [1, 2, 3, 4,
                                        5, 6, 7, 8]}
    - a.b.3 -> a.b.0: [weight: -0.5]
    - in -> a.b:
        type: sparse
        source_target_pairs: [[0, 1], [1, 3]]
        w: [0, 9]
mappings:
- in.0: [core: 0.0]
- {'in.1': {core: '0.1'}}
- a.b.0..2: {core: 5.1}
- a.b.3: {core: 1.0, soma: digital, synapse: s}
)";

Architecture chip(const std::string& text = sanafe_chip) {
  return read_architecture(text, "chip.yaml");
}

Network network(const std::string& text) { return read_network(text, "net.yaml", chip()); }

/// What reading the chip says when `from` is replaced by `to`.
std::string chip_refusal(const std::string& from, const std::string& to) {
  return message_of([&] { chip(with(sanafe_chip, from, to)); });
}

std::string network_refusal(const std::string& from, const std::string& to) {
  return message_of([&] { network(with(good_network, from, to)); });
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("SANA-FE chip file: ranges, costs, and coordinates that run down the columns") {
  const Architecture a = chip();
  CHECK(a.name == "round");
  REQUIRE(a.tiles.size() == 6);
  REQUIRE(a.cores() == 12);
  CHECK(a.tile_of[11] == 5);
  CHECK(a.x(3) == 1);  // 3 / 2
  CHECK(a.y(3) == 1);  // 3 % 2
  const CoreKind& kind = a.core(7);
  CHECK(kind.max_neurons == 100);
  REQUIRE(kind.somas.size() == 3);
  CHECK(kind.somas[2].model == SomaModel::input);
  CHECK(kind.somas[2].unit.count == 50);
  CHECK(kind.somas[0].spike.energy_j == 600e-9);
  CHECK(kind.synapses[1].process_spike.latency_s == 7e-9);
  CHECK(a.tile_kinds[0].hops[static_cast<std::size_t>(Heading::south)].energy_j == 4e-15);
  CHECK(a.sync(6) == 0);
}

TEST_CASE("SANA-FE chip file: the barrier table takes the largest key not above") {
  const std::string table =
      "link_buffer_size: 4, sync_model: table, latency_sync: {2: 1.0e-6, 4: 3.0e-6}}";
  const Architecture a = chip(with(sanafe_chip, "link_buffer_size: 4}", table));
  CHECK(a.sync(1) == 1e-6);  // below all keys: the least
  CHECK(a.sync(3) == 1e-6);
  CHECK(a.sync(4) == 3e-6);
  CHECK(a.sync(99) == 3e-6);
  const Architecture fixed =
      chip(with(sanafe_chip, "link_buffer_size: 4}", "link_buffer_size: 4, latency_sync: 2e-9}"));
  CHECK(fixed.sync(1) == 2e-9);
}

TEST_CASE("SANA-FE network file: groups, attributes in both forms, edges, placements") {
  const Network n = network(good_network);
  REQUIRE(n.neurons() == 6);
  CHECK(n.neuron_name(5) == "a.b.3");
  CHECK(n.parameters[n.parameters_of[2]].threshold == 2.5);
  CHECK(n.parameters[n.parameters_of[2]].reset == -1);
  CHECK(!n.parameters[n.parameters_of[3]].force_update);
  CHECK(n.parameters[n.parameters_of[4]].force_update);
  CHECK(n.parameters[n.parameters_of[1]].rate == 0.5);
  CHECK(n.spike_trains[n.parameters[n.parameters_of[0]].spike_train] ==
        std::vector<std::uint8_t>{1, 0, 1});
  CHECK(n.bias == std::vector<double>{0, 0, 0, 0, 1, 1});
  REQUIRE(n.edges.size() == 2);
  CHECK(std::get<DenseEdge>(n.edges[0]).weight == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8});
  const auto& synapses = std::get<SparseEdge>(n.edges[1]).synapses;  // single, then the pairs
  REQUIRE(synapses.size() == 3);
  CHECK(synapses[0].source == 5);
  CHECK(synapses[0].target == 2);
  CHECK(synapses[0].weight == -0.5);
  CHECK(synapses[2].source == 1);
  CHECK(synapses[2].target == 5);
  CHECK(synapses[2].weight == 9);
  CHECK(n.order == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5});
  CHECK(n.placements[1].core == 1);
  CHECK(n.placements[1].soma_instance == 1);
  CHECK(n.placements[4].core == 11);
  CHECK(n.placements[4].synapse == 1);  // its own choice
  CHECK(n.placements[5].core == 2);
  CHECK(n.placements[5].synapse == 0);  // the mapping's choice
  CHECK(n.placements[5].soma == 1);
}

TEST_CASE("SANA-FE files: what is not YAML of the plain kind is refused with its place") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a: [1, 2\n", "net.yaml:1:4: has no closing ']'"},
      {"a: {b: 1, b: 2}\n", "net.yaml:1:11: duplicate key 'b'"},
      {"a: 1\nb: 2\na: 3\n", "net.yaml:3:1: duplicate key 'a'"},
      {"a: &x 1\n", "net.yaml:1:4: anchors and aliases are not read"},
      {"a: *x\n", "net.yaml:1:4: anchors and aliases are not read"},
      {"a: !!int 1\n", "net.yaml:1:4: tags are not read"},
      {"a: |\n  text\n", "net.yaml:1:4: block texts are not read"},
      {"? a\n: 1\n", "net.yaml:1:1: complex keys are not read"},
      {"a:\n\tb: 1\n", "net.yaml:2:1: a tab cannot indent"},
      {"a: 'open\n", "net.yaml:1:4: a quoted word must end on its line"},
      {"a: \"\\q\"\n", "net.yaml:1:5: the escape \\q is not read"},
      {"a: 1\n  b: 2\n", "net.yaml:2:3: indented deeper than its map"},
      {"- 1\n  - 2\n", "net.yaml:2:3: indented deeper than its list"},
      {"a: 1\n---\nb: 2\n", "net.yaml:2:1: holds more than one document"},
      {"a: [1, 2] 3\n", "net.yaml:1:11: expected the end of the line"},
      {"a: [1 2: 3: 4]\n", "net.yaml:1:11: expected ',' or ']'"},
      {"a: {[1]: 2}\n", "net.yaml:1:5: a key must be a word"},
      {"a: [, 1]\n", "net.yaml:1:5: expected a value"},
      {"a: 1\nb\n", "net.yaml:2:1: expected a key and a colon"},
      {std::string("a: \0b\n", 6), "1:4: control character U+0000"},
      {std::string(80, '['), "net.yaml:1:65: nested deeper than 64 levels"},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(holds(message_of([&] { network(text); }), message));
  }
}

TEST_CASE("SANA-FE files: the same in other clothes reads the same") {
  const std::string block = with(good_network, "    - a.b.3 -> a.b.0: [weight: -0.5]\n",
                                 "    -\n      a.b.3 -> a.b.0:\n      - weight:   -0.5  # less\n");
  const std::string flow =
      with(good_network, "- a.b.3: {core: 1.0, soma: digital, synapse: s}\n",
           "- {\"a.b.3\": [core: 1.0, {soma: 'digital'}, # here\n    synapse: s]}\r\n...\n");
  const std::string marked = "\xef\xbb\xbf---\n" + good_network;
  for (const std::string& text : {block, flow, marked}) {
    const Network n = network(text);
    CHECK(std::get<SparseEdge>(n.edges[1]).synapses[0].weight == -0.5);
    CHECK(n.placements[5].soma == 1);
  }
}

TEST_CASE("SANA-FE chip file: what is wrong is named with its place") {
  CHECK(holds(chip_refusal("width: 3", "widht: 3"),
              "chip.yaml:3:16: architecture.attributes.widht: "
              "unknown key, did you mean 'width'?"));
  CHECK(holds(chip_refusal("width: 3, ", ""), "lacks the attribute 'width'"));
  CHECK(holds(chip_refusal("width: 3", "width: 0"), "expected 1..4096, got 0"));
  CHECK(holds(chip_refusal("width: 3", "width: 2"), "6 tiles do not fit on a 2 x 2 mesh"));
  CHECK(holds(chip_refusal("width: 3", "topology: torus, width: 3"), "only 'mesh' is simulated"));
  CHECK(holds(chip_refusal("tile[0..5]", "tile[5..0]"), "the range 5..0 is empty"));
  CHECK(holds(chip_refusal("tile[0..5]", "tile[0..x]"), "expected a number or a range"));
  CHECK(holds(chip_refusal("tile[0..5]", "tile[0..999999999]"), "at most 1048576 are read"));
  CHECK(holds(chip_refusal("core[0..1]", "core[0..4194300]"), "more than 4194304 cores"));
  CHECK(holds(chip_refusal("energy_east_hop: 1.0e-15, ", ""),
              "lacks the attribute 'energy_east_hop'"));
  CHECK(holds(chip_refusal("energy_east_hop: 1.0e-15", "energy_east_hop: -1e-15"), "expected 0.."));
  CHECK(holds(chip_refusal("energy_east_hop: 1.0e-15", "energy_east_hop: cheap"),
              "expected a number, got 'cheap'"));
  CHECK(holds(chip_refusal("energy_east_hop: 1.0e-15", "energy_east_hop: .inf"),
              "expected a number"));
  CHECK(holds(chip_refusal("buffer_position: soma", "buffer_position: dendrite"),
              "only cores with their buffer at the soma are simulated"));
  CHECK(holds(
      chip_refusal("buffer_position: soma", "buffer_position: soma, buffer_inside_unit: true"),
      "only buffers before the unit are simulated"));
  CHECK(holds(chip_refusal("model: accumulator,", "model: accumulater,"),
              "expected one of accumulator, accumulator_with_delay, taps, got 'accumulater'"));
  CHECK(holds(chip_refusal("model: truenorth", "plugin: x.so, model: truenorth"),
              "plug-ins run foreign code"));
  CHECK(holds(
      chip_refusal("model: leaky_integrate_fire", "noise: x.csv, model: leaky_integrate_fire"),
      "noise streams are not simulated"));
  CHECK(holds(chip_refusal("name: t\n", "name: s\n"), "two units are called 's'"));
  CHECK(holds(chip_refusal("            - name: out\n", "            - name: out[0..1]\n"),
              "a core has one such unit"));
  CHECK(holds(chip_refusal("link_buffer_size: 4", "link_buffer_size: 4, sync_model: table"),
              "lacks the attribute 'latency_sync'"));
  CHECK(holds(chip_refusal("link_buffer_size: 4",
                           "link_buffer_size: 4, sync_model: table, latency_sync: {x: 1}"),
              "expected a number of tiles"));
  CHECK(holds(chip_refusal("link_buffer_size: 4", "link_buffer_size: 4, sync_model: none"),
              "expected one of fixed, table, got 'none'"));
  CHECK(holds(chip_refusal("architecture:", "architectures:"), "lacks the key 'architecture'"));
  CHECK(holds(chip_refusal("architecture:", "network:"),
              ":1:1: this is a network file; the file of the chip comes first"));
  CHECK(holds(message_of([] { load_architecture("no-such.yaml"); }), "no-such.yaml: no such file"));
}

TEST_CASE("SANA-FE network file: what is wrong with groups is named with its place") {
  CHECK(holds(network_refusal("threshold: 2.5", "treshold: 2.5"),
              "net.yaml:10:20: network.groups[1].attributes[0].treshold: unknown key, did you mean "
              "'threshold'?"));
  CHECK(
      holds(network_refusal("threshold: 2.5", "threshold: high"), "expected a number, got 'high'"));
  CHECK(holds(network_refusal("threshold: 2.5", "threshold: 2.5, threshold: 3"), "duplicate key"));
  CHECK(
      holds(network_refusal("threshold: 2.5", "noise: x.csv"), "noise streams are not simulated"));
  CHECK(holds(network_refusal("threshold: 2.5", "reset_mode: sotf"), "expected one of none, soft"));
  CHECK(holds(network_refusal("soma: {reset: -1}", "soma: {spikes: 3}"),
              "expected a list such as [1, 0"));
  CHECK(holds(network_refusal("soma: {reset: -1}", "synapse: {reset: -1}"),
              "not an attribute of this unit"));
  CHECK(holds(network_refusal("rate: 0.5", "rate: 1.5"), "expected 0..1, got 1.5"));
  CHECK(holds(network_refusal("log_spikes: true", "log_spikes: maybe"), "expected true or false"));
  CHECK(holds(network_refusal("log_spikes: true", "taps: 3, time_constants: [1]"),
              "3 taps need as many time constants, got 1"));
  CHECK(holds(network_refusal("name: a.b", "name: in"), "two groups are called 'in'"));
  CHECK(holds(network_refusal("- 0..1\n", "- 0..2\n"), "neuron 2 stands twice"));
  CHECK(holds(network_refusal("- 0..1\n", "- 0\n"), "numbered 0..2 without gaps"));
  CHECK(holds(network_refusal("- 0..1\n", "- 0..999999999\n"), "more than 268435456 neurons"));
}

TEST_CASE("SANA-FE network file: what is wrong with edges is named with its place") {
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.3 -> a.c.0"),
              "net.yaml:18:7: network.edges[1]."));
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.3 -> a.c.0"), "no group 'a'"));
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.4 -> a.b.0"), "has neurons 0..3, got 4"));
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.3 - a.b.0"), "expected source -> target"));
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.3 -> a.b"), "joins a neuron and a group"));
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.2..3 -> a.b.0"), "ranges of neurons"));
  CHECK(holds(network_refusal("a.b.3 -> a.b.0", "a.b.3 -> in.0"), "in.0 is an input neuron"));
  CHECK(holds(network_refusal("[weight: -0.5]", "[]"), "lacks the attribute 'weight'"));
  CHECK(holds(network_refusal("[weight: -0.5]", "[weight: -0.5, w: 1]"),
              "'weight' says the same already"));
  CHECK(
      holds(network_refusal("[weight: -0.5]", "[weight: -0.5, delay: 6]"), "expected 0..5, got 6"));
  CHECK(holds(network_refusal("[weight: -0.5]", "[weight: -0.5, colour: 6]"), "unknown key"));
  CHECK(holds(network_refusal("type: dense, ", ""), "lacks the attribute 'type'"));
  CHECK(holds(network_refusal("type: dense", "type: full"),
              "expected one of dense, sparse, conv2d, got 'full'"));
  CHECK(holds(network_refusal("5, 6, 7, 8]", "5, 6, 7]"), "expected 8 entries, got 7"));
  CHECK(holds(network_refusal("5, 6, 7, 8]", "5, 6, 7, 8, 9]"), "expected 8 entries, got 9"));
  CHECK(holds(network_refusal("[[0, 1], [1, 3]]", "[[0, 1], [1, 4]]"), "expected 0..3, got 4"));
  CHECK(holds(network_refusal("[[0, 1], [1, 3]]", "[[0, 1], [1]]"), "expected [source, target]"));
}

TEST_CASE("SANA-FE network file: a convolution must fit its groups") {
  const std::string edge =
      "type: conv2d, input_width: 2, input_height: 1, input_channels: 1, kernel_width: 1, "
      "kernel_height: 1, kernel_count: 2, ";
  const std::string dense =
      "type: dense, weight: [1, 2, 3, 4,\n                                        5, 6, 7, 8]";
  CHECK_NOTHROW(network(with(good_network, dense, edge + "weight: [1, 2]")));
  CHECK(holds(network_refusal(dense, edge + "weight: [1]"), "expected 2 entries, got 1"));
  CHECK(holds(network_refusal(dense, edge + "stride_width: 2, weight: [1, 2]"),
              "the output of this convolution has 2 neurons, 'a.b' has 4"));
  CHECK(holds(network_refusal(dense, edge + "padding: 1, weight: [1, 2]"), "unknown key"));
  const std::string wide = with(edge, "kernel_width: 1", "kernel_width: 3");
  CHECK(holds(network_refusal(dense, wide + "weight: [1, 2]"),
              "the kernel is larger than the input"));
  const std::string tall = with(edge, "input_height: 1", "input_height: 2");
  CHECK(holds(network_refusal(dense, tall + "weight: [1, 2]"),
              "the input of this convolution has 4 neurons, 'in' has 2"));
}

TEST_CASE("SANA-FE network file: what is wrong with mappings is named with its place") {
  CHECK(holds(network_refusal("core: 5.1", "core: 6.1"), "the chip has tiles 0..5, got 6"));
  CHECK(holds(network_refusal("core: 5.1", "core: 5.2"), "tile 5 has cores 0..1, got 2"));
  CHECK(holds(network_refusal("core: 5.1", "core: 5"), "expected tile.core"));
  CHECK(holds(network_refusal("core: 5.1", "cores: 5.1"), "unknown key, did you mean 'core'?"));
  CHECK(holds(network_refusal("a.b.0..2", "a.b.0..1"), "neuron a.b.2 is on no core"));
  CHECK(holds(network_refusal("a.b.0..2", "a.b.0..3"), "neuron a.b.3 is mapped twice"));
  CHECK(holds(network_refusal("soma: digital", "soma: analog"),
              "no soma unit 'analog', expected one of lif, digital, stimulus[0..49]"));
  CHECK(holds(network_refusal("'stimulus[0]'", "stimulus"),
              "no soma unit 'stimulus', there is stimulus[0..49]"));
  CHECK(holds(network_refusal("'stimulus[0]'", "'stimulus[50]'"), "there is stimulus[0..49]"));
  const std::string small =
      with(sanafe_chip, "max_neurons_supported: 100", "max_neurons_supported: 2");
  CHECK(holds(message_of([&] { read_network(good_network, "net.yaml", chip(small)); }),
              "net.yaml:26:3: mappings[2].a.b.0..2: core 5.1 holds 2 neurons, 3 are mapped to it"));
}

}  // namespace
}  // namespace nj::sanafe
