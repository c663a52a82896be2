#pragma once

#include <string_view>

namespace nj {

/// Whether a decimal number begins with a zero that says nothing (`010`, `-00.5`), which others
/// read as octal.
inline bool has_leading_zero(std::string_view number) {
  if (number.starts_with('-')) number.remove_prefix(1);
  return number.size() > 1 && number[0] == '0' && number[1] >= '0' && number[1] <= '9';
}

/// What is wrong with such a number.
inline constexpr std::string_view leading_zero = "a leading zero is ambiguous";

}  // namespace nj
