#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace nj {

/// A number with a dimension; quantities of different tags do not mix, so `latency + energy` does
/// not compile.
template <class Tag, class Rep>
class Quantity {
 public:
  using rep = Rep;

  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep value) : value_(value) {}

  /// The bare number, in the unit that the alias names.
  [[nodiscard]] constexpr Rep value() const { return value_; }

  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value_ -= other.value_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return a -= b; }
  friend constexpr Quantity operator*(Quantity a, Rep factor) {
    return Quantity(a.value_ * factor);
  }
  friend constexpr Quantity operator*(Rep factor, Quantity a) {
    return Quantity(factor * a.value_);
  }
  friend constexpr auto operator<=>(Quantity, Quantity) = default;

 private:
  Rep value_{};
};

using Picojoules = Quantity<struct EnergyTag, double>;        ///< energy, pJ
using Picoseconds = Quantity<struct TimeTag, std::int64_t>;   ///< time, integer ps
using Bits = Quantity<struct InformationTag, std::uint64_t>;  ///< storage, bits
using Microwatts = Quantity<struct PowerTag, double>;         ///< power, uW
using Volts = Quantity<struct VoltageTag, double>;            ///< supply voltage, V
using Nanometres = Quantity<struct LengthTag, double>;        ///< technology node, nm
using SquareMillimetres = Quantity<struct AreaTag, double>;   ///< area, mm2
using Hertz = Quantity<struct FrequencyTag, double>;          ///< frequency, Hz

/// Reads `4.2 pJ`, `128 KiB`, `3.5 ns`: one decimal number, one unit of the wanted dimension.
///
/// Energy: fJ pJ nJ uJ mJ J. Time: ps ns us ms s, must be a whole number of picoseconds.
/// Information: bit B KiB MiB GiB kbit Mbit. Power: nW uW mW W. Voltage: mV V. Length: nm um mm.
/// Area: um2 mm2. Frequency: Hz kHz MHz GHz. Throws: Error(config) without location when the number
/// or unit is missing or wrong; the message names the units that are accepted.
template <class Q>
Q parse_quantity(std::string_view text);

extern template Picojoules parse_quantity<Picojoules>(std::string_view);
extern template Picoseconds parse_quantity<Picoseconds>(std::string_view);
extern template Bits parse_quantity<Bits>(std::string_view);
extern template Microwatts parse_quantity<Microwatts>(std::string_view);
extern template Volts parse_quantity<Volts>(std::string_view);
extern template Nanometres parse_quantity<Nanometres>(std::string_view);
extern template SquareMillimetres parse_quantity<SquareMillimetres>(std::string_view);
extern template Hertz parse_quantity<Hertz>(std::string_view);

/// Renders with the unit that keeps 1..999 before the point, e.g. `12.4 nJ`.
std::string to_string(Picojoules energy);
std::string to_string(Picoseconds time);
std::string to_string(Bits storage);

/// Renders so that `parse_quantity` gives the identical value back, e.g. `0.03 pJ`, `4100 ps`.
std::string to_exact_string(Picojoules energy);
std::string to_exact_string(Picoseconds time);
std::string to_exact_string(Bits storage);
std::string to_exact_string(Microwatts power);
std::string to_exact_string(SquareMillimetres area);

}  // namespace nj
