#include <functional>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_array.hpp"
#include "support/thrown.hpp"

namespace nj {
namespace {

using testing::capacity;
using testing::ns;

// The micro scenario: input [2] -> a [4] -> b [4], 3 steps, one position.
//   input spikes per step 1, 2, 0;   a: 1, 3, 0;   b: 0, 1, 1
// Weights of 5 bits and one scale of 32 per channel: a 4 x 2 x 5 + 4 x 32 = 168 bits, b 208.
// Sums of 10 bits, membranes of 12. Two columns: blocks of 2 channels, two per layer and step.
struct Micro {
  testing::MappedNetwork s = testing::micro_scenario();
  ChipSpec spec = testing::micro_array();

  [[nodiscard]] MappingResult map() const {
    return map_network(s.network, s.populations, s.widths, Chip(spec));
  }
  [[nodiscard]] SimulationResult run() const {
    return simulate(s.network, s.populations, s.widths, s.trace, Chip(spec), map().mapping);
  }
};

/// One job; times in ns, in the order of ArrayStep.
ArrayStep step(std::uint32_t population, std::uint32_t t,
               const std::array<std::int64_t, 8>& times) {
  return {population,
          t,
          1,
          ns(times[0]),
          ns(times[1]),
          ns(times[2]),
          ns(times[3]),
          ns(times[4]),
          ns(times[5]),
          ns(times[6]),
          ns(times[7])};
}

std::uint64_t at(const SimulationResult& result, const char* component, Action action,
                 std::uint32_t width, std::uint32_t layer) {
  return result.actions.at({component, action, width, LayerId{layer}});
}

TEST_CASE("array: every count of the micro scenario, by hand") {
  const Micro micro;
  REQUIRE(micro.map().feasible());
  CHECK(micro.map().mapping.tilings ==
        std::vector<LayerTiling>{{1, 4, 1, 1, 1, 1, 1, false}, {2, 4, 1, 1, 1, 1, 1, false}});
  const SimulationResult r = micro.run();
  // Layers: 0 input, 1 a, 2 a.lif, 3 b, 4 b.lif. (1 + 2 + 0) x 4 and (1 + 3 + 0) x 4 channels.
  CHECK(at(r, "array.pe", Action::accumulate, 10, 1) == 12);
  CHECK(at(r, "array.pe", Action::synaptic_operation, 5, 1) == 12);
  CHECK(at(r, "array.pe", Action::accumulate, 10, 3) == 16);
  CHECK(r.actions.total(Action::multiply) == 0);
  // Weights: 168 / 8 = 21 and 208 / 8 = 26 words once; read 2 words (10 bits) per block and step:
  // 2 x 2 x 3 = 12 and 2 x 2 x 4 = 16.
  CHECK(at(r, "array.weight_buffer", Action::write_word, 8, 1) == 21);
  CHECK(at(r, "array.weight_buffer", Action::read_word, 8, 1) == 12);
  CHECK(at(r, "array.weight_buffer", Action::write_word, 8, 3) == 26);
  CHECK(at(r, "array.weight_buffer", Action::read_word, 8, 3) == 16);
  // Inputs: one word per step loaded, and read by both blocks.
  CHECK(at(r, "array.input_buffer", Action::write_word, 8, 1) == 3);
  CHECK(at(r, "array.input_buffer", Action::read_word, 8, 1) == 6);
  // Sums: 20 bits are 2 words of 16, per block and step; the neurons read them. Membranes: 48 bits.
  CHECK(at(r, "array.accumulator_buffer", Action::write_word, 16, 1) == 12);
  CHECK(at(r, "array.accumulator_buffer", Action::read_word, 16, 2) == 12);
  CHECK(at(r, "array.membrane_buffer", Action::read_word, 16, 2) == 9);
  CHECK(at(r, "array.membrane_buffer", Action::write_word, 16, 2) == 9);
  // Outputs: 4 bits are a word.
  CHECK(at(r, "array.output_buffer", Action::write_word, 8, 2) == 3);
  CHECK(at(r, "array.output_buffer", Action::read_word, 8, 2) == 3);
  // Off-chip, in whole words: a 168 + 3 x 8, b 208 + 3 x 8; stores 3 x 8 each.
  CHECK(at(r, "off_chip.memory", Action::read_bit, 1, 1) == 192);
  CHECK(at(r, "off_chip.memory", Action::read_bit, 1, 3) == 232);
  CHECK(at(r, "off_chip.memory", Action::write_bit, 1, 2) == 24);
  CHECK(at(r, "off_chip.memory", Action::write_bit, 1, 4) == 24);
  // Updates: all 4 in a step with input; b fires once in step 2 without.
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_active, 12, 2) == 8);
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_inactive, 12, 2) == 4);
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_active, 12, 4) == 9);
  CHECK(at(r, "array.neuron_unit", Action::accumulate, 12, 4) == 36);
  // 5 buffers leak for the whole time.
  CHECK(r.actions.total(Action::leak_cycle) == 5 * 156'000);
}

