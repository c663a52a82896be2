#include "neurojoule/core/yaml.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include "neurojoule/core/atomic_file.hpp"

namespace nj {

// A document is copied from yaml-cpp into plain nodes once: yaml-cpp lets duplicate keys pass,
// throws without a key on a failed conversion, and cannot say which keys were read.
struct YamlNode::Node {
  enum class Kind { null, scalar, sequence, map };
  struct Entry {
    std::string key;
    const Node* value;
  };
  Kind kind = Kind::null;
  std::string scalar;
  std::vector<const Node*> elements;
  std::vector<Entry> entries;
  Location location;                    ///< of the value; key = key path
  mutable bool read = false;            ///< somebody asked for this value
  mutable std::set<std::string> asked;  ///< keys somebody asked this map for
};

struct YamlNode::State {
  std::string name;
  std::deque<Node> nodes;
  Node* root = nullptr;

  Node* add(Location location) {
    nodes.emplace_back();
    nodes.back().location = std::move(location);
    return &nodes.back();
  }
};

namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{16} << 20;
constexpr std::size_t max_nodes = 1'000'000;
constexpr int max_depth = 64;

std::string child_path(const std::string& parent, std::string_view key) {
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

std::string quoted_list(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

/// yaml-cpp marks are 0-based; ours are 1-based.
Location location_of(const std::string& file, const YAML::Mark& mark, std::string path) {
  Location location{.file = file, .key = std::move(path)};
  if (mark.line >= 0) {
    location.line = static_cast<std::size_t>(mark.line) + 1;
    location.column = static_cast<std::size_t>(mark.column) + 1;
  }
  return location;
}

/// A scalar as YAML flow text: plain when only harmless characters are in it, else double-quoted.
std::string quoted_if_needed(std::string_view scalar) {
  constexpr std::string_view harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+ ";
  const bool plain = !scalar.empty() && scalar != "null" && scalar.front() != ' ' &&
                     scalar.back() != ' ' && scalar.front() != '-' &&
                     scalar.find_first_not_of(harmless) == std::string_view::npos;
  const bool number = scalar.starts_with('-') && scalar.size() > 1 &&
                      scalar.find_first_not_of("0123456789.eE-+") == std::string_view::npos;
  if (plain || number) return std::string(scalar);
  std::string text = "\"";
  for (const char c : scalar) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const auto nearest = did_you_mean(word, candidates);
  return nearest ? fmt::format(", did you mean '{}'?", *nearest) : "";
}

}  // namespace

/// Copies yaml-cpp nodes, bounded in depth and number, refusing duplicate and non-scalar keys.
class YamlCopier {
 public:
  using Node = YamlNode::Node;
  explicit YamlCopier(YamlNode::State& state) : state_(state) {}

  Node* copy(const YAML::Node& from, const std::string& path, int depth) {
    Node* to = state_.add(location_of(state_.name, from.Mark(), path));
    if (depth > max_depth) fail(*to, fmt::format("nested deeper than {} levels", max_depth));
    if (state_.nodes.size() > max_nodes) {
      fail(*to, fmt::format("more than {} values", max_nodes));
    }
    if (from.IsScalar()) {
      to->kind = Node::Kind::scalar;
      to->scalar = from.Scalar();
    } else if (from.IsSequence()) {
      to->kind = Node::Kind::sequence;
      std::size_t index = 0;
      for (const YAML::Node& element : from) {
        to->elements.push_back(copy(element, fmt::format("{}[{}]", path, index++), depth + 1));
      }
    } else if (from.IsMap()) {
      to->kind = Node::Kind::map;
      for (const auto& entry : from) copy_entry(*to, entry.first, entry.second, path, depth);
    }
    return to;
  }

 private:
  [[noreturn]] static void fail(const Node& node, const std::string& message) {
    throw Error(ErrorKind::config, message, node.location);
  }

  void copy_entry(Node& to, const YAML::Node& key, const YAML::Node& value, const std::string& path,
                  int depth) {
    Location location = location_of(state_.name, key.Mark(), path);
    if (!key.IsScalar()) throw Error(ErrorKind::config, "a key must be a word", location);
    location.key = child_path(path, key.Scalar());
    for (const Node::Entry& other : to.entries) {
      if (other.key == key.Scalar()) {
        throw Error(
            ErrorKind::config,
            fmt::format("duplicate key, first at line {}", other.value->location.line.value_or(0)),
            location);
      }
    }
    Node* child = copy(value, location.key, depth + 1);
    child->location = location;  // a reader looks for the key
    to.entries.push_back({key.Scalar(), child});
  }

  YamlNode::State& state_;
};

YamlDocument YamlDocument::load(const std::filesystem::path& file) {
  return parse(read_file(file, max_file_bytes), file.string());
}

YamlDocument YamlDocument::parse(std::string_view text, std::string_view name) {
  YamlDocument document;
  document.state_ = std::make_shared<YamlNode::State>();
  document.state_->name = std::string(name);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      throw Error(ErrorKind::config, "holds more than one YAML document",
                  location_of(std::string(name), documents[1].Mark(), ""));
    }
    document.state_->root = YamlCopier(*document.state_)
                                .copy(documents.empty() ? YAML::Node() : documents.front(), "", 0);
  } catch (const YAML::DeepRecursion& error) {
    throw Error(ErrorKind::config, fmt::format("nested deeper than {} levels", max_depth),
                location_of(std::string(name), error.mark, ""));
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::config, "not YAML: " + error.msg,
                location_of(std::string(name), error.mark, ""));
  }
  return document;
}

