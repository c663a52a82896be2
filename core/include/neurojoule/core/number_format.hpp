#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nj {

/// How weights are coded.
enum class Scheme : std::uint8_t {
  float32,      ///< not quantized
  uniform,      ///< symmetric: code in [-(2^(b-1)-1), 2^(b-1)-1], weight = scale * code
  power_of_two  ///< weight = scale * {0, +-2^-k}, k = 0 .. min(2^(b-1)-2, 14)
};
std::string_view to_string(Scheme scheme);

/// Which weights share a scale.
enum class Granularity : std::uint8_t { per_tensor, per_channel };
std::string_view to_string(Granularity granularity);

/// The format of one layer's weights.
struct NumberFormat {
  Scheme scheme = Scheme::float32;
  std::uint8_t bits = 32;  ///< bits of one code, 2..16; 32 for float32
  Granularity granularity = Granularity::per_channel;
  friend bool operator==(const NumberFormat&, const NumberFormat&) = default;
};

/// Renders as `float32`, `uniform8`, `pot4` (with `/tensor` when per tensor).
std::string to_string(const NumberFormat& format);

/// Throws: Error(config) when bits are out of the scheme's range.
void validate(const NumberFormat& format);

/// Bits of one stored scale.
inline constexpr std::uint64_t scale_bits = 32;

/// Bits that the weights of a layer occupy: elements * bits + scales * 32 (no scales for float32).
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

/// The integer weights of one layer.
///
/// `integers` are what the accumulator adds, in the tensor's order: uniform codes, or for
/// power_of_two the level divided by the smallest one, so that all are whole. The represented
/// weight is `integers[i] * scales[channel]`.
struct QuantizedTensor {
  NumberFormat format;
  std::vector<std::int16_t> integers;  ///< |value| <= 2^15 - 1
  std::vector<double> scales;          ///< one per output channel, or one
  friend bool operator==(const QuantizedTensor&, const QuantizedTensor&) = default;
};

/// The largest of `QuantizedTensor::integers` that a format can take: 2^(b-1) - 1 for uniform, and
/// 2^min(2^(b-1) - 2, 14) for power_of_two, whose 5 bits already reach the deepest level: codes of
/// 6..16 bits occupy their bits and mean the same. The format is not float32.
std::int32_t largest_integer(const NumberFormat& format);
/// Bits that hold every value of `QuantizedTensor::integers` for a format: the adder's weight
/// operand (uniform b: b; power_of_two b: min(2^(b-1), 16)).
std::uint32_t integer_bits(const NumberFormat& format);

}  // namespace nj
