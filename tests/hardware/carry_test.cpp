#include <cstdint>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/hardware/carry.hpp>

#include "support/thrown.hpp"

// Question: does a packet enter a link at the picosecond at which the rules of topology_spec.hpp
// let it, and not one before?

namespace nj {
namespace {

constexpr Picoseconds ps(std::int64_t value) { return Picoseconds{value}; }

LinkSpec link(std::int64_t cycle, std::int64_t latency, std::uint32_t width = 8) {
  return {width, ps(cycle), ps(latency)};
}

/// Both ways.
void connect(EdgeListShape& list, std::uint32_t a, std::uint32_t b, const LinkSpec& spec) {
  list.edges.push_back({a, b, spec});
  list.edges.push_back({b, a, spec});
}

/// a(0) - b(1) - c(2), and d(3) at a, e(4) at b; packets and flits of 8 bits. All links are 10 ps
/// per word and 100 ps long, but the one from b to c.
TopologySpec line(const LinkSpec& b_to_c) {
  EdgeListShape list{{"a", "b", "c", "d", "e"}, 5, {}};
  connect(list, 0, 1, link(10, 100));
  connect(list, 1, 2, b_to_c);
  connect(list, 0, 3, link(10, 100));
  connect(list, 1, 4, link(10, 100));
  TopologySpec spec;
  spec.network = NetworkSpec{list};
  spec.flit_bits = 8;
  spec.packet_bits = 8;
  spec.within_tile = ps(7);
  return spec;
}

TopologySpec with_buffer(TopologySpec spec, std::uint32_t flits) {
  spec.buffer_flits = flits;
  return spec;
}

std::vector<Picoseconds> arrivals(const TopologySpec& spec, const std::vector<Message>& messages,
                                  TimingLevel level = TimingLevel::event) {
  const CarriedMessages carried = carry(Topology(spec), spec, messages, level);
  std::vector<Picoseconds> all;
  for (const auto& arrived : carried.arrived) all.insert(all.end(), arrived.begin(), arrived.end());
  return all;
}

std::uint32_t link_between(const Topology& topology, std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t i = 0; i < topology.links().size(); ++i) {
    if (topology.links()[i].from == from && topology.links()[i].to == to) return i;
  }
  FAIL("no such link");
  return 0;
}

using Times = std::vector<Picoseconds>;

TEST_CASE("carry: a packet of several words is serialised, and its head goes on before its tail") {
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    const auto sent = [&](std::uint32_t first_width, std::uint32_t second_width) {
      EdgeListShape list{{"a", "b", "c"}, 3, {}};
      connect(list, 0, 1, link(10, 100, first_width));
      connect(list, 1, 2, link(10, 100, second_width));
      TopologySpec spec;
      spec.network = NetworkSpec{list};
      spec.flit_bits = 8;
      spec.packet_bits = 32;
      if (bounded) spec.buffer_flits = 4;
      return arrivals(spec, {{ps(0), 0, {1}}, {ps(1000), 0, {2}}});
    };
    // 4 words each: head at b at 100, tail 30 later; the head goes on at once: c at 200 + 30.
    CHECK(sent(8, 8) == Times{ps(130), ps(1230)});
    // The second link is twice as wide, 2 words: it starts at 120, to end with the tail at 130.
    CHECK(sent(8, 16) == Times{ps(130), ps(1000 + 120 + 100 + 10)});
    // The first is wider: 2 words, tail 10 later; the second starts at 100 and takes 4 words.
    CHECK(sent(16, 8) == Times{ps(110), ps(1230)});
    // 3 words of 12 bits are needed for 32 bits.
    CHECK(sent(12, 64) == Times{ps(120), ps(1000 + 120 + 100)});
  }
}

TEST_CASE("carry: a link is kept for the whole packet, and free right after it") {
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    TopologySpec spec = line(link(10, 100));
    spec.packet_bits = 32;
    if (bounded) spec.buffer_flits = 40;
    const auto second = [&](std::int64_t injected) {
      return arrivals(spec, {{ps(0), 0, {1}}, {ps(injected), 0, {1}}})[1];
    };
    CHECK(second(39) == ps(40 + 130));
    CHECK(second(40) == ps(40 + 130));
    CHECK(second(41) == ps(41 + 130));
  }
}