YamlNode YamlDocument::root() const {
  state_->root->read = true;
  return {state_, state_->root};
}

void YamlDocument::set(std::string_view key_path, std::string_view value, std::string_view origin) {
  using Node = YamlNode::Node;
  parse(value, origin);  // refuses what is not YAML, with `origin` as the place
  Node* map = state_->root;
  std::string path;
  std::string_view rest = key_path;
  while (true) {
    if (map->kind == Node::Kind::null) map->kind = Node::Kind::map;
    // The longest key that the map has wins, so that keys with dots in them (layer names) are
    // found.
    std::string_view key = rest.substr(0, rest.find('.'));
    for (const Node::Entry& entry : map->entries) {
      if (rest.starts_with(entry.key) && entry.key.size() > key.size() &&
          (rest.size() == entry.key.size() || rest[entry.key.size()] == '.')) {
        key = rest.substr(0, entry.key.size());
      }
    }
    if (key.empty() || map->kind != Node::Kind::map) {
      throw Error(ErrorKind::config,
                  key.empty() ? "expected a key path such as quantization.default.bits"
                              : fmt::format("'{}' is not a map", path),
                  {.file = std::string(origin)});
    }
    path = child_path(path, key);
    const bool last = key.size() == rest.size();
    auto entry = std::find_if(map->entries.begin(), map->entries.end(),
                              [&](const Node::Entry& e) { return e.key == key; });
    if (entry == map->entries.end()) {
      map->entries.push_back(
          {std::string(key), state_->add({.file = std::string(origin), .key = path})});
      entry = std::prev(map->entries.end());
    }
    if (last) {
      // The subtree is parsed again under this document's state so that one state owns all nodes.
      const std::string name = std::exchange(state_->name, std::string(origin));
      const std::size_t first_new = state_->nodes.size();
      entry->value = YamlCopier(*state_).copy(YAML::Load(std::string(value)), path, 0);
      state_->name = name;
      // Lines and columns inside an override tell nobody anything.
      for (std::size_t i = first_new; i < state_->nodes.size(); ++i) {
        state_->nodes[i].location.line.reset();
        state_->nodes[i].location.column.reset();
      }
      return;
    }
    map = const_cast<Node*>(entry->value);  // NOLINT: nodes live in state_, which this object owns
    rest.remove_prefix(key.size() + 1);
  }
}

/// Puts the keys of a base under those of a map.
class YamlHeir {
 public:
  using Node = YamlNode::Node;
  using Keep = std::function<bool(std::string_view)>;
  YamlHeir(YamlNode::State& state, const Keep& keep) : state_(state), keep_(keep) {}

  /// `from` is where the base's map is in its own document, as `keep` is asked.
  void inherit(Node& map, const Node& base, const std::string& from) {
    std::vector<Node::Entry> own = std::exchange(map.entries, {});
    for (const Node::Entry& entry : base.entries) {
      const std::string path = child_path(from, entry.key);
      if (keep_ && !keep_(path)) continue;
      const auto found = std::find_if(own.begin(), own.end(),
                                      [&](const Node::Entry& e) { return e.key == entry.key; });
      if (found == own.end()) {
        map.entries.push_back(
            {entry.key, copy(*entry.value, child_path(map.location.key, entry.key), path)});
        continue;
      }
      // Nodes live in the states of documents, which own them.
      auto* value = const_cast<Node*>(found->value);  // NOLINT
      if (value->kind == Node::Kind::map && entry.value->kind == Node::Kind::map) {
        inherit(*value, *entry.value, path);
      }
      if (value->kind != Node::Kind::null) map.entries.push_back(*found);
      own.erase(found);
    }
    map.entries.insert(map.entries.end(), own.begin(), own.end());
  }

