#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace nj {

/// 1234567 as `1.23 M`.
inline std::string short_count(std::uint64_t count) {
  static constexpr std::array<std::pair<double, const char*>, 4> steps = {
      {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}}};
  for (const auto& [size, suffix] : steps) {
    const double value = static_cast<double>(count) / size;
    if (value >= 0.9995) return fmt::format("{:.3g}{}", value, suffix);
  }
  return fmt::format("{}", count);
}

}  // namespace nj
