#include "clock.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/leading_zero.hpp"
#include "neurojoule/hardware/topology_spec.hpp"

#include "chip_fields.hpp"

namespace nj {
namespace {

constexpr Hertz max_clock{1e12};  // a cycle of 1 ps
constexpr double ps_per_second = 1e12;

struct Clock {
  Hertz frequency;
  std::string text;  ///< as the file has it
};

/// The clock that a map states, else `usual`.
std::optional<Clock> read_clock(const YamlNode& map, std::optional<Clock> usual = std::nullopt) {
  const auto node = map.find("clock");
  if (!node) return usual;
  const auto frequency = node->quantity<Hertz>();
  if (frequency <= Hertz{} || frequency > max_clock) {
    throw node->error(
        fmt::format("expected a clock above 0 Hz, up to 1000 GHz, got '{}'", node->text()));
  }
  return Clock{frequency, node->text()};
}

/// What stands before `cycle` or `cycles` at the end of a text.
std::optional<std::string_view> before_cycles(std::string_view text) {
  for (const std::string_view unit : {"cycles", "cycle"}) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(unit.size());
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  }
  return std::nullopt;
}

double read_number(std::string_view word, const YamlNode& node) {
  double number = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (problem != std::errc{} || end != word.data() + word.size() || !std::isfinite(number)) {
    throw node.error(fmt::format("expected a number of cycles, got '{}'", node.text()));
  }
  if (has_leading_zero(word)) {
    throw node.error(fmt::format("{}, got '{}'", leading_zero, node.text()));
  }
  if (number < 0) {
    throw node.error(fmt::format("expected no negative value, got '{}'", node.text()));
  }
  return number;
}

Picoseconds time_of(double cycles, const Clock& clock, const YamlNode& node) {
  const double time = cycles * ps_per_second / clock.frequency.value();
  if (time > static_cast<double>(max_chip_time.value())) {
    throw node.error(fmt::format("expected at most {}, got {} of {}", to_string(max_chip_time),
                                 node.text(), clock.text));
  }
  const double whole = std::round(time);
  // Rounding of input and quotient; a time has at most nine digits.
  if (std::abs(time - whole) > 1e-12 * std::max(1.0, time)) {
    throw node.error(fmt::format("{} of {} is {:.12g} ps, not a whole number of picoseconds",
                                 node.text(), clock.text, time));
  }
  return Picoseconds{static_cast<std::int64_t>(whole)};
}

/// Writes the cycles below `part` of a chip as times, where `is_time` says so to a key path;
/// `places` says where a clock may stand.
void resolve(YamlDocument& document, const YamlNode& part, const std::optional<Clock>& clock,
             std::string_view places, bool (*is_time)(std::string_view key_path)) {
  document.rewrite(
      part, [&](std::string_view path, const YamlNode& node) -> std::optional<std::string> {
        const std::string text = node.text();
        const auto number = is_time(path) ? before_cycles(text) : std::nullopt;
        if (!number) return std::nullopt;
        const double cycles = read_number(*number, node);
        if (!clock) {
          throw node.error(
              fmt::format("'{}' needs a clock, such as `clock: 500 MHz` in {}", text, places));
        }
        return to_exact_string(time_of(cycles, *clock, node));
      });
}

bool is_time_of_kind(std::string_view path) { return path.starts_with("times."); }
bool is_time_of_array(std::string_view path) { return path == "cycle"; }
bool is_time_of_topology(std::string_view path) {
  const std::string_view key = path.substr(path.rfind('.') + 1);
  return key == "cycle" || key == "latency";
}
bool is_time_of_memory(std::string_view path) { return path == "word_time" || path == "axon_out"; }

}  // namespace

void resolve_clocks(YamlDocument& document) {
  const YamlNode root = document.root();
  const bool streamed = is_streamed(root);
  const auto clock = read_clock(root);
  const auto kinds = root.find("core_kinds");
  if (kinds && kinds->is_map()) {
    for (const auto& [name, kind] : kinds->entries()) {
      resolve(document, kind, read_clock(kind, clock), "the core kind or the chip",
              streamed ? is_time_of_array : is_time_of_kind);
    }
  }
  if (const auto off_chip = root.find("off_chip")) {
    resolve(document, *off_chip, clock, "the chip", is_time_of_memory);
  }
  if (streamed) return;  // without a topology
  if (const auto topology = root.find("topology")) {
    resolve(document, *topology, read_clock(*topology, clock), "the topology or the chip",
            is_time_of_topology);
  }
}

}  // namespace nj
