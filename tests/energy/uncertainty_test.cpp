#include "neurojoule/energy/uncertainty.hpp"

#include <doctest/doctest.h>

namespace nj {
namespace {

LedgerRow row(std::string source, double energy_pj, double low, double high) {
  LedgerRow made;
  made.source = std::move(source);
  made.energy_pj = energy_pj;
  made.low = low;
  made.high = high;
  return made;
}

}  // namespace

TEST_CASE("a tornado: what is wrong together is one price, the widest first") {
  // memory: 30 + 10 pJ, 0.5 .. 2 times: swing 40 x 1.5 = 60; adds: 100 pJ, 0.9 .. 1.2: swing 30
  const Ledger ledger{
      "t",
      {row("adds", 100, 0.9, 1.2), row("memory", 30, 0.5, 2), row("memory", 10, 0.5, 2),
       row("certain", 7, 1, 1), row("free", 0, 0.1, 10)}};
  const auto prices = uncertain_prices(ledger);
  REQUIRE(prices.size() == 2);
  CHECK(prices[0].source == "memory");
  CHECK(prices[0].energy.value() == 40);
  CHECK(prices[0].swing().value() == 60);
  CHECK(prices[1].source == "adds");
  CHECK(prices[1].swing().value() == doctest::Approx(30).epsilon(1e-12));
}

TEST_CASE("the range of a total: all prices low, all high, and draws between") {
  const Ledger ledger{"t", {row("a", 100, 0.5, 2), row("b", 10, 1, 1)}};
  const EnergyRange range = energy_range(ledger);
  CHECK(range.low.value() == 60);    // 100 / 2 + 10
  CHECK(range.high.value() == 210);  // 100 x 2 + 10
  CHECK(range.nominal.value() == 110);
  // Half of the draws are below 1, uniform in the logarithm down to 1/2: 5 % of all, a tenth of
  // that half, are below 2^-0.9, and 5 % above 2^0.9. 10,000 draws find that within 1 %.
  CHECK(range.p5.value() == doctest::Approx(10 + 100 * 0.53589).epsilon(0.01));
  CHECK(range.p95.value() == doctest::Approx(10 + 100 * 1.86607).epsilon(0.01));
  const EnergyRange again = energy_range(ledger);
  CHECK(again.p5 == range.p5);
}

TEST_CASE("independent errors cancel in part, common ones do not") {
  Ledger common{"t", {}};
  Ledger apart{"t", {}};
  for (int i = 0; i < 16; ++i) {
    common.rows.push_back(row("one source", 10, 0.5, 2));
    apart.rows.push_back(row("source " + std::to_string(i), 10, 0.5, 2));
  }
  const EnergyRange a = energy_range(common);
  const EnergyRange b = energy_range(apart);
  CHECK(a.low == b.low);
  CHECK(a.high == b.high);
  // Of the sum of 16 the spread is a quarter of one's.
  CHECK((b.p95 - b.p5).value() < 0.4 * (a.p95 - a.p5).value());
}

TEST_CASE("two designs: whether uncertain prices decide") {
  // The first spends 90 on adds and 10 on memory, the second 60 and 50 pJ.
  const auto design = [](double adds, double memory) {
    return Ledger{"t", {row("adds", adds, 0.8, 1.3), row("memory", memory, 0.5, 2)}};
  };
  const EnergyOrder order = compare_energy(design(90, 10), 1, design(60, 50), 1);
  CHECK(order.first_is_less);  // 100 < 110
  // Memory at half price: 95 against 85, turned. Adds at 1.3: 127 against 128, not turned.
  CHECK(order.deciding == std::vector<std::string>{"memory"});
  CHECK(order.confidence > 0.5);
  CHECK(order.confidence < 0.9);
  // One that is below in every price is so in every draw; twice the samples are half per inference.
  const EnergyOrder sure = compare_energy(design(90, 10), 2, design(60, 50), 1);
  CHECK(sure.first_is_less);
  CHECK(sure.confidence == 1);
  CHECK(sure.deciding.empty());
  CHECK_FALSE(compare_energy(design(60, 50), 1, design(90, 10), 1).first_is_less);
}

}  // namespace nj
