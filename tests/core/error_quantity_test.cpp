#include <type_traits>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/core/quantity.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

namespace {

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};

}  // namespace

TEST_CASE("an error renders its place first, then the key, then the message") {
  const Error yaml(ErrorKind::config, "expected 1..1024, got 0",
                   {.file = "chip.yaml", .line = 12, .column = 7, .key = "noc.flit_bits"});
  CHECK(std::string(yaml.what()) == "chip.yaml:12:7: noc.flit_bits: expected 1..1024, got 0");
  const Error binary(ErrorKind::format, "truncated",
                     {.file = "a.safetensors", .byte_offset = 812, .key = "head.weight"});
  CHECK(std::string(binary.what()) == "a.safetensors: byte 812: head.weight: truncated");
  CHECK(std::string(Error(ErrorKind::io, "no place").what()) == "no place");
}

TEST_CASE("quantities of different dimensions do not mix") {
  CHECK(Addable<Picojoules, Picojoules>);
  CHECK_FALSE(Addable<Picojoules, Picoseconds>);
  CHECK_FALSE(Addable<Picojoules, double>);
  CHECK_FALSE(std::is_convertible_v<double, Picojoules>);
}

TEST_CASE("quantities are read with their unit") {
  CHECK(parse_quantity<Picojoules>("4.2 pJ") == Picojoules(4.2));
  CHECK(parse_quantity<Picojoules>("1.5nJ") == Picojoules(1500));
  CHECK(parse_quantity<Picojoules>("30 fJ") == Picojoules(0.03));
  CHECK(parse_quantity<Picoseconds>("4.1 ns") == Picoseconds(4100));
  CHECK(parse_quantity<Bits>("128 KiB") == Bits(128 * 8192));
  CHECK(parse_quantity<Bits>("64 bit") == Bits(64));
  CHECK(parse_quantity<Microwatts>("250 nW") == Microwatts(0.25));
  CHECK(parse_quantity<Volts>("900 mV") == Volts(0.9));
  CHECK(parse_quantity<Nanometres>("45 nm") == Nanometres(45));
  CHECK(parse_quantity<SquareMillimetres>("2.5 mm2") == SquareMillimetres(2.5));
  CHECK(parse_quantity<SquareMillimetres>("750 um2") == SquareMillimetres(0.00075));
  CHECK(parse_quantity<Hertz>("300 MHz") == Hertz(3e8));
  CHECK(parse_quantity<Hertz>("1.5 GHz") == Hertz(1.5e9));
}

TEST_CASE("a quantity without a unit, or with another dimension's, is refused") {
  CHECK(message_of([] { parse_quantity<Picojoules>("4.2"); }) ==
        "'4.2' lacks a unit, expected one of pJ, fJ, nJ, uJ, mJ, J");
  CHECK(message_of([] { parse_quantity<Picoseconds>("4 pJ"); }) ==
        "unknown unit 'pJ' in '4 pJ', expected one of ps, ns, us, ms, s");
  CHECK(message_of([] { parse_quantity<Picoseconds>("0.0001 ns"); }) ==
        "'0.0001 ns' is not a whole number of ps");
  CHECK(message_of([] { parse_quantity<SquareMillimetres>("2 mm"); }) ==
        "unknown unit 'mm' in '2 mm', expected one of mm2, um2");
  CHECK(message_of([] { parse_quantity<Bits>("-1 B"); }) == "'-1 B' is negative");
  CHECK(message_of([] { parse_quantity<Bits>("1e30 GiB"); }) == "'1e30 GiB' is too large");
  CHECK(message_of([] { parse_quantity<Picojoules>("nan pJ"); }) ==
        "expected a number with a unit (pJ, fJ, nJ, uJ, mJ, J), got 'nan pJ'");
  for (const char* text : {"064 bit", "00 bit", "00.5 B", "-01 B"}) {
    CHECK(message_of([&] { parse_quantity<Bits>(text); }) ==
          std::string("a leading zero is ambiguous, got '") + text + "'");
  }
  CHECK(parse_quantity<Picojoules>("0.5 pJ") == Picojoules(0.5));
  CHECK(parse_quantity<Picojoules>("0 pJ") == Picojoules(0));
  CHECK(message_of([] {
          parse_quantity<Bits>("4_096 bit");
        }).starts_with("unknown unit '_096 bit' in '4_096 bit'"));
}

TEST_CASE("quantities print in a readable unit, and exactly when asked") {
  CHECK(to_string(Picojoules(12400)) == "12.4 nJ");
  CHECK(to_string(Picojoules(999.9)) == "1 nJ");
  CHECK(to_string(Picojoules(0)) == "0 pJ");
  CHECK(to_string(Picoseconds(18938180000)) == "18.9 ms");
  CHECK(to_string(Bits(1049000)) == "128 KiB");
  for (const double value : {0.03, 4.1, 1.0 / 3.0, 12345.678}) {
    CHECK(parse_quantity<Picojoules>(to_exact_string(Picojoules(value))) == Picojoules(value));
  }
}
