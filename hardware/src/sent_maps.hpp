#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "marks.hpp"
#include "plan.hpp"

namespace nj {

/// What a population has sent in one time step.
struct SentMap {
  std::optional<std::uint32_t> t;
  std::vector<std::uint8_t> positions;  ///< 1: something at this position
  Marks addresses;                      ///< where two slices may send the same
};

/// The maps of all populations, of as many time steps as some consumer may still ask for.
///
/// A slice begins time step t once its consumers have emptied the slots of t - slots (barriers and
/// handshakes see to it), which they do only when all slices of the population are done with that
/// step. So slots + 1 maps in turn are enough: whoever reads or writes one of step t, no other
/// slice is as far as t + slots + 1.
class SentMaps {
 public:
  explicit SentMaps(const Plan& plan);
  /// For a slice of the population that sends; cleared by the first one.
  SentMap& begin(std::uint32_t population, std::uint32_t t);
  /// Positions at which something was sent, [H, W].
  [[nodiscard]] std::span<const std::uint8_t> positions(std::uint32_t population,
                                                        std::uint32_t t) const;

 private:
  std::vector<std::vector<SentMap>> maps_;  ///< by population, in turn
};

/// Notes that input reaches these positions of a slice, [rows, columns]; nothing where `reached` is
/// empty.
void reach(std::span<std::uint8_t> reached, const SlicePlan& slice, Range rows, Range columns);

/// Which positions of a convolution's slice get input of packets in a time step.
class ReachedPositions {
 public:
  explicit ReachedPositions(const Plan& plan);
  /// [rows, columns], until the next call; empty for other kinds of slices.
  std::span<std::uint8_t> of(std::uint32_t slice, std::uint32_t t, const SentMaps& sent);

 private:
  void spread(const SlicePlan& slice, const Receiver& receiver,
              std::span<const std::uint8_t> positions, std::span<std::uint8_t> reached);

  const Plan& plan_;
  std::vector<std::vector<std::uint32_t>> receivers_;  ///< by slice: its own
  std::vector<std::uint8_t> reached_;
  std::vector<std::uint8_t> row_;
};

}  // namespace nj
