#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/core/rng.hpp>
#include <neurojoule/hardware/carry.hpp>
#include <neurojoule/hardware/placement.hpp>

#include "reference_network.hpp"
#include "support/micro_scenario.hpp"
#include "support/thrown.hpp"

// Question: on any network that is accepted, does every packet arrive, over the links of its route
// and no others, at the picosecond that the plain reference says, at the level `event`? Does it at
// the levels `flit` and `analytic`, and is the latter a lower bound? 10,000 random loads per kind.

namespace nj {
namespace {

constexpr std::uint32_t networks_per_kind = 100;
constexpr std::uint32_t loads_per_network = NJ_LOADS_PER_NETWORK;
constexpr std::uint32_t loads_per_reference = 8;  // each eighth load is checked against it
constexpr std::uint32_t widest = 24;              // value of a message, in bits

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : key_{.seed = seed, .stream = 77, .entity = 0} {}
  /// In [low, high].
  std::uint32_t roll(std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(random_below(key_, step_++, high - low + 1));
  }
  bool coin() { return roll(0, 1) == 1; }

 private:
  RandomKey key_;
  std::uint32_t step_ = 0;
};

LinkSpec random_link(Dice& dice) {
  return {8U << dice.roll(0, 2), Picoseconds{dice.roll(1, 4)}, Picoseconds{dice.roll(1, 6)}};
}

/// Connected both ways: each router hangs on an earlier one, plus some links of either way.
EdgeListShape random_edges(Dice& dice) {
  EdgeListShape list;
  const std::uint32_t routers = dice.roll(2, 7);
  list.tiles = dice.roll(1, routers);
  std::set<std::pair<std::uint32_t, std::uint32_t>> taken;
  const auto add = [&](std::uint32_t a, std::uint32_t b) {
    if (a != b && taken.emplace(a, b).second) list.edges.push_back({a, b, random_link(dice)});
  };
  for (std::uint32_t i = 0; i < routers; ++i) {
    list.routers.push_back("r" + std::to_string(i));
    if (i == 0) continue;
    const std::uint32_t other = dice.roll(0, i - 1);
    add(i, other);
    add(other, i);
  }
  for (std::uint32_t i = dice.roll(0, 5); i > 0; --i) {
    add(dice.roll(0, routers - 1), dice.roll(0, routers - 1));
  }
  return list;
}

const std::vector<std::string> kinds{"mesh", "torus", "ring", "tree", "crossbar", "edges"};

NetworkSpec random_network(const std::string& kind, Dice& dice) {
  const Routing routing = dice.roll(0, 3) != 0 ? Routing::dimension_order : Routing::shortest_path;
  const LinkSpec link = random_link(dice);
  if (kind == "mesh") {
    return {GridShape{dice.roll(1, 4), dice.roll(1, 4), false, link, random_link(dice)}, routing};
  }
  if (kind == "torus") {
    return {GridShape{dice.roll(1, 5), dice.roll(1, 4), true, link, random_link(dice)}, routing};
  }
  if (kind == "ring") return {RingShape{dice.roll(1, 8), link}, routing};
  if (kind == "tree") {
    const std::uint32_t arity = dice.roll(2, 3);
    std::vector<LinkSpec> levels;
    for (std::uint32_t i = dice.roll(1, 5 - arity); i > 0; --i) levels.push_back(random_link(dice));
    return {TreeShape{arity, levels}};
  }
  if (kind == "crossbar") return {CrossbarShape{dice.roll(1, 7), link}};
  return {random_edges(dice)};
}

TopologySpec random_spec(const std::string& kind, Dice& dice) {
  TopologySpec spec;
  if (kind == "multi-chip") {
    const auto inner = kinds[dice.roll(0, 5)];
    MultiChipSpec chips{random_network(inner, dice), random_network(kinds[dice.roll(0, 5)], dice)};
    chips.gateway = dice.roll(0, static_cast<std::uint32_t>(tile_count(chips.chip.shape)) - 1);
    spec.network = chips;
  } else {
    spec.network = random_network(kind, dice);
  }
  spec.flit_bits = 8;
  spec.packet_bits = 8 * dice.roll(1, 5);
  spec.within_tile = Picoseconds{dice.roll(0, 3)};
  spec.multicast = dice.coin();
  spec.value_added = dice.coin();
  if (dice.roll(0, 3) != 0) spec.buffer_flits = spec.packet_flits(widest) * dice.roll(1, 3);
  return spec;
}

std::vector<Message> random_load(const Topology& topology, Dice& dice) {
  std::vector<Message> messages;
  const std::uint32_t last = topology.tiles() - 1;
  const std::uint32_t rush = dice.coin() ? 3 : 60;
  for (std::uint32_t i = dice.roll(1, 14); i > 0; --i) {
    Message message{Picoseconds{dice.roll(0, rush)}, dice.roll(0, last), {}};
    std::set<std::uint32_t> to;
    for (std::uint32_t d = dice.roll(1, 5); d > 0; --d) to.insert(dice.roll(0, last));
    message.to.assign(to.begin(), to.end());
    if (dice.coin()) message.value_bits = dice.roll(1, widest);
    messages.push_back(message);
  }
  return messages;
}

/// What a link carried.
struct Carried {
  std::uint64_t packets = 0;
  std::uint64_t flits = 0;
  Picoseconds busy;
};

/// Adds the packets that links carry from router `at` to some tiles: one per link and copy, and a
/// copy parts for good where its tiles are not the same way.
void add_packets(const Topology& topology, const TopologySpec& spec, std::uint32_t value,
                 std::uint32_t at, const std::set<std::uint32_t>& tiles,
                 std::vector<Carried>& carried) {
  std::map<std::uint32_t, std::set<std::uint32_t>> by_link;
  for (const std::uint32_t tile : tiles) {
    if (tile != at) by_link[topology.next_link(at, tile)].insert(tile);
  }
  for (const auto& [link, same_way] : by_link) {
    ++carried[link].packets;
    carried[link].flits += spec.packet_flits(value);
    carried[link].busy += topology.links()[link].service(spec.bits_with(value));
    add_packets(topology, spec, value, topology.links()[link].to, same_way, carried);
  }
}

std::vector<Carried> expected_packets(const Topology& topology, const TopologySpec& spec,
                                      const std::vector<Message>& messages) {
  std::vector<Carried> carried(topology.links().size());
  for (const Message& message : messages) {
    const std::uint32_t value = message.value_bits;
    if (spec.multicast) {
      add_packets(topology, spec, value, message.from, {message.to.begin(), message.to.end()},
                  carried);
      continue;
    }
    for (const std::uint32_t tile : message.to) {
      add_packets(topology, spec, value, message.from, {tile}, carried);
    }
  }
  return carried;
}

/// Time of a packet that meets no other.
Picoseconds alone(const Topology& topology, const TopologySpec& spec, const Message& sent,
                  std::uint32_t to) {
  const std::uint32_t from = sent.from;
  if (from == to) return spec.within_tile;
  Picoseconds head{0};
  Picoseconds tail{0};
  for (std::uint32_t at = from; at != to;) {
    const Link& link = topology.links()[topology.next_link(at, to)];
    const Picoseconds next = link.service(spec.bits_with(sent.value_bits)) - link.spec.cycle;
    if (tail > next) head += tail - next;
    head += link.spec.latency;
    tail = next;
    at = link.to;
  }
  return head + tail;
}

/// The same for words that enter links at clock edges, over as many of `topology`'s cycles as its
/// latencies need.
Picoseconds alone_by_words(const Topology& topology, const TopologySpec& spec, const Message& sent,
                           std::uint32_t to) {
  std::int64_t tick = 0;
  for (const Link& link : topology.links()) tick = std::gcd(tick, link.spec.cycle.value());
  if (tick == 0) tick = 1;
  const auto edge = [&](Picoseconds time) { return (time.value() + tick - 1) / tick * tick; };
  const std::int64_t starts = edge(sent.injected);
  if (sent.from == to) return Picoseconds{starts} + spec.within_tile;
  std::vector<std::int64_t> came(spec.bits_with(sent.value_bits), starts);  // by bit
  for (std::uint32_t at = sent.from; at != to;) {
    const Link& link = topology.links()[topology.next_link(at, to)];
    const std::int64_t cycle = link.spec.cycle.value();
    const auto word_of = [&](std::size_t bit) {
      return static_cast<std::int64_t>(bit / link.spec.width_bits);
    };
    std::int64_t enters = 0;  // its first word
    for (std::size_t bit = 0; bit < came.size(); ++bit) {
      enters = std::max(enters, came[bit] - word_of(bit) * cycle);
    }
    for (std::size_t bit = 0; bit < came.size(); ++bit) {
      came[bit] = enters + word_of(bit) * cycle + edge(link.spec.latency);
    }
    at = link.to;
  }
  return Picoseconds{came.back()};
}

/// Most packets that a channel has room for. Of two a flit may be enough at the level `flit`: the
/// first one going, and the last one coming.
std::uint64_t room(const TopologySpec& spec, TimingLevel level) {
  const std::uint64_t more = level == TimingLevel::flit ? 2 * spec.packet_flits(widest) - 2 : 0;
  return (*spec.buffer_flits + more) / spec.packet_flits();
}

void check_load(const Topology& topology, const TopologySpec& spec,
                const std::vector<Message>& messages, const CarriedMessages& carried,
                TimingLevel level) {
  std::uint64_t wrong = 0;
  const bool one = messages.size() == 1 && messages[0].to.size() == 1;
  Picoseconds end;
  for (std::size_t m = 0; m < messages.size(); ++m) {
    for (std::size_t d = 0; d < messages[m].to.size(); ++d) {
      const Picoseconds least =
          level == TimingLevel::flit
              ? alone_by_words(topology, spec, messages[m], messages[m].to[d])
              : messages[m].injected + alone(topology, spec, messages[m], messages[m].to[d]);
      const Picoseconds arrived = carried.arrived[m][d];
      end = std::max(end, arrived);
      if (arrived < least) ++wrong;
      if ((one || level == TimingLevel::analytic) && arrived != least) ++wrong;
    }
  }
  if (level == TimingLevel::analytic ? carried.end < end : carried.end != end) ++wrong;
  const auto packets = expected_packets(topology, spec, messages);
  std::uint64_t hops = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const LinkLoad& load = carried.links[i];
    if (load.flits != packets[i].flits || load.busy != packets[i].busy) ++wrong;
    if (load.max_queue > packets[i].packets) ++wrong;
    if (spec.buffer_flits && load.max_queue > room(spec, level)) ++wrong;
    const bool waits = spec.buffer_flits && level != TimingLevel::analytic;
    if (!waits && load.stalled != Picoseconds{0}) ++wrong;
    // It may be kept by its last packet when that one has arrived.
    const Picoseconds last = topology.links()[i].service(spec.bits_with(widest));
    if (waits && load.busy + load.stalled > end + last) ++wrong;
    hops += packets[i].packets;
  }
  for (const std::uint64_t direction : carried.hops) hops -= direction;
  CHECK(wrong == 0);
  CHECK(hops == 0);
}

