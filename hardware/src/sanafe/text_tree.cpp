#include "text_tree.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/core/yaml.hpp"

namespace nj::sanafe {

std::string_view TextTree::value(const Node& node) const {
  if (node.value_unescaped) return unescaped_[node.begin];
  return std::string_view(text_).substr(node.begin, node.size);
}

std::string_view TextTree::key(const Node& node) const {
  if (!node.has_key) return {};
  if (node.key_unescaped) return unescaped_[node.key_begin];
  return std::string_view(text_).substr(node.key_begin, node.key_size);
}

Cursor TextTree::root() const { return {this, 0}; }

std::vector<Cursor> Cursor::list() const {
  std::vector<Cursor> children;
  children.reserve(size());
  for (const Cursor child : *this) children.push_back(child);
  return children;
}

std::optional<Cursor> Cursor::find(std::string_view key) const {
  if (is_null()) return std::nullopt;
  if (!is_map()) throw error("expected a map of keys");
  for (const Cursor child : *this) {
    if (child.key() == key) return child;
  }
  return std::nullopt;
}

Cursor Cursor::at(std::string_view key) const {
  if (const auto child = find(key)) return *child;
  std::vector<std::string> present;
  for (const Cursor child : *this) present.emplace_back(child.key());
  const auto nearest = did_you_mean(key, present);
  throw error(fmt::format("lacks the key '{}'{}", key,
                          nearest ? fmt::format(" ('{}' is there)", *nearest) : ""));
}

std::string_view Cursor::text() const {
  if (is_scalar()) return tree_->value(node());
  throw error(is_null() ? "expected a value, got none" : "expected one value, got a list or map");
}

double Cursor::real(double min, double max) const {
  std::string_view word = text();
  if (word.starts_with('+') && !word.starts_with("+-")) word.remove_prefix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size() || !std::isfinite(value)) {
    throw error(fmt::format("expected a number, got '{}'", text()));
  }
  if (value < min || value > max) {
    throw error(fmt::format("expected {}..{}, got {}", min, max, text()));
  }
  return value;
}

std::uint64_t Cursor::integer(std::uint64_t min, std::uint64_t max) const {
  const std::string_view word = text();
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool out_of_range = code == std::errc::result_out_of_range ||
                            (word.size() > 1 && word[0] == '-' &&
                             word.find_first_not_of("0123456789", 1) == std::string_view::npos);
  if (!out_of_range && (code != std::errc{} || end != word.data() + word.size())) {
    throw error(fmt::format("expected a whole number, got '{}'", word));
  }
  if (word.size() > 1 && word[0] == '0') {
    throw error(fmt::format("a leading zero is ambiguous, got '{}'", word));
  }
  if (out_of_range || value < min || value > max) {
    throw error(fmt::format("expected {}..{}, got {}", min, max, word));
  }
  return value;
}

bool Cursor::boolean() const {
  const std::string_view word = text();
  if (word == "true" || word == "True" || word == "1") return true;
  if (word == "false" || word == "False" || word == "0") return false;
  throw error(fmt::format("expected true or false, got '{}'", word));
}

std::string Cursor::path() const {
  std::vector<std::string> parts;
  for (std::uint32_t i = index_; i != TextTree::none; i = tree_->nodes_[i].parent) {
    const TextTree::Node& node = tree_->nodes_[i];
    if (node.has_key) {
      parts.push_back(fmt::format("{}{}", node.parent == 0 ? "" : ".", tree_->key(node)));
    } else if (node.parent != TextTree::none) {
      std::size_t position = 0;
      std::uint32_t sibling = tree_->nodes_[node.parent].first;
      for (; sibling != i; sibling = tree_->nodes_[sibling].next) ++position;
      parts.push_back(fmt::format("[{}]", position));
    }
  }
  std::reverse(parts.begin(), parts.end());
  return fmt::format("{}", fmt::join(parts, ""));
}

Location Cursor::location() const {
  // An unescaped word has lost its place; the nearest node that starts in the text tells it.
  std::uint32_t i = index_;
  std::size_t place = 0;
  while (true) {
    const TextTree::Node& node = tree_->nodes_[i];
    if (node.has_key && !node.key_unescaped) {
      place = node.key_begin;
      break;
    }
    if ((!node.has_key && !node.value_unescaped) || node.parent == TextTree::none) {
      place = node.begin;
      break;
    }
    i = node.parent;
  }
  const std::string_view before = std::string_view(tree_->text_).substr(0, place);
  const std::size_t newline = before.rfind('\n');
  return {.file = tree_->name_,
          .line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
          .column = newline == std::string_view::npos ? place + 1 : place - newline,
          .key = path()};
}

Error Cursor::error(const std::string& message, ErrorKind kind) const {
  return {kind, message, location()};
}

}  // namespace nj::sanafe
