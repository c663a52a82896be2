#pragma once

#include <string>

#include <doctest/doctest.h>

namespace nj::testing {

/// `text` with the first `from` in it replaced by `to`.
inline std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace nj::testing