 private:
  Node* copy(const Node& from, std::string key, const std::string& path) {
    Location location = from.location;
    location.key = std::move(key);
    Node* to = state_.add(std::move(location));
    if (state_.nodes.size() > max_nodes) {
      throw Error(ErrorKind::config, fmt::format("more than {} values", max_nodes), to->location);
    }
    to->kind = from.kind;
    to->scalar = from.scalar;
    for (std::size_t i = 0; i < from.elements.size(); ++i) {
      const std::string place = fmt::format("[{}]", i);
      to->elements.push_back(copy(*from.elements[i], to->location.key + place, path + place));
    }
    for (const Node::Entry& entry : from.entries) {
      const std::string inner = child_path(path, entry.key);
      if (keep_ && !keep_(inner)) continue;
      Node* value = copy(*entry.value, child_path(to->location.key, entry.key), inner);
      to->entries.push_back({entry.key, value});
    }
    return to;
  }

  YamlNode::State& state_;
  const Keep& keep_;
};

void YamlDocument::inherit(const YamlNode& map, const YamlNode& base,
                           const std::function<bool(std::string_view)>& keep) {
  for (const YamlNode& node : {map, base}) {
    if (!node.is_map()) throw node.error("expected a map of keys");
  }
  auto* heir = const_cast<YamlNode::Node*>(map.node_);  // NOLINT: it lives in state_
  YamlHeir(*state_, keep).inherit(*heir, *base.node_, base.node_->location.key);
}

void YamlDocument::rewrite(
    const YamlNode& node,
    const std::function<std::optional<std::string>(std::string_view, const YamlNode&)>& text) {
  const std::size_t prefix = node.node_->location.key.size();
  const auto visit = [&](const auto& self, const YamlNode::Node& value) -> void {
    for (const auto& entry : value.entries) self(self, *entry.value);
    for (const auto* element : value.elements) self(self, *element);
    if (value.kind != YamlNode::Node::Kind::scalar) return;
    std::string_view path = std::string_view(value.location.key).substr(prefix);
    if (path.starts_with('.')) path.remove_prefix(1);
    auto changed = text(path, YamlNode(state_, &value));
    // Nodes live in state_, which this object owns.
    if (changed) const_cast<YamlNode::Node&>(value).scalar = std::move(*changed);  // NOLINT
  };
  visit(visit, *node.node_);
}

void YamlDocument::finish() const {
  // Depth first in document order, so that the first stray key is the one reported.
  const auto visit = [](const auto& self, const YamlNode::Node& node) -> void {
    for (const auto& entry : node.entries) {
      if (!entry.value->read) {
        std::vector<std::string> known(node.asked.begin(), node.asked.end());
        const std::string nearest = suggestion(entry.key, known);
        throw Error(ErrorKind::config,
                    "unknown key" + (!nearest.empty() ? nearest
                                     : known.empty()  ? ""
                                                      : ", expected one of " + quoted_list(known)),
                    entry.value->location);
      }
      self(self, *entry.value);
    }
    for (const auto* element : node.elements) self(self, *element);
  };
  visit(visit, *state_->root);
}

std::optional<YamlNode> YamlNode::find(std::string_view key) const {
  if (node_->kind == Node::Kind::null) return std::nullopt;
  if (node_->kind != Node::Kind::map) throw error("expected a map of keys");
  node_->asked.emplace(key);
  for (const Node::Entry& entry : node_->entries) {
    if (entry.key != key) continue;
    entry.value->read = true;
    return YamlNode(state_, entry.value);
  }
  return std::nullopt;
}

std::optional<YamlNode> YamlNode::peek(std::string_view key) const {
  for (const Node::Entry& entry : node_->entries) {
    if (entry.key == key) return YamlNode(state_, entry.value);
  }
  return std::nullopt;
}

