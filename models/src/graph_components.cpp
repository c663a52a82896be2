#include "graph_components.hpp"

#include <algorithm>
#include <limits>

namespace nj {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

/// Nodes in the order in which a depth-first walk leaves them.
std::vector<std::size_t> finishing_order(const Edges& edges) {
  std::vector<std::size_t> finished;
  std::vector<std::size_t> next(edges.size(), 0);
  std::vector<bool> seen(edges.size(), false);
  std::vector<std::size_t> stack;
  for (std::size_t root = 0; root < edges.size(); ++root) {
    if (seen[root]) continue;
    seen[root] = true;
    stack.push_back(root);
    while (!stack.empty()) {
      const std::size_t node = stack.back();
      if (next[node] == edges[node].size()) {
        finished.push_back(node);
        stack.pop_back();
        continue;
      }
      const std::size_t to = edges[node][next[node]++];
      if (!seen[to]) {
        seen[to] = true;
        stack.push_back(to);
      }
    }
  }
  return finished;
}

}  // namespace

Edges reversed(const Edges& edges) {
  Edges result(edges.size());
  for (std::size_t from = 0; from < edges.size(); ++from) {
    for (const std::size_t to : edges[from]) result[to].push_back(from);
  }
  return result;
}

// Kosaraju: walk the reversed graph from the nodes that were left last.
std::vector<std::size_t> strong_components(const Edges& edges) {
  const Edges backward = reversed(edges);
  std::vector<std::size_t> component(edges.size(), none);
  std::vector<std::size_t> order = finishing_order(edges);
  std::reverse(order.begin(), order.end());
  std::size_t count = 0;
  for (const std::size_t root : order) {
    if (component[root] != none) continue;
    std::vector<std::size_t> stack = {root};
    component[root] = count;
    while (!stack.empty()) {
      const std::size_t node = stack.back();
      stack.pop_back();
      for (const std::size_t from : backward[node]) {
        if (component[from] != none) continue;
        component[from] = count;
        stack.push_back(from);
      }
    }
    ++count;
  }
  return component;
}

}  // namespace nj
