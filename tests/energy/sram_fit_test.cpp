#include <cmath>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "pricing_support.hpp"

namespace nj {
using testing::key;
using testing::shipped;

namespace {

const SramPrice& sram_of(const PriceTable& table, Action action) {
  return std::get<SramPrice>(find_entry(table, key("neuron.synapse_memory", action, 64)).price);
}

double access_pj(const SramPrice& price, double kib, std::uint64_t word) {
  return access_energy(price, Bits{static_cast<std::uint64_t>(kib * 8192)}, Bits{word}).value();
}

}  // namespace

TEST_CASE("how far is the SRAM formula from CACTI? 14 % in reads, 37 % in writes") {
  const std::string path = std::string(NJ_SHARED_DATA) + "/anchors/cacti/cacti7_sram_sweep.txt";
  std::ifstream file(path);
  if (!file) {
    MESSAGE("skipped: no CACTI sweep in the shared data");
    return;
  }
  const PriceTable table = shipped("horowitz45");
  const auto& leakage =
      std::get<LeakagePrice>(find_entry(table, key("any", Action::leak_cycle, 8)).price);
  int points = 0;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string cell;
    double node = 0, bytes = 0, word = 0, access_ns = 0, read_nj = 0, write_nj = 0, leak_mw = 0;
    if (!(fields >> cell >> node >> bytes >> word >> access_ns >> read_nj >> write_nj >> leak_mw) ||
        cell != "itrs-lstp" || node != 0.045) {
      continue;
    }
    ++points;
    CAPTURE(line);
    const auto bits = static_cast<std::uint64_t>(word);
    const double kib = bytes / 1024;
    CHECK(std::abs(access_pj(sram_of(table, Action::read_word), kib, bits) / (read_nj * 1e3) - 1) <
          0.141);
    CHECK(std::abs(access_pj(sram_of(table, Action::write_word), kib, bits) / (write_nj * 1e3) -
                   1) < 0.37);
    if (kib >= 4) {
      CHECK(std::abs(leakage.per_kib->value() * kib / (leak_mw * 1e3) - 1) < 0.2);
    }
  }
  CHECK(points == 50);  // 9 capacities of 1 KiB to 256 KiB and 1 MiB, 5 words each
}

TEST_CASE("the SRAM formula agrees with independent fits of the same sweep") {
  // Single-capacity and single-width fits: 64-bit read 3.77 pJ (C / 8 KiB)^0.54;
  // 8 KiB 1.59 + 0.0298 w; 32 KiB 3.75 + 0.0535 w; 128 KiB 8.48 + 0.113 w.
  const PriceTable table = shipped("horowitz45");
  const SramPrice& read = sram_of(table, Action::read_word);
  for (const double kib : {2.0, 8.0, 32.0, 128.0, 1024.0}) {
    CAPTURE(kib);
    CHECK(access_pj(read, kib, 64) ==
          doctest::Approx(3.77 * std::pow(kib / 8, 0.54)).epsilon(0.15));
  }
  const double affine[][3] = {{8, 1.59, 0.0298}, {32, 3.75, 0.0535}, {128, 8.48, 0.113}};
  for (const auto& [kib, fixed, per_bit] : affine) {
    for (const std::uint64_t word : {8U, 32U, 64U, 128U}) {
      CAPTURE(kib);
      CAPTURE(word);
      CHECK(access_pj(read, kib, word) ==
            doctest::Approx(fixed + per_bit * static_cast<double>(word)).epsilon(0.1));
    }
  }
}

TEST_CASE(
    "a wider word and a larger memory never cost less, and half a word costs more than half") {
  const PriceTable table = shipped("horowitz45");
  for (const Action action : {Action::read_word, Action::write_word}) {
    const SramPrice& price = sram_of(table, action);
    for (double kib = 1; kib <= 1024; kib *= 2) {
      for (std::uint64_t word = 8; word <= 128; word *= 2) {
        CAPTURE(kib);
        CAPTURE(word);
        const double energy = access_pj(price, kib, word);
        CHECK(energy > 0);
        CHECK(access_pj(price, kib, word + 1) > energy);
        CHECK(access_pj(price, 2 * kib, word) > energy);
        CHECK(access_pj(price, kib, 2 * word) < 2 * energy);
      }
    }
  }
}

}  // namespace nj