TEST_CASE("array: times of the micro scenario, by hand") {
  const SimulationResult r = Micro().run();
  // Cycles of a: a block takes max(steps, 1 input word, 2 x steps weight words, 2 words of sums):
  // 2, 4, 2; twice; then the neurons: max(4 / 2 lanes, 4 words of sums, 6 of membranes) = 6.
  // So 10, 14, 10 ns; b with 1, 3, 0 steps: 10, 18, 10 ns.
  //   0: weights of a (21 words) 0-42, inputs 42-44 and 44-46; computes 44-54, 54-68, 68-78.
  //   The input of step 2 needs the half of step 0: 56-58, behind the store of step 0 at 54-56.
  //   Weights of b 58-110; behind them the stores of a: 110-112, 112-114.
  //   b's inputs need all of a: 114-116, 116-118; computes 116-126, 126-144, 144-154.
  //   Stores 126-128, 144-146, 154-156; the last input 128-130.
  // The port is free while the input of a's step 2 waits, 46-54, and that of b's, 118-126; b's
  // first input waits behind the stores of a.
  CHECK(r.array ==
        std::vector<ArrayStep>{
            step(1, 0, {10, 44, 0, 46, 0, 0, 0, 56}), step(1, 1, {14, 0, 0, 4, 0, 0, 0, 112}),
            step(1, 2, {10, 0, 0, 4, 8, 0, 0, 114}), step(2, 0, {10, 38, 0, 56, 0, 0, 0, 128}),
            step(2, 1, {18, 0, 0, 4, 0, 0, 0, 146}), step(2, 2, {10, 0, 0, 4, 8, 0, 0, 156})});
  CHECK(r.timeline.steps == std::vector<StepInterval>{{ns(0), ns(114)}, {ns(114), ns(156)}});
}

