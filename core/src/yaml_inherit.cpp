#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "yaml_node.hpp"

namespace nj {

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
      const auto found = std::find_if(own.begin(), own.end(),
                                      [&](const Node::Entry& e) { return e.key == entry.key; });
      const bool is_null = found != own.end() && found->value->kind == Node::Kind::null;
      if (is_null) found->value->taken_out = true;
      if (keep_ && !keep_(path)) continue;
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
      map.entries.push_back(*found);
      own.erase(found);
    }
    map.entries.insert(map.entries.end(), own.begin(), own.end());
  }

 private:
  Node* copy(const Node& from, std::string key, const std::string& path) {
    Location location = from.location;
    location.key = std::move(key);
    Node* to = state_.add(std::move(location));
    if (state_.nodes.size() > max_yaml_nodes) {
      throw Error(ErrorKind::config, fmt::format("more than {} values", max_yaml_nodes),
                  to->location);
    }
    to->kind = from.kind;
    to->taken_out = from.taken_out;
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

YamlDocument YamlDocument::of(const YamlNode& map) {
  YamlDocument document = parse("{}", map.location().file);
  document.state_->root->location = map.location();
  document.state_->root->location.key.clear();
  document.inherit(document.root(), map);
  return document;
}

void YamlDocument::inherit(const YamlNode& map, const YamlNode& base,
                           const std::function<bool(std::string_view)>& keep) {
  for (const YamlNode& node : {map, base}) {
    if (!node.is_map()) throw node.error("expected a map of keys");
  }
  auto* heir = const_cast<YamlNode::Node*>(map.node_);  // NOLINT: it lives in state_
  YamlHeir(*state_, keep).inherit(*heir, *base.node_, base.node_->location.key);
}

}  // namespace nj
