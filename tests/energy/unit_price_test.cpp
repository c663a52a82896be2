#include <cmath>

#include <doctest/doctest.h>

#include "pricing_support.hpp"

namespace nj {
using testing::key;
using testing::machine45;
using testing::message_of;
using testing::pj;
using testing::table_of;

namespace {

const char* const adder =
    "  - action: accumulate\n    category: compute\n    source: s\n"
    "    by_width: {8: 0.03 pJ, 16: 0.05 pJ, 32: 0.1 pJ}\n";

double add(const std::string& extra, std::uint32_t width) {
  return pj(table_of(adder + extra), key("neuron.synapse_unit", Action::accumulate, width));
}

}  // namespace

TEST_CASE("by_width: listed widths are exact, between them a straight line") {
  CHECK(add("", 8) == 0.03);
  CHECK(add("", 16) == 0.05);
  CHECK(add("", 32) == 0.1);
  // 12 is half way from 8 to 16: (0.03 + 0.05) / 2;  24 half way from 16 to 32: (0.05 + 0.1) / 2
  CHECK(add("", 12) == doctest::Approx(0.04).epsilon(1e-12));
  CHECK(add("", 24) == doctest::Approx(0.075).epsilon(1e-12));
}

TEST_CASE("by_width: below the smallest width the price is proportional to the width") {
  CHECK(add("", 4) == doctest::Approx(0.015).epsilon(1e-12));    // 0.03 x 4 / 8
  CHECK(add("", 1) == doctest::Approx(0.00375).epsilon(1e-12));  // 0.03 / 8
  CHECK(message_of([] { add("", 0); }) ==
        "t.yaml:4:5: entries[0]: cannot price neuron.synapse_unit accumulate at 0 bits: the action "
        "has no width, and by_width needs one");
}

TEST_CASE("by_width: above the largest width only when asked for") {
  CHECK(
      message_of([] { add("", 33); }) ==
      "t.yaml:4:5: entries[0]: cannot price neuron.synapse_unit accumulate at 33 bits: the widest "
      "price is for 32 bits; say extrapolate: linear or power_law to go beyond");
  // 0.1 + 16 x (0.1 - 0.05) / 16
  CHECK(add("    extrapolate: linear\n", 48) == doctest::Approx(0.15).epsilon(1e-12));
  // (64/32)^n with n = log2(0.1 / 0.05) = 1
  CHECK(add("    extrapolate: power_law\n", 64) == doctest::Approx(0.2).epsilon(1e-12));
}

TEST_CASE("by_width: a power law goes through the points and on below the smallest") {
  const PriceTable table = table_of(
      "  - action: multiply\n    category: compute\n    source: s\n"
      "    by_width: {8: 0.2 pJ, 32: 3.2 pJ}\n    interpolate: power_law\n");
  // n = log(16) / log(4) = 2: 16 bits cost 4 x 0.2, 4 bits 0.2 / 4
  CHECK(pj(table, key("u", Action::multiply, 16)) == doctest::Approx(0.8).epsilon(1e-12));
  CHECK(pj(table, key("u", Action::multiply, 4)) == doctest::Approx(0.05).epsilon(1e-12));
  CHECK(pj(table, key("u", Action::multiply, 8)) == 0.2);
  CHECK(pj(table, key("u", Action::multiply, 32)) == 3.2);
}

TEST_CASE("by_value_and_width: products by both operands") {
  const PriceTable table = table_of(
      "  - action: multiply\n    category: compute\n    source: s\n"
      "    by_value_and_width: {1: {4: 0.01 pJ, 8: 0.02 pJ}, 5: {4: 0.1 pJ, 8: 0.3 pJ}}\n");
  const auto of = [&](std::uint32_t value, std::uint32_t width) {
    return pj(table, {"u", Action::multiply, width, LayerId{0}, value});
  };
  CHECK(of(1, 4) == 0.01);
  CHECK(of(5, 8) == 0.3);
  CHECK(of(5, 6) == doctest::Approx(0.2).epsilon(1e-12));   // between 0.1 and 0.3
  CHECK(of(5, 2) == doctest::Approx(0.05).epsilon(1e-12));  // 0.1 x 2 / 4
  // 2 is a quarter of the way from 1 to 5: 0.02 + (0.3 - 0.02) / 4 = 0.09
  CHECK(of(2, 8) == doctest::Approx(0.09).epsilon(1e-12));
  CHECK(price_formula(table, {"u", Action::multiply, 8, LayerId{0}, 2}, machine45()) ==
        "listed for 8 bits, for values of 1 bits; listed for 8 bits, for 5 bits; 0.25 of the way "
        "from the one to the other");
  CHECK(price_formula(table, {"u", Action::multiply, 8, LayerId{0}, 5}, machine45()) ==
        "listed for 8 bits, for values of 5 bits");
  CHECK(message_of([&] { of(6, 8); }) ==
        "t.yaml:4:5: entries[0]: cannot price u multiply at 8 x 6 bits: the price is for values of "
        "1 to 5 bits");
  CHECK(message_of([&] { of(0, 8); }).find("values of 1 to 5 bits") != std::string::npos);
  CHECK(message_of([&] { of(5, 9); }).find("the widest price is for 8 bits") != std::string::npos);
}

TEST_CASE("per_bit: proportional to the width, which must not be zero") {
  const PriceTable table =
      table_of("  - {action: read_bit, category: off_chip, per_bit: 12.45 pJ, source: s}\n");
  CHECK(pj(table, key("off_chip.memory", Action::read_bit, 1)) == 12.45);
  CHECK(pj(table, key("off_chip.memory", Action::read_bit, 64)) ==
        doctest::Approx(796.8).epsilon(1e-12));
  CHECK(message_of([&] { pj(table, key("off_chip.memory", Action::read_bit, 0)); }) ==
        "t.yaml:4:5: entries[0]: cannot price off_chip.memory read_bit at 0 bits: per_bit needs a "
        "width");
}

TEST_CASE("leakage: microwatts times one picosecond, by capacity and per unit") {
  const auto table = [](const char* leakage) {
    return table_of(std::string("  - {action: leak_cycle, category: static, source: s, leakage: ") +
                    leakage + "}\n");
  };
  const ActionKey memory = key("neuron.membrane_memory", Action::leak_cycle, 65'536);
  // 65,536 bits = 8 KiB; 8 x 0.5 uW = 4 uW; 4 uW x 1 ps = 4e-18 J = 4e-6 pJ
  CHECK(pj(table("{per_kib: 0.5 uW}"), memory) == doctest::Approx(4e-6).epsilon(1e-12));
  CHECK(pj(table("{per_kib: 0.5 uW, per_unit: 1 uW}"), memory) ==
        doctest::Approx(5e-6).epsilon(1e-12));
  const ActionKey unit = key("neuron.neuron_unit", Action::leak_cycle, 0);
  CHECK(pj(table("{per_unit: 2 uW}"), unit) == doctest::Approx(2e-6).epsilon(1e-12));
  CHECK(
      message_of([&] { pj(table("{per_kib: 0.5 uW}"), unit); }) ==
      "t.yaml:4:5: entries[0]: cannot price neuron.neuron_unit leak_cycle at 0 bits: the unit has "
      "no capacity, so leakage needs per_unit");
}

TEST_CASE("sram: the formula by hand, and refusals outside its range") {
  const auto table = [](const char* extra) {
    return table_of(
        std::string("  - action: read_word\n    category: weight_memory\n    source: s\n"
                    "    sram: {reference: 8 KiB, base_pj: 2, base_exponent: 0.5, "
                    "base_offset_pj: -0.5, bit_pj: 0.02, bit_exponent: 0.5, "
                    "bit_offset_pj: 0.01, capacity: [2 KiB, 128 KiB], "
                    "word: [8 bit, 64 bit]") +
        extra + "}\n");
  };
  MachineDescription machine = machine45();
  machine.memories["neuron.synapse_memory"] = {Bits{32 * 8192}, Bits{64}};
  const ActionKey read = key("neuron.synapse_memory", Action::read_word, 64);
  // c = 32 / 8 = 4, sqrt 2: 2 x 2 - 0.5 + 64 x (0.02 x 2 + 0.01) = 3.5 + 64 x 0.05 = 6.7 pJ
  CHECK(pj(table(""), read, machine) == doctest::Approx(6.7).epsilon(1e-12));

  CHECK(message_of([&] { pj(table(""), key("neuron.other", Action::read_word, 64), machine); }) ==
        "t.yaml:4:5: entries[0]: cannot price neuron.other read_word at 64 bits: m45 describes no "
        "memory of that name");
  CHECK(message_of([&] { pj(table(""), key(read.component, Action::read_word, 32), machine); }) ==
        "t.yaml:4:5: entries[0]: cannot price neuron.synapse_memory read_word at 32 bits: m45 has "
        "words of 64 bits there");
  machine.memories["neuron.synapse_memory"].capacity = Bits{512 * 8192};
  CHECK(message_of([&] { pj(table(""), read, machine); })
            .find("the formula covers 2 KiB to 128 KiB with words of 8 to 64 bits, and this memory "
                  "of m45 has 512 KiB; say extrapolate: true to go beyond") != std::string::npos);
  // c = 64: 2 x 8 - 0.5 + 64 x (0.02 x 8 + 0.01) = 15.5 + 10.88
  CHECK(pj(table(", extrapolate: true"), read, machine) == doctest::Approx(26.38).epsilon(1e-12));
}

TEST_CASE("link: bits over a router and some millimetres") {
  const PriceTable table = table_of(
      "  - action: [hop, hop_east_west, hop_west]\n    category: interconnect\n    source: s\n"
      "    link: {per_bit: 0.3 pJ, per_bit_per_mm: 0.08 pJ, length: 1.5 mm}\n"
      "  - {action: hop_chip, category: interconnect, source: s, link: {per_bit_per_mm: "
      "1 pJ, length: 500 um}}\n");
  // 32 x (0.3 + 1.5 x 0.08) = 32 x 0.42 = 13.44; 64 x 0.5 = 32
  CHECK(pj(table, key("network.router", Action::hop, 32)) == doctest::Approx(13.44).epsilon(1e-12));
  CHECK(pj(table, key("network.router", Action::hop_west, 32)) ==
        doctest::Approx(13.44).epsilon(1e-12));
  CHECK(pj(table, key("network.router", Action::hop_chip, 64)) ==
        doctest::Approx(32).epsilon(1e-12));
  CHECK(message_of([&] { pj(table, key("network.router", Action::hop, 0)); }) ==
        "t.yaml:4:5: entries[0]: cannot price network.router hop at 0 bits: a link price needs a "
        "width");
}

TEST_CASE("a register file: so much per bit of a word, by the number of words") {
  const PriceTable table = table_of(
      "  - {action: [read_word, write_word], component: '*.membrane_memory', category: "
      "state_memory, register_file: {per_bit: {4: 0.01 pJ, 16: 0.04 pJ}}, source: s}\n");
  MachineDescription machine = machine45();
  const auto of = [&](std::uint64_t words) {
    machine.memories["neuron.membrane_memory"] = {Bits{words * 64}, Bits{64}};
    return pj(table, key("neuron.membrane_memory", Action::read_word, 64), machine);
  };
  CHECK(of(4) == doctest::Approx(0.64).epsilon(1e-12));   // 64 x 0.01
  CHECK(of(16) == doctest::Approx(2.56).epsilon(1e-12));  // 64 x 0.04
  CHECK(of(7) == doctest::Approx(1.12).epsilon(1e-12));   // a quarter of the way: 64 x 0.0175
  CHECK(price_formula(table, key("neuron.membrane_memory", Action::read_word, 64), machine) ==
        "64 bits x 0.0175 pJ, registers of 7 words");
  machine.memories["neuron.membrane_memory"] = {Bits{7 * 64 - 8}, Bits{64}};  // a shorter last one
  CHECK(pj(table, key("neuron.membrane_memory", Action::read_word, 64), machine) ==
        doctest::Approx(1.12).epsilon(1e-12));
  CHECK(message_of([&] { of(17); }) ==
        "t.yaml:4:5: entries[0]: cannot price neuron.membrane_memory read_word at 64 bits: the "
        "register file covers 4 to 16 words, and this memory of m45 has 17");
  CHECK(message_of([&] { of(3); }).find("4 to 16 words, and this memory of m45 has 3") !=
        std::string::npos);
  CHECK(message_of([&] { pj(table, key("a.membrane_memory", Action::read_word, 64), machine); }) ==
        "t.yaml:4:5: entries[0]: cannot price a.membrane_memory read_word at 64 bits: m45 "
        "describes no memory of that name");
}

TEST_CASE("memories that a table cannot price are found before any access") {
  const PriceTable table = table_of(
      "  - {action: read_word, component: '*.membrane_memory', category: state_memory, "
      "register_file: {per_bit: {4: 0.01 pJ, 16: 0.04 pJ}}, source: s}\n"
      "  - {action: write_word, component: '*.synapse_memory', category: weight_memory, "
      "register_file: {per_bit: {4: 0.01 pJ, 16: 0.04 pJ}}, source: s}\n");
  MachineDescription machine = machine45();
  // 128 words of 64 bits in the synapse memory, which is never written; 16 in a bank.
  machine.memories["neuron.membrane_memory"] = {Bits{16 * 64}, Bits{64}, 4};
  CHECK_NOTHROW(check_memories(machine, table));
  machine.memories["neuron.membrane_memory"] = {Bits{17 * 64}, Bits{64}, 4};
  CHECK(message_of([&] { check_memories(machine, table); }) ==
        "t.yaml:4:5: entries[0]: cannot price neuron.membrane_memory read_word at 64 bits: the "
        "register file covers 4 to 16 words, and this memory of m45 has 17 per bank");
}

TEST_CASE("sram: rows by hand, and points before the formula") {
  const PriceTable table = table_of(
      "  - action: write_word\n    category: weight_memory\n    source: s\n"
      "    sram: {reference: 8 KiB, base_pj: 1, base_exponent: 0.5, base_offset_pj: 0, bit_pj: "
      "0.01, "
      "bit_exponent: 0.5, bit_offset_pj: 0, row_pj: 0.001, max_rows: 4096, narrow_word: 16 bit,\n"
      "      capacity: [8 KiB, 128 KiB], word: [8 bit, 64 bit],\n"
      "      points: {8 KiB: {64: 5 pJ}, 4 KiB: {64: 3 pJ, 32: 2 pJ}}}\n");
  MachineDescription machine = machine45();
  const auto of = [&](std::uint64_t kib, std::uint32_t word) {
    machine.memories["neuron.synapse_memory"] = {Bits{kib * 8192}, Bits{word}};
    return pj(table, key("neuron.synapse_memory", Action::write_word, word), machine);
  };
  CHECK(of(8, 64) == 5);
  CHECK(of(4, 64) == 3);  // smaller than the formula covers, but listed
  // 8 KiB, c = 1, 2^16 bits, 4 x 2^8 = 1024 rows: 1 + 32 x (0.01 + 1.024) = 34.088
  CHECK(of(8, 32) == doctest::Approx(34.088).epsilon(1e-12));
  // Narrow: half of 2^16, 4 x 2^7 = 512 rows: 1 + 16 x (0.01 + 0.512) = 9.352
  CHECK(of(8, 16) == doctest::Approx(9.352).epsilon(1e-12));
  // 32 KiB, c = 4, sqrt 2, 2^18 bits, 2048 rows: 2 + 64 x (0.02 + 2.048) = 134.352
  CHECK(of(32, 64) == doctest::Approx(134.352).epsilon(1e-12));
}

TEST_CASE("find_entry: a name wins over a pattern, a pattern over any component") {
  const PriceTable table = table_of(
      "  - {action: compare, category: compute, price: 1 pJ, source: s}\n"
      "  - {action: compare, component: '*.neuron_unit', category: compute, price: 2 pJ, source: "
      "s}\n"
      "  - {action: compare, component: a.neuron_unit, category: compute, price: 3 pJ, source: s}\n"
      "  - {action: compare, component: 'b*', category: compute, price: 4 pJ, source: s}\n");
  CHECK(pj(table, key("x.other", Action::compare, 8)) == 1);
  CHECK(pj(table, key("x.neuron_unit", Action::compare, 8)) == 2);
  CHECK(pj(table, key("a.neuron_unit", Action::compare, 8)) == 3);
  CHECK(pj(table, key("b.other", Action::compare, 8)) == 4);
  CHECK(pj(table, key("neuron_unit", Action::compare, 8)) == 1);  // the pattern wants a dot before
  CHECK(message_of([&] { pj(table, key("b.neuron_unit", Action::compare, 8)); }) ==
        "t.yaml:7:5: entries[3]: two equally specific prices for b.neuron_unit compare at 8 bits, "
        "the other at line 5");
}

TEST_CASE("find_entry: no price is an error that names the action, never a silent zero") {
  const PriceTable table =
      table_of("  - {action: compare, category: compute, price: 1 pJ, source: s}\n");
  CHECK(message_of([&] { find_entry(table, key("neuron.synapse_unit", Action::multiply, 6)); }) ==
        "t.yaml: entries: price table 't' has no price for neuron.synapse_unit multiply at 6 x 6 "
        "bits");
}

TEST_CASE("how a price comes about, with its numbers") {
  const MachineDescription machine = machine45();
  const auto formula = [&](const std::string& entry, const ActionKey& of) {
    return price_formula(table_of(entry), of, machine);
  };
  const auto added = [&](const std::string& extra, std::uint32_t width) {
    return formula(adder + extra, key("neuron.synapse_unit", Action::accumulate, width));
  };
  CHECK(added("", 16) == "listed for 16 bits");
  CHECK(added("", 12) ==
        "0.03 pJ + 0.0025 pJ x (12 - 8), the line through 0.03 pJ at 8 and 0.05 pJ at 16 bits");
  CHECK(added("", 4) == "0.03 pJ x 4 / 8 bits, proportional below the smallest width");
  CHECK(added("    extrapolate: power_law\n", 64) ==
        "0.05 pJ x (64 / 16)^1, the power law of 0.05 pJ at 16 and 0.1 pJ at 32 bits");
  CHECK_THROWS_AS((void)added("", 33), Error);
  const std::string head = "  - action: hop\n    category: interconnect\n    source: s\n    ";
  CHECK(formula(head + "per_bit: 0.957 pJ\n", key("network.router", Action::hop, 32)) ==
        "32 bits x 0.957 pJ");
  CHECK(formula(head + "link: {per_bit: 0.3 pJ, per_bit_per_mm: 0.08 pJ, length: 1.5 mm}\n",
                key("network.router", Action::hop, 32)) ==
        "32 bits x (0.3 pJ + 1.5 mm x 0.08 pJ per mm)");
  CHECK(formula(head + "price: 3 pJ\n", key("network.router", Action::hop, 32)) ==
        "3 pJ at any width");
  CHECK(formula("  - action: leak_cycle\n    category: static\n    source: s\n"
                "    leakage: {per_kib: 0.02 uW, per_unit: 1 uW}\n",
                key("m", Action::leak_cycle, 65536)) ==
        "(0.02 uW per KiB x 8 KiB + 1 uW) x 1 ps; 1 uW x 1 ps = 1e-6 pJ");
}

}  // namespace nj
