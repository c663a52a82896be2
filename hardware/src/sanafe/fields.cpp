#include "fields.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "neurojoule/core/yaml.hpp"

namespace nj::sanafe {

namespace {

constexpr double max_cost = 1e6;

}  // namespace

Fields::Fields(Cursor node) : node_(node) {
  const auto add = [&](const Cursor& field) {
    if (find(field.key())) throw field.error("duplicate key");
    fields_.push_back(field);
  };
  if (node.is_null()) return;
  if (node.is_map()) {
    for (const Cursor field : node) fields_.push_back(field);  // duplicates: refused when parsed
  } else if (node.is_sequence()) {
    for (const Cursor element : node) {
      if (!element.is_map()) throw element.error("expected `attribute: value`");
      for (const Cursor field : element) add(field);
    }
  } else {
    throw node.error("expected attributes, a map or a list of them");
  }
}

std::optional<Cursor> Fields::find(std::string_view key) const {
  for (const Cursor& field : fields_) {
    if (field.key() == key) return field;
  }
  return std::nullopt;
}

Cursor Fields::at(std::string_view key) const {
  if (const auto field = find(key)) return *field;
  std::vector<std::string> present;
  for (const Cursor& field : fields_) present.emplace_back(field.key());
  const auto nearest = did_you_mean(key, present);
  throw node_.error(fmt::format("lacks the attribute '{}'{}", key,
                                nearest ? fmt::format(" ('{}' is there)", *nearest) : ""));
}

double Fields::cost(std::string_view key) const { return at(key).real(0, max_cost); }

double Fields::cost_or_zero(std::string_view key) const {
  const auto field = find(key);
  return field ? field->real(0, max_cost) : 0.0;
}

void check_keys(const std::vector<Cursor>& fields, std::initializer_list<std::string_view> known,
                std::initializer_list<std::pair<std::string_view, std::string_view>> refused) {
  for (const Cursor& field : fields) {
    const std::string_view key = field.key();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    for (const auto& [name, reason] : refused) {
      if (name == key) throw field.error(std::string(reason), ErrorKind::unsupported);
    }
    std::vector<std::string> names(known.begin(), known.end());
    const auto nearest = did_you_mean(key, names);
    throw field.error(nearest
                          ? fmt::format("unknown key, did you mean '{}'?", *nearest)
                          : fmt::format("unknown key, expected one of {}", fmt::join(names, ", ")));
  }
}

std::optional<std::uint32_t> whole_number(std::string_view word) {
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || code != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  if (value == 0xffffffff) return std::nullopt;
  return value;
}

std::pair<std::uint32_t, std::uint32_t> index_range(const Cursor& node, std::string_view word) {
  const std::size_t dots = word.find("..");
  const auto first = whole_number(word.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : whole_number(word.substr(dots + 2));
  if (!first || !last) {
    throw node.error(fmt::format("expected a number or a range such as 0..9, got '{}'", word));
  }
  if (*first > *last) throw node.error(fmt::format("the range {} is empty", word));
  return {*first, *last - *first + 1};
}

NameRange name_range(const Cursor& node, std::uint32_t max_count) {
  const std::string_view word = node.text();
  const std::size_t bracket = word.find('[');
  NameRange range{.name = word.substr(0, bracket)};
  if (range.name.empty()) throw node.error("expected a name");
  if (bracket == std::string_view::npos) return range;
  if (!word.ends_with(']')) throw node.error("expected a range such as name[0..7]");
  const auto [first, count] =
      index_range(node, word.substr(bracket + 1, word.size() - bracket - 2));
  if (count > max_count) {
    throw node.error(fmt::format("{} copies, at most {} are read", count, max_count),
                     ErrorKind::capacity);
  }
  range.replicated = true;
  range.first = first;
  range.count = count;
  return range;
}

}  // namespace nj::sanafe
