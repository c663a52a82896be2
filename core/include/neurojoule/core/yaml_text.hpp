#pragma once

#include <string>
#include <string_view>

namespace nj {

/// A text as a double-quoted YAML scalar, which reads back equal.
inline std::string yaml_quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20) {
      result += "\\x";
      result += digits[code / 16];
      result += digits[code % 16];
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace nj
