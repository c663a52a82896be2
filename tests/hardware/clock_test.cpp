// Question: is a time in cycles that of the nearest clock, and is each mistake refused at its
// place?
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/hardware/chip_file.hpp>

#include "support/changed_text.hpp"
#include "support/chip_text.hpp"

namespace nj {
namespace {

using testing::chip_of;
using testing::chip_refusal;
using testing::with;

const std::string clocked = R"(name: test
description: two kinds of cores with clocks of their own
clock: 500 MHz
technology: {node: 45 nm, voltage: 0.9 V}
topology:
  clock: 1 GHz
  kind: mesh
  width: 2
  height: 2
  tile: [neuron, slow]
  flit: 64 bit
  link: {cycle: 1 cycle}
  hop_east_west: {latency: 2.5 cycles}
  hop_north_south: {latency: 3 ns}
  within_tile: {latency: 2 cycles}
synchronisation: {barrier: 500 ns}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 3 cycles, axon_out: 1 cycles}
core_kinds:
  neuron:
    role: neuron
    max_neurons: 1024
    synapse_memory: {capacity: 128 KiB, word: 64 bit}
    accumulator_memory: {capacity: 8 KiB, word: 64 bit}
    membrane_memory: {capacity: 4 KiB, word: 64 bit}
    spike_buffer: {capacity: 4 KiB, word: 64 bit}
    weight_formats: {uniform: 8 bit}
    times: {axon_in: 1 cycle, synapse_word: 1.5 cycles, neuron_update_active: 3cycles, neuron_update_inactive: 0 cycles, axon_out: 7 ns}
  slow:
    like: neuron
    clock: 200 MHz
)";

/// What reading says when `from` is replaced by `to`.
std::string clocked_refusal(const std::string& from, const std::string& to) {
  return chip_refusal(clocked, from, to);
}