TEST_CASE("carry: who comes first to a link passes first, new packets before passing ones") {
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    TopologySpec spec = line(link(10, 100));
    if (bounded) spec.buffer_flits = 4;
    // From a at 0: at b at 100, wants the link to c. From b itself at 99, 100 or 101.
    const auto both = [&](std::int64_t injected) {
      return arrivals(spec, {{ps(0), 0, {2}}, {ps(injected), 1, {2}}});
    };
    CHECK(both(99) == Times{ps(209), ps(199)});   // the link is free again at 109
    CHECK(both(100) == Times{ps(210), ps(200)});  // equal times: the new one
    CHECK(both(101) == Times{ps(200), ps(210)});
    // Two that pass: from a and from e, both at b at 100: the lower numbered source.
    CHECK(arrivals(spec, {{ps(0), 4, {2}}, {ps(0), 0, {2}}}) == Times{ps(210), ps(200)});
  }
}

TEST_CASE("carry: packets that were held up for long still come first to a link") {
  // From a and e, the second packets are at b at 10,000,100, far behind what is simulated when they
  // are sent (the many packets inside d make that span short); b's own one is later.
  EdgeListShape list{{"a", "b", "c", "d", "e"}, 5, {}};
  connect(list, 0, 1, link(10'000'000, 100));
  connect(list, 1, 2, link(100, 100));
  connect(list, 0, 3, link(10, 100));
  connect(list, 1, 4, link(10'000'000, 100));
  TopologySpec spec;
  spec.network = NetworkSpec{list};
  spec.flit_bits = 8;
  spec.packet_bits = 8;
  std::vector<Message> messages{{ps(0), 0, {2}}, {ps(0), 0, {2}},         {ps(0), 4, {2}},
                                {ps(0), 4, {2}}, {ps(9'000'000), 1, {2}}, {ps(10'000'150), 1, {2}}};
  messages.resize(1000, {ps(0), 3, {3}});
  Times times = arrivals(spec, messages);
  times.resize(6);
  CHECK(times ==
        Times{ps(200), ps(10'000'200), ps(300), ps(10'000'300), ps(9'000'100), ps(10'000'400)});
}

TEST_CASE("carry: a packet waits until there is room at the end of its link") {
  // The link to c takes one packet per 1000 ps, so b's buffer of one packet is full from 10 (on its
  // way) until its packet leaves at 100, then until 1100.
  const TopologySpec slow = line(link(1000, 100));
  const auto probe = [](const TopologySpec& spec, std::int64_t injected) {
    // The third message is for d, which nothing else wants: it shows when a's queue moves.
    return arrivals(spec, {{ps(0), 0, {2}}, {ps(injected), 0, {2}}, {ps(injected), 0, {3}}});
  };
  const TopologySpec one = with_buffer(slow, 1);
  CHECK(probe(one, 99) == Times{ps(200), ps(1200), ps(200)});
  CHECK(probe(one, 100) == Times{ps(200), ps(1200), ps(200)});
  CHECK(probe(one, 101) == Times{ps(200), ps(1200), ps(201)});
  CHECK(probe(with_buffer(slow, 2), 99) == Times{ps(200), ps(1200), ps(199)});
  // Three for c: with one place the third leaves a at 1100, with two at 100, with three at 20.
  const auto third = [](const TopologySpec& spec) {
    return arrivals(spec, {{ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(0), 0, {3}}});
  };
  CHECK(third(with_buffer(slow, 1)) == Times{ps(200), ps(1200), ps(2200), ps(1200)});
  CHECK(third(with_buffer(slow, 2)) == Times{ps(200), ps(1200), ps(2200), ps(200)});
  CHECK(third(with_buffer(slow, 3)) == Times{ps(200), ps(1200), ps(2200), ps(120)});
  CHECK(third(slow) == Times{ps(200), ps(1200), ps(2200), ps(100)});
}

TEST_CASE(
    "carry: a full buffer holds back what is behind its first packet, unbounded ones do not") {
  const TopologySpec slow = line(link(1000, 100));
  // Two for c, then one for e, all from a: e's packet stands behind the second at b until 1100.
  const std::vector<Message> messages{{ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(0), 0, {4}}};
  CHECK(arrivals(with_buffer(slow, 4), messages) == Times{ps(200), ps(1200), ps(1200)});
  CHECK(arrivals(slow, messages) == Times{ps(200), ps(1200), ps(220)});
}

