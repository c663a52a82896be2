#pragma once

#include <string>
#include <string_view>

namespace nj {

/// A text as a double-quoted YAML scalar.
inline std::string yaml_quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace nj
