#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/quantity.hpp"

namespace nj {

/// A cursor into a strictly read YAML document.
///
/// Every access marks what it read; `YamlDocument::finish()` then rejects keys nobody read. All
/// errors are Error(config) with file, 1-based line and column, and key path (`noc.flit_bits`,
/// `cores[2].x`). Duplicate keys, anchors that recurse, text that is not plain (plain_text.hpp) and
/// files over 16 MiB are refused on loading. A key whose value is null is as if it were not there,
/// but that it is unknown where it is misspelt.
class YamlNode {
 public:
  /// Throws: when the node is not a map or lacks the key (lists the keys present, "did you mean").
  [[nodiscard]] YamlNode at(std::string_view key) const;
  [[nodiscard]] std::optional<YamlNode> find(std::string_view key) const;
  /// What a map has there, which does not count as read; none where this is no map.
  [[nodiscard]] std::optional<YamlNode> peek(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return peek(key).has_value(); }
  /// Throws: when the node is not a map / not a sequence.
  [[nodiscard]] std::vector<std::pair<std::string, YamlNode>> entries() const;
  [[nodiscard]] std::vector<YamlNode> elements() const;
  /// The elements of a sequence, which has at least one, or the node itself.
  [[nodiscard]] std::vector<YamlNode> one_or_more() const;

  [[nodiscard]] bool is_map() const;
  [[nodiscard]] bool is_sequence() const;
  [[nodiscard]] bool is_scalar() const;

  /// Scalars. Throws: wrong type, or out of the inclusive range. Numbers are decimal, without
  /// separators; leading zeros are refused, not read as octal.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string name() const;  ///< not empty, one line
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::int64_t integer(std::int64_t min, std::int64_t max) const;
  [[nodiscard]] double real(double min, double max) const;
  /// A number with a unit, e.g. `4.2 pJ`; negative values are refused.
  template <class Q>
  [[nodiscard]] Q quantity() const;
  /// One of the given words; the error lists them.
  template <class E>
  [[nodiscard]] E one_of(const std::vector<std::pair<std::string_view, E>>& words) const {
    std::vector<std::string_view> names;
    names.reserve(words.size());
    for (const auto& [name, value] : words) names.push_back(name);
    return words[index_of(names)].second;
  }

  enum class Nulls { kept, left_out };
  /// The value as one line of YAML that reads back equal; marks everything below as read. Keys that
  /// are null matter only where it is put on a base.
  [[nodiscard]] std::string flow(Nulls nulls = Nulls::kept) const;

  [[nodiscard]] Location location() const;
  /// An Error(kind) at this node.
  [[nodiscard]] Error error(const std::string& message, ErrorKind kind = ErrorKind::config) const;

 private:
  friend class YamlDocument;
  friend class YamlCopier;
  friend class YamlHeir;
  struct State;
  struct Node;
  [[nodiscard]] std::size_t index_of(const std::vector<std::string_view>& names) const;
  YamlNode(std::shared_ptr<State> state, const Node* node)
      : state_(std::move(state)), node_(node) {}
  std::shared_ptr<State> state_;
  const Node* node_;
};

extern template Picojoules YamlNode::quantity<Picojoules>() const;
extern template Picoseconds YamlNode::quantity<Picoseconds>() const;
extern template Bits YamlNode::quantity<Bits>() const;
extern template Microwatts YamlNode::quantity<Microwatts>() const;
extern template Volts YamlNode::quantity<Volts>() const;
extern template Nanometres YamlNode::quantity<Nanometres>() const;
extern template SquareMillimetres YamlNode::quantity<SquareMillimetres>() const;
extern template Hertz YamlNode::quantity<Hertz>() const;

/// A whole YAML file (one document), parsed and checked for duplicate keys.
class YamlDocument {
 public:
  /// Throws: Error(io) when unreadable, Error(config) when not YAML.
  static YamlDocument load(const std::filesystem::path& file);
  static YamlDocument parse(std::string_view text, std::string_view name);
  /// A map of any document as one of its own, where it was written; key paths start at the map.
  /// Throws: Error(config) when it is no map, or too large.
  static YamlDocument of(const YamlNode& map);

  [[nodiscard]] YamlNode root() const;
  /// Replaces or adds the value at a dotted key path (`quantization.default.bits`); the value is
  /// parsed as YAML; null takes a key out of the outermost map. Errors about it name `origin`, e.g.
  /// `--set seed=1`, as their file.
  /// Throws: Error(config) when the path runs through a scalar.
  void set(std::string_view key_path, std::string_view value, std::string_view origin);
  /// Gives `map`, a map of this document, the keys that it lacks and `base` has, a map of any
  /// document, at every depth; any other value of `map` stays as it is, null too. A key of `base`
  /// is left out where `keep` says false to its key path. Keys come in the order of `base`, then
  /// `map`'s own; what is taken over keeps the file, line and column where it was written.
  /// Throws: Error(config) when either is no map, or the document would grow too large.
  void inherit(const YamlNode& map, const YamlNode& base,
               const std::function<bool(std::string_view key_path)>& keep = {});
  /// Gives scalars below `node`, a value of this document, the text that `text` has for them; a
  /// scalar for which it has none stays. `text` is asked with the key path from `node` on, e.g.
  /// `link.cycle`. Scalars keep their file, line and column, and none counts as read.
  void rewrite(const YamlNode& node,
               const std::function<std::optional<std::string>(std::string_view key_path,
                                                              const YamlNode& scalar)>& text);
  /// Throws: Error(config) at the first key that nobody read, with "did you mean" among the keys
  /// that were asked for at that place.
  void finish() const;

 private:
  std::shared_ptr<YamlNode::State> state_;
};

/// The candidate nearest to `word` in edit distance, when near enough to be a slip of the hand.
std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& candidates);

}  // namespace nj
