#include "neurojoule/energy/price_table.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"

#include "pricing_support.hpp"

namespace nj {
using testing::message_of;
using testing::table_of;
using testing::table_text;

namespace {

std::string error_in(std::string_view entries) {
  return message_of([&] { table_of(entries); });
}

}  // namespace

TEST_CASE("a price table reads name, process and every entry") {
  const PriceTable table = table_of(
      "  - action: [read_bit, write_bit]\n    component: [a.b, 'c*']\n    category: off_chip\n"
      "    per_bit: 2 pJ\n    source: somebody\n    uncertainty: [0.5, 2]\n");
  CHECK(table.name == "t");
  CHECK(table.file == "t.yaml");
  CHECK(table.process.node.value() == 45);
  CHECK(table.process.voltage.value() == 0.9);
  REQUIRE(table.entries.size() == 4);  // 2 actions x 2 components
  CHECK(table.entries[3].action == Action::write_bit);
  CHECK(table.entries[3].component == "c*");
  CHECK(table.entries[3].category == Category::off_chip);
  CHECK(std::get<BitPrice>(table.entries[3].price).energy.value() == 2);
  CHECK(table.entries[3].source == "somebody");
  CHECK(table.entries[3].low == 0.5);
  CHECK(table.entries[3].high == 2);
  CHECK(table.entries[3].location.line == 4);
}

// Each case: what is wrong, and the message with the line and column where it stands. The first
// entry begins at line 4, column 5.
TEST_CASE("bad price tables: prices and units") {
  CHECK(error_in("  - action: compare\n    category: compute\n    price: -1 pJ\n    source: s\n") ==
        "t.yaml:6:5: entries[0].price: expected no negative value, got '-1 pJ'");
  CHECK(error_in("  - action: compare\n    category: compute\n    price: 1 pF\n    source: s\n")
            .rfind("t.yaml:6:5: entries[0].price: ", 0) == 0);
  CHECK(error_in("  - action: compare\n    category: compute\n    price: 1\n    source: s\n")
            .rfind("t.yaml:6:5: entries[0].price: ", 0) == 0);
  CHECK(error_in("  - {action: compare, category: compute, source: s}\n") ==
        "t.yaml:4:5: entries[0]: expected exactly one of price, by_width, by_value_and_width, "
        "sram, register_file, per_bit, link, leakage, included_in, got none");
  CHECK(error_in(
            "  - {action: compare, category: compute, source: s, price: 1 pJ, per_bit: 1 pJ}\n") ==
        "t.yaml:4:5: entries[0]: expected exactly one of price, by_width, by_value_and_width, "
        "sram, register_file, per_bit, link, leakage, included_in, got price and per_bit");
}

TEST_CASE("bad price tables: actions, components, categories, sources") {
  CHECK(error_in("  - action: compute\n    category: compute\n    price: 1 pJ\n    source: s\n")
            .rfind("t.yaml:4:5: entries[0].action: ", 0) == 0);
  CHECK(error_in("  - action: []\n    category: compute\n    price: 1 pJ\n    source: s\n") ==
        "t.yaml:4:5: entries[0].action: expected at least one value");
  CHECK(error_in("  - action: compare\n    component: a b\n    category: compute\n    price: 1 pJ\n"
                 "    source: s\n") ==
        "t.yaml:5:5: entries[0].component: expected a component name of letters, digits, '_', '-', "
        "'.' and '*', got 'a b'");
  CHECK(error_in("  - action: compare\n    category: heat\n    price: 1 pJ\n    source: s\n") ==
        "t.yaml:5:5: entries[0].category: expected one of compute, weight_memory, state_memory, "
        "spike_buffers, interconnect, off_chip, static, control, got 'heat'");
  CHECK(error_in("  - {action: compare, category: compute, price: 1 pJ}\n") ==
        "t.yaml:4:5: entries[0]: lacks the key 'source'");
  CHECK(
      error_in("  - action: compare\n    category: compute\n    price: 1 pJ\n    source: ' '\n") ==
      "t.yaml:7:5: entries[0].source: expected where the number comes from, or 'assumption: ...'");
  CHECK(error_in("  - {action: compare, category: compute, price: 1 pJ, sorce: s}\n")
            .rfind("t.yaml:4:5: entries[0]: lacks the key 'source'", 0) == 0);
  CHECK(
      error_in("  - {action: compare, category: compute, price: 1 pJ, source: s,\n     unit: 1}\n")
          .rfind("t.yaml:5:6: entries[0].unit: unknown key", 0) == 0);
  CHECK(error_in("  - action: compare\n    category: compute\n    price: 1 pJ\n    source: s\n"
                 "    uncertainty: [1.5, 2]\n") ==
        "t.yaml:8:19: entries[0].uncertainty[0]: expected 0..1, got 1.5");
}

TEST_CASE("bad price tables: widths") {
  const auto by_width = [](const std::string& points) {
    return error_in("  - action: multiply\n    category: compute\n    source: s\n    by_width: " +
                    points + "\n");
  };
  CHECK(by_width("{8: 0.2 pJ, 16: 0.1 pJ}") ==
        "t.yaml:7:5: entries[0].by_width: the price falls from 8 to 16 bits");
  CHECK(by_width("{08: 0.2 pJ}") ==
        "t.yaml:7:16: entries[0].by_width.08: expected a width of 1..1073741824 bits, got '08'");
  CHECK(by_width("{}") == "t.yaml:7:5: entries[0].by_width: expected at least one width");
  CHECK(by_width("{8: 0.2 pJ}\n    extrapolate: linear") ==
        "t.yaml:7:5: entries[0].by_width: expected at least two widths to draw a line through");
  CHECK(by_width("{8: 0 pJ, 9: 1 pJ}\n    interpolate: power_law") ==
        "t.yaml:7:5: entries[0].by_width: power_law needs prices above zero");
  CHECK(by_width("{8: 1 pJ}\n    interpolate: cubic") ==
        "t.yaml:8:5: entries[0].interpolate: expected one of linear, power_law, got 'cubic'");
}

TEST_CASE("bad price tables: a kind of price on the wrong action") {
  CHECK(
      error_in("  - {action: compare, category: static, leakage: {per_unit: 1 uW}, source: s}\n") ==
      "t.yaml:4:5: entries[0]: leakage prices leak_cycle, not compare");
  CHECK(error_in("  - {action: leak_cycle, category: static, price: 1 pJ, source: s}\n") ==
        "t.yaml:4:5: entries[0]: leak_cycle is priced by leakage, a power");
  CHECK(error_in("  - {action: leak_cycle, category: static, leakage: {}, source: s}\n") ==
        "t.yaml:4:44: entries[0].leakage: expected per_kib, per_unit or both");
  const std::string sram =
      "sram: {reference: 8 KiB, base_pj: 1, base_exponent: 0.5, base_offset_pj: -9, bit_pj: 0.1, "
      "bit_exponent: 0.5, bit_offset_pj: 0, capacity: [1 KiB, 2 KiB], word: [8 bit, 64 bit]}";
  CHECK(error_in("  - action: read_word\n    category: weight_memory\n    source: s\n    " + sram +
                 "\n") ==
        "t.yaml:7:5: entries[0].sram: the formula is not positive and rising at the smallest "
        "capacity and word");
}

TEST_CASE("bad price tables: products") {
  const auto products = [](const std::string& action, const std::string& price) {
    return error_in("  - {action: " + action + ", category: compute, source: s,\n" +
                    "     by_value_and_width: " + price + "}\n");
  };
  CHECK(products("accumulate", "{4: {8: 1 pJ}}") ==
        "t.yaml:4:5: entries[0]: by_value_and_width prices multiply, not accumulate");
  CHECK(products("multiply", "{}") ==
        "t.yaml:5:6: entries[0].by_value_and_width: expected at least one width of a value");
  CHECK(products("multiply", "{4: {}}") ==
        "t.yaml:5:27: entries[0].by_value_and_width.4: expected at least one width");
  CHECK(products("multiply", "{x: {8: 1 pJ}}") ==
        "t.yaml:5:27: entries[0].by_value_and_width.x: expected a width of 1..1073741824 bits, got "
        "'x'");
  CHECK(products("multiply", "{4: {8: 2 pJ, 9: 1 pJ}}") ==
        "t.yaml:5:27: entries[0].by_value_and_width.4: the price falls from 8 to 9 bits");
}

TEST_CASE("bad price tables: register files") {
  const auto registers = [](const std::string& action, const std::string& price) {
    return error_in("  - {action: " + action + ", category: state_memory, source: s,\n" +
                    "     register_file: " + price + "}\n");
  };
  CHECK(registers("compare", "{per_bit: {4: 1 pJ}}") ==
        "t.yaml:4:5: entries[0]: register_file prices read_word and write_word, not compare");
  CHECK(registers("read_word", "{}") ==
        "t.yaml:5:6: entries[0].register_file: lacks the key 'per_bit'");
  CHECK(registers("read_word", "{per_bit: {}}") ==
        "t.yaml:5:22: entries[0].register_file.per_bit: expected at least one size");
  CHECK(registers("read_word", "{per_bit: {4: 2 pJ, 8: 1 pJ}}") ==
        "t.yaml:5:22: entries[0].register_file.per_bit: the price falls from 4 to 8 words");
  CHECK(registers("read_word", "{per_bit: {0: 2 pJ}}") ==
        "t.yaml:5:32: entries[0].register_file.per_bit.0: expected 1..1073741824 words, got '0'");
}

TEST_CASE("bad price tables: points of a memory") {
  const auto sram = [](const std::string& more) {
    return error_in(
        "  - action: read_word\n    category: weight_memory\n    source: s\n"
        "    sram:\n      {reference: 8 KiB, base_pj: 1, base_exponent: 0.5, "
        "base_offset_pj: 0, bit_pj: 0.1, bit_exponent: 0.5, bit_offset_pj: 0, "
        "capacity: [1 KiB, 2 KiB], word: [8 bit, 64 bit],\n       " +
        more + "}\n");
  };
  CHECK(sram("points: {1 KiB: {8: -1 pJ}}") ==
        "t.yaml:9:25: entries[0].sram.points.1 KiB.8: expected no negative value, got '-1 pJ'");
  CHECK(sram("points: {1 KB: {8: 1 pJ}}")
            .rfind("t.yaml:9:17: entries[0].sram.points.1 KB: the key '1 KB': ", 0) == 0);
  CHECK(sram("points: {0 KiB: {8: 1 pJ}}") ==
        "t.yaml:9:17: entries[0].sram.points.0 KiB: the key '0 KiB': expected more than 0 bits");
  CHECK(sram("points: {1 KiB: {8 bit: 1 pJ}}").rfind("t.yaml:9:25: ", 0) == 0);
  CHECK(sram("points: {1 KiB: {8: 1 pJ}, 1024 B: {8: 1 pJ}}") ==
        "t.yaml:9:44: entries[0].sram.points.1024 B.8: a second energy for 1 KiB in words of 8 "
        "bits");
  const std::string rule = "row_pj: 0.1, max_rows: 4096, narrow_word: 8 bit, rows: ";
  CHECK(sram(rule + "{1 KiB: {8: 512}}") == "nothing thrown");
  CHECK(sram(rule + "{1 KiB: {8: 0}}").find("sram.rows.1 KiB.8: expected 1..") !=
        std::string::npos);
  CHECK(sram(rule + "{1 KiB: {8: 512}, 1024 B: {8: 256}}")
            .find("a second number of rows for 1 KiB in words of 8 bits") != std::string::npos);
  CHECK(sram("row_pj: 0.1").find("entries[0].sram: lacks the key 'max_rows'") != std::string::npos);
}

TEST_CASE("bad price tables: two prices for one thing, and parts of nothing") {
  CHECK(error_in("  - {action: compare, category: compute, price: 1 pJ, source: s}\n"
                 "  - {action: compare, category: compute, price: 2 pJ, source: s}\n") ==
        "t.yaml:5:5: entries[1]: second price for compare of any component, first at line 4");
  CHECK(error_in("  - {action: compare, category: compute, included_in: multiply, source: s}\n") ==
        "t.yaml:4:5: entries[0]: compare is included in multiply, which this table does not price");
  CHECK(error_in("  - {action: compare, category: compute, included_in: compare, source: s}\n") ==
        "t.yaml:4:5: entries[0]: compare cannot be included in itself");
}

TEST_CASE("bad price tables: lists that multiply to absurd sizes") {
  std::string actions = "compare";
  std::string components = "a";
  for (int i = 0; i < 200; ++i) {
    actions += ", compare";
    components += ", a";
  }
  // 201 x 201 = 40,401 entries, refused before they are made
  CHECK(error_in("  - {category: compute, price: 1 pJ, source: s, action: [" + actions +
                 "], component: [" + components + "]}\n") ==
        "t.yaml:4:5: entries[0]: stands for more than 10000 entries");
}

TEST_CASE("bad price tables: areas") {
  // The block begins at line 4, so that `sram` is at line 4, column 9.
  const auto areas = [](const std::string& block) {
    return error_in("  []\nareas: {" + block + "}\n");
  };
  const auto points = [&](const std::string& list) {
    return areas("sram: {source: s,\n  points: " + list + "}");
  };
  CHECK(points("{1 KiB: {8: 1 mm2, 16: 0.5 mm2}, 2 KiB: {8: 1 mm2, 16: 750000 um2}}") ==
        "nothing thrown");
  CHECK(areas("").find("areas: lacks the key 'sram'") != std::string::npos);
  CHECK(areas("sram: {points: {1 KiB: {8: 1 mm2}}}") ==
        "t.yaml:5:9: areas.sram: lacks the key 'source'");
  CHECK(
      areas("sram: {source: ' ', points: {1 KiB: {8: 1 mm2}}}") ==
      "t.yaml:5:16: areas.sram.source: expected where the number comes from, or 'assumption: ...'");
  CHECK(areas("sram: {source: s}") == "t.yaml:5:9: areas.sram: lacks the key 'points'");
  CHECK(areas("sram: {source: s, points: {1 KiB: {8: 1 mm2}}}, rom: {}")
            .find("areas.rom: unknown key") != std::string::npos);
  CHECK(points("{}") == "t.yaml:6:3: areas.sram.points: expected at least one memory");
  CHECK(points("{1 KiB: {8: 1 pJ}}") ==
        "t.yaml:6:20: areas.sram.points.1 KiB.8: unknown unit 'pJ' in '1 pJ', expected one of mm2, "
        "um2");
  CHECK(points("{1 KiB: {8: 0 mm2}}") ==
        "t.yaml:6:20: areas.sram.points.1 KiB.8: expected an area above zero");
  CHECK(points("{1 KiB: {8: 1 mm2}, 1024 B: {8: 1 mm2}}") ==
        "t.yaml:6:40: areas.sram.points.1024 B.8: a second area for 1 KiB in words of 8 bits");
  CHECK(points("{1 KiB: {8: 2 mm2}, 2 KiB: {8: 1 mm2}}") ==
        "t.yaml:6:3: areas.sram.points: the area falls from 1 KiB to 2 KiB in words of 8 bits");
  CHECK(points("{1 KiB: {8: 2 mm2}, 2 KiB: {8: 3 mm2, 16: 3 mm2}}") ==
        "t.yaml:6:3: areas.sram.points: words of 8 and of 16 bits are listed for different "
        "capacities");
}

TEST_CASE("a table on another: its own entries win, whatever they name") {
  testing::TemporaryFolder folder;
  write_file_atomically(folder / "low.yaml",
                        table_text("  - {action: compare, component: a.unit, category: compute, "
                                   "price: 1 pJ, source: low}\n"
                                   "  - {action: shift, category: compute, price: 2 pJ, source: "
                                   "low}\n"
                                   "  - {action: multiply, category: compute, price: 3 pJ, source: "
                                   "low}\n"));
  write_file_atomically(folder / "mid.yaml",
                        "name: mid\nbase: low\nentries:\n"
                        "  - {action: shift, category: compute, price: 5 pJ, source: mid}\n");
  const auto top = [&](const std::string& text) {
    write_file_atomically(folder / "top.yaml", text);
    return load_price_table(folder / "top.yaml");
  };
  const PriceTable table =
      top("name: top\nbase: mid.yaml\ntechnology: {node: 45 nm, voltage: 0.9 V}\nentries:\n"
          "  - {action: compare, category: compute, price: 4 pJ, source: top}\n"
          "  - {action: accumulate, category: compute, included_in: multiply, source: top}\n");
  CHECK(table.bases == std::vector<std::string>{"mid", "t"});
  CHECK(full_name(table) == "top, on mid, on t");
  CHECK(same_process(table.process, {Nanometres{45}, Volts{0.9}}));
  CHECK(testing::pj(table, testing::key("a.unit", Action::compare, 8)) == 4);
  CHECK(testing::pj(table, testing::key("a.unit", Action::shift, 8)) == 5);
  CHECK(testing::pj(table, testing::key("a.unit", Action::multiply, 8)) == 3);
  CHECK(find_entry(table, testing::key("a.unit", Action::multiply, 8)).location.file ==
        (folder / "low.yaml").string());

  // What they replace prices nothing.
  CHECK(message_of([&] {
          top("name: top\nbase: mid.yaml\nentries:\n"
              "  - {action: shift, category: compute, included_in: multiply, source: top}\n"
              "  - {action: multiply, category: compute, included_in: shift, source: top}\n");
        }).ends_with("shift is included in multiply, which this table does not price"));
  CHECK(message_of([&] {
          top("name: top\nbase: mid.yaml\nentries:\n"
              "  - {action: shift, category: compute, included_in: compare, source: top}\n"
              "  - {action: compare, category: compute, included_in: multiply, source: top}\n");
        }).ends_with("shift is included in compare, which this table does not price"));

  // So do its own areas; where it has none, those of its base hold.
  const auto areas = [](int mm2) {
    return fmt::format("areas: {{sram: {{source: s, points: {{1 KiB: {{8: {} mm2}}}}}}}}\n", mm2);
  };
  const auto area_of = [](const PriceTable& of) {
    return of.areas->by_word.at(Bits{8}).at(Bits{8192}).value();
  };
  CHECK_FALSE(table.areas);
  write_file_atomically(folder / "mid.yaml",
                        "name: mid\nbase: low\n" + areas(2) +
                            "entries:\n  - {action: shift, category: compute, price: 5 pJ, source: "
                            "mid}\n");
  CHECK(area_of(top("name: top\nbase: mid\nentries: []\n")) == 2);
  CHECK(area_of(top("name: top\nbase: mid\n" + areas(3) + "entries: []\n")) == 3);

  const auto refusal = [&](const std::string& text) {
    const std::string message = message_of([&] { top(text); });
    return message.substr(folder.path().string().size() + 1);
  };
  CHECK(refusal("name: top\nbase: low\ntechnology: {node: 7 nm, voltage: 0.9 V}\nentries: []\n") ==
        "top.yaml:3:1: technology: 't', the base, is for 45 nm at 0.9 V: prices of two processes "
        "do not mix");
  CHECK(refusal("name: top\nbase: top\nentries: []\n") ==
        "top.yaml:2:1: base: price tables that build on themselves: top.yaml -> top.yaml");
  CHECK(refusal("name: top\nbase: none\nentries: []\n").rfind("top.yaml:2:1: base: ", 0) == 0);
  write_file_atomically(folder / "mid.yaml", "name: mid\nbase: low\nentries: 3\n");
  CHECK(refusal("name: top\nbase: mid\nentries: []\n") == "mid.yaml:3:1: entries: expected a list");
}

TEST_CASE("price table: of several bases each goes before those before it") {
  const testing::TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    write_file_atomically(folder / (name + ".yaml"), "name: " + name + "\n" + text);
  };
  const auto entry = [](const std::string& action, const std::string& component,
                        const std::string& price) {
    return fmt::format("  - {{action: {}, category: compute{}, {}, source: s}}\n", action,
                       component.empty() ? "" : fmt::format(", component: \"{}\"", component),
                       price);
  };
  const std::string process = "technology: {node: 45 nm, voltage: 0.9 V}\n";
  write("low", process + "entries:\n" + entry("compare", "host.unit", "price: 1 pJ") +
                   entry("shift", "", "price: 2 pJ") + entry("multiply", "", "price: 3 pJ"));
  write("below", process + "entries:\n" + entry("shift", "host.*", "price: 4 pJ"));
  write("host", "base: below\nentries:\n" + entry("compare", "host.*", "price: 5 pJ") +
                    entry("accumulate", "host.*", "included_in: multiply"));
  write("part", "entries:\n" + entry("compare", "host.*", "price: 6 pJ") +
                    entry("accumulate", "host.*", "included_in: multiply"));
  write("seven", "technology: {node: 7 nm, voltage: 0.9 V}\nentries: []\n");
  const auto top = [&](const std::string& text) {
    write("top", text);
    return load_price_table(folder / "top.yaml");
  };
  const PriceTable table = top("base: [low, host]\nentries: []\n");
  CHECK(full_name(table) == "top, on host, on below, on low");
  CHECK(testing::pj(table, testing::key("host.unit", Action::compare, 8)) == 5);
  CHECK(testing::pj(table, testing::key("host.unit", Action::shift, 8)) == 4);
  CHECK(testing::pj(table, testing::key("core.unit", Action::shift, 8)) == 2);
  CHECK(testing::pj(table, testing::key("host.unit", Action::multiply, 8)) == 3);
  CHECK(testing::pj(top("base: [host, low]\n" + process + "entries: []\n"),
                    testing::key("host.unit", Action::compare, 8)) == 1);
  const PriceTable parts = top("base: [low, part]\nentries: []\n");
  CHECK(parts.process.node == Nanometres{45});
  CHECK(testing::pj(parts, testing::key("host.unit", Action::compare, 8)) == 6);

