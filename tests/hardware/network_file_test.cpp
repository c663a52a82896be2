#include <string>
#include <variant>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/chip.hpp>

#include "support/changed_text.hpp"
#include "support/chip_text.hpp"

// Question: do the keys of `topology:` give the network that they describe, and is each mistake
// refused at its place?

namespace nj {
namespace {

using testing::with;

const std::string rest = R"(
  tile: [neuron]
  flit: 16 bit
  within_tile: {latency: 1 ns}
name: test
description: a network
technology: {node: 45 nm, voltage: 0.9 V}
synchronisation: {barrier: 500 ns}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 1 ns, axon_out: 1 ns}
core_kinds:
  neuron:
    role: neuron
    max_neurons: 1024
    synapse_memory: {capacity: 128 KiB, word: 64 bit}
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    spike_buffer: {capacity: 4 KiB, word: 64 bit}
    weight_formats: {uniform: 8 bit}
    times: {axon_in: 1 ns, synapse_word: 2 ns, neuron_update_active: 3 ns, neuron_update_inactive: 2 ns, axon_out: 1 ns}
)";

Chip chip_with(const std::string& network) {
  return testing::chip_of("topology:" + network + rest);
}

std::string network_refusal(const std::string& network) {
  return testing::chip_refusal("topology:" + network + rest);
}

const std::string torus = R"(
  kind: torus
  width: 4
  height: 3
  link: {cycle: 1 ns}
  hop_east_west: {latency: 2 ns}
  hop_north_south: {latency: 3 ns})";
const std::string ring = R"(
  kind: ring
  routers: 5
  link: {cycle: 1 ns, width: 8 bit}
  hop: {latency: 2 ns})";
const std::string tree = R"(
  kind: tree
  arity: 2
  link: {cycle: 1 ns}
  hop: {latency: 2 ns}
  levels:
    - {}
    - {width: 64 bit, cycle: 2 ns, latency: 5 ns})";
const std::string edges = R"(
  kind: edges
  routers: [hub, a, b]
  tiles_at: [a, b]
  link: {cycle: 1 ns}
  hop: {latency: 2 ns}
  edges:
    - {between: [a, hub], latency: 4 ns}
    - {from: hub, to: b, width: 8 bit}
    - {from: b, to: hub, cycle: 3 ns})";
const std::string multi_chip = R"(
  kind: multi-chip
  chip: {kind: mesh, width: 2, height: 2, link: {cycle: 1 ns}, hop_east_west: {latency: 2 ns}, hop_north_south: {latency: 2 ns}}
  between: {kind: ring, routers: 3, link: {cycle: 4 ns, width: 4 bit}, hop: {latency: 100 ns}}
  gateway: 3)";

TEST_CASE("network file: each kind gives the network that it describes") {
  CHECK(chip_with(torus).topology().links().size() == 48);
  CHECK(chip_with(torus).topology().hops(0, 9) == 1);
  const Chip around = chip_with(ring);
  CHECK(around.topology().tiles() == 5);
  CHECK(around.topology().links()[0].spec == LinkSpec{8, Picoseconds{1'000}, Picoseconds{2'000}});
  CHECK(around.spec().topology.packet_bits == 16);
  CHECK(!around.spec().topology.buffer_flits);
  CHECK(!around.spec().topology.multicast);
  const Chip fat = chip_with(tree);
  CHECK(fat.cores().size() == 4);
  CHECK(fat.topology().links()[0].spec == LinkSpec{16, Picoseconds{1'000}, Picoseconds{2'000}});
  CHECK(fat.topology().links().back().spec == LinkSpec{64, Picoseconds{2'000}, Picoseconds{5'000}});
  CHECK(chip_with("\n  kind: crossbar\n  ports: 6\n  link: {cycle: 1 ns}\n  hop: {latency: 2 ns}")
            .topology()
            .routers() == 7);
}

