#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <neurojoule/core/yaml.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

namespace {

YamlDocument parse(std::string_view text) { return YamlDocument::parse(text, "chip.yaml"); }

/// What reading `text` with `read(root)` and finishing prints.
template <class Read>
std::string error_of(std::string_view text, Read read) {
  return message_of([&] {
    const YamlDocument document = parse(text);
    read(document.root());
    document.finish();
  });
}

enum class Colour { red, blue };

}  // namespace

TEST_CASE("values are read by type, range and unit") {
  const YamlDocument document = parse(
      "flit: 64 bit\n"
      "neurons: 65536\n"
      "ratio: 0.5\n"
      "on: true\n"
      "colour: blue\n"
      "list: [1, 2]\n");
  const YamlNode root = document.root();
  CHECK(root.at("flit").quantity<Bits>() == Bits(64));
  CHECK(root.at("neurons").integer(1, 1 << 20) == 65536);
  CHECK(root.at("ratio").real(0, 1) == 0.5);
  CHECK(root.at("on").boolean());
  CHECK(root.at("colour").one_of<Colour>({{"red", Colour::red}, {"blue", Colour::blue}}) ==
        Colour::blue);
  CHECK(root.at("list").elements()[1].integer(0, 9) == 2);
  CHECK_FALSE(root.find("absent"));
  document.finish();
}

TEST_CASE("each rule of the strict reader reports file, line, column and key path") {
  const auto nothing = [](const YamlNode&) {};
  CHECK(error_of("a:\n  b: 1\n  b: 2\n", nothing) ==
        "chip.yaml:3:3: a.b: duplicate key, first at line 2");
  CHECK(error_of("a: [1, 2\n", nothing).starts_with("chip.yaml:2:1: not YAML: "));
  CHECK(error_of("a: 1\n---\nb: 2\n", nothing) ==
        "chip.yaml:3:1: holds more than one YAML document");
  CHECK(error_of("noc:\n  flit_bits: 0\n", [](const YamlNode& root) {
          return root.at("noc").at("flit_bits").integer(1, 1024);
        }) == "chip.yaml:2:3: noc.flit_bits: expected 1..1024, got 0");
  CHECK(error_of("cores:\n  - {x: 1}\n  - {x: one}\n", [](const YamlNode& root) {
          for (const YamlNode& core : root.at("cores").elements()) {
            (void)core.at("x").integer(0, 9);
          }
        }) == "chip.yaml:3:6: cores[1].x: expected a whole number, got 'one'");
  CHECK(error_of("bits: 010\n", [](const YamlNode& root) {
          return root.at("bits").integer(0, 99);
        }) == "chip.yaml:1:1: bits: a leading zero is ambiguous, got '010'");
  CHECK(error_of("tau: 01.5\n", [](const YamlNode& root) { return root.at("tau").real(0, 99); }) ==
        "chip.yaml:1:1: tau: a leading zero is ambiguous, got '01.5'");
  CHECK(error_of("flit: 064 bit\n", [](const YamlNode& root) {
          return root.at("flit").quantity<Bits>();
        }) == "chip.yaml:1:1: flit: a leading zero is ambiguous, got '064 bit'");
  CHECK(error_of("neurons: 4_096\n", [](const YamlNode& root) {
          return root.at("neurons").integer(0, 9999);
        }) == "chip.yaml:1:1: neurons: expected a whole number, got '4_096'");
  CHECK(error_of("bits: 99999999999999999999\n", [](const YamlNode& root) {
          return root.at("bits").integer(0, 99);
        }) == "chip.yaml:1:1: bits: expected 0..99, got 99999999999999999999");
  CHECK(error_of("hop: 4.1\n", [](const YamlNode& root) {
          return root.at("hop").quantity<Picoseconds>();
        }) == "chip.yaml:1:1: hop: '4.1' lacks a unit, expected one of ps, ns, us, ms, s");
  CHECK(error_of("hop: -4 ns\n", [](const YamlNode& root) {
          return root.at("hop").quantity<Picoseconds>();
        }) == "chip.yaml:1:1: hop: expected no negative value, got '-4 ns'");
  CHECK(error_of("on: yes\n", [](const YamlNode& root) { return root.at("on").boolean(); }) ==
        "chip.yaml:1:1: on: expected true or false, got 'yes'");
  CHECK(error_of("c: green\n", [](const YamlNode& root) {
          (void)root.at("c").one_of<Colour>({{"red", Colour::red}, {"blue", Colour::blue}});
        }) == "chip.yaml:1:1: c: expected one of red, blue, got 'green'");
  CHECK(error_of("x: .nan\n", [](const YamlNode& root) { return root.at("x").real(0, 1); }) ==
        "chip.yaml:1:1: x: expected a number, got '.nan'");
}

