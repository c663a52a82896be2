#include "memory_area.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "table_reading.hpp"

namespace nj {
namespace {

using Row = std::map<Bits, SquareMillimetres>;  ///< by capacity

std::vector<std::uint64_t> capacities_of(const Row& row) {
  std::vector<std::uint64_t> capacities;
  for (const auto& [capacity, area] : row) capacities.push_back(capacity.value());
  return capacities;
}

/// The row of one word: every area above zero, and none below that of a smaller memory.
void check_row(const YamlNode& points, Bits word, const Row& row) {
  for (auto to = std::next(row.begin()); to != row.end(); ++to) {
    const auto from = std::prev(to);
    if (to->second >= from->second) continue;
    throw points.error(fmt::format("the area falls from {} to {} in words of {} bits",
                                   to_string(from->first), to_string(to->first), word.value()));
  }
}

double as_double(Bits bits) { return static_cast<double>(bits.value()); }

/// On the straight line of the logarithms through two points.
double power_law(Bits at, Bits from, double from_area, Bits to, double to_area) {
  const double share =
      std::log(as_double(at) / as_double(from)) / std::log(as_double(to) / as_double(from));
  return from_area * std::pow(to_area / from_area, share);
}

/// In words that are listed.
double area_of(const Row& row, Bits capacity) {
  const auto to = row.lower_bound(capacity);
  if (to != row.end() && to->first == capacity) return to->second.value();
  if (to == row.begin() || to == row.end()) {
    const auto& [nearest, area] = to == row.end() ? *row.rbegin() : *row.begin();
    return area.value() * (as_double(capacity) / as_double(nearest));
  }
  const auto from = std::prev(to);
  return power_law(capacity, from->first, from->second.value(), to->first, to->second.value());
}

}  // namespace

SramAreas read_sram_areas(const YamlNode& node) {
  SramAreas areas;
  areas.location = node.location();
  areas.source = read_source(node);
  const YamlNode points = node.at("points");
  const auto listed = read_by_memory<SquareMillimetres>(points, "area", [](const YamlNode& value) {
    const auto area = value.quantity<SquareMillimetres>();
    if (area == SquareMillimetres{}) throw value.error("expected an area above zero");
    return area;
  });
  if (listed.empty()) throw points.error("expected at least one memory");
  for (const auto& [memory, area] : listed) areas.by_word[memory.second][memory.first] = area;
  const auto& first = *areas.by_word.begin();
  for (const auto& [word, row] : areas.by_word) {
    if (capacities_of(row) != capacities_of(first.second)) {
      throw points.error(
          fmt::format("words of {} and of {} bits are listed for different capacities",
                      first.first.value(), word.value()));
    }
    check_row(points, word, row);
  }
  return areas;
}

SquareMillimetres memory_area(const PriceTable& table, const std::string& component,
                              const MemoryGeometry& memory) {
  if (!table.areas) {
    throw Error(ErrorKind::config,
                fmt::format("price table '{}' does not say what memories cover", table.name),
                {.file = table.file, .key = "areas"});
  }
  const auto& [capacity, word, banks] = memory;
  const PriceEntry& read = find_entry(
      table, {component, Action::read_word, static_cast<std::uint32_t>(word.value()), {}, 0});
  if (std::holds_alternative<RegisterFilePrice>(read.price)) {
    throw Error(ErrorKind::config,
                fmt::format("{} is made of registers, and areas are of SRAMs", component),
                read.location);
  }
  const auto& by_word = table.areas->by_word;
  const auto to = by_word.lower_bound(word);
  if (to == by_word.end() || (to == by_word.begin() && to->first != word)) {
    throw Error(
        ErrorKind::config,
        fmt::format("{} has words of {} bits, and areas are of words of {} to {} bits", component,
                    word.value(), by_word.begin()->first.value(), by_word.rbegin()->first.value()),
        table.areas->location);
  }
  if (capacity == Bits{}) return {};
  const double area = area_of(to->second, capacity);
  if (to->first == word) return SquareMillimetres{area};
  const auto from = std::prev(to);
  return SquareMillimetres{
      power_law(word, from->first, area_of(from->second, capacity), to->first, area)};
}

}  // namespace nj
