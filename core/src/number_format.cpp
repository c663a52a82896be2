#include "neurojoule/core/number_format.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {

namespace {

/// Exponent of the largest power-of-two level when the smallest is 1; 2^14 fits 16 bits.
int deepest_exponent(const NumberFormat& format) {
  constexpr int most = 14;
  return format.bits > 5 ? most : std::min((1 << (format.bits - 1)) - 2, most);
}

std::vector<std::int32_t> additive_magnitudes(const NumberFormat& format) {
  const int magnitude_bits = format.bits - 1;
  const int terms = (magnitude_bits + 1) / 2;
  const bool short_last = magnitude_bits % 2 == 1;
  const auto exponents_of = [&](int term) { return short_last && term == terms - 1 ? 1 : 3; };
  int deepest = 0;
  for (int i = 0; i < terms; ++i) deepest = std::max(deepest, i + terms * (exponents_of(i) - 1));
  std::set<std::int32_t> sums{0};
  for (int i = 0; i < terms; ++i) {
    std::set<std::int32_t> next = sums;
    for (int j = 0; j < exponents_of(i); ++j) {
      for (const std::int32_t sum : sums) next.insert(sum + (1 << (deepest - i - terms * j)));
    }
    sums = std::move(next);
  }
  return {sums.begin(), sums.end()};
}

}  // namespace

std::string_view to_string(Scheme scheme) {
  switch (scheme) {
    case Scheme::float32:
      return "float32";
    case Scheme::uniform:
      return "uniform";
    case Scheme::power_of_two:
      return "power_of_two";
    case Scheme::additive_power_of_two:
      return "additive_power_of_two";
    case Scheme::ternary:
      return "ternary";
    case Scheme::binary:
      return "binary";
  }
  return "unknown";
}

std::string_view to_string(Granularity granularity) {
  switch (granularity) {
    case Granularity::per_tensor:
      return "tensor";
    case Granularity::per_channel:
      return "channel";
    case Granularity::per_group:
      return "group";
  }
  return "unknown";
}

std::string_view to_string(Rounding rounding) {
  return rounding == Rounding::floor ? "floor" : "nearest_half_up";
}

std::string to_string(const NumberFormat& format) {
  std::string text;
  switch (format.scheme) {
    case Scheme::float32:
      return "float32";
    case Scheme::ternary:
    case Scheme::binary:
      text = to_string(format.scheme);
      break;
    case Scheme::uniform:
      text = fmt::format("uniform{}", format.bits);
      break;
    case Scheme::power_of_two:
      text = fmt::format("pot{}", format.bits);
      break;
    case Scheme::additive_power_of_two:
      text = fmt::format("apot{}", format.bits);
      break;
  }
  if (format.zero_point) text += "+z";
  if (format.granularity == Granularity::per_tensor) text += "/tensor";
  if (format.granularity == Granularity::per_group) text += fmt::format("/group{}", format.group);
  return text;
}

