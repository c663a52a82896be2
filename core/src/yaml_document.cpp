#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/plain_text.hpp"

#include "yaml_node.hpp"
#include "yaml_source.hpp"

namespace nj {
namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{16} << 20;
constexpr int max_depth = 64;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// yaml-cpp marks are 0-based; ours are 1-based.
Location location_of(const std::string& file, const YAML::Mark& mark, std::string path) {
  Location location{.file = file, .key = std::move(path)};
  if (mark.line >= 0) {
    location.line = static_cast<std::size_t>(mark.line) + 1;
    location.column = static_cast<std::size_t>(mark.column) + 1;
  }
  return location;
}

/// The scalar that is last in a document's text, unless an alias is.
YAML::Node last_scalar(YAML::Node node) {
  for (int depth = 0; depth < max_depth && node.size() > 0; ++depth) {  // a list may hold itself
    auto last = node.begin();
    std::advance(last, node.size() - 1);
    if (node.IsSequence()) {
      node.reset(*last);
    } else {
      node.reset(last->second.IsNull() ? last->first : last->second);
    }
  }
  return node;
}

/// The documents in a text. yaml-cpp takes the end of a text for a closing quote where a line ends
/// there; what is quoted then comes last.
std::vector<YAML::Node> load_all(std::string text, const std::string& name) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(text);
  } catch (const YAML::ParserException& error) {
    if (error.msg != YAML::ErrorMsg::EOF_IN_SCALAR) throw;
    text += '\n';
    documents = YAML::LoadAll(text);
  }
  if (documents.empty()) return documents;
  const YAML::Node last = last_scalar(documents.back());
  if (!last.IsScalar() || last.Mark().pos < 0) return documents;
  if (const auto quote = unclosed_quote(text, static_cast<std::size_t>(last.Mark().pos))) {
    throw Error(ErrorKind::config, "not YAML: nothing closes this quote",
                place_in(text, *quote, name));
  }
  return documents;
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
    if (state_.nodes.size() > max_yaml_nodes) {
      fail(*to, fmt::format("more than {} values", max_yaml_nodes));
    }
    if (from.IsScalar()) {
      to->kind = Node::Kind::scalar;
      to->scalar = from.Scalar();
      if (const auto flaw = text_flaw(to->scalar)) fail(*to, flaw->what);
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
    if (const auto flaw = name_flaw(key.Scalar())) {
      throw Error(ErrorKind::config, flaw->what, location);
    }
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
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  if (const auto flaw = text_flaw(text)) {
    throw Error(ErrorKind::config, flaw->what, place_in(text, flaw->byte, std::string(name)));
  }
  try {
    const std::vector<YAML::Node> documents = load_all(std::string(text), document.state_->name);
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
    const YAML::Node parsed = last ? YAML::Load(std::string(value)) : YAML::Node();
    if (entry != map->entries.end() && last && map == state_->root && parsed.IsNull()) {
      map->entries.erase(entry);
      return;
    }
    if (entry == map->entries.end()) {
      map->entries.push_back(
          {std::string(key), state_->add({.file = std::string(origin), .key = path})});
      entry = std::prev(map->entries.end());
    }
    if (last) {
      // The subtree is parsed again under this document's state so that one state owns all nodes.
      const std::string name = std::exchange(state_->name, std::string(origin));
      const std::size_t first_new = state_->nodes.size();
      entry->value = YamlCopier(*state_).copy(parsed, path, 0);
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
      if (!entry.value->read && !entry.value->taken_out) {
        std::vector<std::string> known(node.asked.begin(), node.asked.end());
        const std::string nearest = suggestion(entry.key, known);
        throw Error(ErrorKind::config,
                    "unknown key" +
                        (!nearest.empty() ? nearest
                         : known.empty()
                             ? ""
                             : ", expected one of " + fmt::format("{}", fmt::join(known, ", "))),
                    entry.value->location);
      }
      self(self, *entry.value);
    }
    for (const auto* element : node.elements) self(self, *element);
  };
  visit(visit, *state_->root);
}

}  // namespace nj