TEST_CASE("array: what the array and its port did, by hand, and its sums") {
  const auto run = [](std::size_t most) {
    const Micro micro;
    return simulate(micro.s.network, micro.s.populations, micro.s.widths, micro.s.trace,
                    Chip(micro.spec), micro.map().mapping, {.work_records = most});
  };
  const auto work = [](WorkUnit unit, bool stores, std::uint32_t layer, std::uint32_t step,
                       std::uint64_t count, std::int64_t start, std::int64_t end) {
    return WorkRecord{.unit = unit,
                      .stores = stores,
                      .core = {},
                      .layer = LayerId{layer},
                      .step = step,
                      .count = count,
                      .start = Picoseconds{start * 1'000},
                      .end = Picoseconds{end * 1'000}};
  };
  // As above; the weights of a and its first input are one piece of work.
  const std::vector<WorkRecord> expected{work(WorkUnit::off_chip_port, false, 1, 0, 2, 0, 44),
                                         work(WorkUnit::array, false, 1, 0, 1, 44, 54),
                                         work(WorkUnit::off_chip_port, false, 1, 1, 1, 44, 46),
                                         work(WorkUnit::array, false, 1, 1, 1, 54, 68),
                                         work(WorkUnit::off_chip_port, true, 1, 0, 1, 54, 56),
                                         work(WorkUnit::off_chip_port, false, 1, 2, 1, 56, 58)};
  const SimulationResult six = run(6);
  CHECK(six.work == expected);
  CHECK(six.work_until == Picoseconds{58'000});
  const SimulationResult all = run(1'000);
  CHECK_FALSE(all.work_until);
  for (const ArrayStep& step : all.array) {
    const std::uint32_t lead = 2 * step.population - 1;  // a is layer 1, b 3
    Picoseconds computing;
    Picoseconds off_chip;
    for (const WorkRecord& record : all.work) {
      if (record.layer.index != lead || record.step != step.step) continue;
      (record.unit == WorkUnit::array ? computing : off_chip) += record.end - record.start;
    }
    CHECK(computing == step.computing);
    CHECK(off_chip == step.off_chip);
  }
}

TEST_CASE("array: a slow store holds the job after the next one") {
  Micro micro;
  micro.spec.off_chip.word_time = Picoseconds{20'000};
  const SimulationResult r = micro.run();
  // Weights of a 0-420, inputs 420-440, 440-460. Step 0 computes 440-450, is stored 460-480: the
  // load asked first. Step 1 450 (not loaded before 460) 460-474; step 2 is loaded at 480-500 and
  // needs the output of step 0, there at 480: computes 500-510.
  CHECK(r.array[0].waiting_for_loads == Picoseconds{440'000});
  CHECK(r.array[0].ended == Picoseconds{480'000});
  CHECK(r.array[1].waiting_for_loads == Picoseconds{10'000});
  CHECK(r.array[2].waiting_for_loads == Picoseconds{26'000});
}

TEST_CASE("array: without skipping, zero inputs take cycles and weights, but no additions") {
  Micro micro;
  micro.spec.array->skips_zero = false;
  const SimulationResult r = micro.run();
  // Every block has as many steps as inputs: a 2, b 4; 2 blocks, 3 steps, 2 words each.
  CHECK(at(r, "array.weight_buffer", Action::read_word, 8, 1) == 2 * 3 * 2 * 2);
  CHECK(at(r, "array.weight_buffer", Action::read_word, 8, 3) == 4 * 3 * 2 * 2);
  CHECK(at(r, "array.pe", Action::accumulate, 10, 1) == 12);
  // b: 8 cycles of weights per block, twice, and 6 of neurons.
  CHECK(r.array[3].computing == Picoseconds{22'000});
}

TEST_CASE("array: weights per step, membranes spill, tiles of two channels") {
  Micro micro;
  micro.spec.array->weights = WeightLoads::per_step;
  // a and b have 48 bits of membranes each, 96 > 64: neither fits in half of the buffer, so both
  // spill; a tile of 4 channels needs 2 x 48 = 96, one of 2 needs 48.
  const std::vector<LayerTiling> tilings = micro.map().mapping.tilings;
  REQUIRE(tilings.size() == 2);
  CHECK(tilings[0] == LayerTiling{1, 2, 1, 1, 2, 1, 1, true});
  const SimulationResult r = micro.run();
  // Weights of 2 channels: 2 x 2 x 5 + 2 x 32 = 84 bits, 11 words; 3 steps x 2 tiles: 66 words. The
  // input of a step (1 word) is kept for the second tile. 66 x 8 + 3 x 8 bits.
  CHECK(at(r, "off_chip.memory", Action::read_bit, 1, 1) == 552);
  CHECK(at(r, "array.weight_buffer", Action::write_word, 8, 1) == 66);
  CHECK(at(r, "array.input_buffer", Action::write_word, 8, 1) == 3);
  // Membranes: 24 bits in 3 bytes off-chip and 2 words of 16 here, 2 tiles, loaded in steps 1 and
  // 2, stored in 0 and 1. The neurons read and write them in all 3 steps, 2 words per tile.
  CHECK(at(r, "off_chip.memory", Action::read_bit, 1, 2) == 2 * 2 * 24);
  CHECK(at(r, "array.membrane_buffer", Action::write_word, 16, 2) == 3 * 2 * 2 + 2 * 2 * 2);
  CHECK(at(r, "array.membrane_buffer", Action::read_word, 16, 2) == 3 * 2 * 2 + 2 * 2 * 2);
  // Spikes: 2 tiles x 3 steps, a byte each, and the membranes.
  CHECK(at(r, "off_chip.memory", Action::write_bit, 1, 2) == 2 * 3 * 8 + 2 * 2 * 24);
  // What the network did is the same.
  CHECK(at(r, "array.pe", Action::accumulate, 10, 1) == 12);
  CHECK(at(r, "array.neuron_unit", Action::neuron_update_active, 12, 4) == 9);
  CHECK(r.timeline.steps.size() == 6);
}

TEST_CASE("array: per step, membranes stay where they all fit") {
  Micro micro;
  micro.spec.array->weights = WeightLoads::per_step;
  capacity(micro.spec, ArrayBuffer::membrane_buffer) = Bits{96};  // 2 x 48, exactly
  CHECK_FALSE(micro.map().mapping.tilings[0].membranes_spill);
  CHECK(at(micro.run(), "off_chip.memory", Action::read_bit, 1, 2) == 0);
  capacity(micro.spec, ArrayBuffer::membrane_buffer) = Bits{95};
  CHECK(micro.map().mapping.tilings[0].membranes_spill);
}

TEST_CASE("array: trains stay in the spike buffer where there is room") {
  Micro micro;
  auto& spikes = micro.spec.array->buffers[5];
  spikes = BufferSpec{Bits{16}, 8, 1};
  // a's 4 neurons x 3 steps are 12 bits: they stay; input and the last layer are off-chip.
  const SimulationResult stays = micro.run();
  CHECK(at(stays, "array.spike_buffer", Action::write_word, 8, 2) == 3);
  CHECK(at(stays, "array.spike_buffer", Action::read_word, 8, 3) == 3);
  CHECK(at(stays, "off_chip.memory", Action::write_bit, 1, 2) == 0);
  CHECK(at(stays, "off_chip.memory", Action::read_bit, 1, 3) == 208);
  CHECK(at(stays, "off_chip.memory", Action::write_bit, 1, 4) == 24);
  // Loads of a as without, but that of step 2 meets no store: 54-56; its stores take 1 ns: 54, 68,
  // 78. Weights of b 56-108; its inputs 108-109, 109-110, and when b has computed 109-119, 119-120.
  // Computes 119-137, 137-147.
  CHECK(stays.array ==
        std::vector<ArrayStep>{
            step(1, 0, {10, 44, 0, 44, 0, 1, 0, 55}), step(1, 1, {14, 0, 0, 2, 0, 1, 0, 69}),
            step(1, 2, {10, 0, 0, 2, 8, 1, 0, 79}), step(2, 0, {10, 31, 0, 54, 0, 1, 0, 121}),
            step(2, 1, {18, 0, 0, 2, 0, 1, 0, 139}), step(2, 2, {10, 0, 0, 2, 0, 1, 9, 149})});
  spikes = BufferSpec{Bits{11}, 8, 1};
  CHECK(at(micro.run(), "off_chip.memory", Action::write_bit, 1, 2) == 24);
}

/// input -> a chain of 1 x 1 convolutions with so many channels; spikes of all in step 0 only.
struct Chain {
  explicit Chain(const std::vector<std::uint32_t>& channels, bool head = false)
      : network(build(channels, head)), pops(populations(network)) {
    widths.assign(network.size(), testing::micro_scenario().widths[0]);
  }
  static Network build(const std::vector<std::uint32_t>& channels, bool head) {
    std::vector<Network::Draft> drafts{{"input", Input{{channels[0], 1, 1}, 1}, {}}};
    for (std::size_t i = 1; i < channels.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i - 1));
      drafts.push_back({name, Conv2d{0, channels[i]}, {{drafts.back().name}}});
      drafts.push_back({name + ".lif", Lif{}, {{name}}});
    }
    if (head) drafts.push_back({"head", ClassifierHead{0, 2}, {{drafts.back().name}}});
    return Network::build(std::move(drafts));
  }
  [[nodiscard]] Mapping map(const ChipSpec& spec) const {
    return map_network(network, pops, widths, Chip(spec)).mapping;
  }
  [[nodiscard]] SimulationResult run(const ChipSpec& spec, std::uint32_t steps) const {
    SpikeTrace trace(network.size());
    for (std::uint32_t i = 0; i < network.size(); ++i) {
      const LayerId id{i};
      if (!network.max_output(id)) continue;
      SpikeTensor train(steps, network.output_shape(id));
      for (std::uint64_t n = 0; n < train.shape().neurons(); ++n) train.set(0, n);
      trace[i] = train;
    }
    return simulate(network, pops, widths, trace, Chip(spec), map(spec));
  }

  Network network;
  std::vector<Population> pops;
  std::vector<LayerWidths> widths;
};

TEST_CASE("array: a train leaves the spike buffer after its last reader, not before") {
  // 4 channels x 3 steps are 12 bits. In 23 bits there is room for one train, so that a's stays,
  // b's does not while b reads a's, and c's does again; nothing reads d's.
  const Chain chain({2, 4, 4, 4, 4});
  ChipSpec spec = testing::micro_array();
  const auto stays = [&](std::uint64_t bits) {
    spec.array->buffers[5] = BufferSpec{Bits{bits}, 8, 1};
    const SimulationResult r = chain.run(spec, 3);
    std::string text;
    for (std::uint32_t lif = 2; lif <= 8; lif += 2) {
      text += at(r, "array.spike_buffer", Action::write_word, 8, lif) != 0 ? 'y' : 'n';
    }
    return text;
  };
  CHECK(stays(11) == "nnnn");
  CHECK(stays(12) == "ynyn");
  CHECK(stays(23) == "ynyn");
  CHECK(stays(24) == "yyyn");
}

TEST_CASE("array: the job after the next one waits for a slow store") {
  Micro micro;
  micro.spec.off_chip.word_time = Picoseconds{20'000};
  micro.spec.array->buffers[5] = BufferSpec{Bits{96}, 8, 1};
  for (const std::uint32_t lif : {2, 4}) micro.s.widths[lif].output_bits = 8;
  // b reads a's spikes from the spike buffer and stores 32 bits, 4 x 20 ns, off-chip. Step 0 is
  // stored while step 1 computes, 18 ns; step 2 needs that place: it waits 80 - 18 ns.
  const SimulationResult r = micro.run();
  CHECK(r.array[3].waiting_for_stores == Picoseconds{0});
  CHECK(r.array[4].waiting_for_stores == Picoseconds{0});
  CHECK(r.array[5].waiting_for_stores == Picoseconds{62'000});
}

TEST_CASE("array: per step, the smallest layers keep their membranes, in half of the buffer") {
  // Membranes of 12, 12, 12 and 48 bits, 84 in all. Half of 60 holds two of 12.
  const Chain chain({1, 1, 1, 1, 4});
  ChipSpec spec = testing::micro_array();
  spec.array->weights = WeightLoads::per_step;
  capacity(spec, ArrayBuffer::membrane_buffer) = Bits{60};
  const std::vector<LayerTiling> tilings = chain.map(spec).tilings;
  REQUIRE(tilings.size() == 4);
  CHECK_FALSE(tilings[0].membranes_spill);
  CHECK_FALSE(tilings[1].membranes_spill);
  CHECK(tilings[2].membranes_spill);
  CHECK(tilings[3].membranes_spill);
  // 60 - 24 bits are left for two tiles of d: one channel each.
  CHECK(tilings[3].tile_channels == 1);
}

TEST_CASE("array: per step, heads keep room for their sums") {
  // a has 4 sums of 10 bits in its tile, the head keeps 2.
  const Chain chain({2, 4}, true);
  ChipSpec spec = testing::micro_array();
  spec.array->weights = WeightLoads::per_step;
  capacity(spec, ArrayBuffer::accumulator_buffer) = Bits{60};
  CHECK(chain.map(spec).tilings[0].channel_tiles == 1);
  capacity(spec, ArrayBuffer::accumulator_buffer) = Bits{59};
  CHECK(chain.map(spec).tilings[0].channel_tiles == 2);
  spec.array->weights = WeightLoads::per_layer;
  CHECK(chain.map(spec).tilings[0].channel_tiles == 1);
  spec.array->weights = WeightLoads::per_step;
  capacity(spec, ArrayBuffer::accumulator_buffer) = Bits{19};
  const MappingResult mapped = map_network(chain.network, chain.pops, chain.widths, Chip(spec));
  REQUIRE_FALSE(mapped.feasible());
  CHECK(mapped.violations.back().message ==
        "heads keep 20 bit of sums between time steps in the accumulator_buffer, \"array\" has 19 "
        "bit");
}

TEST_CASE("array: power-of-two weights shift in each addition") {
  Micro micro;
  micro.spec.array->weight_formats.power_of_two_bits = 5;
  for (LayerWidths& widths : micro.s.widths) widths.weights.scheme = Scheme::power_of_two;
  const SimulationResult r = micro.run();
  CHECK(at(r, "array.pe", Action::shift, 10, 1) == 12);
  CHECK(at(r, "array.pe", Action::accumulate, 10, 1) == 12);
  CHECK(r.actions.total(Action::multiply) == 0);
}

TEST_CASE("array: what does not fit is told with its buffer") {
  const auto violations = [](const std::function<void(Micro&)>& change) {
    Micro micro;
    change(micro);
    const MappingResult result = micro.map();
    CHECK(result.mapping.tilings.empty() == !result.feasible());
    std::string text;
    for (const Violation& v : result.violations) text += v.message + "\n";
    return text;
  };
  CHECK(violations([](Micro&) {}).empty());
  // b: one channel has 4 x 5 + 32 = 52 bits, twice 104.
  CHECK(violations([](Micro& m) { capacity(m.spec, ArrayBuffer::weight_buffer) = Bits{103}; }) ==
        "layer \"b\" needs 104 bit of weight_buffer for its smallest tile (one channel at one "
        "position), \"array\" has 103 bit\n");
  CHECK(violations([](Micro& m) {
          capacity(m.spec, ArrayBuffer::weight_buffer) = Bits{104};
        }).empty());
  CHECK(violations([](Micro& m) { m.spec.array->weight_formats.uniform_bits = 4; }) ==
        "layer \"a\" has uniform5 weights, \"array\" takes at most 4 bits of it\n"
        "layer \"b\" has uniform5 weights, \"array\" takes at most 4 bits of it\n");
  // 168 + 208 bits of weights and a frame of 2.
  CHECK(violations([](Micro& m) { m.spec.off_chip.capacity = Bits{377}; }) ==
        "weights, spilled membranes and one frame have 378 bit, off-chip memory has 377 bit\n");
  CHECK(violations([](Micro& m) { m.spec.off_chip.capacity = Bits{378}; }).empty());
}

TEST_CASE("array: a tiling is explained by what one tile fewer would overflow") {
  Micro micro;
  capacity(micro.spec, ArrayBuffer::weight_buffer) = Bits{415};  // b whole needs 2 x 208 = 416
  const Chip chip(micro.spec);
  const MappingResult mapped = micro.map();
  const auto reports =
      explain_tiling(micro.s.network, micro.s.populations, micro.s.widths, chip, mapped.mapping);
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].limits.empty());
  CHECK(reports[1].tiling.channel_tiles == 2);
  CHECK(reports[1].limits == std::vector<TileLimit>{{"channels", "weight_buffer", 416, 415}});
  // 4 neurons at one position on 2 x 2 PEs: two blocks, one of two rows used.
  CHECK(reports[0].neurons == 4);
  CHECK(reports[0].pe_slots == 8);
}

TEST_CASE("array: outputs have two halves") {
  Micro micro;  // 4 bits of a tile of 4 channels, twice
  micro.spec.array->buffers[4] = BufferSpec{Bits{8}, 4, 1};
  CHECK(micro.map().mapping.tilings[0].channel_tiles == 1);
  capacity(micro.spec, ArrayBuffer::output_buffer) = Bits{7};
  CHECK(micro.map().mapping.tilings[0].channel_tiles == 2);
}

TEST_CASE("array: of all tilings, the one that reads the fewest inputs") {
  // 5 channels of 3 x 1 kernels over 8 rows; 47 bits of weights per channel, so that 4 channels fit
  // 400 bits twice and 5 do not. 64 bits of sums hold 6 of them. Rows seen by all tiles of a step:
  //   4 channels x 1 row:  2 channel tiles x (2 + 6 x 3 + 2) = 44
  //   3 channels x 2 rows: 2 x (3 + 4 + 4 + 3) = 28
  //   2 channels x 3 rows: 3 x (4 + 5 + 3) = 36
  //   1 channel x 4 rows (6 fit; two tiles): 5 x (5 + 5) = 50
  const Network network =
      Network::build({{"input", Input{{1, 8, 1}, 1}, {}},
                      {"a", Conv2d{1, 5, Extent{3, 1}, 1, Extent{1, 0}}, {{"input"}}},
                      {"a.lif", Lif{}, {{"a"}}}});
  const std::vector<LayerWidths> widths(network.size(), testing::micro_scenario().widths[0]);
  ChipSpec spec = testing::micro_array();
  spec.array->columns = 4;
  capacity(spec, ArrayBuffer::weight_buffer) = Bits{400};
  capacity(spec, ArrayBuffer::membrane_buffer) = Bits{1024};
  const MappingResult mapped = map_network(network, populations(network), widths, Chip(spec));
  CHECK(mapped.mapping.tilings == std::vector<LayerTiling>{{1, 3, 2, 1, 2, 4, 1, false}});
}

TEST_CASE("array: mappings that are wrong are refused") {
  Micro micro;
  const auto message = [&](const std::function<void(Mapping&)>& change) {
    Mapping mapping = micro.map().mapping;
    change(mapping);
    return testing::message_of([&] {
      static_cast<void>(simulate(micro.s.network, micro.s.populations, micro.s.widths,
                                 micro.s.trace, Chip(micro.spec), mapping));
    });
  };
  CHECK(message([](Mapping&) {}) == "nothing thrown");
  CHECK(message([](Mapping& m) { m.tilings.pop_back(); }).find("has no tiling") !=
        std::string::npos);
  CHECK(message([](Mapping& m) { m.tilings[0].channel_tiles = 2; }).find("does not cover it") !=
        std::string::npos);
  CHECK(message([](Mapping& m) { m.slices.push_back({}); }).find("has slices") !=
        std::string::npos);
  capacity(micro.spec, ArrayBuffer::weight_buffer) = Bits{415};
  CHECK(message([](Mapping& m) {
          m.tilings[1].tile_channels = 4;
          m.tilings[1].channel_tiles = 1;
        }).find("has tiles of 416 bit of weight_buffer") != std::string::npos);
}

TEST_CASE("array: a head takes its input in pieces and keeps its sums, by hand") {
  // 4 channels at 2 positions -> 2 classes, 2 steps. The input buffer holds 2 x 4 bits: one
  // position.
  const Network network = Network::build(
      {{"input", Input{{4, 1, 2}, 1}, {}}, {"head", ClassifierHead{4, 2}, {{"input"}}}});
  const auto pops = populations(network);
  const std::vector<LayerWidths> widths(network.size(), testing::micro_scenario().widths[0]);
  ChipSpec spec = testing::micro_array();
  capacity(spec, ArrayBuffer::input_buffer) = Bits{8};
  SpikeTrace trace(2);
  trace[0] = testing::spikes_at(2, {4, 1, 2}, {{0, 0}, {0, 1}, {1, 7}});
  for (const WeightLoads loads : {WeightLoads::per_layer, WeightLoads::per_step}) {
    spec.array->weights = loads;
    const Chip chip(spec);
    const Mapping mapping = map_network(network, pops, widths, chip).mapping;
    REQUIRE(mapping.tilings == std::vector<LayerTiling>{{1, 2, 1, 1, 1, 1, 2, false}});
    const SimulationResult r = simulate(network, pops, widths, trace, chip, mapping);
    // 3 spikes x 2 classes. 4 jobs: a word of input each, read once; weights 3 steps x 2 words.
    CHECK(at(r, "array.pe", Action::accumulate, 10, 1) == 6);
    CHECK(at(r, "array.input_buffer", Action::write_word, 8, 1) == 4);
    CHECK(at(r, "array.input_buffer", Action::read_word, 8, 1) == 4);
    CHECK(at(r, "array.weight_buffer", Action::read_word, 8, 1) == 6);
    // Weights 2 x 4 x 5 + 2 x 32 = 104 bits, 13 words, once or in both steps.
    const std::uint64_t turns = loads == WeightLoads::per_step ? 2 : 1;
    CHECK(at(r, "off_chip.memory", Action::read_bit, 1, 1) == turns * 104 + 4 * 8);
    // Sums of 20 bits are 2 words: written 4 times, read before all but the first, and by the
    // neurons at the end, who store 20 bits in 3 bytes.
    CHECK(at(r, "array.accumulator_buffer", Action::write_word, 16, 1) == 8);
    CHECK(at(r, "array.accumulator_buffer", Action::read_word, 16, 1) == 6 + 2);
    CHECK(at(r, "array.neuron_unit", Action::neuron_update_active, 10, 1) == 2);
    CHECK(at(r, "array.neuron_unit", Action::accumulate, 10, 1) == 2);
    CHECK(at(r, "off_chip.memory", Action::write_bit, 1, 1) == 24);
    // Cycles: step 0: max(2 steps, 4 weight words) = 4, then 2 + 2 words of sums = 4; step 1: 4,
    // and 4 with max(1, 2 sums, 3 outputs) = 3 for the neurons.
    CHECK(r.array[0].computing == Picoseconds{8'000});
    CHECK(r.array[1].computing == Picoseconds{11'000});
  }
}

}  // namespace
}  // namespace nj
