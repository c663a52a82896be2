#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/quantity.hpp"
#include "neurojoule/core/yaml.hpp"

// What several blocks of a price table have in common.
namespace nj {

inline constexpr std::uint32_t max_width = 1U << 30;

/// The `source` of a number.
inline std::string read_source(const YamlNode& node) {
  const YamlNode source = node.at("source");
  std::string text = source.text();
  if (text.find_first_not_of(" \t\n") == std::string::npos) {
    throw source.error("expected where the number comes from, or 'assumption: ...'");
  }
  return text;
}

/// A map's key that is a number of bits or words.
inline std::uint32_t read_count(const std::string& key, const YamlNode& value,
                                std::string_view unit) {
  std::uint32_t count = 0;
  const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), count);
  if (code != std::errc{} || end != key.data() + key.size() || key.front() == '0' ||
      count > max_width) {
    const std::string_view what = unit == "bits" ? "a width of " : "";
    throw value.error(fmt::format("expected {}1..{} {}, got '{}'", what, max_width, unit, key));
  }
  return count;
}

/// A capacity or word as a key of a map.
inline Bits read_size(const std::string& key, const YamlNode& value) {
  try {
    const Bits size = parse_quantity<Bits>(key);
    if (size == Bits{}) throw Error(ErrorKind::config, "expected more than 0 bits");
    return size;
  } catch (const Error& failure) {
    throw value.error(fmt::format("the key '{}': {}", key, failure.message()));
  }
}

/// What `{1 KiB: {8: .., 16: ..}, 2 KiB: ..}` lists by capacity and word; `what` names it, and
/// `read` reads it.
template <class Value, class Read>
std::map<std::pair<Bits, Bits>, Value> read_by_memory(const YamlNode& node, std::string_view what,
                                                      const Read& read) {
  std::map<std::pair<Bits, Bits>, Value> listed;
  for (const auto& [capacity, words] : node.entries()) {
    const Bits size = read_size(capacity, words);
    for (const auto& [word, value] : words.entries()) {
      const std::pair of{size, Bits{read_count(word, value, "bits")}};
      if (!listed.emplace(of, read(value)).second) {
        throw value.error(fmt::format("a second {} for {} in words of {} bits", what,
                                      to_string(of.first), of.second.value()));
      }
    }
  }
  return listed;
}

}  // namespace nj