/// What came into each router is what went out of it: without copies.
void check_conservation(const Topology& topology, const TopologySpec& spec,
                        const std::vector<Message>& messages, const CarriedMessages& carried) {
  if (spec.multicast) return;
  std::vector<std::int64_t> balance(topology.routers(), 0);
  for (const Message& message : messages) {
    const std::int64_t flits = spec.packet_flits(message.value_bits);
    balance[message.from] += flits * static_cast<std::int64_t>(message.to.size());
    for (const std::uint32_t tile : message.to) balance[tile] -= flits;
  }
  for (std::size_t i = 0; i < carried.links.size(); ++i) {
    const auto flits = static_cast<std::int64_t>(carried.links[i].flits);
    balance[topology.links()[i].from] -= flits;
    balance[topology.links()[i].to] += flits;
  }
  CHECK(balance == std::vector<std::int64_t>(topology.routers(), 0));
}

/// What placing minimises is what the links carry: a slice on each tile sends a packet per message.
void check_placed(const Chip& chip, const std::vector<Message>& messages) {
  const Topology& topology = chip.topology();
  Mapping mapping;
  for (std::uint32_t i = 0; i < topology.tiles(); ++i) {
    mapping.slices.push_back({.core = CoreId{i}});
  }
  Traffic traffic{topology.tiles(), {}};
  for (const Message& message : messages) {
    if (chip.spec().topology.multicast) {
      traffic.flows.push_back({message.from, message.to, 1, 1});
      continue;
    }
    for (const std::uint32_t tile : message.to) {
      traffic.flows.push_back({message.from, {tile}, 1, 1});
    }
  }
  std::uint64_t packets = 0;
  for (const Carried& link : expected_packets(topology, chip.spec().topology, messages)) {
    packets += link.packets;
  }
  CHECK(packet_hops(traffic, chip, mapping) == packets);
}