TEST_CASE("carry: a place of several flits is given back when the last one has left") {
  // Packets of 4 flits. At b from 100; its last word enters the link to c at 100 + 3 x 10.
  TopologySpec spec = line(link(10, 100));
  spec.packet_bits = 32;
  spec.buffer_flits = 7;  // room for one
  CHECK(arrivals(spec, {{ps(0), 0, {2}}, {ps(129), 0, {1}}})[1] == ps(130 + 130));
  CHECK(arrivals(spec, {{ps(0), 0, {2}}, {ps(130), 0, {1}}})[1] == ps(130 + 130));
  CHECK(arrivals(spec, {{ps(0), 0, {2}}, {ps(131), 0, {1}}})[1] == ps(131 + 130));
  spec.buffer_flits = 8;  // room for two
  CHECK(arrivals(spec, {{ps(0), 0, {2}}, {ps(40), 0, {1}}})[1] == ps(40 + 130));
}

TEST_CASE("carry: multicast sends one copy per branch") {
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    TopologySpec spec = line(link(10, 100));
    if (bounded) spec.buffer_flits = 4;
    const std::vector<Message> messages{{ps(0), 0, {0, 1, 2, 4}}};
    const Topology topology(spec);
    // Unicast: a keeps the first; to b at 0, to c at 10, to e at 20.
    const CarriedMessages single = carry(topology, spec, messages);
    CHECK(single.arrived.front() == Times{ps(7), ps(100), ps(210), ps(220)});
    CHECK(single.hops[static_cast<std::size_t>(Direction::undirected)] == 5);
    spec.multicast = true;
    const CarriedMessages multi = carry(topology, spec, messages);
    CHECK(multi.arrived.front() == Times{ps(7), ps(100), ps(200), ps(200)});
    CHECK(multi.hops[static_cast<std::size_t>(Direction::undirected)] == 3);
    CHECK(multi.links[link_between(topology, 0, 1)].flits == 1);
  }
}

TEST_CASE("carry: a packet that is copied holds its place until the last copy has left") {
  TopologySpec spec = with_buffer(line(link(1000, 100)), 1);
  spec.multicast = true;
  // The link from b to c is kept by b's own packet until 1050; the copy for e leaves at 100.
  const std::vector<Message> messages{{ps(50), 1, {2}}, {ps(0), 0, {2, 4}}, {ps(10), 0, {1}}};
  CHECK(arrivals(spec, messages) == Times{ps(150), ps(1150), ps(200), ps(1150)});
  spec.buffer_flits = 2;
  // Room for the next one at once; it waits behind the first packet at b.
  CHECK(arrivals(spec, messages) == Times{ps(150), ps(1150), ps(200), ps(1050)});
}

TEST_CASE("carry: loads are what the links carried, and queues their fullest") {
  const std::vector<Message> messages{{ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(0), 0, {2}}};
  TopologySpec spec = line(link(1000, 100));
  const Topology topology(spec);
  const std::uint32_t first = link_between(topology, 0, 1);
  const std::uint32_t second = link_between(topology, 1, 2);
  // Unbounded: two wait at a for 10 and 20 ps, two at b; at most two at once.
  CarriedMessages carried = carry(topology, spec, messages);
  CHECK(carried.links[first] == LinkLoad{3, ps(30), 2});
  CHECK(carried.links[second] == LinkLoad{3, ps(3000), 2});
  CHECK(carried.links[link_between(topology, 1, 0)] == LinkLoad{});
  // Room for two at b: it fills at 10 (the second packet on its way), until the first one leaves at
  // 100: the link, free from 20 on, is stalled until then. Each packet is alone at c.
  spec.buffer_flits = 2;
  carried = carry(Topology(spec), spec, messages);
  CHECK(carried.links[first] == LinkLoad{3, ps(30), 2, ps(80)});
  CHECK(carried.links[second] == LinkLoad{3, ps(3000), 1});
  // Room for one: free at 10, stalled until 100; the second packet is at b until 1100, stalled
  // from 110 until then.
  spec.buffer_flits = 1;
  carried = carry(Topology(spec), spec, messages);
  CHECK(carried.links[first] == LinkLoad{3, ps(30), 1, ps(90 + 990)});
  CHECK(carried.links[second] == LinkLoad{3, ps(3000), 1});
  spec.buffer_flits = 2;
  // 24 bits in flits of 8, on links of 8 bits: three flits, three words.
  spec.packet_bits = 24;
  spec.buffer_flits.reset();
  carried = carry(topology, spec, messages);
  CHECK(carried.links[first] == LinkLoad{9, ps(90), 2});
}

