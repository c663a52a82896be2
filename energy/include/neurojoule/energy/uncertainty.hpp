#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "neurojoule/core/quantity.hpp"
#include "neurojoule/energy/ledger.hpp"

// How far a total can be trusted. A price table says of each entry between which factors its true
// price should lie (PriceEntry::low and high). Rows of one source and one such range are wrong
// together, rows of different sources independently of each other.
namespace nj {

/// What is wrong together, and how much of a total it is.
struct UncertainPrice {
  std::string source;
  double low = 1.0;
  double high = 1.0;
  Picojoules energy;  ///< of its rows, at the nominal price
  [[nodiscard]] Picojoules swing() const { return energy * (high - low); }
};

/// The uncertain prices of a ledger, what moves its total most first (a tornado); certain ones and
/// those that cost nothing are left out.
std::vector<UncertainPrice> uncertain_prices(const Ledger& ledger);

/// Where a total lies.
struct EnergyRange {
  Picojoules low;  ///< every price at its lowest
  Picojoules p5;   ///< 5 % of the draws are below
  Picojoules nominal;
  Picojoules p95;   ///< 5 % are above
  Picojoules high;  ///< every price at its highest
};

/// Of so many draws, which are the same each time. In a draw each price lies below its nominal one
/// with probability 1/2, else above, uniform in the logarithm up to its low or high factor.
inline constexpr std::uint32_t uncertainty_draws = 10'000;
EnergyRange energy_range(const Ledger& ledger);

/// Which of two designs costs less, and what that depends on.
struct EnergyOrder {
  bool first_is_less = false;         ///< at nominal prices
  double confidence = 0;              ///< share of the draws with that order, 0..1
  std::vector<std::string> deciding;  ///< sources that turn the order alone, at their low or high
};

/// Of the means of `first_samples` and `second_samples` inferences. Prices of one source are the
/// same draw in both ledgers.
EnergyOrder compare_energy(const Ledger& first, double first_samples, const Ledger& second,
                           double second_samples);

}  // namespace nj