/// A network of that kind which is accepted; bounded buffers may have to become unbounded ones.
Topology accepted(TopologySpec& spec, std::uint32_t& refused) {
  const std::string message = testing::message_of([&] { static_cast<void>(Topology(spec)); });
  if (message != "nothing thrown") {
    REQUIRE(message.starts_with("topology"));
    REQUIRE(message.find(": full buffers could wait for each other") != std::string::npos);
    spec.buffer_flits.reset();
    ++refused;
  }
  return Topology(spec);
}

/// A chip with that network and a core on each tile.
Chip with_network(const TopologySpec& topology) {
  ChipSpec spec = testing::micro_chip().spec();
  spec.topology = topology;
  spec.topology.tile = {"neuron"};
  return Chip(spec);
}

/// Returns how many networks had to be changed.
std::uint32_t run_kind(const std::string& kind) {
  std::uint32_t refused = 0;
  for (std::uint32_t n = 0; n < networks_per_kind; ++n) {
    Dice dice(n);
    TopologySpec spec = random_spec(kind, dice);
    const Topology topology = accepted(spec, refused);
    const Chip chip = with_network(spec);
    for (std::uint32_t i = 0; i < loads_per_network; ++i) {
      CAPTURE(to_string(spec));
      CAPTURE(n);
      CAPTURE(i);
      const std::vector<Message> messages = random_load(topology, dice);
      check_placed(chip, messages);
      Picoseconds bound;
      for (const TimingLevel level : {TimingLevel::analytic, TimingLevel::flit}) {
        CAPTURE(to_string(level));
        const CarriedMessages carried = carry(topology, spec, messages, level);
        check_load(topology, spec, messages, carried, level);
        check_conservation(topology, spec, messages, carried);
        if (level == TimingLevel::analytic) bound = carried.end;
        CHECK(carried.end >= bound);
      }
      const CarriedMessages carried = carry(topology, spec, messages);
      check_load(topology, spec, messages, carried, TimingLevel::event);
      check_conservation(topology, spec, messages, carried);
      CHECK(carried.end >= bound);
      if (i % loads_per_reference != 0) continue;
      testing::ReferenceNetwork reference(topology, spec);
      const auto expected = reference.run(messages, 100'000);
      REQUIRE(expected);
      CHECK(carried.arrived == *expected);
      std::vector<Picoseconds> stalled;
      for (const LinkLoad& load : carried.links) stalled.push_back(load.stalled);
      CHECK(stalled == reference.stalled());
      if (spec.buffer_flits) continue;
      std::vector<std::uint64_t> most_waiting;
      for (const LinkLoad& load : carried.links) most_waiting.push_back(load.max_queue);
      CHECK(most_waiting == reference.most_waiting());
    }
  }
  return refused;
}

TEST_CASE("random traffic: meshes") { CHECK(run_kind("mesh") < networks_per_kind / 4); }
TEST_CASE("random traffic: tori") { CHECK(run_kind("torus") < networks_per_kind / 4); }
TEST_CASE("random traffic: rings") { CHECK(run_kind("ring") < networks_per_kind / 4); }
TEST_CASE("random traffic: trees") { CHECK(run_kind("tree") == 0); }
TEST_CASE("random traffic: crossbars") { CHECK(run_kind("crossbar") == 0); }
TEST_CASE("random traffic: edge lists") { CHECK(run_kind("edges") < networks_per_kind / 4); }
TEST_CASE("random traffic: several chips") {
  CHECK(run_kind("multi-chip") < networks_per_kind / 4);
}

TEST_CASE("random traffic: buffers that wait in a circle do fill, so the refusal is needed") {
  // A ring of 5 with one place per link, and every tile sends to the second next, as the reference
  // sees it when it is given the routes of unbounded buffers: nothing moves any more.
  TopologySpec spec;
  spec.network =
      NetworkSpec{RingShape{5, {8, Picoseconds{1}, Picoseconds{1}}}, Routing::shortest_path};
  spec.flit_bits = 8;
  spec.packet_bits = 8;
  const Topology topology(spec);
  spec.buffer_flits = 1;
  std::vector<Message> messages;
  for (std::uint32_t tile = 0; tile < 5; ++tile) {
    for (int i = 0; i < 3; ++i) messages.push_back({Picoseconds{0}, tile, {(tile + 2) % 5}});
  }
  CHECK(!testing::ReferenceNetwork(topology, spec).run(messages, 10'000));
  spec.buffer_flits.reset();
  CHECK(testing::ReferenceNetwork(topology, spec).run(messages, 10'000));
}

}  // namespace
}  // namespace nj
