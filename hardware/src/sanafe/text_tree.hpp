#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/error.hpp"

// A strict reader of the YAML that chip and network files of SANA-FE are written in. Their networks
// have a line per neuron: yaml-cpp needs half a second and 100 MB for 0.7 MB of text, this reader
// a few milliseconds and 40 bytes per value. Read: block and flow maps and lists, plain and quoted
// words on one line, comments. Refused by name: anchors, tags, block texts, plain words over
// several lines, complex keys, duplicate keys, tabs in indentation, a second document.
// Their older netlists come out as the same tree (netlist_parser.hpp).
namespace nj::sanafe {

class Cursor;

/// A whole parsed file. Cursors point into it: it must outlive them, and stay where it is.
class TextTree {
 public:
  /// Throws: Error(io) when unreadable, Error(capacity) over 1 GiB, Error(config) as `parse`.
  static TextTree load(const std::filesystem::path& file);
  /// Throws: Error(config) with line and column when the text is neither a netlist nor the YAML
  /// described above.
  static TextTree parse(std::string text, std::string name);

  [[nodiscard]] Cursor root() const;

 private:
  friend class Cursor;
  friend class FlowParser;
  enum class Kind : std::uint8_t { null, scalar, sequence, map };
  struct Node {
    std::uint32_t begin = 0;  ///< byte where the value starts
    std::uint32_t size = 0;   ///< bytes of a scalar, without quotes
    std::uint32_t key_begin = 0;
    std::uint32_t key_size = 0;
    std::uint32_t first = none;  ///< first child
    std::uint32_t next = none;   ///< next sibling
    std::uint32_t parent = none;
    std::uint32_t children = 0;
    Kind kind = Kind::null;
    bool has_key = false;
    bool value_unescaped = false;  ///< begin is an index in `unescaped_`
    bool key_unescaped = false;    ///< key_begin is an index in `unescaped_`
  };
  static constexpr std::uint32_t none = 0xffffffff;

  [[nodiscard]] std::string_view value(const Node& node) const;
  [[nodiscard]] std::string_view key(const Node& node) const;

  std::string name_;
  std::string text_;
  std::vector<Node> nodes_;            ///< the root is nodes_[0]
  std::deque<std::string> unescaped_;  ///< quoted words with escapes in them
};

/// A place in a TextTree. All errors are Error(config) with file, line, column and key path.
class Cursor {
 public:
  [[nodiscard]] bool is_null() const { return node().kind == TextTree::Kind::null; }
  [[nodiscard]] bool is_scalar() const { return node().kind == TextTree::Kind::scalar; }
  [[nodiscard]] bool is_sequence() const { return node().kind == TextTree::Kind::sequence; }
  [[nodiscard]] bool is_map() const { return node().kind == TextTree::Kind::map; }

  /// The key of a map entry; empty for list elements and the root.
  [[nodiscard]] std::string_view key() const { return tree_->key(node()); }
  /// Entries of a map, elements of a list.
  [[nodiscard]] std::size_t size() const { return node().children; }

  class Iterator {
   public:
    Iterator(const TextTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}
    Cursor operator*() const { return {tree_, index_}; }
    Iterator& operator++();
    bool operator==(const Iterator&) const = default;

   private:
    const TextTree* tree_;
    std::uint32_t index_;
  };
  [[nodiscard]] Iterator begin() const { return {tree_, node().first}; }
  [[nodiscard]] Iterator end() const { return {tree_, TextTree::none}; }

  [[nodiscard]] std::vector<Cursor> list() const;
  [[nodiscard]] std::optional<Cursor> find(std::string_view key) const;
  /// Throws: when the node is not a map or lacks the key.
  [[nodiscard]] Cursor at(std::string_view key) const;

  /// Throws: when the value is not one word; a number of that kind; within the inclusive range.
  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] double real(double min, double max) const;
  [[nodiscard]] std::uint64_t integer(std::uint64_t min, std::uint64_t max) const;
  [[nodiscard]] bool boolean() const;

  [[nodiscard]] Location location() const;
  [[nodiscard]] Error error(const std::string& message, ErrorKind kind = ErrorKind::config) const;

 private:
  friend class TextTree;
  friend class Iterator;
  Cursor(const TextTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}
  [[nodiscard]] const TextTree::Node& node() const { return tree_->nodes_[index_]; }
  [[nodiscard]] std::string path() const;
  const TextTree* tree_;
  std::uint32_t index_;
};

inline Cursor::Iterator& Cursor::Iterator::operator++() {
  index_ = Cursor(tree_, index_).node().next;
  return *this;
}

}  // namespace nj::sanafe