TEST_CASE("carry: links between chips are counted by themselves") {
  TopologySpec spec;
  const LinkSpec slow{8, ps(50), ps(500)};
  spec.network = MultiChipSpec{NetworkSpec{GridShape{2, 2, false, link(1, 10, 64), link(1, 20, 64)},
                                           Routing::dimension_order},
                               NetworkSpec{RingShape{2, slow}, Routing::dimension_order}, 0};
  const Topology topology(spec);
  // Chip 0's tile 3 = (1,1) to chip 1's tile 4 + 2 = (1,0): x then y to (0,0): 10 + 20; 8 words of
  // 8 bits over, 50 x 8 = 400 kept, tail 350; then a 64-bit link starts with the tail: 10.
  const CarriedMessages carried = carry(topology, spec, std::vector<Message>{{ps(0), 3, {6}}});
  CHECK(carried.arrived.front().front() == ps(30 + 500 + 350 + 10));
  CHECK(carried.hops == std::array<std::uint64_t, 8>{2, 1, 0, 0, 0, 0, 0, 1});
}

TEST_CASE(
    "carry: with bounded buffers what stays in its tile waits for what its core sent before") {
  TopologySpec spec;
  spec.network = NetworkSpec{RingShape{2, LinkSpec{8, ps(50), ps(500)}}, Routing::dimension_order};
  spec.packet_bits = 64;
  spec.flit_bits = 64;
  spec.buffer_flits = 1;
  spec.within_tile = ps(7);
  const Topology topology(spec);
  // The first one's last word of 8 enters the link at 350; the second one comes to the front then.
  const CarriedMessages carried =
      carry(topology, spec, std::vector<Message>{{ps(0), 0, {1}}, {ps(10), 0, {0}}});
  CHECK(carried.arrived[0].front() == ps(500 + 350));
  CHECK(carried.arrived[1].front() == ps(350 + 7));
}

// The level `flit`. On `line` a tick is 10 ps, which a link takes per word.

std::vector<Picoseconds> flit_arrivals(const TopologySpec& spec,
                                       const std::vector<Message>& messages) {
  return arrivals(spec, messages, TimingLevel::flit);
}

TEST_CASE("flit: packets enter at a clock edge, and latencies are whole cycles") {
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    const auto arrival = [&](std::int64_t injected, std::int64_t latency) {
      TopologySpec spec = line(link(10, latency));
      if (bounded) spec.buffer_flits = 4;
      return flit_arrivals(spec, {{ps(injected), 1, {2}}}).front();
    };
    CHECK(arrival(0, 100) == ps(100));
    CHECK(arrival(9, 100) == ps(110));
    CHECK(arrival(10, 100) == ps(110));
    CHECK(arrival(11, 100) == ps(120));
    CHECK(arrival(0, 91) == ps(100));
    CHECK(arrival(0, 101) == ps(110));
    // Far from 0, and over two links; inside the tile.
    CHECK(flit_arrivals(line(link(10, 100)), {{ps(5'000'001), 0, {2}}}).front() == ps(5'000'210));
    CHECK(flit_arrivals(line(link(10, 100)), {{ps(11), 0, {0}}}).front() == ps(20 + 7));
  }
}

TEST_CASE("flit: words follow their head, and no link starts what it cannot send without a gap") {
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    const auto sent = [&](std::uint32_t first_width, std::uint32_t second_width,
                          std::int64_t second_cycle) {
      EdgeListShape list{{"a", "b", "c"}, 3, {}};
      connect(list, 0, 1, link(10, 100, first_width));
      connect(list, 1, 2, link(second_cycle, 100, second_width));
      TopologySpec spec;
      spec.network = NetworkSpec{list};
      spec.flit_bits = 8;
      spec.packet_bits = 32;
      if (bounded) spec.buffer_flits = 4;
      return flit_arrivals(spec, {{ps(0), 0, {2}}}).front();
    };
    // Words at 0 .. 30, at b at 100 .. 130, which go on as they come.
    CHECK(sent(8, 8, 10) == ps(230));
    // 2 words of 16 bits: the second is there at 130, so they enter at 120 and 130.
    CHECK(sent(8, 16, 10) == ps(230));
    // From 100 on, a word every 30: the last at 190.
    CHECK(sent(8, 8, 30) == ps(290));
    // The first word of 16 bits is there at 110.
    CHECK(sent(8, 16, 40) == ps(110 + 40 + 100));
    // 2 words of 16 bits at b at 100 and 110; 4 of 8 bits from 100 on.
    CHECK(sent(16, 8, 10) == ps(230));
    // 3 words of 12 bits at b at 100, 110, 120; one of 64 bits.
    CHECK(sent(12, 64, 10) == ps(220));
  }
}

