#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nj {

/// How weights are coded: weight = scale * level. A negative level has a positive twin, but for a
/// zero point.
enum class Scheme : std::uint8_t {
  float32,                ///< not quantized
  uniform,                ///< levels -(2^(b-1)-1) .. 2^(b-1)-1; with a zero point z in 0 .. 2^b-1:
                          ///< code - z for codes 0 .. 2^b-1
  power_of_two,           ///< 0, +-2^-k, k = 0 .. min(2^(b-1)-2, 14)
  additive_power_of_two,  ///< sums of n = ceil((b-1)/2) terms; term i < n is 0 or 2^-(i + n j) with
                          ///< j = 0 .. 2, in the last term of an even b j = 0 only. Source: Li et
                          ///< al., "Additive Powers-of-Two Quantization", ICLR 2020 (the form)
  ternary,                ///< -1, 0, 1 in 2 bits
  binary                  ///< -1, 1 in 1 bit; a weight of 0 becomes 1
};
std::string_view to_string(Scheme scheme);

/// Which weights share a scale.
enum class Granularity : std::uint8_t {
  per_tensor,
  per_channel,
  per_group  ///< runs of `group` weights of an output channel, in the order [in / groups, ky, kx]:
             ///< the scale of a run is that of its channel times 2^shift, shift = 0 .. 7, so that
             ///< all runs of a channel add up in one accumulator
};
std::string_view to_string(Granularity granularity);

/// The format of one layer's weights.
struct NumberFormat {
  Scheme scheme = Scheme::float32;
  std::uint8_t bits = 32;  ///< of one code: 2..16; additive_power_of_two 2..8; fixed for the others
  Granularity granularity = Granularity::per_channel;
  bool zero_point = false;  ///< uniform only: one unsigned code of `bits` per scale
  std::uint16_t group = 0;  ///< weights of a run, 1..65535; per_group only
  friend bool operator==(const NumberFormat&, const NumberFormat&) = default;
};

/// Renders as `float32`, `uniform8`, `pot4`, `apot5`, `ternary`, `binary`, with `+z` for a zero
/// point and `/tensor` or `/group16` where the granularity is not the channel.
std::string to_string(const NumberFormat& format);
/// The format that is rendered so; valid. Throws: Error(config), which says what is expected.
NumberFormat parse_number_format(std::string_view text);

/// Throws: Error(config) when a part is out of the scheme's range.
void validate(const NumberFormat& format);

/// Bits of one stored scale, and of the shift of one run.
inline constexpr std::uint64_t scale_bits = 32;
inline constexpr std::uint64_t run_shift_bits = 3;
inline constexpr int max_run_shift = 7;

/// Bits that the weights of a layer occupy: codes, scales, zero points and shifts (codes only for
/// float32). Runs end with their channel: a channel has ceil(elements / channels / group) of them.
std::uint64_t storage_bits(const NumberFormat& format, std::uint64_t elements,
                           std::uint64_t channels);
/// Storage bits per weight, scales included ("effective bits").
double effective_bits(const NumberFormat& format, std::uint64_t elements, std::uint64_t channels);

/// What happens to a value between two representable ones.
enum class Rounding : std::uint8_t { nearest_half_up, floor };
std::string_view to_string(Rounding rounding);

/// A two's-complement fixed-point word, e.g. a membrane potential.
struct FixedPointFormat {
  std::uint8_t bits = 24;          ///< whole word, sign included, 4..32
  std::uint8_t fraction_bits = 8;  ///< 0 .. bits - 2
  Rounding rounding = Rounding::nearest_half_up;
  friend bool operator==(const FixedPointFormat&, const FixedPointFormat&) = default;
  [[nodiscard]] constexpr std::int64_t max() const { return (std::int64_t{1} << (bits - 1)) - 1; }
  [[nodiscard]] constexpr std::int64_t min() const { return -(std::int64_t{1} << (bits - 1)); }
};

/// Throws: Error(config) when widths are out of range.
void validate(const FixedPointFormat& format);

/// What an accumulator does with a sum that its word cannot hold.
enum class Overflow : std::uint8_t { saturate, wrap };
std::string_view to_string(Overflow overflow);

/// A two's-complement integer word that sums are read from, once per time step: the sum itself is
/// exact (additions have guard bits), and what does not fit is clipped or loses its upper bits.
struct AccumulatorFormat {
  std::uint8_t bits = 32;  ///< sign included, 2..32; 32 holds every sum
  Overflow overflow = Overflow::saturate;
  friend bool operator==(const AccumulatorFormat&, const AccumulatorFormat&) = default;
  [[nodiscard]] constexpr std::int32_t max() const {
    return static_cast<std::int32_t>((std::int64_t{1} << (bits - 1)) - 1);
  }
  /// The word that holds `sum`, or what becomes of it.
  [[nodiscard]] constexpr std::int32_t word(std::int32_t sum) const {
    if (sum <= max() && sum >= -max() - 1) return sum;
    if (overflow == Overflow::saturate) return sum > 0 ? max() : -max() - 1;
    const int unused = 32 - bits;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) << unused) >> unused;
  }
};
/// Throws: Error(config) when the width is out of range.
void validate(const AccumulatorFormat& format);

/// The integer weights of one layer.
///
/// `integers` are what the accumulator adds, in the tensor's order: uniform codes (less their zero
/// point), or levels divided by the smallest one, so that all are whole; those of a run times
/// 2^shift. The represented weight is `integers[i] * scales[channel]`.
struct QuantizedTensor {
  NumberFormat format;
  std::vector<std::int16_t> integers;  ///< |value| <= 2^15 - 1
  std::vector<double> scales;          ///< one per output channel, or one
  friend bool operator==(const QuantizedTensor&, const QuantizedTensor&) = default;
};

/// The magnitudes of a scheme's levels, ascending, divided by the smallest one above 0. The format
/// has neither zero point nor float32. Power-of-two codes of more than 5 bits occupy their bits and
/// mean what 5 bits mean.
std::vector<std::int32_t> level_magnitudes(const NumberFormat& format);
/// The largest magnitude of `QuantizedTensor::integers` that a format can give, runs included.
std::int32_t largest_integer(const NumberFormat& format);
/// Bits that hold every such value: the adder's weight operand. 32 for float32.
std::uint32_t integer_bits(const NumberFormat& format);

}  // namespace nj