TEST_CASE("clock: cycles are those of the kind's or the topology's clock, else of the chip's") {
  const Chip chip = chip_of(clocked);
  const CoreTimes& fast = chip.spec().core_kinds[0].times;  // 500 MHz: 1e12 / 5e8 = 2000 ps
  CHECK(fast.axon_in == Picoseconds{2'000});
  CHECK(fast.synapse_word == Picoseconds{3'000});  // 1.5 * 2000
  CHECK(fast.neuron_update_active == Picoseconds{6'000});
  CHECK(fast.neuron_update_inactive == Picoseconds{0});
  CHECK(fast.axon_out == Picoseconds{7'000});               // no cycles
  const CoreTimes& slow = chip.spec().core_kinds[1].times;  // 200 MHz: 1e12 / 2e8 = 5000 ps
  CHECK(slow.axon_in == Picoseconds{5'000});
  CHECK(slow.synapse_word == Picoseconds{7'500});
  CHECK(slow.axon_out == Picoseconds{7'000});
  CHECK(chip.spec().off_chip.word_time == Picoseconds{6'000});  // 3 * 2000
  CHECK(chip.spec().off_chip.axon_out == Picoseconds{2'000});
  CHECK(chip.spec().topology.within_tile == Picoseconds{2'000});  // 1 GHz: 1000 ps
  for (const Link& link : chip.topology().links()) {
    CHECK(link.spec.cycle == Picoseconds{1'000});
    CHECK(link.spec.latency == Picoseconds{link.direction == Direction::east_west ? 2'500 : 3'000});
  }
  // Without a clock of its own, the topology counts in the chip's.
  const Chip plain = chip_of(with(clocked, "  clock: 1 GHz\n", ""));
  CHECK(plain.spec().topology.within_tile == Picoseconds{4'000});
  // 300 MHz: 10000 / 3 ps, so that three cycles are a time.
  const Chip thirds = chip_of(with(clocked, "200 MHz",
                                   "300 MHz\n    times: {axon_in: 3 cycles, "
                                   "synapse_word: 6 cycles, neuron_update_active: 9 cycles}"));
  CHECK(thirds.spec().core_kinds[1].times.axon_in == Picoseconds{10'000});
}

TEST_CASE("clock: a variant with another clock moves all times in cycles, and no others") {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "base.yaml", clocked);
  write_file_atomically(folder / "faster.yaml", "base: base.yaml\nclock: 1 GHz\n");
  const Chip chip = load_chip(folder / "faster.yaml");
  const CoreTimes& fast = chip.spec().core_kinds[0].times;
  CHECK(fast.axon_in == Picoseconds{1'000});
  CHECK(fast.synapse_word == Picoseconds{1'500});
  CHECK(fast.axon_out == Picoseconds{7'000});
  CHECK(chip.spec().core_kinds[1].times.axon_in == Picoseconds{5'000});  // 200 MHz as before
  CHECK(chip.spec().off_chip.word_time == Picoseconds{3'000});
  // The resolved chip has times, and is as one that was written in times.
  const std::string text = chip_text(load_chip_document(folder / "faster.yaml"));
  CHECK(text.find("axon_in: 1000 ps") != std::string::npos);
  CHECK(text.find("axon_in: 5000 ps") != std::string::npos);
  CHECK(text.find("word_time: 3000 ps") != std::string::npos);
  CHECK(text.find("latency: 2500 ps") != std::string::npos);
  CHECK(text.find("clock:") == std::string::npos);
  CHECK(text.find("cycles") == std::string::npos);
  write_file_atomically(folder / "text.yaml", text);
  CHECK(chip_text(load_chip_document(folder / "text.yaml")) == text);
}

TEST_CASE("clock: the cycle of an array may be of a clock") {
  const std::string array = R"(name: test
description: an array
schedule: streamed
clock: 250 MHz
technology: {node: 45 nm, voltage: 0.9 V}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 0.5 cycles}
core_kinds:
  pes: {role: array, dataflow: output_stationary, rows: 4, columns: 8, cycle: 1 cycle,
        skips_zero: false, weights: per_step, attention: values_first, neuron_lanes: 3,
        weight_formats: {uniform: 8 bit}, input_buffer: {capacity: 1 KiB, word: 64 bit},
        weight_buffer: {capacity: 1 KiB, word: 64 bit}, accumulator_buffer: {capacity: 1 KiB, word: 64 bit},
        membrane_buffer: {capacity: 1 KiB, word: 64 bit}, output_buffer: {capacity: 1 KiB, word: 64 bit}}
)";
  const Chip chip = chip_of(array);  // 1e12 / 2.5e8 = 4000 ps
  CHECK(chip.spec().array->cycle == Picoseconds{4'000});
  CHECK(chip.spec().off_chip.word_time == Picoseconds{2'000});
  CHECK(
      chip_refusal(with(array, "clock: 250 MHz\n", "")) ==
      "chip.yaml:7:72: core_kinds.pes.cycle: '1 cycle' needs a clock, such as `clock: 500 MHz` in "
      "the core kind or the chip");
  // What an array has not stays unknown.
  CHECK(chip_refusal(with(array, "cycle: 1 cycle", "cycle: 1 cycle, times: {axon_in: 1 cycle}"))
            .starts_with("chip.yaml:8:88: core_kinds.pes.times: unknown key"));
  CHECK(chip_refusal(array + "topology: {clock: 1 GHz}\n")
            .starts_with("chip.yaml:13:1: topology: unknown key"));
}

TEST_CASE("clock: a clock that nothing counts in is none, and changes nothing") {
  const std::string times = with(
      with(clocked, "word_time: 3 cycles, axon_out: 1 cycles", "word_time: 3 ns, axon_out: 1 ns"),
      "clock: 500 MHz\n", "");
  const std::string own = with(times, "max_neurons", "clock: 500 MHz\n    max_neurons");
  CHECK(chip_of(own).spec().core_kinds[0].times.axon_in == Picoseconds{2'000});
  CHECK(chip_of("clock: 123 kHz\n" + own).spec().off_chip.word_time == Picoseconds{3'000});
}

TEST_CASE("clock: each mistake is refused at its place") {
  const std::string clock = "clock: 500 MHz";
  const std::string out_of_range =
      "chip.yaml:3:1: clock: expected a clock above 0 Hz, up to 1000 GHz, got ";
  CHECK(clocked_refusal(clock, "clock: 0 MHz") == out_of_range + "'0 MHz'");
  CHECK(clocked_refusal(clock, "clock: 1001 GHz") == out_of_range + "'1001 GHz'");
  CHECK(clocked_refusal(clock, "clock: -1 MHz") ==
        "chip.yaml:3:1: clock: expected no negative value, got '-1 MHz'");
  CHECK(clocked_refusal(clock, "clock: 500") ==
        "chip.yaml:3:1: clock: '500' lacks a unit, expected one of Hz, kHz, MHz, GHz");
  CHECK(clocked_refusal(clock, "clock: 2 ns") ==
        "chip.yaml:3:1: clock: unknown unit 'ns' in '2 ns', expected one of Hz, kHz, MHz, GHz");
  CHECK(clocked_refusal("clock: 1 GHz", "clock: 0 Hz")
            .starts_with("chip.yaml:6:3: topology.clock: "));
  CHECK(clocked_refusal("clock: 200 MHz", "clock: fast")
            .starts_with("chip.yaml:30:5: core_kinds.slow.clock: "));
  // A third of a nanosecond is no whole number of picoseconds: 1e12 / 3e9 = 333.33.
  CHECK(clocked_refusal("clock: 1 GHz", "clock: 3 GHz") ==
        "chip.yaml:12:10: topology.link.cycle: 1 cycle of 3 GHz is 333.333333333 ps, not a whole "
        "number of picoseconds");
  CHECK(clocked_refusal("1.5 cycles", "1.50001 cycles") ==
        "chip.yaml:27:31: core_kinds.neuron.times.synapse_word: 1.50001 cycles of 500 MHz is "
        "3000.02 ps, not a whole number of picoseconds");
  const std::string word = "chip.yaml:27:31: core_kinds.neuron.times.synapse_word: ";
  CHECK(clocked_refusal("1.5 cycles", "-1 cycles") ==
        word + "expected no negative value, got '-1 cycles'");
  CHECK(clocked_refusal("1.5 cycles", "02 cycles") ==
        word + "a leading zero is ambiguous, got '02 cycles'");
  CHECK(clocked_refusal("1.5 cycles", "two cycles") ==
        word + "expected a number of cycles, got 'two cycles'");
  CHECK(clocked_refusal("1.5 cycles", "cycles") ==
        word + "expected a number of cycles, got 'cycles'");
  CHECK(clocked_refusal("1.5 cycles", "nan cycles") ==
        word + "expected a number of cycles, got 'nan cycles'");
  CHECK(clocked_refusal("1.5 cycles", "1e300 cycles") ==
        word + "expected at most 1 ms, got 1e300 cycles of 500 MHz");
  CHECK(clocked_refusal("{cycle: 1 cycle}", "{cycle: 0 cycles}") ==
        "chip.yaml:12:10: topology.link.cycle: expected 1 ps to 1 ms, got 0 ps");
}

TEST_CASE("clock: cycles without a clock in reach are refused, saying where one may stand") {
  const std::string chip = "clock: 500 MHz\n";
  CHECK(clocked_refusal(chip, "") ==
        "chip.yaml:26:13: core_kinds.neuron.times.axon_in: '1 cycle' needs a clock, such as "
        "`clock: 500 MHz` in the core kind or the chip");
  const std::string own =
      with(with(clocked, chip, ""), "max_neurons", "clock: 500 MHz\n    max_neurons");
  CHECK(
      chip_refusal(own) ==
      "chip.yaml:16:43: off_chip.word_time: '3 cycles' needs a clock, such as `clock: 500 MHz` in "
      "the chip");
  CHECK(
      chip_refusal(with(with(own, "  clock: 1 GHz\n", ""), "3 cycles, axon_out: 1 cycles",
                        "3 ns, axon_out: 1 ns")) ==
      "chip.yaml:10:10: topology.link.cycle: '1 cycle' needs a clock, such as `clock: 500 MHz` in "
      "the topology or the chip");
  // Other times have no cycles, and other maps no clock.
  CHECK(clocked_refusal("barrier: 500 ns", "barrier: 5 cycles") ==
        "chip.yaml:16:19: synchronisation.barrier: unknown unit 'cycles' in '5 cycles', expected "
        "one of ps, ns, us, ms, s");
  CHECK(clocked_refusal("{barrier: 500 ns", "{clock: 1 GHz, barrier: 500 ns") ==
        "chip.yaml:16:19: synchronisation.clock: unknown key, expected one of barrier, handshake, "
        "tick");
}

}  // namespace
}  // namespace nj