  const auto refusal = [&](const std::string& text) {
    return message_of([&] { top(text); }).substr(folder.path().string().size() + 1);
  };
  CHECK(refusal("base: [low, seven]\nentries: []\n") ==
        "top.yaml:2:13: base[1]: 'low', the base, is for 45 nm at 0.9 V: prices of two processes "
        "do not mix");
  CHECK(refusal("base: [part, low]\nentries: []\n") == "part.yaml:1:1: lacks the key 'technology'");
  CHECK(refusal("base: []\nentries: []\n") == "top.yaml:2:1: base: expected at least one value");
  CHECK(refusal("base: [low, top]\nentries: []\n") ==
        "top.yaml:2:13: base[1]: price tables that build on themselves: top.yaml -> top.yaml");
  write("twice0", "base: [low, part]\nentries: []\n");
  for (int i = 1; i < 30; ++i) {
    write(fmt::format("twice{}", i),
          fmt::format("base: [twice{0}, twice{0}]\nentries: []\n", i - 1));
  }
  CHECK(refusal("base: twice29\nentries: []\n")
            .ends_with(": more than 64 price tables build on each other"));
  write("alone", process + "entries:\n" + entry("accumulate", "host.*", "included_in: multiply"));
  CHECK(refusal("base: alone\nentries: []\n")
            .ends_with("accumulate is included in multiply, which this table does not price"));
}

