#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace nj {

/// A number from `least` to `most`. CLI::Range takes `nan` for one.
inline CLI::Validator number_between(double least, double most) {
  const auto check = [=](const std::string& text) {
    double value = 0;
    const bool read = CLI::detail::lexical_cast(text, value);
    if (read && value >= least && value <= most) return std::string();
    return fmt::format("expected {}..{}, got '{}'", least, most, text);
  };
  return {check, fmt::format("{}..{}", least, most)};
}

/// A text with something in it: an empty path would be taken for one that is not given.
inline CLI::Validator not_empty() {
  const auto check = [](const std::string& text) {
    return std::string(text.empty() ? "expected a name, got none" : "");
  };
  return {check, ""};
}

}  // namespace nj
