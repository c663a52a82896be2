#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/count_definition.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/changed_text.hpp"
#include "support/chip_text.hpp"
#include "support/frames_scenario.hpp"
#include "support/mapped_network.hpp"
#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"
#include "support/thrown.hpp"

// Encoder cores that read the frames of an input themselves.

namespace nj {
namespace {

using testing::a;
using testing::a_lif;
using testing::frames_chip;
using testing::frames_scenario;
using testing::input;
using testing::ns;
using testing::run;

TEST_CASE("frames: every count is the one worked out by hand") {
  ChipSpec spec = frames_chip();
  const SimulationResult result = run(frames_scenario(spec));
  const auto at = [](const SimulationResult& of, const char* component, Action action,
                     std::uint32_t width, LayerId layer = a) {
    return of.actions.at({component, action, width, layer, action == Action::multiply ? 4U : 0U});
  };
  // Rows 0 and 1 of a see the rows 0, 1 and 2 of the frame, row 2 sees 1 and 2. A row has 2 pixels
  // of 4 bits, which are 2 words: per step 5 rows of 8 bits, and 10 words.
  CHECK(at(result, "off_chip.memory", Action::read_bit, 1, input) == 2 * 5 * 8);
  CHECK(at(result, "encoder.frame_buffer", Action::write_word, 4) == 2 * 10);
  // Each row of outputs reads the words under its kernels that are not zero: (0, 0) for rows 0 and
  // 1, (1, 1) for rows 0, 1 and 2.
  CHECK(at(result, "encoder.frame_buffer", Action::read_word, 4) == 2 + 3);
  // 9 weights per channel, 2 channels x 5 bits in 2 words of 8: 18 words per slice and step.
  CHECK(at(result, "encoder.synapse_memory", Action::read_word, 8) == 2 * 2 * 18);
  // The sums of a position are 2 x 10 bits in 2 words of 16; 6 positions.
  CHECK(at(result, "encoder.accumulator_memory", Action::read_word, 16) == 2 * 6 * 2);
  CHECK(at(result, "encoder.accumulator_memory", Action::write_word, 16) == 2 * 6 * 2);
  // (0, 0) reaches 2 x 2 positions, (1, 1) all 3 x 2; 2 channels.
  for (const auto& [action, width] : {std::pair{Action::multiply, 5U},
                                      {Action::accumulate, 10U},
                                      {Action::synaptic_operation, 5U}}) {
    CHECK(at(result, "encoder.encoder_unit", action, width) == (4 + 6) * 2);
  }
  // All 12 neurons have an input in step 0 and none in step 1.
  CHECK(at(result, "encoder.neuron_unit", Action::neuron_update_active, 12, a_lif) == 12);
  CHECK(at(result, "encoder.neuron_unit", Action::neuron_update_inactive, 12, a_lif) == 12);
  CHECK(result.packets == 1);  // the spike of a
  for (const auto& [key, count] : result.actions.entries()) {
    const std::string text = count_definition(spec, key.component, key.action);
    CHECK((text.find("per spike that reaches") == std::string::npos || key.component[0] == 'n'));
  }
  CHECK(result.actions.total(Action::packet_inject) == 1);
  CHECK(at(result, "encoder.frame_buffer", Action::leak_cycle, 24, chip_overhead) ==
        4 * static_cast<std::uint64_t>(result.timeline.latency().value()));

  // Where zeros are not skipped: rows 0, 1, 2 of the frame are read 2 + 2 + 1 times for the first
  // slice, rows 1 and 2 once for the other, 2 words each. Each pixel reaches all positions of these
  // rows: 4 per pixel of a row that is read twice.
  spec.core_kinds[1].encoder_unit->skips_zero = false;
  const SimulationResult dense = run(frames_scenario(spec));
  CHECK(at(dense, "encoder.frame_buffer", Action::read_word, 4) == 2 * (5 + 2) * 2);
  CHECK(at(dense, "encoder.encoder_unit", Action::multiply, 5) == 2 * (5 + 2) * 4 * 2);
  CHECK(at(dense, "encoder.neuron_unit", Action::neuron_update_active, 12, a_lif) == 12);
}

TEST_CASE("frames: pixels that cross words, binary pixels, power-of-two weights") {
  ChipSpec spec = frames_chip();
  spec.core_kinds[1].memories[4] = MemorySpec{Bits{24}, 3};
  spec.core_kinds[1].weight_formats.power_of_two_bits = 5;
  testing::MappedNetwork s = frames_scenario(spec);
  for (LayerWidths& widths : s.widths) widths.weights.scheme = Scheme::power_of_two;
  spec.core_kinds[0].weight_formats = spec.core_kinds[1].weight_formats;
  s.chip = Chip(spec);
  SimulationResult result = run(s);
  // A row has 8 bits in 3 words. Its pixels are bits 0-3 and 4-7: words 0, 1 and words 1, 2.
  CHECK(result.actions.at({"encoder.frame_buffer", Action::write_word, 3, a}) == 2 * 5 * 3);
  CHECK(result.actions.at({"encoder.frame_buffer", Action::read_word, 3, a}) == 2 * 2 + 3 * 2);
  CHECK(result.actions.at({"encoder.encoder_unit", Action::shift, 10, a}) == 20);
  CHECK(result.actions.total(Action::multiply) == 0);
  // Both pixels of row 1: three words, not four.
  std::get<GradedTensor>(*s.trace[0]).step(0)[2] = 1;
  result = run(s);
  CHECK(result.actions.at({"encoder.frame_buffer", Action::read_word, 3, a}) == 2 * 2 + 3 * 3);

  testing::MappedNetwork binary = frames_scenario();
  binary.network = testing::frames_network(1);
  binary.widths[0].output_bits = 1;
  binary.trace[0] = testing::spikes_at(2, {1, 3, 2}, {{0, 0}, {0, 3}});
  result = run(binary);
  CHECK(result.actions.at({"off_chip.memory", Action::read_bit, 1, input}) == 2 * 5 * 2);
  CHECK(result.actions.at({"encoder.encoder_unit", Action::accumulate, 10, a}) == 20);
  CHECK(result.actions.total(Action::multiply) == 0);
}

/// How a step ends with the neuron unit of core 1, which has encoded a frame; ns.
StepPath encoded(std::int64_t fetch, std::int64_t encode, std::int64_t phase) {
  return {.last = WorkUnit::neuron_unit,
          .core = CoreId{1},
          .layer = a,
          .sender = WorkUnit::neuron_unit,
          .sender_core = CoreId{1},
          .sender_layer = a,
          .fetch = ns(fetch),
          .encode = ns(encode),
          .phase = ns(phase),
          .transit = {},
          .link_wait = {},
          .service = {},
          .barrier = ns(100),
          .tick = {}};
}

TEST_CASE("frames: the frame phase goes before the neuron phase, times by hand") {
  // Off-chip words of 8 bits take 2 ns: 3 rows until 6 for core 1, then 2 rows until 10 for core 3;
  // their 6 and 4 words enter the buffer meanwhile, 0.5 each. Weights: 18 words x 2 = 36.
  // Core 1, step 0: 4 words x 0.5 = 2; 8 x 2 products in 4 lanes, 4 x 3 = 12: encoded at 6 + 50.
  // 8 active neurons x 5, and a packet, 1: idle at 56 + 41 = 97. Core 3: 36 + 0.5 + 3 = 39.5,
  // encoded at 49.5, 4 x 5, idle at 69.5. The packet leaves after two neurons, at 56 + 11 = 67, is
  // at core 0 at 68, which serves it in 3 + 2 words x 2: 75. Step 1: 6 + 36, 8 x 4 = 32: 74; b on
  // core 0: 2 x 5 + 10 x 4 = 50. Step 2: b 12 x 4 = 48.
  const testing::MappedNetwork s = frames_scenario();
  for (const TimingLevel level : {TimingLevel::analytic, TimingLevel::event, TimingLevel::flit}) {
    const SimulationResult result = run(s, {.timing = level, .work_records = 100});
    const std::vector<StepInterval> steps{{ns(0), ns(197)}, {ns(197), ns(371)}, {ns(371), ns(519)}};
    CHECK(result.timeline.steps == steps);
    REQUIRE(result.path.size() == 3);
    CHECK(result.path[0] == encoded(6, 50, 41));
    CHECK(result.path[1] == encoded(6, 36, 32));
    CHECK(result.busy[1] == UnitTimes{ns(41 + 32), {}, ns(50 + 36)});
    CHECK(result.busy[3] == UnitTimes{ns(20 + 16), {}, Picoseconds{39'500 + 36'000}});
    // Core 0 waits for its packet, sent at a clock edge of 6 ns, 72, at the level `flit`.
    CHECK(result.stalled[0].synapse_unit == ns(level == TimingLevel::flit ? 73 : 68));
    CHECK(result.stalled[1] == UnitTimes{ns(6 + 50 + 6 + 36), {}, ns(6 + 6)});
    CHECK(result.stalled[3] ==
          UnitTimes{Picoseconds{10'000 + 39'500 + 10'000 + 36'000}, {}, ns(10 + 10)});
    CHECK(result.io_port == ns(10 + 10));
    CriticalPath path;
    add_to(path, result.path);
    CHECK(path.at({PathKind::frame_fetch, a, CoreId{1}}) == PathShare{2, 0, ns(12)});
    CHECK(path.at({PathKind::encoder_unit, a, CoreId{1}}) == PathShare{2, 0, ns(86)});
    // In step 0 the I/O port is at work until 10, and both encoders until 56 and 49.5.
    const auto first = [&](WorkUnit unit, std::uint32_t core, LayerId layer) -> StepInterval {
      for (const WorkRecord& of : result.work) {
        const bool same = of.unit == unit && of.core == CoreId{core} && of.layer == layer;
        if (same) return {of.start, of.end};
      }
      return {};
    };
    CHECK(first(WorkUnit::io_port, 0, input) == StepInterval{ns(0), ns(10)});
    CHECK(first(WorkUnit::encoder_unit, 1, a) == StepInterval{ns(6), ns(56)});
    CHECK(first(WorkUnit::encoder_unit, 3, a) == StepInterval{ns(10), Picoseconds{49'500}});
    CHECK(first(WorkUnit::neuron_unit, 1, a) == StepInterval{ns(56), ns(97)});
  }
}

TEST_CASE("frames: a packet of a core that encodes has waited for its frame") {
  ChipSpec spec = frames_chip();
  spec.core_kinds[0].times.axon_in = ns(100);
  const SimulationResult result = run(frames_scenario(spec));
  // Sent at 6 + 50 + 11, 1 within the tile, served in 100 + 4: 172.
  StepPath path = encoded(6, 50, 11);
  path.last = WorkUnit::synapse_unit;
  path.core = CoreId{0};
  path.layer = LayerId{3};
  path.transit = ns(1);
  path.service = ns(104);
  CHECK(result.path[0] == path);
  CHECK(result.timeline.steps[0].end == ns(172 + 100));
}

TEST_CASE("frames: what sets the pace of the frame phase") {
  const auto path = [](const auto& change) {
    ChipSpec spec = frames_chip();
    change(spec, spec.core_kinds[1]);
    return run(frames_scenario(spec)).path[0];
  };
  // 16 products in 5 lanes take 4 cycles, in 16 one.
  CHECK(path([](auto&, auto& k) { k.encoder_unit->lanes = 5; }).encode == ns(38 + 12));
  CHECK(path([](auto&, auto& k) { k.encoder_unit->lanes = 16; }).encode == ns(38 + 3));
  // All words and products: 10 x 0.5 + 40 / 4 x 3 instead of 2 + 12.
  CHECK(path([](auto&, auto& k) { k.encoder_unit->skips_zero = false; }).encode == ns(36 + 35));
  // A buffer that takes its 6 words more slowly than the port gives them; with two ports as before.
  const auto slow = [](std::uint32_t ports) {
    return [ports](auto&, auto& k) {
      k.times.frame_word = ns(2);
      k.memories[4]->ports = ports;
    };
  };
  CHECK(path(slow(1)).fetch == ns(12));
  CHECK(path(slow(1)).encode == ns(36 + 8 + 12));  // each row's only word: 2 + 2 accesses
  CHECK(path(slow(2)).fetch == ns(6));
  CHECK(path([](auto& spec, auto&) { spec.off_chip.word_time = ns(3); }).fetch == ns(9));
  // Sums of 4 positions: 2 words read and 2 written, 1 ns each.
  CHECK(path([](auto&, auto& k) { k.times.accumulator_word = ns(1); }).encode == ns(50 + 16));
}

TEST_CASE("frames: an input that others take as packets is sent to them, and read by encoders") {
  testing::MappedNetwork s = frames_scenario();
  s.network = Network::build({{"input", Input{{2, 1, 1}, 1}, {}},
                              {"a", Conv2d{2, 2}, {{"input"}}},
                              {"a.lif", Lif{}, {{"a"}}},
                              {"add", ResidualAdd{}, {{"a.lif"}, {"input", Port::residual}}}});
  s.populations = populations(s.network);
  s.widths.resize(4);
  s.widths[0].output_bits = 1;
  s.widths[3].output_bits = 2;
  s.mapping = {{{1, 0, 2, 0, 1, CoreId{1}}, {2, 0, 2, 0, 1, CoreId{0}}}};
  s.trace = SpikeTrace(4);
  s.trace[0] = testing::spikes_at(1, {2, 1, 1}, {{0, 0}, {0, 1}});
  s.trace[2] = testing::spikes_at(1, {2, 1, 1}, {{0, 1}});
  GradedTensor sums(1, {2, 1, 1});
  sums.step(0)[0] = 1;
  sums.step(0)[1] = 2;
  s.trace[3] = sums;
  const SimulationResult result = run(s);
  const LayerId add{3};
  // The port reads 2 bits in a word, 2 ns, sends two packets, 1 ns each, and reads the word again.
  CHECK(result.actions.at({"off_chip.memory", Action::read_bit, 1, input}) == 2 + 2);
  CHECK(result.actions.at({"io.axon_out", Action::packet_inject, 64, input}) == 2);
  CHECK(result.actions.at({"neuron.synapse_unit", Action::accumulate, 10, add}) == 3);
  CHECK(result.actions.at({"encoder.encoder_unit", Action::accumulate, 10, a}) == 2 * 2);
  CHECK(result.path[0].fetch == ns(2 + 2 + 2));
  CHECK(result.timeline.steps.size() == 2);  // a has its step 0 in step 0, the add in step 1
  CHECK(result.busy[0].neuron_unit == ns(2 * 5));
}

TEST_CASE("frames: a head reads whole frames, and sums them up to the last step") {
  testing::MappedNetwork s = frames_scenario();
  s.network = Network::build(
      {{"input", Input{{1, 3, 2}, 15}, {}}, {"head", ClassifierHead{1, 3}, {{"input"}}}});
  s.populations = populations(s.network);
  s.widths.resize(2);
  s.mapping = {{{1, 0, 3, 0, 1, CoreId{3}}}};
  s.trace.resize(2);
  ChipSpec spec = frames_chip();
  spec.core_kinds[1].encoder_unit->skips_zero = false;
  s.chip = Chip(spec);
  const SimulationResult result = run(s);
  // 6 pixels to 3 classes in each of 2 steps, 3 x 5 bits of weights: 2 words for the input channel.
  CHECK(result.actions.at({"encoder.encoder_unit", Action::multiply, 5, a, 4}) == 2 * 6 * 3);
  CHECK(result.actions.at({"encoder.synapse_memory", Action::read_word, 8, a}) == 2 * 2);
  CHECK(result.actions.at({"encoder.frame_buffer", Action::read_word, 4, a}) == 2 * 6);
  CHECK(result.actions.at({"encoder.neuron_unit", Action::neuron_update_active, 10, a}) == 3);
  CHECK(result.actions.at({"encoder.neuron_unit", Action::accumulate, 10, a}) == 3);
}

TEST_CASE("frames: what a slice occupies, and rows are cut to fit the frame buffer") {
  const testing::MappedNetwork s = frames_scenario();
  const auto use = footprints(s.network, s.populations, s.widths, s.chip, s.mapping);
  // Both slices see 3 rows of 2 x 4 bits, as away from the border. One slot of sums: 8 x 10 bits.
  CHECK(use[0].bits(MemoryUnit::frame_buffer) == 24);
  CHECK(use[0].bits(MemoryUnit::accumulator_memory) == 80);
  CHECK(use[0].axons == 0);
  CHECK(use[2].bits(MemoryUnit::frame_buffer) == 0);
  CHECK(use[2].axons == 12);

  const Network tall = Network::build({{"input", Input{{1, 6, 2}, 15}, {}},
                                       {"a", Conv2d{1, 1, 3, 1, 1}, {{"input"}}},
                                       {"a.lif", Lif{}, {{"a"}}}});
  const auto map = [&](std::uint64_t capacity) {
    ChipSpec spec = frames_chip();
    spec.core_kinds[1].max_neurons = 12;
    spec.core_kinds[1].memories[4]->capacity = Bits{capacity};
    return map_network(tall, populations(tall), {s.widths.data(), 3}, Chip(spec));
  };
  // All 6 rows fit 48 bits; 3 rows of outputs see 5, 2 see 4, and 1 sees 3.
  CHECK(map(48).mapping.slices.size() == 1);
  CHECK(map(47).mapping.slices.size() == 2);
  CHECK(map(39).mapping.slices.size() == 3);
  const auto violations = map(24).violations;
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].resource == "cores");  // 6 slices, 4 encoders
  REQUIRE(map(23).violations.size() == 1);
  CHECK(map(23).violations[0].message ==
        "layer \"a\" needs 24 bit of frame_buffer on a \"encoder\" core, which has 23 bit; that is "
        "what one position of the outputs sees of the frame");
}

const std::string frames_file = R"(name: test
description: a tile
technology: {node: 45 nm, voltage: 0.9 V}
topology: {kind: mesh, width: 1, height: 1, tile: [encoder], flit: 64 bit, link: {cycle: 1 ns}, hop_east_west: {latency: 1 ns}, hop_north_south: {latency: 1 ns}, within_tile: {latency: 1 ns}}
synchronisation: {barrier: 500 ns}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 1 ns, axon_out: 1 ns}
core_kinds:
  encoder:
    role: encoder
    input: frames
    max_neurons: 1024
    synapse_memory: {capacity: 1 KiB, word: 64 bit}
    frame_buffer: {capacity: 2 KiB, word: 32 bit, banks: 2}
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    weight_formats: {uniform: 8 bit}
    encoder_unit: {lanes: 16, skips_zero: false}
    times: {frame_word: 1 ns, multiply_accumulate: 2 ns, neuron_update_active: 3 ns, neuron_update_inactive: 2 ns, axon_out: 1 ns}
)";

/// What reading says when `from` is replaced by `to`.
std::string frames_refusal(const std::string& from, const std::string& to) {
  return testing::chip_refusal(frames_file, from, to);
}

TEST_CASE("frames: a chip file has the keys, and each mistake is refused at its place") {
  const Chip chip = testing::chip_of(frames_file);
  const CoreKindSpec& kind = chip.kind_of(CoreId{0});
  CHECK(chip.reads_frames());
  CHECK(!kind.takes_packets());
  CHECK((kind.encoder_unit->lanes == 16 && !kind.encoder_unit->skips_zero));
  CHECK(kind.memory(MemoryUnit::frame_buffer)->rounds(5) == 3);
  CHECK(kind.times.multiply_accumulate == ns(2));

  const std::string at = "core_kinds.encoder";
  CHECK(frames_refusal("input: frames", "input: frame") ==
        "chip.yaml:10:5: " + at + ".input: expected one of packets, frames, got 'frame'");
  CHECK(frames_refusal("    frame_buffer: {capacity: 2 KiB, word: 32 bit, banks: 2}\n", "") ==
        "chip.yaml:8:3: " + at + ": lacks the key 'frame_buffer'");
  CHECK(frames_refusal("capacity: 2 KiB, word: 32 bit", "capacity: 0 KiB, word: 32 bit")
            .starts_with("chip.yaml:13:20: " + at + ".frame_buffer.capacity: expected a capacity"));
  CHECK(frames_refusal("banks: 2}", "bank: 2}") ==
        "chip.yaml:13:51: " + at + ".frame_buffer.bank: unknown key, did you mean 'banks'?");
  CHECK(frames_refusal("lanes: 16", "lanes: 0") ==
        "chip.yaml:17:20: " + at + ".encoder_unit.lanes: expected 1..65536, got 0");
  CHECK(frames_refusal(", skips_zero: false", "") ==
        "chip.yaml:17:5: " + at + ".encoder_unit: lacks the key 'skips_zero'");
  CHECK(frames_refusal("multiply_accumulate: 2 ns, ", "") ==
        "chip.yaml:18:5: " + at + ".times: lacks the key 'multiply_accumulate'");
  CHECK(frames_refusal("frame_word: 1 ns", "frame_word: -1 ns")
            .starts_with("chip.yaml:18:13: " + at + ".times.frame_word: "));
  // What only belongs to cores that read frames, and what those that take packets need.
  CHECK(frames_refusal("input: frames", "input: packets") ==
        "chip.yaml:13:5: " + at + ".frame_buffer: only an encoder with `input: frames` has it");
  CHECK(frames_refusal("role: encoder", "role: neuron") ==
        "chip.yaml:10:5: " + at + ".input: only cores of the role encoder have it");
  CHECK(frames_refusal("role: encoder", "role: [encoder, neuron]") ==
        "chip.yaml:8:3: " + at + ": lacks the key 'spike_buffer' ('frame_buffer' is there)");
}

TEST_CASE("frames: a chip built in code is checked too") {
  const auto message = [](const auto& change) {
    ChipSpec spec = frames_chip();
    change(spec.core_kinds[1]);
    return testing::message_of([&] { static_cast<void>(Chip(spec)); });
  };
  CHECK(message([](CoreKindSpec& k) { k.memories[4].reset(); }) ==
        "core_kinds.encoder.frame_buffer: this role needs it");
  CHECK(message([](CoreKindSpec& k) {
          k.encoder_unit.reset();
          k.memories[3] = k.memories[0];
        }) == "core_kinds.encoder.frame_buffer: only an encoder that reads frames has it");
  CHECK(message([](CoreKindSpec& k) { k.encoder_unit->lanes = 0; }) ==
        "core_kinds.encoder.encoder_unit.lanes: expected 1..65536");
  CHECK(message([](CoreKindSpec& k) {
          k.roles = {CoreRole::neuron};
          k.memories[3] = k.memories[0];
        }) == "core_kinds.encoder.input: only the role encoder reads frames");
  // An encoder of each sort; a kind that no tile has does not count.
  ChipSpec both = frames_chip();
  both.core_kinds.push_back(both.core_kinds[0]);
  both.core_kinds[2].name = "taking";
  both.core_kinds[2].roles = {CoreRole::encoder};
  CHECK(Chip(both).reads_frames());
  both.topology.tile.push_back("taking");
  CHECK(testing::message_of([&] { static_cast<void>(Chip(both)); }) ==
        "core_kinds.taking.input: all encoders on a chip take packets, or all read frames");
}

/// A Spikformer on mesh45 with encoders in all tiles, which take packets or read frames.
testing::MappedNetwork on_encoders(bool frames, bool skips_zero) {
  const Network network =
      testing::small_spikformer({.channels = 32, .pixels = 18, .blocks = 1, .heads = 4});
  ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/mesh45.yaml").spec();
  CoreKindSpec encoder = spec.core_kinds[0];
  encoder.name = "encoder";
  encoder.roles = {CoreRole::encoder};
  if (frames) {
    encoder.memories[4] = MemorySpec{Bits{1 << 16}, 64};
    encoder.encoder_unit = EncoderUnitSpec{16, skips_zero};
  }
  spec.core_kinds.push_back(encoder);
  spec.topology.tile.push_back("encoder");
  testing::MappedNetwork m{network,
                           populations(network),
                           testing::small_widths(network),
                           Chip(spec),
                           {},
                           testing::random_trace(network, 2, 15, 5)};
  m.mapping = map_network(m.network, m.populations, m.widths, m.chip).mapping;
  return m;
}

TEST_CASE("frames: behind the encoder all is as with packets") {
  const testing::MappedNetwork packets = on_encoders(false, true);
  const LayerId stem = *packets.network.find("stem0");
  const SimulationResult sent = run(packets);
  for (const bool skips_zero : {true, false}) {
    const SimulationResult read = run(on_encoders(true, skips_zero));
    // Not compared: the network, where ways differ with the places of slices; and what the latency
    // decides, barriers and leakage.
    const auto behind = [&](const SimulationResult& result) {
      ActionCounts counts;
      for (const auto& [key, count] : result.actions.entries()) {
        const bool of_encoder = key.layer == input || key.layer == stem;
        if (of_encoder || key.layer == chip_overhead || key.component == "network.router") continue;
        counts.add(key, count);
      }
      return counts;
    };
    CHECK(behind(read).entries().size() > 100);
    CHECK(behind(read) == behind(sent));
    const auto operations = [&](const SimulationResult& result, const char* component) {
      return result.actions.at({component, Action::multiply, 8, stem, 8});
    };
    const std::uint64_t expected = operations(sent, "encoder.synapse_unit");
    CHECK(expected > 5'000);
    CHECK((operations(read, "encoder.encoder_unit") == expected) == skips_zero);
    CHECK(operations(read, "encoder.encoder_unit") >= expected);
    const auto of_input = sent.actions.at({"io.axon_out", Action::packet_inject, 64, input});
    CHECK(of_input > 100);
    CHECK(read.packets == sent.packets - of_input);
    CHECK(read.timeline.steps.size() + 1 == sent.timeline.steps.size());
  }
}

}  // namespace
}  // namespace nj