TEST_CASE("network file: routers of an edge list with a tile are counted first") {
  const Chip chip = chip_with(edges);
  const Topology& network = chip.topology();
  REQUIRE(network.tiles() == 2);
  CHECK(network.router_name(0) == "a");
  CHECK(network.router_name(2) == "hub");
  REQUIRE(network.links().size() == 4);
  const Picoseconds ns{1'000};
  CHECK(network.links()[0].spec == LinkSpec{16, ns, ns * 4});      // a -> hub
  CHECK(network.links()[1].spec == LinkSpec{16, ns * 3, ns * 2});  // b -> hub
  CHECK(network.links()[2].spec == LinkSpec{16, ns, ns * 4});      // hub -> a
  CHECK(network.links()[3].spec == LinkSpec{8, ns, ns * 2});       // hub -> b
}

TEST_CASE("network file: chips, packets, buffers, multicast and routing") {
  const Chip chip =
      chip_with(multi_chip + "\n  packet: 40 bit\n  packet_value: added\n  buffer: 2 packets\n" +
                "  multicast: true");
  CHECK(chip.spec().topology.bits_with(1) == 40);
  CHECK(chip.spec().topology.bits_with(9) == 49);
  CHECK(chip.spec().topology.packet_flits(9) == 4);
  CHECK(chip.cores().size() == 12);
  CHECK(chip.spec().topology.packet_flits() == 3);  // 40 bits in flits of 16
  CHECK(chip.spec().topology.buffer_flits == 6);
  CHECK(chip.spec().topology.multicast);
  CHECK(chip.topology().virtual_channels() == 2);
  CHECK(*chip_with(ring + "\n  buffer: 8 flits").spec().topology.buffer_flits == 8);
  CHECK(!chip_with(ring + "\n  buffer: unbounded").spec().topology.buffer_flits);
  const auto routing = [](const std::string& text) {
    return std::get<NetworkSpec>(chip_with(text).spec().topology.network).routing;
  };
  CHECK(routing(ring) == Routing::dimension_order);
  CHECK(routing(ring + "\n  routing: shortest-path") == Routing::shortest_path);
  CHECK(routing(tree) == Routing::shortest_path);
}

TEST_CASE("network file: each mistake is refused at its place") {
  CHECK(
      network_refusal(with(torus, "torus", "donut")).starts_with("chip.yaml:2:3: topology.kind: "));
  CHECK(network_refusal(with(torus, "width: 4", "width: 1000000000")) ==
        "chip.yaml:3:3: topology.width: expected 1..4096, got 1000000000");
  CHECK(network_refusal(with(torus, "width: 4\n  height: 3", "width: 4000\n  height: 4000")) ==
        "chip.yaml:1:1: topology: 16000000 tiles with 16000000 cores: expected at most 4096 tiles "
        "and 65536 cores");
  CHECK(network_refusal(with(ring, "routers: 5", "routers: 0")) ==
        "chip.yaml:3:3: topology.routers: expected 1..4096, got 0");
  CHECK(network_refusal(with(ring, "8 bit", "0 bit")) ==
        "chip.yaml:4:23: topology.link.width: expected 1 bit to 65536 bit, got 0 bit");
  CHECK(network_refusal(with(ring, "8 bit", "8"))
            .starts_with("chip.yaml:4:23: topology.link.width: "));
  CHECK(network_refusal(with(ring, "latency: 2 ns", "latency: -2 ns"))
            .starts_with("chip.yaml:5:9: topology.hop.latency: "));
  CHECK(network_refusal(with(ring, "hop:", "hop_east_west:")).find("hop") != std::string::npos);
  CHECK(network_refusal(with(tree, "arity: 2", "arity: 1")) ==
        "chip.yaml:3:3: topology.arity: expected 2..4096, got 1");
  CHECK(network_refusal(with(tree, "arity: 2", "arity: 4096")).find("16777216 tiles") !=
        std::string::npos);
  CHECK(network_refusal(with(tree, "64 bit", "0 bit"))
            .starts_with("chip.yaml:8:8: topology.levels[1].width: expected"));
  CHECK(network_refusal(tree + "\n  routing: dimension-order") ==
        "chip.yaml:9:3: topology.routing: dimension-order needs a mesh, a torus or a ring");
  CHECK(network_refusal(tree + "\n  routing: random")
            .starts_with("chip.yaml:9:3: topology.routing: "));
  CHECK(network_refusal(ring + "\n  routing: shortest-path\n  buffer: 4 flits")
            .starts_with("chip.yaml:6:3: topology.routing: full buffers could wait for each other "
                         "in a circle: tile 0 -> tile 1, "));
  CHECK(network_refusal(ring + "\n  packet: 64 bit\n  buffer: 3 flits") ==
        "chip.yaml:7:3: topology.buffer: a packet of 4 flits does not fit a buffer of 3");
  for (const char* buffer :
       {"8", "0 flits", "8 bit", "-1 flits", "8.5 flits", "99999999999 flits", "2000000 packets"}) {
    CAPTURE(buffer);
    CHECK(network_refusal(ring + "\n  buffer: " + buffer)
              .starts_with("chip.yaml:6:3: topology.buffer: expected unbounded, or 1 to 1000000 "
                           "flits or packets, got"));
  }
  CHECK(network_refusal(ring + "\n  buffer: 08 flits") ==
        "chip.yaml:6:3: topology.buffer: a leading zero is ambiguous, got '08 flits'");
  CHECK(network_refusal(ring + "\n  multicast: maybe")
            .starts_with("chip.yaml:6:3: topology.multicast: "));
}

TEST_CASE("network file: mistakes in edges and chips are refused at their place") {
  CHECK(network_refusal(with(edges, "[a, hub]", "[a, hup]")) ==
        "chip.yaml:8:21: topology.edges[0].between[1]: there is no router 'hup'");
  CHECK(network_refusal(with(edges, "[a, hub]", "[a, a]")) ==
        "chip.yaml:8:7: topology.edges[0]: a link leads to another router");
  CHECK(network_refusal(with(edges, "[a, hub]", "[a, b, hub]")) ==
        "chip.yaml:8:7: topology.edges[0]: a link has two ends");
  CHECK(network_refusal(with(edges, "from: b, to: hub", "from: hub, to: b")) ==
        "chip.yaml:10:7: topology.edges[2]: a second link from hub to b");
  CHECK(network_refusal(with(edges, "[hub, a, b]", "[hub, a, a]")) ==
        "chip.yaml:3:21: topology.routers[2]: the router 'a' is listed twice");
  CHECK(network_refusal(with(edges, "tiles_at: [a, b]", "tiles_at: [a, c]")) ==
        "chip.yaml:4:17: topology.tiles_at[1]: there is no router 'c'");
  CHECK(network_refusal(with(edges, "tiles_at: [a, b]", "tiles_at: []")) ==
        "chip.yaml:4:3: topology.tiles_at: expected 1 to 4096 tiles, got 0");
  CHECK(network_refusal(with(edges, "    - {from: b, to: hub, cycle: 3 ns}", "")) ==
        "chip.yaml:7:3: topology.edges: no way leads from b to a");
  CHECK(network_refusal(with(multi_chip, "gateway: 3", "gateway: 4")) ==
        "chip.yaml:5:3: topology.gateway: expected 0..3, got 4");
  CHECK(network_refusal(with(multi_chip, "kind: ring", "kind: multi-chip"))
            .starts_with("chip.yaml:4:13: topology.between.kind: "));
  CHECK(network_refusal(with(multi_chip, "routers: 3", "routers: 3000")).find("12000 tiles") !=
        std::string::npos);
  CHECK(network_refusal(with(multi_chip, "height: 2,", "height: 2, diagonal: 2,"))
            .starts_with("chip.yaml:3:"));
}

TEST_CASE("network file: the two ways along an axis of a grid have latencies of their own") {
  const std::string ways = with(with(torus, "hop_east_west: {latency: 2 ns}",
                                     "hop_east: {latency: 2 ns}\n  hop_west: {latency: 9 ns}"),
                                "hop_north_south: {latency: 3 ns}",
                                "hop_north: {latency: 3 ns}\n  hop_south: {latency: 4 ns}");
  const Chip chip = chip_with(ways + "\n  routing: shortest-path");
  REQUIRE(chip.topology().links().size() == 48);
  for (const Link& link : chip.topology().links()) {
    // Tile = 3 x + y; the rings have 4 and 3 routers, so that a step up is no step down.
    const bool east = link.to / 3 == (link.from / 3 + 1) % 4;
    const bool north = link.to % 3 == (link.from % 3 + 1) % 3;
    const bool along_x = link.from % 3 == link.to % 3;
    const int latency = along_x ? (east ? 2'000 : 9'000) : (north ? 3'000 : 4'000);
    CHECK(link.spec == LinkSpec{16, Picoseconds{1'000}, Picoseconds{latency}});
    CHECK(link.direction == (along_x ? (east ? Direction::east : Direction::west)
                                     : (north ? Direction::north : Direction::south)));
  }
  // From (1,0) to (0,0): three links east are 6 ns, one west 9 ns. From (0,0) to (0,2): one link
  // south is 4 ns, two north 6 ns.
  CHECK(chip.topology().hops(3, 0) == 3);
  CHECK(chip.topology().hops(0, 2) == 1);
  CHECK(chip_with(ways).topology().hops(3, 0) == 1);  // dimension order counts links
  const std::string one_way = with(torus, "hop_east_west:", "hop_east:");
  CHECK(network_refusal(one_way).starts_with("chip.yaml:1:1: topology: lacks the key 'hop_west'"));
  CHECK(
      network_refusal(torus + "\n  hop_south: {latency: 1 ns}") ==
      "chip.yaml:8:3: topology.hop_south: there is `hop_north_south` too: an axis has one latency, "
      "or one each way");
  CHECK(network_refusal(with(ways, "9 ns", "0 ns")) ==
        "chip.yaml:7:14: topology.hop_west.latency: expected 1 ps to 1 ms, got 0 ps");
}

TEST_CASE("network file: a circle of full buffers is told where the links are, the first of them") {
  // Nine routers in a one-way ring: each link may wait for the next, all round.
  std::string round =
      "\n  kind: edges\n  routers: [r0, r1, r2, r3, r4, r5, r6, r7, r8]\n"
      "  link: {cycle: 1 ns}\n  hop: {latency: 2 ns}\n  edges:";
  for (int i = 0; i < 9; ++i) {
    round += "\n    - {from: r" + std::to_string(i) + ", to: r" + std::to_string((i + 1) % 9) + "}";
  }
  CHECK(network_refusal(round) == "nothing thrown");
  CHECK(network_refusal(round + "\n  buffer: 4 flits") ==
        "chip.yaml:6:3: topology.edges: full buffers could wait for each other in a circle: "
        "r0 -> r1, r1 -> r2, r2 -> r3, r3 -> r4, r4 -> r5, r5 -> r6, .. and 3 more; use another "
        "routing, or buffer: unbounded");
  // Of several chips, where the chips' own links are, or those between them.
  const std::string buffered = multi_chip + "\n  buffer: 8 flits";
  CHECK(network_refusal(with(buffered, "routers: 3,", "routers: 5, routing: shortest-path,"))
            .find(": topology.between.routing: full buffers") != std::string::npos);
  const std::string inside =
      "{kind: edges, routers: [a, b, c], link: {cycle: 1 ns}, hop: {latency: 1 "
      "ns}, edges: [{from: a, to: b}, {from: b, to: c}, {from: c, to: a}]}";
  const auto mesh = buffered.find("{kind: mesh");
  std::string circular = buffered;
  circular.replace(mesh, buffered.find('\n', mesh) - mesh, inside);
  CHECK(network_refusal(with(circular, "gateway: 3", "gateway: a"))
            .find(": topology.chip.edges: full buffers") != std::string::npos);
}

}  // namespace
}  // namespace nj
