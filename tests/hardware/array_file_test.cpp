// Question: is an array what its chip file says, and is each mistake in it refused at its place?
#include <functional>
#include <string>

#include <doctest/doctest.h>

#include "support/changed_text.hpp"
#include "support/chip_text.hpp"
#include "support/micro_array.hpp"

namespace nj {
namespace {

const std::string streamed = R"(name: test
description: an array
schedule: streamed
technology: {node: 45 nm, voltage: 0.9 V}
off_chip: {capacity: 1 GiB, word: 64 bit, word_time: 1 ns}
core_kinds:
  pes:
    role: array
    dataflow: output_stationary
    rows: 4
    columns: 8
    cycle: 2 ns
    skips_zero: false
    weights: per_step
    attention: values_first
    neuron_lanes: 3
    weight_formats: {uniform: 8 bit}
    input_buffer: {capacity: 1 KiB, word: 64 bit, banks: 2}
    weight_buffer: {capacity: 2 KiB, word: 128 bit}
    accumulator_buffer: {capacity: 3 KiB, word: 64 bit}
    membrane_buffer: {capacity: 4 KiB, word: 64 bit}
    output_buffer: {capacity: 5 KiB, word: 64 bit}
)";

/// What reading says when `from` is replaced by `to`.
std::string array_refusal(const std::string& from, const std::string& to) {
  return testing::chip_refusal(streamed, from, to);
}

TEST_CASE("array file: an array is what its file says") {
  const Chip chip = testing::chip_of(streamed);
  CHECK(chip.cores().empty());
  REQUIRE(chip.spec().array);
  const ArraySpec& array = *chip.spec().array;
  CHECK(array.name == "pes");
  CHECK(array.rows == 4);
  CHECK(array.columns == 8);
  CHECK(array.cycle == Picoseconds{2'000});
  CHECK_FALSE(array.skips_zero);
  CHECK(array.weights == WeightLoads::per_step);
  CHECK(array.attention == ProductOrder::values_first);
  CHECK(array.neuron_lanes == 3);
  CHECK(array.weight_formats.max_bits(Scheme::power_of_two) == 0);
  CHECK(array.buffer(ArrayBuffer::input_buffer)->banks == 2);
  CHECK(array.buffer(ArrayBuffer::weight_buffer)->banks == 1);
  CHECK(array.capacity(ArrayBuffer::output_buffer) == 5 * 8192);
  CHECK_FALSE(array.buffer(ArrayBuffer::spike_buffer));
}

TEST_CASE("array file: each mistake is refused at its place") {
  CHECK(array_refusal("schedule: streamed", "schedule: pipelined")
            .starts_with("chip.yaml:3:1: schedule: "));
  CHECK(array_refusal("role: array", "role: neuron")
            .starts_with("chip.yaml:8:5: core_kinds.pes.role: "));
  CHECK(array_refusal("output_stationary", "weight_stationary")
            .starts_with("chip.yaml:9:5: core_kinds.pes.dataflow: "));
  CHECK(array_refusal("rows: 4", "rows: 0") ==
        "chip.yaml:10:5: core_kinds.pes.rows: expected 1..4096, got 0");
  CHECK(array_refusal("columns: 8", "columns: 1000000000") ==
        "chip.yaml:11:5: core_kinds.pes.columns: expected 1..4096, got 1000000000");
  CHECK(array_refusal("cycle: 2 ns", "cycle: 2").starts_with("chip.yaml:12:5: "));
  CHECK(array_refusal("cycle: 2 ns", "cycle: 0 ns").starts_with("chip.yaml:12:5: "));
  CHECK(array_refusal("per_step", "per_sample")
            .starts_with("chip.yaml:14:5: core_kinds.pes.weights: "));
  CHECK(array_refusal("values_first", "first")
            .starts_with("chip.yaml:15:5: core_kinds.pes.attention: "));
  CHECK(array_refusal("capacity: 2 KiB", "capacity: 0 KiB") ==
        "chip.yaml:19:21: core_kinds.pes.weight_buffer.capacity: expected a capacity above 0 bit "
        "and below 512 MiB, got 0 bit");
  CHECK(array_refusal("capacity: 1 KiB, word: 64 bit", "capacity: 100 bit, word: 64 bit") ==
        "chip.yaml:18:39: core_kinds.pes.input_buffer.word: 2 banks with a word of 64 bit do not "
        "fit 12.5 B");
  CHECK(array_refusal("banks: 2", "banks: 5000").starts_with("chip.yaml:18:51: "));
  CHECK(array_refusal("    skips_zero: false\n", "").find("skips_zero") != std::string::npos);
  CHECK(array_refusal("    membrane_buffer: {capacity: 4 KiB, word: 64 bit}\n", "")
            .find("membrane_buffer") != std::string::npos);
  CHECK(array_refusal("neuron_lanes", "neuron_lines").find("neuron_lanes") != std::string::npos);
  CHECK(array_refusal("word_time: 1 ns", "word_time: 1 ns, axon_out: 1 ns")
            .starts_with("chip.yaml:5:60: off_chip.axon_out: "));
  CHECK(array_refusal("core_kinds:\n", "topology: {kind: mesh}\ncore_kinds:\n")
            .starts_with("chip.yaml:6:1: topology: "));
  CHECK(array_refusal("  pes:\n    role", "  io:\n    role")
            .find("\"io\" is reserved for a component of the chip") != std::string::npos);
  CHECK(array_refusal("  pes:\n", "  other: {}\n  pes:\n")
            .find("a streamed chip has one core kind, its array; got 2") != std::string::npos);
}

TEST_CASE("chip: an array built in code is checked too") {
  const auto message = [](const std::function<void(ChipSpec&)>& change) {
    ChipSpec spec = testing::micro_array();
    change(spec);
    return testing::message_of([&] { static_cast<void>(Chip(spec)); });
  };
  CHECK(message([](ChipSpec&) {}) == "nothing thrown");
  CHECK(message([](ChipSpec& s) { s.array->rows = 0; }) ==
        "core_kinds.array.rows: expected 1..4096, got 0");
  CHECK(message([](ChipSpec& s) { s.array->buffers[1].reset(); }) ==
        "core_kinds.array.weight_buffer: an array needs it");
  CHECK(message([](ChipSpec& s) {
          s.array->buffers[2]->banks = 5;
        }).starts_with("core_kinds.array.accumulator_buffer: "));
  CHECK(message([](ChipSpec& s) {
          s.topology.tile = {"array"};
        }).starts_with("core_kinds: a chip with an array has no other cores"));
}

}  // namespace
}  // namespace nj