TEST_CASE("a quote that nothing closes does not swallow the rest of a file") {
  const auto nothing = [](const YamlNode&) {};
  const std::string unclosed = "not YAML: nothing closes this quote";
  for (const char* text : {"a: 1\nb: \"half\ntopology: {flit: 32 bit}\n", "a: 1\nb: 'half\nc: d\n",
                           "a: 1\nb: 'it''s\n", "a: 1\nb: \"x\\\"\n", "a: 1\nb: \"x",
                           "a: 1\nb: \"\n", "a: 1\nb: \"x\n   ",
                           "\xef\xbb\xbf"
                           "a: 1\nb: 'x\n",
                           "a: 1\r\nb: 'x\r\n"}) {
    CHECK(error_of(text, nothing) == "chip.yaml:2:4: " + unclosed);
  }
  CHECK(error_of("a:\n  - {b: \"\\\"\"}\n  - &c !d \"x\ne: f\n", nothing) ==
        "chip.yaml:3:11: " + unclosed);
  CHECK(error_of("a: é\n? 'x\n", nothing) == "chip.yaml:2:3: " + unclosed);
  CHECK(error_of("a: [1, \"x\nb: 2\n", nothing).starts_with("chip.yaml:3:1: not YAML: "));
  for (const char* text :
       {"a: \"one\n  line\"\n", "a: 'it''s'\n", "a: it's\n", "a: 1  # it's\n", "a: |\n  \"x\n",
        "a: >\n  'x\n", "a: x\n  'y\n", "a: \"\\\\\"\n", "a: ''\n", "x: &x 'y'\na: *x\n"}) {
    CHECK(message_of([&] { parse(text); }) == "nothing thrown");
  }
}

