#include "neurojoule/core/number_format.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {

std::string_view to_string(Scheme scheme) {
  switch (scheme) {
    case Scheme::float32:
      return "float32";
    case Scheme::uniform:
      return "uniform";
    case Scheme::power_of_two:
      return "power_of_two";
  }
  return "unknown";
}

std::string_view to_string(Granularity granularity) {
  return granularity == Granularity::per_tensor ? "tensor" : "channel";
}

std::string_view to_string(Rounding rounding) {
  return rounding == Rounding::floor ? "floor" : "nearest_half_up";
}

std::string to_string(const NumberFormat& format) {
  if (format.scheme == Scheme::float32) return "float32";
  return fmt::format("{}{}{}", format.scheme == Scheme::uniform ? "uniform" : "pot", format.bits,
                     format.granularity == Granularity::per_tensor ? "/tensor" : "");
}

void validate(const NumberFormat& format) {
  const auto require_bits = [&](int least, int most) {
    if (format.bits < least || format.bits > most) {
      throw Error(ErrorKind::config,
                  fmt::format("{} takes {}..{} bits, got {}", to_string(format.scheme), least, most,
                              format.bits));
    }
  };
  switch (format.scheme) {
    case Scheme::float32:
      return require_bits(32, 32);
    case Scheme::uniform:
    case Scheme::power_of_two:
      return require_bits(2, 16);
  }
}

std::uint64_t storage_bits(const NumberFormat& format, std::uint64_t elements,
                           std::uint64_t channels) {
  if (format.scheme == Scheme::float32) return elements * 32;
  const std::uint64_t scales = format.granularity == Granularity::per_tensor ? 1 : channels;
  return elements * format.bits + scales * scale_bits;
}

double effective_bits(const NumberFormat& format, std::uint64_t elements, std::uint64_t channels) {
  if (elements == 0) return 0.0;
  return static_cast<double>(storage_bits(format, elements, channels)) /
         static_cast<double>(elements);
}

void validate(const FixedPointFormat& format) {
  if (format.bits < 4 || format.bits > 32) {
    throw Error(ErrorKind::config, fmt::format("a word takes 4..32 bits, got {}", format.bits));
  }
  if (format.fraction_bits > format.bits - 2) {
    throw Error(ErrorKind::config,
                fmt::format("a word of {} bits takes 0..{} fraction bits, got {}", format.bits,
                            format.bits - 2, format.fraction_bits));
  }
}

namespace {

/// Exponent of the largest power-of-two level when the smallest is 1; 2^14 fits 16 bits.
int deepest_exponent(const NumberFormat& format) {
  constexpr int most = 14;
  return format.bits > 5 ? most : std::min((1 << (format.bits - 1)) - 2, most);
}

}  // namespace

std::int32_t largest_integer(const NumberFormat& format) {
  return format.scheme == Scheme::power_of_two ? 1 << deepest_exponent(format)
                                               : (1 << (format.bits - 1)) - 1;
}

std::uint32_t integer_bits(const NumberFormat& format) {
  switch (format.scheme) {
    case Scheme::float32:
      return 32;
    case Scheme::uniform:
      return format.bits;
    case Scheme::power_of_two:
      return static_cast<std::uint32_t>(deepest_exponent(format)) + 2;
  }
  return 0;
}

}  // namespace nj
