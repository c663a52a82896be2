#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace nj {

/// `3`, without leading zeros.
inline std::optional<std::uint32_t> parse_index(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool plain = text.size() == 1 || (!text.empty() && text.front() != '0');
  if (code != std::errc{} || end != text.data() + text.size() || !plain) return std::nullopt;
  return value;
}

/// First and last of `3` or `0..31`, in this order.
inline std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_index_range(
    std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto first = parse_index(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : parse_index(text.substr(dots + 2));
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair{*first, *last};
}

}  // namespace nj
