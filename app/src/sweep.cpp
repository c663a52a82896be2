#include "sweep.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/scenario.hpp"

namespace nj {
namespace {

/// `a` or `a, b`, each below the key path `prefix`.
std::vector<std::string> read_axis_keys(const std::string& prefix, const std::string& text,
                                        const YamlNode& values) {
  std::vector<std::string> keys;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    std::string_view key = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    while (key.starts_with(' ')) key.remove_prefix(1);
    while (key.ends_with(' ')) key.remove_suffix(1);
    if (key.empty() || (rest.empty() && comma != std::string_view::npos)) {
      throw values.error("expected a key, or keys with commas between them");
    }
    keys.push_back(prefix + std::string(key));
  }
  return keys;
}

SweepValue read_value(const YamlNode& value) {
  const auto name = value.is_map() ? value.peek("name") : std::nullopt;
  return {value.flow(), name && name->is_scalar() ? name->text() : value.flow()};
}

/// Values of one key that would be called the same are written out.
void tell_apart(std::vector<std::vector<SweepValue>>& values, std::size_t key) {
  std::set<std::string> names;
  for (const auto& point : values) names.insert(point[key].said);
  if (names.size() == values.size()) return;
  for (auto& point : values) point[key].said = point[key].yaml;
}

SweepAxis read_axis(std::vector<std::string> keys, const YamlNode& values) {
  SweepAxis axis{.keys = std::move(keys), .values = {}};
  for (const YamlNode& value : values.elements()) {
    if (axis.keys.size() == 1) {
      axis.values.push_back({read_value(value)});
      continue;
    }
    std::vector<SweepValue> together;
    for (const YamlNode& element : value.elements()) together.push_back(read_value(element));
    if (together.size() != axis.keys.size()) {
      throw value.error(fmt::format("expected {} values, one for each key", axis.keys.size()));
    }
    axis.values.push_back(std::move(together));
  }
  if (axis.values.empty()) throw values.error("expected at least one value");
  for (std::size_t key = 0; key < axis.keys.size(); ++key) tell_apart(axis.values, key);
  return axis;
}

/// Adds the axes of a map below the key path `prefix`.
void read_axes(const std::string& prefix, const YamlNode& map, std::vector<SweepAxis>& axes,
               std::size_t& points) {
  for (const auto& [key, values] : map.entries()) {
    if (values.is_map()) {
      read_axes(fmt::format("{}{}.", prefix, key), values, axes, points);
      continue;
    }
    axes.push_back(read_axis(read_axis_keys(prefix, key, values), values));
    points *= axes.back().values.size();
    if (points > max_batch_points) {
      throw values.error(fmt::format("the sweep has more than {} points", max_batch_points));
    }
  }
}

}  // namespace

std::vector<SweepAxis> read_sweep(const YamlNode& sweep) {
  std::vector<SweepAxis> axes;
  std::size_t points = 1;
  read_axes("", sweep, axes, points);
  if (axes.empty()) throw sweep.error("expected keys with lists of values");
  return axes;
}

}  // namespace nj
