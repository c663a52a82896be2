#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/core/yaml.hpp"

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
  mutable bool taken_out = false;       ///< null in the place of what a base has
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

inline constexpr std::size_t max_yaml_nodes = 1'000'000;

/// The key path of a key below that of its map.
inline std::string child_path(const std::string& parent, std::string_view key) {
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

/// `, did you mean 'key'?` of the nearest candidate, if one is near.
inline std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const auto nearest = did_you_mean(word, candidates);
  return nearest ? fmt::format(", did you mean '{}'?", *nearest) : "";
}

}  // namespace nj