TEST_CASE("flit: a link takes a word per cycle as long as there are credits") {
  // A flit that enters at t is delivered at t + 100; its credit is back at t + 200: 20 flits are on
  // the way.
  const auto nth = [](std::uint32_t buffer, std::size_t i) {
    return flit_arrivals(with_buffer(line(link(10, 100)), buffer),
                         std::vector<Message>(40, {ps(0), 0, {1}}))
        .at(i);
  };
  for (const std::size_t i : {0U, 19U, 20U, 39U}) {
    CHECK(nth(20, i) == ps(100 + 10 * static_cast<std::int64_t>(i)));
  }
  CHECK(nth(19, 18) == ps(100 + 180));
  CHECK(nth(19, 19) == ps(100 + 200));  // not at 190: the first credit is back at 200
  CHECK(nth(19, 20) == ps(100 + 210));
  CHECK(nth(1, 39) == ps(100 + 39 * 200));
}

TEST_CASE("flit: a link is stalled while a word is ready, and no credit is there") {
  const std::vector<Message> messages{{ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(0), 0, {2}}};
  TopologySpec spec = line(link(1000, 100));
  const auto first = [&](std::optional<std::uint32_t> buffer) {
    spec.buffer_flits = buffer;
    const Topology topology(spec);
    return carry(topology, spec, messages, TimingLevel::flit).links[link_between(topology, 0, 1)];
  };
  CHECK(first(std::nullopt).stalled == ps(0));
  // Packets of one word are in a's queue at 0, 10 and 20. With room for two at b, the third waits
  // from 20 until the credit of the first, which leaves b at 100, is back at 200.
  CHECK(first(2) == LinkLoad{3, ps(30), 2, ps(180)});
  // With room for one, the second waits from 10 until 200; it leaves b at 1100, so that the third
  // waits from 210 until 1200.
  CHECK(first(1) == LinkLoad{3, ps(30), 1, ps(190 + 990)});
  // Two words of 8 bits in one packet: the credit of the first one is back before the second is
  // there, so the link is not stalled in between.
  spec = line(link(10, 100));
  spec.packet_bits = 16;
  CHECK(first(2).stalled == ps(180 + 180));
}

TEST_CASE("flit: a channel is kept to the last word, and goes to its inputs in turn") {
  // Packets of 4 words to c, from a (at b at 100) and from b itself at 100. The first input of b is
  // the link from a; then it is the other's turn.
  for (const bool bounded : {false, true}) {
    CAPTURE(bounded);
    TopologySpec spec = line(link(10, 100));
    spec.packet_bits = 32;
    if (bounded) spec.buffer_flits = 40;
    const std::vector<Message> messages{
        {ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(100), 1, {2}}, {ps(100), 1, {2}}};
    // a's at 100 .. 130, b's at 140, a's at 180, b's at 220.
    CHECK(flit_arrivals(spec, messages) == Times{ps(230), ps(310), ps(270), ps(350)});
    // A cycle earlier b's is alone: at 90 .. 120, and a's at 130.
    CHECK(flit_arrivals(spec, {{ps(0), 0, {2}}, {ps(91), 1, {2}}}) == Times{ps(230), ps(270)});
    CHECK(flit_arrivals(spec, {{ps(0), 0, {2}}, {ps(90), 1, {2}}}) == Times{ps(260), ps(220)});
  }
}

TEST_CASE("flit: a full buffer holds back what is behind its first packet, unbounded ones do not") {
  const TopologySpec slow = line(link(1000, 100));
  // As at the level `event`. The first of a queue is routed one cycle after the one before has
  // left: at b at 1110, a's third packet.
  const std::vector<Message> messages{{ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(0), 0, {4}}};
  CHECK(flit_arrivals(with_buffer(slow, 4), messages) == Times{ps(200), ps(1200), ps(1210)});
  CHECK(flit_arrivals(slow, messages) == Times{ps(200), ps(1200), ps(220)});
}

TEST_CASE("flit: an input sends one word per cycle, to its outputs in turn") {
  // 4 words to c, on a link that takes one in 20, then 4 to e, from a: at b at 100 .. 130 and 140
  // .. 170. To c at 100, 120; both want 140: e's turn (the link after the one served last), c's at
  // 150, e's at 160, both want 170: c's last, then e's at 180 and 190.
  TopologySpec spec = line(link(20, 100));
  spec.packet_bits = 32;
  CHECK(flit_arrivals(spec, {{ps(0), 0, {2}}, {ps(0), 0, {4}}}) == Times{ps(270), ps(290)});
  // Bounded: e's packet is routed when c's last word has left, at 160: from 170 on.
  CHECK(flit_arrivals(with_buffer(spec, 40), {{ps(0), 0, {2}}, {ps(0), 0, {4}}}) ==
        Times{ps(260), ps(300)});
}