NumberFormat parse_number_format(std::string_view text) {
  const auto refuse = [&] {
    throw Error(ErrorKind::config,
                fmt::format("expected a format such as uniform4, uniform2+z, pot3, apot4, ternary, "
                            "binary or float32, with /tensor or /group16 behind it; got '{}'",
                            text));
  };
  std::string_view rest = text;
  const auto take = [&](std::string_view word) {
    if (!rest.starts_with(word)) return false;
    rest.remove_prefix(word.size());
    return true;
  };
  const auto number = [&](int most) {
    int value = 0;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && value <= most) {
      value = 10 * value + (rest.front() - '0');
      rest.remove_prefix(1);
    }
    if (value > most) refuse();
    return value;
  };
  NumberFormat format;
  const auto take_scheme = [&](std::string_view word, Scheme scheme, std::uint8_t bits) {
    if (!take(word)) return false;
    format.scheme = scheme;
    format.bits = bits != 0 ? bits : static_cast<std::uint8_t>(number(32));
    return true;
  };
  if (!take_scheme("uniform", Scheme::uniform, 0) && !take_scheme("pot", Scheme::power_of_two, 0) &&
      !take_scheme("apot", Scheme::additive_power_of_two, 0) &&
      !take_scheme("ternary", Scheme::ternary, 2) && !take_scheme("binary", Scheme::binary, 1) &&
      !take_scheme("float32", Scheme::float32, 32)) {
    refuse();
  }
  format.zero_point = take("+z");
  if (take("/tensor")) {
    format.granularity = Granularity::per_tensor;
  } else if (take("/group")) {
    format.granularity = Granularity::per_group;
    format.group = static_cast<std::uint16_t>(number(65535));
  }
  if (!rest.empty() || to_string(format) != text) refuse();
  validate(format);
  return format;
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
      require_bits(32, 32);
      break;
    case Scheme::uniform:
    case Scheme::power_of_two:
      require_bits(2, 16);
      break;
    case Scheme::additive_power_of_two:
      require_bits(2, 8);
      break;
    case Scheme::ternary:
      require_bits(2, 2);
      break;
    case Scheme::binary:
      require_bits(1, 1);
      break;
  }
  if (format.zero_point && (format.scheme != Scheme::uniform || format.bits > 15)) {
    throw Error(ErrorKind::config,
                fmt::format("a zero point needs uniform codes of 2..15 bits, not {}",
                            to_string(NumberFormat{format.scheme, format.bits})));
  }
  if ((format.granularity == Granularity::per_group) != (format.group != 0)) {
    throw Error(ErrorKind::config, "groups need a size, and only groups have one");
  }
  if (format.granularity == Granularity::per_group && largest_integer(format) > 32767) {
    throw Error(ErrorKind::config,
                fmt::format("groups of {} would need integers of more than 16 bits",
                            to_string(NumberFormat{format.scheme, format.bits})));
  }
}

std::uint64_t storage_bits(const NumberFormat& format, std::uint64_t elements,
                           std::uint64_t channels) {
  if (format.scheme == Scheme::float32) return elements * 32;
  const std::uint64_t scales = format.granularity == Granularity::per_tensor ? 1 : channels;
  std::uint64_t bits = elements * format.bits + scales * scale_bits;
  if (format.zero_point) bits += scales * format.bits;
  if (format.granularity == Granularity::per_group && channels > 0) {
    const std::uint64_t fan_in = elements / channels;
    bits += channels * ((fan_in + format.group - 1) / format.group) * run_shift_bits;
  }
  return bits;
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

std::string_view to_string(Overflow overflow) {
  return overflow == Overflow::wrap ? "wrap" : "saturate";
}

void validate(const AccumulatorFormat& format) {
  if (format.bits < 2 || format.bits > 32) {
    throw Error(ErrorKind::config,
                fmt::format("an accumulator takes 2..32 bits, got {}", format.bits));
  }
}

std::vector<std::int32_t> level_magnitudes(const NumberFormat& format) {
  std::vector<std::int32_t> levels{0};
  switch (format.scheme) {
    case Scheme::float32:
      break;
    case Scheme::uniform:
      for (std::int32_t level = 1; level < 1 << (format.bits - 1); ++level) levels.push_back(level);
      break;
    case Scheme::power_of_two:
      for (int k = 0; k <= deepest_exponent(format); ++k) levels.push_back(1 << k);
      break;
    case Scheme::additive_power_of_two:
      return additive_magnitudes(format);
    case Scheme::ternary:
      return {0, 1};
    case Scheme::binary:
      return {1};
  }
  return levels;
}

std::int32_t largest_integer(const NumberFormat& format) {
  std::int32_t level = (1 << (format.bits - 1)) - 1;
  if (format.zero_point) {
    level = (1 << format.bits) - 1;
  } else if (format.scheme != Scheme::uniform) {
    level = level_magnitudes(format).back();
  }
  return format.granularity == Granularity::per_group ? level << max_run_shift : level;
}

std::uint32_t integer_bits(const NumberFormat& format) {
  if (format.scheme == Scheme::float32) return 32;
  // One bit for the sign; binary weights are +-1 and take two as integers.
  return static_cast<std::uint32_t>(
             std::bit_width(static_cast<std::uint32_t>(largest_integer(format)))) +
         1;
}

}  // namespace nj
