#include "neurojoule/core/quantity.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/leading_zero.hpp"

namespace nj {
namespace {

/// A unit and its size in the quantity's own unit, as numerator / denominator so that decimal input
/// times the size is rounded once.
struct Unit {
  std::string_view name;
  double numerator;
  double denominator = 1.0;
};

constexpr std::array<Unit, 6> energy_units = {
    {{"pJ", 1}, {"fJ", 1, 1e3}, {"nJ", 1e3}, {"uJ", 1e6}, {"mJ", 1e9}, {"J", 1e12}}};
constexpr std::array<Unit, 5> time_units = {
    {{"ps", 1}, {"ns", 1e3}, {"us", 1e6}, {"ms", 1e9}, {"s", 1e12}}};
constexpr std::array<Unit, 7> information_units = {{{"bit", 1},
                                                    {"B", 8},
                                                    {"KiB", 8192},
                                                    {"MiB", 8388608},
                                                    {"GiB", 8589934592.0},
                                                    {"kbit", 1e3},
                                                    {"Mbit", 1e6}}};
constexpr std::array<Unit, 4> power_units = {{{"uW", 1}, {"nW", 1, 1e3}, {"mW", 1e3}, {"W", 1e6}}};
constexpr std::array<Unit, 2> voltage_units = {{{"V", 1}, {"mV", 1, 1e3}}};
constexpr std::array<Unit, 3> length_units = {{{"nm", 1}, {"um", 1e3}, {"mm", 1e6}}};
constexpr std::array<Unit, 2> area_units = {{{"mm2", 1}, {"um2", 1, 1e6}}};
constexpr std::array<Unit, 4> frequency_units = {
    {{"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9}}};

template <class Q>
std::span<const Unit> units_of() {
  if constexpr (std::is_same_v<Q, Picojoules>) return energy_units;
  if constexpr (std::is_same_v<Q, Picoseconds>) return time_units;
  if constexpr (std::is_same_v<Q, Bits>) return information_units;
  if constexpr (std::is_same_v<Q, Microwatts>) return power_units;
  if constexpr (std::is_same_v<Q, Volts>) return voltage_units;
  if constexpr (std::is_same_v<Q, Nanometres>) return length_units;
  if constexpr (std::is_same_v<Q, SquareMillimetres>) return area_units;
  if constexpr (std::is_same_v<Q, Hertz>) return frequency_units;
}

std::string names(std::span<const Unit> units) {
  std::string text;
  for (const Unit& unit : units) text += (text.empty() ? "" : ", ") + std::string(unit.name);
  return text;
}

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorKind::config, message); }

struct NumberAndUnit {
  double number;
  std::string_view unit;
};

NumberAndUnit split(std::string_view text, std::span<const Unit> units) {
  NumberAndUnit parts{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), parts.number);
  if (code != std::errc{} || !std::isfinite(parts.number)) {
    fail(fmt::format("expected a number with a unit ({}), got '{}'", names(units), text));
  }
  if (has_leading_zero(text)) fail(fmt::format("{}, got '{}'", leading_zero, text));
  parts.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!parts.unit.empty() && parts.unit.front() == ' ') parts.unit.remove_prefix(1);
  if (parts.unit.empty()) {
    fail(fmt::format("'{}' lacks a unit, expected one of {}", text, names(units)));
  }
  return parts;
}

/// `value` as text with three significant digits in the largest unit that keeps it >= 1; zero in
/// the base unit, whose size is 1.
std::string with_prefix(double value, std::span<const std::pair<double, std::string_view>> steps) {
  for (const auto& [size, unit] : steps) {
    const bool fits = value == 0 ? size == 1.0 : std::abs(value) >= size * 0.9995;
    if (fits) return fmt::format("{:.3g} {}", value / size, unit);
  }
  const auto& [size, unit] = steps.back();
  return fmt::format("{:.3g} {}", value / size, unit);
}

using Steps = std::pair<double, std::string_view>;

}  // namespace

template <class Q>
Q parse_quantity(std::string_view text) {
  const std::span<const Unit> units = units_of<Q>();
  const NumberAndUnit parts = split(text, units);
  for (const Unit& unit : units) {
    if (unit.name != parts.unit) continue;
    const double value = parts.number * unit.numerator / unit.denominator;
    if constexpr (std::is_integral_v<typename Q::rep>) {
      // 2^53: beyond it a double no longer tells whole numbers apart.
      if (std::abs(value) > 9007199254740992.0) fail(fmt::format("'{}' is too large", text));
      const double whole = std::round(value);
      if (std::abs(whole - value) > 1e-9 * std::max(1.0, std::abs(value))) {
        fail(fmt::format("'{}' is not a whole number of {}", text, units.front().name));
      }
      if (std::is_unsigned_v<typename Q::rep> && whole < 0) {
        fail(fmt::format("'{}' is negative", text));
      }
      return Q(static_cast<typename Q::rep>(whole));
    } else {
      return Q(value);
    }
  }
  fail(
      fmt::format("unknown unit '{}' in '{}', expected one of {}", parts.unit, text, names(units)));
}

template Picojoules parse_quantity<Picojoules>(std::string_view);
template Picoseconds parse_quantity<Picoseconds>(std::string_view);
template Bits parse_quantity<Bits>(std::string_view);
template Microwatts parse_quantity<Microwatts>(std::string_view);
template Volts parse_quantity<Volts>(std::string_view);
template Nanometres parse_quantity<Nanometres>(std::string_view);
template SquareMillimetres parse_quantity<SquareMillimetres>(std::string_view);
template Hertz parse_quantity<Hertz>(std::string_view);

std::string to_string(Picojoules energy) {
  static constexpr std::array<Steps, 6> steps = {
      {{1e12, "J"}, {1e9, "mJ"}, {1e6, "uJ"}, {1e3, "nJ"}, {1.0, "pJ"}, {1e-3, "fJ"}}};
  return with_prefix(energy.value(), steps);
}

std::string to_string(Picoseconds time) {
  static constexpr std::array<Steps, 5> steps = {
      {{1e12, "s"}, {1e9, "ms"}, {1e6, "us"}, {1e3, "ns"}, {1.0, "ps"}}};
  return with_prefix(static_cast<double>(time.value()), steps);
}

std::string to_string(Bits storage) {
  static constexpr std::array<Steps, 5> steps = {
      {{8589934592.0, "GiB"}, {8388608.0, "MiB"}, {8192.0, "KiB"}, {8.0, "B"}, {1.0, "bit"}}};
  return with_prefix(static_cast<double>(storage.value()), steps);
}

std::string to_exact_string(Picojoules energy) { return fmt::format("{} pJ", energy.value()); }
std::string to_exact_string(Picoseconds time) { return fmt::format("{} ps", time.value()); }
std::string to_exact_string(Bits storage) { return fmt::format("{} bit", storage.value()); }
std::string to_exact_string(Microwatts power) { return fmt::format("{} uW", power.value()); }
std::string to_exact_string(SquareMillimetres area) { return fmt::format("{} mm2", area.value()); }

}  // namespace nj
