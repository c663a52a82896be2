#pragma once

#include <cstddef>
#include <vector>

namespace nj {

/// The targets of each node of a graph.
using Edges = std::vector<std::vector<std::size_t>>;

Edges reversed(const Edges& edges);

/// The strongly connected component of each node, numbered from 0: two nodes lie on one cycle iff
/// their components are equal.
std::vector<std::size_t> strong_components(const Edges& edges);

}  // namespace nj