YamlNode YamlNode::at(std::string_view key) const {
  if (auto node = find(key)) return *node;
  std::vector<std::string> present;
  for (const Node::Entry& entry : node_->entries) present.push_back(entry.key);
  const std::string nearest = suggestion(key, present);
  throw error(fmt::format(
      "lacks the key '{}'{}", key,
      nearest.empty() ? "" : fmt::format(" ('{}' is there)", *did_you_mean(key, present))));
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::entries() const {
  if (node_->kind == Node::Kind::null) return {};
  if (node_->kind != Node::Kind::map) throw error("expected a map of keys");
  std::vector<std::pair<std::string, YamlNode>> result;
  for (const Node::Entry& entry : node_->entries) {
    entry.value->read = true;
    result.emplace_back(entry.key, YamlNode(state_, entry.value));
  }
  return result;
}

std::vector<YamlNode> YamlNode::elements() const {
  if (node_->kind != Node::Kind::sequence) throw error("expected a list");
  std::vector<YamlNode> result;
  for (const Node* element : node_->elements) {
    element->read = true;
    result.push_back(YamlNode(state_, element));
  }
  return result;
}

bool YamlNode::is_map() const { return node_->kind == Node::Kind::map; }
bool YamlNode::is_sequence() const { return node_->kind == Node::Kind::sequence; }
bool YamlNode::is_scalar() const { return node_->kind == Node::Kind::scalar; }

std::string YamlNode::text() const {
  if (!is_scalar()) {
    throw error(node_->kind == Node::Kind::null ? "expected a value, got none"
                                                : "expected one value, got a list or map");
  }
  return node_->scalar;
}

bool YamlNode::boolean() const {
  const std::string word = text();
  if (word == "true") return true;
  if (word == "false") return false;
  throw error(fmt::format("expected true or false, got '{}'", word));
}

std::int64_t YamlNode::integer(std::int64_t min, std::int64_t max) const {
  std::string word = text();
  const std::string shown = word;
  const std::size_t digits = word.starts_with('-') ? 1 : 0;
  const bool separators_ok =
      word.find("__") == std::string::npos && !word.ends_with('_') && word.substr(digits, 1) != "_";
  if (separators_ok) word.erase(std::remove(word.begin(), word.end(), '_'), word.end());
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool out_of_range = code == std::errc::result_out_of_range;
  if ((code != std::errc{} && !out_of_range) || end != word.data() + word.size()) {
    throw error(fmt::format("expected a whole number, got '{}'", shown));
  }
  if (word.size() > digits + 1 && word[digits] == '0') {
    throw error(fmt::format("a leading zero is ambiguous, got '{}'", shown));
  }
  if (out_of_range || value < min || value > max) {
    throw error(fmt::format("expected {}..{}, got {}", min, max, shown));
  }
  return value;
}

double YamlNode::real(double min, double max) const {
  const std::string word = text();
  double value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size() || !std::isfinite(value)) {
    throw error(fmt::format("expected a number, got '{}'", word));
  }
  if (value < min || value > max)
    throw error(fmt::format("expected {}..{}, got {}", min, max, word));
  return value;
}

template <class Q>
Q YamlNode::quantity() const {
  try {
    const Q value = parse_quantity<Q>(text());
    if (value < Q{}) throw error(fmt::format("expected no negative value, got '{}'", text()));
    return value;
  } catch (const Error& failure) {
    if (failure.location().line || !failure.location().file.empty()) throw;
    throw error(failure.message());
  }
}

template Picojoules YamlNode::quantity<Picojoules>() const;
template Picoseconds YamlNode::quantity<Picoseconds>() const;
template Bits YamlNode::quantity<Bits>() const;
template Microwatts YamlNode::quantity<Microwatts>() const;
template Volts YamlNode::quantity<Volts>() const;
template Nanometres YamlNode::quantity<Nanometres>() const;
template SquareMillimetres YamlNode::quantity<SquareMillimetres>() const;
template Hertz YamlNode::quantity<Hertz>() const;

std::size_t YamlNode::index_of(const std::vector<std::string_view>& names) const {
  const std::string word = text();
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) {
    throw error(fmt::format("expected one of {}, got '{}'", fmt::join(names, ", "), word));
  }
  return static_cast<std::size_t>(found - names.begin());
}

std::string YamlNode::flow() const {
  node_->read = true;
  std::vector<std::string> parts;
  switch (node_->kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::scalar:
      return quoted_if_needed(node_->scalar);
    case Node::Kind::sequence:
      for (const YamlNode& element : elements()) parts.push_back(element.flow());
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case Node::Kind::map:
      for (const auto& [key, value] : entries()) {
        parts.push_back(fmt::format("{}: {}", quoted_if_needed(key), value.flow()));
      }
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return "";
}

Location YamlNode::location() const { return node_->location; }

Error YamlNode::error(const std::string& message, ErrorKind kind) const {
  return {kind, message, node_->location};
}

}  // namespace nj