TEST_CASE("text that is no UTF-8, and control characters, are refused where they are") {
  const auto nothing = [](const YamlNode&) {};
  const std::string place = "chip.yaml:2:4: ";
  // Latin-1; cut off; overlong; a surrogate; above U+10FFFF; a byte that begins nothing
  for (const char* bytes : {"\xe9t\xe9", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\x80", "\xff"}) {
    CHECK(error_of(std::string("a: 1\nb: ") + bytes + "\nc: 2\n", nothing) ==
          place + fmt::format("byte {:#x} is not UTF-8", static_cast<unsigned char>(bytes[0])));
  }
  CHECK(error_of("a: 1\nb: \x1b[31m\n", nothing) == place + "control character U+001B");
  CHECK(error_of("a: 1\nb: \x7f\n", nothing) == place + "control character U+007F");
  CHECK(error_of("a: 1\nb: \xc2\x9b\n", nothing) == place + "control character U+009B");
  CHECK(error_of("a: 1\nb: \xef\xbf\xbf\n", nothing) == place + "U+FFFF is no character");
  CHECK(error_of("a: 1\nb: \rc\n", nothing) == place + "control character U+000D");
  CHECK(error_of(std::string_view("a: 1\nb: \0\n", 10), nothing) ==
        place + "control character U+0000");
  // Escapes of YAML are text too.
  CHECK(error_of("a: 1\nb: \"\\e[31m\"\n", nothing) ==
        "chip.yaml:2:4: b: control character U+001B");
  CHECK(error_of("a: 1\nb: {\"x\\u0085\": 1}\n", nothing) ==
        "chip.yaml:2:5: b: control character U+0085");
  CHECK(error_of("a: 1\n\"b\\nc\": 1\n", nothing) == "chip.yaml:2:1: a name of several lines");
  const YamlDocument fine =
      parse("a: \"µ€\\t\\U0001F600\"\r\nb: |\n  one\n  \ttwo\nc: \"x\\ty\"\nd: ''\n");
  CHECK(fine.root().at("a").text() == "µ€\t\U0001F600");
  CHECK(fine.root().at("b").text() == "one\n\ttwo\n");
  CHECK(message_of([&] { (void)fine.root().at("b").name(); }) ==
        "chip.yaml:2:1: b: a name of several lines");
  CHECK(message_of([&] { (void)fine.root().at("c").name(); }) ==
        "chip.yaml:5:1: c: a tab in a name");
  CHECK(message_of([&] { (void)fine.root().at("d").name(); }) ==
        "chip.yaml:6:1: d: expected a name");
}

TEST_CASE("missing and unknown keys name what was probably meant") {
  CHECK(error_of("chipp: a\n", [](const YamlNode& root) { return root.at("chip"); }) ==
        "chip.yaml:1:1: lacks the key 'chip' ('chipp' is there)");
  CHECK(error_of("a: 1\nwidht: 8\n", [](const YamlNode& root) {
          (void)root.at("a").integer(0, 9);
          (void)root.find("width");
        }) == "chip.yaml:2:1: widht: unknown key, did you mean 'width'?");
  CHECK(error_of("a: 1\nzzzzzz: 8\n", [](const YamlNode& root) {
          return root.at("a").integer(0, 9);
        }) == "chip.yaml:2:1: zzzzzz: unknown key, expected one of a");
}

TEST_CASE("a --set value replaces or adds one key, with its own place in errors") {
  YamlDocument document =
      parse("quantization:\n  default: {bits: 8}\n  layers: {a.b: {bits: 2}}\n");
  document.set("quantization.default.bits", "4", "--set quantization.default.bits=4");
  document.set("quantization.layers.a.b.bits", "3", "--set quantization.layers.a.b.bits=3");
  document.set("seed", "0x", "--set seed=0x");
  const YamlNode quantization = document.root().at("quantization");
  CHECK(quantization.at("default").at("bits").integer(2, 16) == 4);
  CHECK(quantization.at("layers").at("a.b").at("bits").integer(2, 16) == 3);
  CHECK(message_of([&] { return document.root().at("seed").integer(0, 9); }) ==
        "--set seed=0x: seed: expected a whole number, got '0x'");
  CHECK(message_of([&] {
          document.set("quantization.default.bits.x", "1", "--set quantization.default.bits.x=1");
        }) == "--set quantization.default.bits.x=1: 'quantization.default.bits' is not a map");
  // Null takes away what is there; a key that is new may be misspelt.
  document.set("quantization.default", "null", "--set quantization.default=null");
  document.set("seed", "null", "--set seed=null");
  document.set("sed", "~", "--set sed=~");
  CHECK(document.root().flow() ==
        "{quantization: {default: null, layers: {a.b: {bits: 3}}}, sed: null}");
  CHECK_FALSE(document.root().at("quantization").has("default"));
}

TEST_CASE("a key that is null is not there") {
  const YamlDocument document = parse("a: null\nb: {x: ~, y: 2, z:}\nc: [null]\n");
  const YamlNode root = document.root();
  CHECK_FALSE(root.find("a"));
  CHECK_FALSE(root.at("b").peek("x"));
  CHECK(root.at("b").entries().size() == 1);
  CHECK(root.entries().size() == 2);
  CHECK(root.at("c").elements().size() == 1);
  CHECK(message_of([&] { (void)root.at("a"); }) == "chip.yaml:1:1: a: expected a value, got none");
  CHECK(message_of([&] { (void)root.at("b").at("z"); }) ==
        "chip.yaml:2:17: b.z: expected a value, got none");
  document.finish();
  CHECK(root.flow() == "{a: null, b: {x: null, y: 2, z: null}, c: [null]}");
  CHECK(root.flow(YamlNode::Nulls::left_out) == "{b: {y: 2}, c: [null]}");
  CHECK(error_of("a: 1\nseeed: null\n", [](const YamlNode& node) {
          (void)node.find("a");
          (void)node.find("seed");
        }) == "chip.yaml:2:1: seeed: unknown key, did you mean 'seed'?");
}

TEST_CASE("a document inherits what it lacks, and each value keeps its place") {
  YamlDocument document = parse("a: {x: 1, list: [1]}\nb: 2\nc: {only: 3}\n");
  {
    const YamlDocument base = YamlDocument::parse(
        "d: 9\na: {list: [7, 8], y: 5,\n    z: {deep: [4]}}\nb: {no: 1}\nskip: {me: 1}\n",
        "base.yaml");
    document.inherit(document.root(), base.root(),
                     [](std::string_view path) { return path != "skip" && path != "a.y"; });
  }  // the base is gone
  const YamlNode root = document.root();
  // The base's order, then its own keys; lists and scalars are taken whole.
  CHECK(root.flow() == "{d: 9, a: {list: [1], z: {deep: [4]}, x: 1}, b: 2, c: {only: 3}}");
  CHECK(message_of([&] { return root.at("a").at("z").at("deep").elements()[0].integer(0, 3); }) ==
        "base.yaml:3:16: a.z.deep[0]: expected 0..3, got 4");
  CHECK(message_of([&] { return root.at("b").integer(0, 1); }) ==
        "chip.yaml:2:1: b: expected 0..1, got 2");
  CHECK(message_of([&] { return root.at("a").at("y"); }) == "chip.yaml:1:1: a: lacks the key 'y'");
  document.inherit(root.at("c"), root.at("a").at("z"));
  CHECK(root.at("c").flow() == "{deep: [4], only: 3}");
  CHECK(root.at("c").at("deep").elements()[0].location().key == "c.deep[0]");
  CHECK(message_of([&] { document.inherit(root.at("b"), root); }) ==
        "chip.yaml:2:1: b: expected a map of keys");
}

TEST_CASE("a map is a document of its own, at its place") {
  const YamlDocument whole = YamlDocument::parse("a: 1\nb:\n  c: {d: 2}\n", "t.yaml");
  const YamlDocument part = YamlDocument::of(whole.root().at("b"));
  CHECK(part.root().at("c").at("d").integer(0, 9) == 2);
  CHECK(message_of([&] { (void)part.root().at("e"); }) == "t.yaml:2:1: lacks the key 'e'");
  CHECK(message_of([&] { (void)part.root().at("c").at("e"); }) ==
        "t.yaml:3:3: c: lacks the key 'e'");
  CHECK(message_of([&] { (void)YamlDocument::of(whole.root().at("a")); }) ==
        "t.yaml:1:1: a: expected a map of keys");
}

TEST_CASE("null leaves a key of the base out, and none that the base lacks") {
  YamlDocument document = parse("a: null\nb: {x: ~, y: 2}\nc: null\n");
  const YamlDocument base = YamlDocument::parse("a: {deep: 1}\nb: {x: 1, z: 3}\n", "b.yaml");
  for (int times = 0; times < 2; ++times) {  // also when it comes again, by another way
    document.inherit(document.root(), base.root());
    CHECK(document.root().flow(YamlNode::Nulls::left_out) == "{b: {z: 3, y: 2}}");
  }
  YamlDocument next = parse("b: {y: 3, z: 3}\n");
  next.inherit(next.root(), parse("b: {y: null}\nc: null\n").root());
  (void)next.root().at("b").flow();
  CHECK(message_of([&] { next.finish(); }) == "chip.yaml:2:1: c: unknown key, expected one of b");
}

TEST_CASE("a key that only the base has is unknown where the base is") {
  YamlDocument document = parse("known: 1\n");
  document.inherit(document.root(), YamlDocument::parse("known: 2\nknwon: 3\n", "b.yaml").root());
  (void)document.root().at("known");
  CHECK(message_of([&] { document.finish(); }) ==
        "b.yaml:2:1: knwon: unknown key, did you mean 'known'?");
}

TEST_CASE("hostile documents are refused before they cost anything") {
  CHECK(message_of([] { YamlDocument::load("no/such/file.yaml"); }) ==
        "no/such/file.yaml: no such file");
  for (const std::size_t depth : {200, 20'000}) {  // yaml-cpp has a bound of its own
    const std::string deep = std::string(depth, '[') + std::string(depth, ']');
    CHECK(message_of([&] { parse(deep); }).find("nested deeper than 64 levels") !=
          std::string::npos);
  }
  // Each alias doubles the size: 2^30 values if it were expanded without a bound.
  std::string laughs = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 30; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
              std::to_string(i - 1) + ", *a" + std::to_string(i - 1) + "]\n";
  }
  CHECK(message_of([&] { parse(laughs); }).find("more than 1000000 values") != std::string::npos);
}

TEST_CASE("a value written as one line reads back equal") {
  for (const char* text : {"{a: 1, b: [x, -2.5e-3, 4.2 pJ], c: {}}", "{\"p*\": \"say \\\"no\\\"\"}",
                           "[\"\", \"- a\", \"x: y\", null]"}) {
    const std::string once = parse(text).root().flow();
    CHECK(once == text);
    CHECK(parse(once).root().flow() == once);
  }
}

TEST_CASE("rewritten scalars keep their place, and none counts as read") {
  YamlDocument document = parse("part:\n  a: x\n  list: [{b: x}, y]\nc: x\n");
  std::string paths;
  document.rewrite(
      document.root().at("part"),
      [&](std::string_view path, const YamlNode& scalar) -> std::optional<std::string> {
        paths += std::string(path) + " ";
        if (scalar.text() != "x") return std::nullopt;
        return "4 pJ";
      });
  CHECK(paths == "a list[0].b list[1] ");
  const YamlNode part = document.root().at("part");
  CHECK(message_of([&] { document.finish(); }) == "chip.yaml:2:3: part.a: unknown key");
  CHECK(part.flow() == "{a: 4 pJ, list: [{b: 4 pJ}, y]}");
  CHECK(document.root().at("c").text() == "x");  // not below it
  CHECK(message_of([&] {
          (void)part.at("a").quantity<Bits>();
        }).starts_with("chip.yaml:2:3: part.a: "));
}
