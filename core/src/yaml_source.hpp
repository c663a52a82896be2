#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "neurojoule/core/error.hpp"

namespace nj {

/// The line and column of a byte of a file's text.
inline Location place_in(std::string_view text, std::size_t byte, std::string file) {
  Location location{.file = std::move(file)};
  std::size_t line_start = 0;
  location.line = 1;
  for (std::size_t i = 0; i < byte; ++i) {
    if (text[i] != '\n') continue;
    ++*location.line;
    line_start = i + 1;
  }
  location.column = byte - line_start + 1;
  return location;
}

/// The opening quote of a scalar that begins at `byte`, where nothing closes it. An anchor and a
/// tag may stand before it.
inline std::optional<std::size_t> unclosed_quote(std::string_view text, std::size_t byte) {
  constexpr std::string_view blanks = " \t\r\n";
  while (byte < text.size() && (text[byte] == '&' || text[byte] == '!')) {
    byte = text.find_first_not_of(blanks, text.find_first_of(blanks, byte));
  }
  if (byte >= text.size() || (text[byte] != '"' && text[byte] != '\'')) return std::nullopt;
  const char quote = text[byte];
  for (std::size_t i = byte + 1; i < text.size(); ++i) {
    const bool doubled = quote == '\'' && text.substr(i, 2) == "''";
    if (doubled || (quote == '"' && text[i] == '\\')) {
      ++i;
    } else if (text[i] == quote) {
      return std::nullopt;
    }
  }
  return byte;
}

}  // namespace nj
