#include "neurojoule/energy/uncertainty.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "neurojoule/core/rng.hpp"

namespace nj {
namespace {

constexpr std::uint32_t price_stream = 0x70726963;  // "pric"

struct Range {
  std::string source;
  double low = 1.0;
  double high = 1.0;
  friend bool operator<(const Range& a, const Range& b) {
    return std::tie(a.source, a.low, a.high) < std::tie(b.source, b.low, b.high);
  }
};

/// Nominal energies in pJ of what is wrong together, in a fixed order.
using Parts = std::map<Range, double>;

Parts parts_of(const Ledger& ledger, double samples) {
  Parts parts;
  for (const LedgerRow& row : ledger.rows) {
    if (row.energy_pj == 0) continue;
    parts[{row.source, row.low, row.high}] += row.energy_pj / samples;
  }
  return parts;
}

/// The factor of one price in one draw.
double draw_factor(const Range& range, std::uint32_t draw, std::uint32_t price) {
  const std::uint64_t bits = random_u64({0, price_stream, draw}, price);
  const double part = static_cast<double>(bits >> 12) * 0x1p-52;  // 0..1
  return std::pow((bits & 1U) != 0 ? range.high : range.low, part);
}

/// What all prices of `parts` come to in one draw.
double draw_total(const Parts& parts, std::uint32_t draw) {
  double total = 0;
  std::uint32_t price = 0;
  for (const auto& [range, energy] : parts) total += energy * draw_factor(range, draw, price++);
  return total;
}

}  // namespace

std::vector<UncertainPrice> uncertain_prices(const Ledger& ledger) {
  std::vector<UncertainPrice> prices;
  for (const auto& [range, energy] : parts_of(ledger, 1)) {
    if (range.low == range.high) continue;
    prices.push_back({range.source, range.low, range.high, Picojoules{energy}});
  }
  std::stable_sort(prices.begin(), prices.end(),
                   [](const auto& a, const auto& b) { return a.swing() > b.swing(); });
  return prices;
}

EnergyRange energy_range(const Ledger& ledger) {
  const Parts parts = parts_of(ledger, 1);
  EnergyRange range;
  range.nominal = ledger.total();
  for (const auto& [price, energy] : parts) {
    range.low += Picojoules{energy * price.low};
    range.high += Picojoules{energy * price.high};
  }
  std::vector<double> totals;
  totals.reserve(uncertainty_draws);
  for (std::uint32_t i = 0; i < uncertainty_draws; ++i) totals.push_back(draw_total(parts, i));
  std::sort(totals.begin(), totals.end());
  range.p5 = Picojoules{totals[uncertainty_draws / 20]};
  range.p95 = Picojoules{totals[uncertainty_draws - 1 - uncertainty_draws / 20]};
  return range;
}

EnergyOrder compare_energy(const Ledger& first, double first_samples, const Ledger& second,
                           double second_samples) {
  // Second less first, price by price: positive where the first costs less.
  Parts differences = parts_of(second, second_samples);
  for (const auto& [range, energy] : parts_of(first, first_samples)) differences[range] -= energy;
  double nominal = 0;
  for (const auto& [range, difference] : differences) nominal += difference;
  EnergyOrder order;
  order.first_is_less = nominal > 0;
  const auto same = [&](double total) { return (total > 0) == order.first_is_less; };
  for (const auto& [range, difference] : differences) {
    if (!same(nominal + difference * (range.low - 1)) ||
        !same(nominal + difference * (range.high - 1))) {
      order.deciding.push_back(range.source);
    }
  }
  std::uint32_t agreeing = 0;
  for (std::uint32_t i = 0; i < uncertainty_draws; ++i) {
    if (same(draw_total(differences, i))) ++agreeing;
  }
  order.confidence = static_cast<double>(agreeing) / uncertainty_draws;
  return order;
}

}  // namespace nj
