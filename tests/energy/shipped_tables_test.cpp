#include <vector>

#include <doctest/doctest.h>

#include "pricing_support.hpp"

namespace nj {
using testing::key;
using testing::machine45;
using testing::pj;
using testing::shipped;

namespace {

/// Everything that the chip simulator counts (README of the hardware room), for a kind of core.
std::vector<ActionKey> everything(const std::string& kind) {
  std::vector<ActionKey> keys;
  for (const char* memory :
       {".synapse_memory", ".accumulator_memory", ".membrane_memory", ".spike_buffer"}) {
    keys.push_back(key(kind + memory, Action::read_word, 64));
    keys.push_back(key(kind + memory, Action::write_word, 64));
    keys.push_back(key(kind + memory, Action::leak_cycle, 65'536));
  }
  keys.push_back(key(kind + ".axon_table", Action::read_word, 64));
  keys.push_back(key(kind + ".axon_table", Action::leak_cycle, 65'536));
  for (const Action action :
       {Action::accumulate, Action::multiply, Action::shift, Action::synaptic_operation}) {
    keys.push_back(key(kind + ".synapse_unit", action, 8));
  }
  for (const Action action : {Action::and_bit, Action::accumulate, Action::synaptic_operation}) {
    keys.push_back(key(kind + ".attention_unit", action, 1));
  }
  for (const Action action :
       {Action::accumulate, Action::shift, Action::compare, Action::neuron_update_active,
        Action::neuron_update_inactive, Action::or_bit}) {
    keys.push_back(key(kind + ".neuron_unit", action, 16));
  }
  keys.push_back(key(kind + ".axon_out", Action::packet_inject, 64));
  keys.push_back(key("io.axon_out", Action::packet_inject, 64));
  keys.push_back(key(kind + ".axon_in", Action::packet_deliver, 64));
  for (const Action action :
       {Action::spike_within_tile, Action::hop_east_west, Action::hop_north_south, Action::hop_east,
        Action::hop_west, Action::hop_north, Action::hop_south, Action::hop, Action::hop_chip}) {
    keys.push_back(key("network.router", action, 64));
  }
  keys.push_back(key("off_chip.memory", Action::read_bit, 1));
  keys.push_back(key("off_chip.memory", Action::write_bit, 1));
  keys.push_back(key("chip.synchronisation", Action::barrier, 0));
  return keys;
}

/// The same for an array (streamed.hpp).
std::vector<ActionKey> everything_of_an_array() {
  std::vector<ActionKey> keys;
  for (const char* buffer :
       {"array.input_buffer", "array.weight_buffer", "array.accumulator_buffer",
        "array.membrane_buffer", "array.output_buffer", "array.spike_buffer"}) {
    keys.push_back(key(buffer, Action::read_word, 64));
    keys.push_back(key(buffer, Action::write_word, 64));
    keys.push_back(key(buffer, Action::leak_cycle, 65'536));
  }
  for (const Action action : {Action::accumulate, Action::multiply, Action::shift, Action::and_bit,
                              Action::synaptic_operation}) {
    keys.push_back(key("array.pe", action, 8));
  }
  return keys;
}

}  // namespace

TEST_CASE("tables of technologies price encoders that read frames and memories of K^T V") {
  for (const char* name : {"horowitz45", "aladdin40", "nangate45", "jouppi7", "seneca"}) {
    CAPTURE(name);
    const PriceTable table = shipped(name);
    const auto of = [&](const char* component, Action action, std::uint32_t width) {
      return pj(table, key(component, action, width));
    };
    for (const Action action :
         {Action::accumulate, Action::multiply, Action::shift, Action::synaptic_operation}) {
      CHECK(of("neuron.encoder_unit", action, 8) == of("neuron.synapse_unit", action, 8));
    }
    for (const Action action : {Action::read_word, Action::write_word}) {
      CHECK(of("neuron.frame_buffer", action, 64) > 0);
      CHECK(of("neuron.score_memory", action, 64) == of("neuron.accumulator_memory", action, 64));
    }
  }
}

TEST_CASE("the shipped tables price everything that the chip simulator counts") {
  for (const char* name : {"horowitz45", "aladdin40", "nangate45", "jouppi7", "jouppi7_hbm2",
                           "seneca", "horowitz45_ddr", "horowitz45_lpddr4", "horowitz45_hbm2"}) {
    const PriceTable table = shipped(name);
    CAPTURE(name);
    for (const auto& keys : {everything("neuron"), everything_of_an_array()}) {
      for (const ActionKey& of : keys) {
        CAPTURE(of.component);
        CAPTURE(to_string(of.action));
        CHECK(pj(table, of) >= 0);
      }
    }
  }
  for (const char* name :
       {"loihi1_published", "loihi1_fitted", "truenorth_published", "spinnaker2", "speck"}) {
    const PriceTable table = shipped(name);
    CAPTURE(name);
    for (const ActionKey& of : everything("core")) {
      CAPTURE(of.component);
      CAPTURE(to_string(of.action));
      CHECK(pj(table, of) >= 0);
    }
  }
}

TEST_CASE("horowitz45: published points, and compositions of them") {
  const PriceTable table = shipped("horowitz45");
  const auto of = [&](Action action, std::uint32_t width) {
    return pj(table, key("neuron.synapse_unit", action, width));
  };
  CHECK(of(Action::accumulate, 8) == 0.03);
  CHECK(of(Action::accumulate, 16) == 0.05);
  CHECK(of(Action::accumulate, 32) == 0.1);
  CHECK(of(Action::multiply, 8) == 0.2);
  CHECK(of(Action::multiply, 32) == 3.1);
  // In an array the register of the sum comes to it: 0.05 + 16 x 0.009 = 0.194.
  CHECK(pj(table, key("array.pe", Action::accumulate, 16)) == doctest::Approx(0.194).epsilon(1e-9));
  // multiply-accumulate: int8 product into 32 bits 0.2 + 0.1 = 0.3; int32 3.1 + 0.1 = 3.2
  CHECK(of(Action::multiply, 8) + of(Action::accumulate, 32) ==
        doctest::Approx(0.3).epsilon(1e-12));
  CHECK(of(Action::multiply, 32) + of(Action::accumulate, 32) ==
        doctest::Approx(3.2).epsilon(1e-12));
  // multiply by power law: n = ln(3.1 / 0.2) / ln(4) = 2.740840 / 1.386294 = 1.977098
  // 16 bits: 0.2 x 2^1.977098 = 0.787401 = sqrt(0.2 x 3.1), the geometric middle; 4 bits: 0.2 /
  // 2^1.977098 = 0.0508001
  CHECK(of(Action::multiply, 16) == doctest::Approx(0.787401).epsilon(1e-6));
  CHECK(of(Action::multiply, 4) == doctest::Approx(0.0508001).epsilon(1e-6));
  // a 48-bit add goes on along the last line: 0.1 + 16 x 0.05 / 16 = 0.15
  CHECK(of(Action::accumulate, 48) == doctest::Approx(0.15).epsilon(1e-12));
}

TEST_CASE("aladdin40: 32-bit units, in proportion below, and the rest of horowitz45") {
  const PriceTable table = shipped("aladdin40");
  const auto of = [&](Action action, std::uint32_t width) {
    return pj(table, key("neuron.synapse_unit", action, width));
  };
  CHECK(of(Action::accumulate, 32) == doctest::Approx(0.2104).epsilon(1e-12));
  CHECK(of(Action::accumulate, 8) == doctest::Approx(0.0526).epsilon(1e-12));
  CHECK(of(Action::multiply, 32) == 12.68);
  CHECK(of(Action::multiply, 8) == doctest::Approx(12.68 / 16).epsilon(1e-12));  // width^2
  CHECK(of(Action::shift, 32) == doctest::Approx(0.417).epsilon(1e-12));
  CHECK(of(Action::compare, 32) == doctest::Approx(0.02947).epsilon(1e-12));
  CHECK(of(Action::and_bit, 32) == doctest::Approx(0.01806).epsilon(0.001));
  CHECK(pj(table, key("array.pe", Action::accumulate, 32)) ==
        doctest::Approx(0.2104 + 32 * 0.009).epsilon(1e-12));
  const ActionKey read = key("neuron.synapse_memory", Action::read_word, 64);
  CHECK(pj(table, read) == pj(shipped("horowitz45"), read));
  CHECK(full_name(table) == "aladdin40, on horowitz45");
}

TEST_CASE("nangate45: every width from 2 to 32 is listed, and a wider one costs no less") {
  const PriceTable table = shipped("nangate45");
  for (const auto& [component, action] : {std::pair{"neuron.synapse_unit", Action::accumulate},
                                          {"array.pe", Action::accumulate},
                                          {"neuron.synapse_unit", Action::shift},
                                          {"neuron.neuron_unit", Action::shift},
                                          {"neuron.neuron_unit", Action::compare}}) {
    CAPTURE(component);
    CAPTURE(to_string(action));
    const auto& price = std::get<WidthPrice>(find_entry(table, key(component, action, 8)).price);
    CHECK_FALSE(price.extrapolate);
    double last = 0;
    for (std::uint32_t width = 2; width <= 32; ++width) {
      const std::pair point = price.points.at(width - 2);
      CHECK(point.first == width);
      CHECK(pj(table, key(component, action, width)) == point.second.value());
      CHECK(point.second.value() >= last);
      CHECK(point.second.value() > 0);
      last = point.second.value();
    }
  }
}

TEST_CASE("nangate45: products of values of 1 to 8 bits, and no falling price") {
  const PriceTable table = shipped("nangate45");
  const auto of = [&](std::uint32_t value, std::uint32_t width) {
    return pj(table, {"neuron.synapse_unit", Action::multiply, width, LayerId{0}, value});
  };
  for (std::uint32_t value = 1; value <= 8; ++value) {
    for (std::uint32_t width = 2; width <= 32; ++width) {
      CAPTURE(value);
      CAPTURE(width);
      CHECK(of(value, width) > 0);
      CHECK(of(value, width) >= of(value, width - 1));
      if (value > 1) CHECK(of(value, width) >= of(value - 1, width));
    }
  }
  CHECK(of(4, 8) < 0.7 * of(8, 8));
}

TEST_CASE("jouppi7: the points of its table, and a formula through them") {
  const PriceTable table = shipped("jouppi7");
  const auto of = [&](Action action, std::uint32_t width) {
    return pj(table, key("neuron.synapse_unit", action, width));
  };
  CHECK(of(Action::accumulate, 8) == 0.007);
  CHECK(of(Action::accumulate, 32) == 0.03);
  CHECK(of(Action::multiply, 8) == 0.07);
  CHECK(of(Action::multiply, 32) == 1.48);
  const auto& sram = std::get<SramPrice>(
      find_entry(table, key("neuron.synapse_memory", Action::read_word, 64)).price);
  REQUIRE(sram.points.size() == 3);
  for (const auto& [where, energy] : sram.points) {
    CHECK(access_energy(sram, where.first, where.second).value() ==
          doctest::Approx(energy.value()).epsilon(1e-4));
  }
  // A word of no width costs 45 % of one of 64 bits: 8 KiB, 0.45 x 7.5 = 3.375.
  CHECK(access_energy(sram, Bits{65'536}, Bits{0}).value() == doctest::Approx(3.375).epsilon(1e-4));
}

TEST_CASE("seneca: instructions of Table 8, data of 16 bits") {
  const PriceTable table = shipped("seneca");
  const auto of = [&](const char* component, Action action, std::uint32_t width) {
    return pj(table, key(component, action, width));
  };
  CHECK(of("neuron.synapse_unit", Action::accumulate, 16) == 1.4);
  CHECK(of("neuron.synapse_unit", Action::multiply, 16) == 1.4);
  CHECK(2 * of("neuron.synapse_unit", Action::multiply, 8) == 1.2);  // two of 8 bits at once
  // A word of 64 bits is four loads of 3.7 pJ, or four stores of 3.9 pJ.
  CHECK(of("neuron.synapse_memory", Action::read_word, 64) == doctest::Approx(14.8).epsilon(1e-12));
  CHECK(of("neuron.membrane_memory", Action::write_word, 64) ==
        doctest::Approx(15.6).epsilon(1e-12));
  CHECK(of("network.router", Action::hop_east_west, 32) == 2);
}

TEST_CASE("off-chip memory by kind: only its bits change") {
  for (const auto& [name, price] : {std::pair{"horowitz45", 12.45},
                                    {"horowitz45_ddr", 20.3},
                                    {"horowitz45_lpddr4", 8.0},
                                    {"horowitz45_hbm2", 3.9},
                                    {"jouppi7", 20.3},
                                    {"jouppi7_hbm2", 5.5}}) {
    CAPTURE(name);
    CHECK(pj(shipped(name), key("off_chip.memory", Action::read_bit, 1)) == price);
    CHECK(pj(shipped(name), key("off_chip.memory", Action::write_bit, 1)) == price);
  }
}

TEST_CASE("horowitz45: hops are Loihi's, scaled from 14 nm at 0.75 V and spread over 32 bits") {
  const PriceTable table = shipped("horowitz45");
  const Process loihi{Nanometres{14}, Volts{0.75}};
  // p(45, 0.9) / p(14, 0.75) = 0.84433 / 0.08274625 = 10.2039; 3 x 10.2039 / 32 = 0.9566
  for (const auto& [action, published] : {std::pair{Action::hop_east_west, 3.0},
                                          {Action::hop_north_south, 4.0},
                                          {Action::spike_within_tile, 1.7}}) {
    const double scaled = scale_energy(Picojoules{published}, loihi, table.process).value();
    CHECK(pj(table, key("network.router", action, 32)) == doctest::Approx(scaled).epsilon(0.001));
  }
}

TEST_CASE("horowitz45: no price falls when the operand gets wider") {
  const PriceTable table = shipped("horowitz45");
  for (const Action action : {Action::accumulate, Action::shift, Action::compare, Action::multiply,
                              Action::hop_east_west, Action::packet_inject}) {
    CAPTURE(to_string(action));
    double last = 0;
    for (std::uint32_t width = 1; width <= 32; ++width) {
      const double energy = pj(table, key("neuron.synapse_unit", action, width));
      CHECK(energy > last);
      last = energy;
    }
  }
}

TEST_CASE("binary spikes: power-of-two weights cost more than uniform ones of the same bits") {
  // One synaptic operation of a 4-bit weight, without memory. Uniform: one add into a 16-bit
  // accumulator. Power of two: the weight spans 2^(4-1) = 8 bits as an integer, so the accumulator
  // is 4 bits wider and the code must be decoded by a shift: shift(20) + add(20) against add(16).
  const PriceTable table = shipped("horowitz45");
  const auto of = [&](Action action, std::uint32_t width) {
    return pj(table, key("neuron.synapse_unit", action, width));
  };
  CHECK(of(Action::shift, 20) + of(Action::accumulate, 20) > of(Action::accumulate, 16));
  // A graded value: uniform needs a multiply of the 4-bit weight (0.0508 pJ) and the add; power of
  // two the same shift and add: 0.07525 + 0.0625 = 0.13775 against 0.0508 + 0.05 = 0.1008. The
  // advantage begins with wider weights: an 8-bit product alone costs 0.2 pJ.
  CHECK(of(Action::shift, 20) + of(Action::accumulate, 20) ==
        doctest::Approx(0.13775).epsilon(1e-12));
  CHECK(of(Action::shift, 20) + of(Action::accumulate, 20) <
        of(Action::multiply, 8) + of(Action::accumulate, 16));
}

TEST_CASE("assumptions are marked: what has no published number says so") {
  for (const char* name :
       {"horowitz45", "loihi1_published", "loihi1_fitted", "spinnaker2", "speck"}) {
    const PriceTable table = shipped(name);
    const std::string& source =
        find_entry(table, key("chip.synchronisation", Action::barrier, 0)).source;
    CHECK(source.rfind("assumption", 0) == 0);
  }
}

}  // namespace nj
