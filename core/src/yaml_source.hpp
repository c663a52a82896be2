#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace nj {

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
