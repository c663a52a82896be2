#include "neurojoule/energy/process.hpp"

#include <utility>

#include <doctest/doctest.h>

#include "pricing_support.hpp"

namespace nj {
using testing::message_of;

TEST_CASE("scaling from 45 nm at 0.9 V gives the factors derived from Stillmaker and Baas 2017") {
  // 45 nm: 1.103 x 0.81 - 0.362 x 0.9 + 0.2767 = 0.84433
  //  7 nm: 0.1776 x 0.81 - 0.09097 x 0.9 + 0.02447 = 0.086453;  0.086453 / 0.84433 = 0.10239
  const Process from{Nanometres{45}, Volts{0.9}};
  for (const auto& [node, factor] : {std::pair{32.0, 0.641},
                                     {20.0, 0.238},
                                     {16.0, 0.187},
                                     {14.0, 0.150},
                                     {10.0, 0.127},
                                     {7.0, 0.102}}) {
    CAPTURE(node);
    // the factors are listed to three decimals
    CHECK(energy_scale(from, {Nanometres{node}, Volts{0.9}}) ==
          doctest::Approx(factor).epsilon(0.0006 / factor));
  }
  CHECK(scale_energy(Picojoules{10}, from, {Nanometres{7}, Volts{0.9}}).value() ==
        doctest::Approx(10 * 0.086453 / 0.84433).epsilon(1e-12));
}

TEST_CASE("scaling there and back, and to the same process, changes nothing") {
  const Process a{Nanometres{14}, Volts{0.75}};
  const Process b{Nanometres{65}, Volts{1.0}};
  CHECK(energy_scale(a, b) * energy_scale(b, a) == doctest::Approx(1.0).epsilon(1e-14));
  CHECK(energy_scale(a, a) == 1.0);
}

TEST_CASE("a lower voltage at one node costs less") {
  // 45 nm at 0.7 V: 1.103 x 0.49 - 0.362 x 0.7 + 0.2767 = 0.56377;  / 0.84433 = 0.66771
  CHECK(energy_scale({Nanometres{45}, Volts{0.9}}, {Nanometres{45}, Volts{0.7}}) ==
        doctest::Approx(0.56377 / 0.84433).epsilon(1e-12));
}

TEST_CASE("nodes and voltages outside the published range are refused by name") {
  const Process from{Nanometres{45}, Volts{0.9}};
  CHECK(message_of([&] {
          energy_scale(from, {Nanometres{5}, Volts{0.7}});
        }) == "technology scaling covers the nodes 65, 45, 32, 20, 16, 14, 10, 7 nm, got 5 nm");
  CHECK(message_of([&] {
          energy_scale({Nanometres{45}, Volts{1.3}}, from);
        }) == "technology scaling covers 0.5 V to 1.2 V, got 1.3 V");
}

}  // namespace nj