TEST_CASE("bad price tables: links") {
  CHECK(error_in("  - {action: hop, category: interconnect, source: s, link: {per_bit_per_mm: "
                 "1 pJ}}\n")
            .find("entries[0].link: lacks the key 'length'") != std::string::npos);
  CHECK(error_in("  - {action: compare, category: compute, source: s,\n"
                 "     link: {per_bit_per_mm: 1 pJ, length: 1 mm}}\n") ==
        "t.yaml:4:5: entries[0]: link prices hops, not compare");
  CHECK(error_in("  - {action: hop, category: interconnect, source: s,\n"
                 "     link: {per_bit_per_mm: -1 pJ, length: 1 mm}}\n")
            .find("link.per_bit_per_mm: expected no negative value") != std::string::npos);
}

TEST_CASE("bad price tables: the head of the file") {
  const auto head = [](const char* text) {
    return message_of([&] { parse_price_table(text, "t.yaml"); });
  };
  CHECK(head("technology: {node: 45 nm, voltage: 0.9 V}\nentries: []\n") ==
        "t.yaml:1:1: lacks the key 'name'");
  CHECK(head("name: t\ntechnology: {node: 0 nm, voltage: 0.9 V}\nentries: []\n") ==
        "t.yaml:2:1: technology: expected a node and a voltage above zero");
  CHECK(head("name: t\nentries: []\n") == "t.yaml:1:1: lacks the key 'technology'");
  CHECK(head("name: t\ntechnology: {node: 45 nm, voltage: 0.9 V}\nentries: 3\n") ==
        "t.yaml:3:1: entries: expected a list");
  CHECK(head("name: t\ntechnology: {node: 45 nm, voltage: 0.9 V}\nentries: []\nnode: 45 nm\n")
            .rfind("t.yaml:4:1: node: unknown key", 0) == 0);
  CHECK_THROWS_AS(load_price_table("no/such/table.yaml"), Error);
}

}  // namespace nj
