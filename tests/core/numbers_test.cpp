#include <array>
#include <cmath>

#include <doctest/doctest.h>

#include <neurojoule/core/action_counts.hpp>
#include <neurojoule/core/number_format.hpp>
#include <neurojoule/core/rng.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

TEST_CASE("Philox 4x32-10 gives its authors' known answers") {
  // Random123 distribution, kat_vectors: philox4x32 10.
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE(
    "random integers stay below their bound and normals have mean 0 and the asked deviation") {
  const RandomKey key{.seed = 11, .stream = 3, .entity = 5};
  constexpr int draws = 20000;
  std::array<int, 10> seen{};
  double sum = 0;
  double squares = 0;
  for (std::uint32_t i = 0; i < draws; ++i) {
    ++seen.at(random_below(key, i, 10));
    const auto normal = static_cast<double>(random_normal(key, i, 1000));
    sum += normal;
    squares += normal * normal;
  }
  // 2,000 expected per value, standard deviation 42: five of them.
  for (const int count : seen) CHECK(std::abs(count - 2000) < 212);
  CHECK(std::abs(sum / draws) < 5 * 1000 / std::sqrt(draws));
  CHECK(std::sqrt(squares / draws) == doctest::Approx(1000).epsilon(0.03));
}

TEST_CASE("storage counts codes and scales") {
  // 96 channels of 9 * 48 weights at 3 bits, one 32-bit scale per channel.
  const NumberFormat format{Scheme::uniform, 3, Granularity::per_channel};
  CHECK(storage_bits(format, 96 * 432, 96) == 96 * 432 * 3 + 96 * 32);
  CHECK(effective_bits(format, 96 * 432, 96) == doctest::Approx(3 + 32.0 / 432).epsilon(1e-12));
  CHECK(storage_bits({Scheme::uniform, 3, Granularity::per_tensor}, 100, 10) == 332);
  CHECK(storage_bits({}, 100, 10) == 3200);
  // A zero point of 4 bits beside each scale; runs of 16 in channels of 40: 3 shifts of 3 bits
  // each.
  CHECK(storage_bits({Scheme::uniform, 4, Granularity::per_channel, true}, 400, 10) ==
        400 * 4 + 10 * (32 + 4));
  CHECK(storage_bits({Scheme::uniform, 4, Granularity::per_group, false, 16}, 400, 10) ==
        400 * 4 + 10 * (32 + 3 * 3));
}

TEST_CASE("levels of the schemes, by hand") {
  using Levels = std::vector<std::int32_t>;
  const auto levels = [](Scheme scheme, int bits) {
    return level_magnitudes({scheme, static_cast<std::uint8_t>(bits)});
  };
  CHECK(levels(Scheme::uniform, 3) == Levels{0, 1, 2, 3});
  CHECK(levels(Scheme::power_of_two, 3) == Levels{0, 1, 2, 4});
  CHECK(levels(Scheme::ternary, 2) == Levels{0, 1});
  CHECK(levels(Scheme::binary, 1) == Levels{1});
  // 2 bits: one term {0, 1}. 3 bits: one term {0, 1, 1/2, 1/4}, times 4.
  CHECK(levels(Scheme::additive_power_of_two, 2) == Levels{0, 1});
  CHECK(levels(Scheme::additive_power_of_two, 3) == Levels{0, 1, 2, 4});
  // 4 bits: {0, 1, 1/4, 1/16} + {0, 1/2}, times 16: 0 1 4 16 and 8 9 12 24.
  CHECK(levels(Scheme::additive_power_of_two, 4) == Levels{0, 1, 4, 8, 9, 12, 16, 24});
  // 5 bits: {0, 1, 1/4, 1/16} + {0, 1/2, 1/8, 1/32}, times 32: 0 2 8 32 + 0 1 4 16.
  CHECK(levels(Scheme::additive_power_of_two, 5) ==
        Levels{0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 33, 36, 48});
  CHECK(integer_bits({Scheme::additive_power_of_two, 5}) == 7);  // 48 takes 6 bits and a sign
  CHECK(integer_bits({Scheme::binary, 1}) == 2);
  CHECK(integer_bits({Scheme::uniform, 4, Granularity::per_channel, true}) == 5);
  CHECK(integer_bits({Scheme::uniform, 4, Granularity::per_group, false, 16}) == 11);  // 7 * 2^7
}

TEST_CASE("formats print, and refuse widths that they do not have") {
  CHECK(to_string(NumberFormat{Scheme::uniform, 8, Granularity::per_channel}) == "uniform8");
  CHECK(to_string(NumberFormat{Scheme::power_of_two, 4, Granularity::per_tensor}) == "pot4/tensor");
  CHECK(integer_bits({Scheme::power_of_two, 4, Granularity::per_channel}) == 8);
  CHECK(largest_integer({Scheme::power_of_two, 4, Granularity::per_channel}) == 64);
  for (const std::uint8_t bits : {std::uint8_t{5}, std::uint8_t{6}, std::uint8_t{16}}) {
    CHECK(integer_bits({Scheme::power_of_two, bits, Granularity::per_channel}) == 16);
    CHECK(largest_integer({Scheme::power_of_two, bits, Granularity::per_channel}) == 16384);
  }
  CHECK(message_of([] {
          validate(NumberFormat{Scheme::power_of_two, 17, Granularity::per_channel});
        }) == "power_of_two takes 2..16 bits, got 17");
  CHECK(to_string(NumberFormat{Scheme::uniform, 4, Granularity::per_group, true, 16}) ==
        "uniform4+z/group16");
  CHECK(to_string(NumberFormat{Scheme::additive_power_of_two, 5}) == "apot5");
  CHECK(message_of([] {
          validate(NumberFormat{Scheme::power_of_two, 4, Granularity::per_channel, true});
        }) == "a zero point needs uniform codes of 2..15 bits, not pot4");
  CHECK(message_of([] {
          validate(NumberFormat{Scheme::uniform, 10, Granularity::per_group, false, 8});
        }) == "groups of uniform10 would need integers of more than 16 bits");
  CHECK(message_of([] {
          validate(NumberFormat{Scheme::uniform, 1, Granularity::per_channel});
        }) == "uniform takes 2..16 bits, got 1");
  CHECK(message_of([] { validate(FixedPointFormat{.bits = 8, .fraction_bits = 7}); }) ==
        "a word of 8 bits takes 0..6 fraction bits, got 7");
  CHECK(FixedPointFormat{.bits = 8}.max() == 127);
  CHECK(FixedPointFormat{.bits = 8}.min() == -128);
}

TEST_CASE("formats are read as they print, and refused otherwise") {
  for (const char* text :
       {"uniform2", "uniform16", "uniform2+z", "pot3", "pot16/tensor", "apot8", "ternary",
        "binary/tensor", "float32", "uniform4/group16", "uniform2+z/tensor"}) {
    CHECK(to_string(parse_number_format(text)) == text);
  }
  for (const char* text : {"", "uniform", "uniform04", "uniform99", "ternary2", "uniform4 ",
                           "float32/tensor", "uniform4/channel", "uniform4/group", "Uniform4",
                           "uniform4/group70000", "uniform4/tensor+z"}) {
    CAPTURE(text);
    CHECK_THROWS_AS((void)parse_number_format(text), Error);
  }
  CHECK_THROWS_WITH((void)parse_number_format("uniform1"), "uniform takes 2..16 bits, got 1");
  CHECK_THROWS_WITH((void)parse_number_format("pot4+z"),
                    "a zero point needs uniform codes of 2..15 bits, not pot4");
}

TEST_CASE("action counts merge by key and never hold zeros") {
  ActionCounts counts;
  const ActionKey read{"neuron.synapse_memory", Action::read_word, 64, {2}};
  counts.add(read, 5);
  counts.add(read, 2);
  counts.add({"chip", Action::barrier, 0, chip_overhead}, 0);
  ActionCounts other;
  other.add(read, 1);
  other.add({"neuron.synapse_memory", Action::read_word, 64, {3}}, 10);
  counts += other;
  CHECK(counts.at(read) == 8);
  CHECK(counts.entries().size() == 2);
  CHECK(counts.total(Action::read_word) == 18);
  counts.add(read, ~std::uint64_t{0} - 8);
  CHECK(counts.at(read) == ~std::uint64_t{0});
  CHECK_THROWS_WITH(counts += other, "more than 2^64 - 1 times read_word at neuron.synapse_memory");
  CHECK(parse_action("hop_east_west") == Action::hop_east_west);
  CHECK(parse_action("hop") == Action::hop);
  CHECK(to_string(Action::hop_chip) == "hop_chip");
  CHECK(to_string(Action::hop_south) == "hop_south");
  for (const char* name : {"hop_east_west", "hop_north_south", "hop_east", "hop_west", "hop_north",
                           "hop_south", "hop", "hop_chip"}) {
    CHECK(is_hop(parse_action(name)));
  }
  CHECK(!is_hop(Action::spike_within_tile));
  CHECK(!is_hop(Action::barrier));
  CHECK(message_of([] {
          parse_action("jump");
        }).starts_with("unknown action 'jump', expected one of"));
}
