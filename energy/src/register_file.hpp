#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "neurojoule/energy/price_table.hpp"

namespace nj {

/// Words of a memory, a last one that is not full counted as one.
inline std::uint64_t register_words(const MemoryGeometry& memory) {
  return (memory.capacity.value() + memory.word.value() - 1) / memory.word.value();
}

/// Energy of one bit in a register file of so many words; nothing outside the listed numbers.
inline std::optional<Picojoules> register_bit(const RegisterFilePrice& price, std::uint64_t words) {
  const auto& points = price.per_bit;
  if (words < points.front().first || words > points.back().first) return std::nullopt;
  const auto to = std::find_if(points.begin(), points.end(),
                               [&](const auto& point) { return point.first >= words; });
  if (to->first == words) return to->second;
  const auto from = to - 1;
  const double share = static_cast<double>(words - from->first) / (to->first - from->first);
  return from->second + (to->second - from->second) * share;
}

}  // namespace nj
