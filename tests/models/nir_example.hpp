#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <neurojoule/models/nir_file.hpp>

namespace nj::nir_example {

inline NirArray array_of(std::vector<std::uint64_t> shape, std::vector<double> values,
                         NirElement element = NirElement::float64) {
  return {std::move(shape), std::move(values), element};
}

inline NirArray ones(std::uint64_t size) {
  return array_of({size}, std::vector<double>(size, 1.0));
}

inline NirCubaLif cuba_lif(std::uint64_t size) {
  const NirArray one = ones(size);
  return {one, one, one, one, one, one, array_of({}, {0.5})};
}

/// Every node type, a cycle, a subgraph, and metadata of every kind.
inline NirGraph every_node_type() {
  const NirArray pair = array_of({2}, {0.25, -3.0}, NirElement::float32);
  NirConv1d conv1d;
  conv1d.input_shape = 7;
  conv1d.weight = array_of({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  conv1d.bias = ones(2);
  conv1d.padding = std::array<std::uint64_t, 1>{1};
  NirConv2d conv2d;
  conv2d.weight = array_of({2, 1, 1, 2}, {1, 2, 3, 4}, NirElement::int64);
  conv2d.bias = ones(2);
  conv2d.stride = {1, 2};
  conv2d.padding = NirPaddingMode::valid;
  conv2d.dilation = {2, 1};
  conv2d.groups = 2;
  conv2d.input_shape = std::array<std::uint64_t, 2>{5, 6};
  NirConv2d same = conv2d;
  same.padding = NirPaddingMode::same;
  NirConv2d padded = conv2d;
  padded.padding = std::array<std::uint64_t, 2>{1, 0};

  NirGraph inner;
  inner.nodes = {{"in", NirInput{{2}}, {}}, {"lif", cuba_lif(2), {}}, {"out", NirOutput{{2}}, {}}};
  inner.edges = {{"in", "lif"}, {"lif", "out"}};
  inner.metadata["place"] = NirTexts{{}, {"inside"}};

  NirGraph graph;
  graph.nodes = {
      {"affine", NirAffine{array_of({2, 3}, {1, 2, 3, 4, 5, 6}), pair}, {}},
      {"avg", NirAvgPool2d{{2, 3}, {1, 2}, {0, 1}}, {}},
      {"conv1d", conv1d, {}},
      {"conv2d", conv2d, {}},
      {"conv2d.padded", padded, {}},
      {"conv2d.same", same, {}},
      {"cubali", NirCubaLi{pair, pair, pair, pair, ones(1)}, {}},
      {"cubalif", cuba_lif(2), {}},
      {"delay", NirDelay{pair}, {}},
      {"flatten", NirFlatten{std::vector<std::uint64_t>{2, 3, 4}, 1, -1}, {}},
      {"i", NirI{array_of({}, {2.0})}, {}},
      {"if", NirIf{pair, pair, pair}, {}},
      {"in", NirInput{{2, 34, 34}}, {}},
      {"li", NirLi{pair, pair, pair}, {}},
      {"lif", NirLif{pair, pair, pair, pair, pair}, {}},
      {"linear", NirLinear{array_of({1, 2, 2}, {1, 2, 3, 4})}, {}},
      {"out", NirOutput{{10}}, {}},
      {"scale", NirScale{array_of({2, 1}, {1, 2}, NirElement::int64)}, {}},
      {"subgraph", inner, {}},
      {"sum", NirSumPool2d{{2, 2}, {2, 2}, {0, 0}}, {}},
      {"threshold", NirThreshold{ones(2000)}, {}},
  };
  graph.edges = {{"linear", "lif"}, {"lif", "linear"}, {"in", "linear"}, {"lif", "lif"}};
  graph.metadata["epochs"] = array_of({}, {100}, NirElement::int64);
  graph.metadata["a/b/c"] = array_of({2}, {1, 0}, NirElement::boolean);
  graph.nodes[0].metadata["labels"] = NirTexts{{3}, {"x", "", "\u00b5s"}};
  return graph;
}

}  // namespace nj::nir_example