TEST_CASE("flit: copies proceed by themselves, and their place is given back after the last") {
  TopologySpec spec = with_buffer(line(link(1000, 100)), 1);
  spec.multicast = true;
  // The link from b to c is kept by b's own packet until 1050; the copy for e leaves at 100.
  const std::vector<Message> messages{{ps(50), 1, {2}}, {ps(0), 0, {2, 4}}, {ps(10), 0, {1}}};
  // The credit of the place is back at a at 1150.
  CHECK(flit_arrivals(spec, messages) == Times{ps(150), ps(1150), ps(200), ps(1250)});
  spec.buffer_flits = 2;
  // Room for the next one at once; it is behind the first at b until 1060.
  CHECK(flit_arrivals(spec, messages) == Times{ps(150), ps(1150), ps(200), ps(1060)});
  // Copies at the same bit leave together.
  spec = line(link(10, 100));
  spec.multicast = true;
  const CarriedMessages carried = carry(
      Topology(spec), spec, std::vector<Message>{{ps(0), 0, {0, 1, 2, 4}}}, TimingLevel::flit);
  CHECK(carried.arrived.front() == Times{ps(7), ps(100), ps(200), ps(200)});
  CHECK(carried.hops[static_cast<std::size_t>(Direction::undirected)] == 3);
}

TEST_CASE("flit: a packet gives back its own flits, however short others are") {
  // Two packets of three words and one of one. The first keeps all room at b; its words enter the
  // link to c at 100, 200 and 300, and their credits are back at a at 200, 300 and 400. So the
  // words of the second are at b at 300, 400 and 500, and at e 100 later.
  TopologySpec spec = with_buffer(line(link(100, 100)), 3);
  spec.value_added = true;
  const std::vector<Message> messages{{ps(0), 0, {2}, 16}, {ps(0), 0, {4}, 16}, {ps(0), 4, {1}}};
  CHECK(flit_arrivals(spec, messages) == Times{ps(400), ps(600), ps(100)});
}

TEST_CASE("flit: routers with too many pairs of input and output are refused") {
  TopologySpec spec;
  spec.network = NetworkSpec{CrossbarShape{2050, link(1, 1)}};
  const Topology topology(spec);
  // 2050 x 2050 in the middle, and one pair at each tile.
  CHECK(testing::message_of([&] {
          static_cast<void>(carry(topology, spec, std::vector<Message>{}, TimingLevel::flit));
        }) ==
        "timing 'flit' takes networks whose routers have at most 4194304 pairs of an input and an "
        "output, this one has 4204550");
}

TEST_CASE("analytic: packets do not wait, and all have not arrived before a link could take them") {
  const TopologySpec slow = line(link(1000, 100));
  const std::vector<Message> messages{{ps(0), 0, {2}}, {ps(0), 0, {2}}, {ps(5), 1, {2}}};
  const CarriedMessages carried = carry(Topology(slow), slow, messages, TimingLevel::analytic);
  CHECK(carried.arrived == std::vector<Times>{{ps(200)}, {ps(200)}, {ps(105)}});
  // From b to c: three packets, the first ready at 5, 1000 each, 100 to go.
  CHECK(carried.end == ps(5 + 2 * 1000 + 100));
  CHECK(carry(Topology(slow), slow, messages).end == carried.end);
  CHECK(carried.links[3] == LinkLoad{3, ps(3000), 0});
}

TEST_CASE("carry: messages that the network cannot have are refused") {
  const TopologySpec spec = line(link(10, 100));
  const Topology topology(spec);
  const auto message = [&](const Message& one) {
    return testing::message_of(
        [&] { static_cast<void>(carry(topology, spec, std::vector<Message>{one})); });
  };
  CHECK(message({ps(0), 5, {0}}) == "there is no tile 5, only 5");
  CHECK(message({ps(0), 0, {7}}) == "there is no tile 7, only 5");
  CHECK(message({ps(-1), 0, {1}}) == "a time is negative");
  CHECK(message({ps(0), 0, {1, 1}}) == "a message names a tile twice");
  CHECK(message({ps(0), 0, {}}) == "nothing thrown");
}

}  // namespace
}  // namespace nj
