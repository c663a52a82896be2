#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text_tree.hpp"

namespace nj::sanafe {

/// Attributes of a chip or network file: a map, or a list of maps with one key each. A key that
/// stands twice is refused.
class Fields {
 public:
  /// Throws: Error(config) when `node` is neither (an empty value has no attributes).
  explicit Fields(Cursor node);

  [[nodiscard]] Cursor node() const { return node_; }
  [[nodiscard]] const std::vector<Cursor>& all() const { return fields_; }
  [[nodiscard]] std::optional<Cursor> find(std::string_view key) const;
  /// Throws: Error(config) naming the attribute that is missing.
  [[nodiscard]] Cursor at(std::string_view key) const;
  /// A value of at least 0. Throws: as Cursor::real; the first, when missing too.
  [[nodiscard]] double cost(std::string_view key) const;
  [[nodiscard]] double cost_or_zero(std::string_view key) const;

 private:
  Cursor node_;
  std::vector<Cursor> fields_;
};

/// Throws: Error(unsupported) at the first key that is in `refused`, with its reason; Error(config)
/// at the first that is not in `known` either, with "did you mean".
void check_keys(const std::vector<Cursor>& fields, std::initializer_list<std::string_view> known,
                std::initializer_list<std::pair<std::string_view, std::string_view>> refused = {});

/// `name[2..5]` -> name, 2, 4; without brackets count is 1 and `replicated` false.
struct NameRange {
  std::string_view name;
  bool replicated = false;
  std::uint32_t first = 0;
  std::uint32_t count = 1;
};
/// Throws: Error(config) when the brackets do not hold `a..b` with a <= b, or over `max_count`.
NameRange name_range(const Cursor& node, std::uint32_t max_count);

/// `7` or `2..5` -> first, count. Throws: Error(config).
std::pair<std::uint32_t, std::uint32_t> index_range(const Cursor& node, std::string_view word);

/// A plain decimal number below 2^32 - 1, or nothing.
std::optional<std::uint32_t> whole_number(std::string_view word);

}  // namespace nj::sanafe
