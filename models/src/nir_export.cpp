#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/nir_model.hpp"

namespace nj {
namespace {

/// Single positions are vectors [n] in NIR where they come from vectors, else maps [C, 1, 1].
struct Source {
  std::vector<std::string> nodes;  ///< whose outputs add up to the layer's
  bool is_vector = false;
};

NirArray constant(const std::vector<std::uint64_t>& shape, double value) {
  std::uint64_t elements = 1;
  for (const std::uint64_t size : shape) elements *= size;
  return {shape, std::vector<double>(elements, value), NirElement::float64};
}

NirArray number(double value) { return {{}, {value}, NirElement::float64}; }

NirArray float_array(std::vector<std::uint64_t> shape, const std::vector<float>& values) {
  return {std::move(shape), {values.begin(), values.end()}, NirElement::float32};
}

/// Which layers give vectors: single positions that come from a vector, or are flattened. A layer
/// gives what any of its operands is, and on a cycle not all of them are known at once.
std::vector<bool> find_vectors(const Network& network) {
  std::vector<std::optional<bool>> is_vector(network.size());
  std::deque<LayerId> queue;
  for (std::uint32_t i = 0; i < network.size(); ++i) queue.push_back({i});
  while (!queue.empty()) {
    const LayerId id = queue.front();
    queue.pop_front();
    const Operator& op = network.layer(id).op;
    std::optional<bool>& result = is_vector[id.index];
    if (result) continue;
    if (std::holds_alternative<Input>(op)) {
      result = network.output_shape(id).positions() == 1;
    } else if (std::holds_alternative<Flatten>(op) || std::holds_alternative<ClassifierHead>(op)) {
      result = true;
    } else {
      for (const Operand& operand : network.operands(id)) {
        if (is_vector[operand.source.index]) result = is_vector[operand.source.index];
      }
    }
    if (!result) continue;
    const auto readers = network.consumers(id);
    queue.insert(queue.end(), readers.begin(), readers.end());
  }
  std::vector<bool> vectors;
  for (const auto& known : is_vector) vectors.push_back(known.value_or(false));
  return vectors;
}

class NirExporter {
 public:
  NirExporter(const Model& model, const NirExportOptions& options)
      : model_(model),
        network_(model.network),
        dt_(options.dt),
        sources_(network_.size()),
        vectors_(find_vectors(network_)) {
    validate(model);
    if (!(dt_ > 0.0) || !std::isfinite(dt_)) {
      throw Error(ErrorKind::config, fmt::format("dt: expected seconds above 0, got {}", dt_));
    }
  }

  NirGraph graph() {
    graph_.metadata["dt"] = number(dt_);
    graph_.metadata["timesteps"] = number(model_.timesteps);
    for (std::uint32_t i = 0; i < network_.size(); ++i) {
      const LayerId id{i};
      sources_[i] = std::visit([&](const auto& op) { return add(op, id); }, network_.layer(id).op);
    }
    for (const auto& [id, delay] : delays_) add_delay(id, delay);
    add_outputs();
    std::sort(graph_.nodes.begin(), graph_.nodes.end(),
              [](const NirNode& a, const NirNode& b) { return a.name < b.name; });
    validate(graph_);
    return std::move(graph_);
  }

 private:
  [[noreturn]] void refuse(LayerId id, const std::string& message) const {
    throw Error(ErrorKind::unsupported, message, {.key = network_.layer(id).name});
  }

  [[nodiscard]] std::string node_name(LayerId id) const {
    std::string name = network_.layer(id).name;
    std::replace(name.begin(), name.end(), '/', '.');
    return name;
  }

  [[nodiscard]] LayerId operand(LayerId id, std::size_t i = 0) const {
    return network_.operands(id)[i].source;
  }
  /// What an operand reads: a Delay where it is late, which stands for a layer that may come later.
  const Source& source(LayerId id, std::size_t i = 0) {
    const LayerId from = operand(id, i);
    if (network_.operands(id)[i].delay == 0) return sources_[from.index];
    const auto [delay, is_new] = delays_.try_emplace(from);
    if (is_new) delay->second = {{free_name(node_name(from) + ".delay")}, vectors_[from.index]};
    return delay->second;
  }

  /// A name that no layer and no node has.
  [[nodiscard]] std::string free_name(std::string name) const {
    while (network_.find(name) || graph_.find(name) != nullptr) name += "_";
    return name;
  }

  void add_delay(LayerId id, const Source& delay) {
    const Source& from = sources_[id.index];
    (void)add_node(delay.nodes[0], NirDelay{constant(shape(id, from.is_vector), dt_)}, from,
                   from.is_vector);
  }

  /// Whether all that reads a layer reads it late.
  [[nodiscard]] bool is_read_late_only(LayerId id) const {
    const auto readers = network_.consumers(id);
    return std::all_of(readers.begin(), readers.end(), [&](LayerId reader) {
      const auto operands = network_.operands(reader);
      return std::all_of(operands.begin(), operands.end(), [&](const Operand& operand) {
        return operand.source != id || operand.delay != 0;
      });
    });
  }

  /// An Output for each layer that nothing reads; where there is none, for those that are read late
  /// only: neurons that nothing but a cycle of their own reads.
  void add_outputs() {
    std::vector<LayerId> ends;
    std::vector<LayerId> late_ends;
    for (std::uint32_t i = 0; i < network_.size(); ++i) {
      if (network_.consumers({i}).empty()) ends.push_back({i});
      if (is_read_late_only({i})) late_ends.push_back({i});
    }
    for (const LayerId id : ends.empty() ? late_ends : ends) add_output(id);
  }

  void require_elements(LayerId id, std::uint64_t elements) const {
    if (elements <= max_nir_elements) return;
    throw Error(
        ErrorKind::capacity,
        fmt::format("a NIR array has up to {} elements, not {}", max_nir_elements, elements),
        {.key = network_.layer(id).name});
  }

  [[nodiscard]] std::vector<std::uint64_t> shape(LayerId id, bool is_vector) const {
    const FeatureShape& s = network_.output_shape(id);
    require_elements(id, s.neurons());
    if (is_vector) return {s.channels};
    return {s.channels, s.height, s.width};
  }

  Source add_node(const std::string& name, NirOperator op, const Source& from, bool is_vector) {
    graph_.nodes.push_back({name, std::move(op), {}});
    for (const std::string& node : from.nodes) graph_.edges.emplace_back(node, name);
    return {{name}, is_vector};
  }

  Source add(const Input& input, LayerId id) {
    const bool is_vector = input.shape.positions() == 1;
    Source source = add_node(node_name(id), NirInput{shape(id, is_vector)}, {}, is_vector);
    NirMetadata& metadata = graph_.nodes.back().metadata;
    metadata["min_value"] = number(input.min_value);
    metadata["max_value"] = number(input.max_value);
    metadata["scale"] = number(input.scale);
    return source;
  }

  Source add(const Conv2d& conv, LayerId id) {
    const LayerWeights& weights = *model_.weights[id.index];
    const Source& from = source(id);
    const std::uint64_t out = conv.out_channels;
    const std::uint64_t in = conv.in_channels / conv.groups;
    if (from.is_vector) return add_product(conv, id, weights, from);
    const FeatureShape& map = network_.output_shape(operand(id));
    NirConv2d node;
    node.input_shape = std::array<std::uint64_t, 2>{map.height, map.width};
    node.weight = float_array({out, in, conv.kernel.y, conv.kernel.x}, weights.weight);
    node.bias = float_array({out}, weights.bias);
    node.stride = {conv.stride.y, conv.stride.x};
    node.padding = std::array<std::uint64_t, 2>{conv.padding.y, conv.padding.x};
    node.dilation = {conv.dilation.y, conv.dilation.x};
    node.groups = conv.groups;
    return add_node(node_name(id), node, from, false);
  }

  /// A 1 x 1 convolution of a single position, its groups as blocks.
  Source add_product(const Conv2d& conv, LayerId id, const LayerWeights& weights,
                     const Source& from) {
    if (conv.kernel != Extent(1) || conv.padding != Extent(0)) {
      refuse(id, "a window larger than the single position that it reads");
    }
    require_elements(id, std::uint64_t{conv.out_channels} * conv.in_channels);
    const std::size_t in = conv.in_channels / conv.groups;
    const std::size_t out = conv.out_channels / conv.groups;
    NirAffine node{constant({conv.out_channels, conv.in_channels}, 0.0),
                   float_array({conv.out_channels}, weights.bias)};
    node.weight.element = NirElement::float32;
    for (std::size_t o = 0; o < conv.out_channels; ++o) {
      const auto row = node.weight.values.begin() +
                       static_cast<std::ptrdiff_t>(o * conv.in_channels + o / out * in);
      std::copy_n(weights.weight.begin() + static_cast<std::ptrdiff_t>(o * in), in, row);
    }
    return add_node(node_name(id), node, from, true);
  }

  Source add(const Lif& lif, LayerId id) {
    if (lif.refractory != 0) refuse(id, "NIR has no refractory time");
    const Source& from = source(id);
    const auto map = shape(id, from.is_vector);
    double threshold = lif.v_threshold;
    if (lif.firing == Firing::at_threshold) {
      const double at = static_cast<float>(lif.v_threshold);
      threshold = std::nextafter(at, -std::numeric_limits<double>::infinity());
    }
    const NirArray zero = constant(map, 0.0);
    const NirArray v_threshold = constant(map, threshold);
    const NirArray r = constant(map, lif.decay_input ? 1.0 : lif.tau);
    NirOperator op;
    if (std::isinf(lif.tau)) {
      if (lif.tau_synapse != 1.0) refuse(id, "NIR has no current-based neurons without leak");
      op = NirIf{constant(map, 1.0 / dt_), v_threshold, zero};
    } else if (lif.tau_synapse == 1.0) {
      op = NirLif{constant(map, lif.tau * dt_), r, zero, v_threshold, zero};
    } else {
      op = NirCubaLif{constant(map, lif.tau_synapse * dt_),
                      constant(map, lif.tau * dt_),
                      r,
                      zero,
                      v_threshold,
                      zero,
                      constant(map, lif.tau_synapse)};
    }
    Source result = add_node(node_name(id), std::move(op), from, from.is_vector);
    if (lif.reset == Reset::by_subtraction) {
      graph_.nodes.back().metadata["reset"] = NirTexts{{}, {"subtract"}};
    }
    return result;
  }

  Source add(const AveragePool2d& pool, LayerId id) {
    const Source& from = source(id);
    if (from.is_vector) refuse(id, "a window over the single position that it reads");
    return add_node(node_name(id),
                    NirAvgPool2d{{pool.kernel.y, pool.kernel.x},
                                 {pool.stride.y, pool.stride.x},
                                 {pool.padding.y, pool.padding.x}},
                    from, false);
  }

  /// NIR adds at the node that reads: no node of its own.
  Source add(const ResidualAdd&, LayerId id) {
    Source sum = source(id, 0);
    const Source& other = source(id, 1);
    if (sum.is_vector != other.is_vector) refuse(id, "adds a vector and a map");
    for (const std::string& node : other.nodes) {
      if (std::find(sum.nodes.begin(), sum.nodes.end(), node) != sum.nodes.end()) {
        refuse(id, fmt::format("'{}' would be added twice, but NIR has one edge", node));
      }
      sum.nodes.push_back(node);
    }
    return sum;
  }

  Source add(const Flatten&, LayerId id) {
    return flattened(node_name(id), operand(id), source(id));
  }

  Source flattened(const std::string& name, LayerId from_layer, const Source& from) {
    if (from.is_vector) return from;
    return add_node(name, NirFlatten{shape(from_layer, false), 0, -1}, from, true);
  }

  Source add(const ClassifierHead& head, LayerId id) {
    Source from = source(id);
    const LayerWeights& weights = *model_.weights[id.index];
    const FeatureShape& map = network_.output_shape(operand(id));
    if (from.is_vector && counts(head, weights)) return from;
    const std::string name = node_name(id);
    if (map.positions() != 1) {
      const std::array<std::uint64_t, 2> whole = {map.height, map.width};
      from = add_node(name + ".mean", NirAvgPool2d{whole, whole, {0, 0}}, from, false);
    }
    if (!from.is_vector) {
      from =
          add_node(name + ".flatten",
                   NirFlatten{std::vector<std::uint64_t>{map.channels, 1, 1}, 0, -1}, from, true);
    }
    return add_node(name,
                    NirAffine{float_array({head.classes, head.in_channels}, weights.weight),
                              float_array({head.classes}, weights.bias)},
                    from, true);
  }

  /// True for a head that only counts its inputs.
  static bool counts(const ClassifierHead& head, const LayerWeights& weights) {
    if (head.classes != head.in_channels) return false;
    for (std::size_t i = 0; i < weights.weight.size(); ++i) {
      if (weights.weight[i] != (i % (head.classes + std::size_t{1}) == 0 ? 1.0F : 0.0F))
        return false;
    }
    return std::all_of(weights.bias.begin(), weights.bias.end(), [](float b) { return b == 0.0F; });
  }

  template <class Op>
  Source add(const Op&, LayerId id) {
    refuse_kind(id);
  }
  [[noreturn]] void refuse_kind(LayerId id) const {
    refuse(id, fmt::format("NIR has no node for '{}'", kind_name(network_.layer(id).op)));
  }

  void add_output(LayerId id) {
    const bool head = std::holds_alternative<ClassifierHead>(network_.layer(id).op);
    std::string name =
        head && sources_[id.index].nodes[0] != node_name(id) ? node_name(id) : "output";
    if (name != node_name(id)) name = free_name(name);
    while (graph_.find(name) != nullptr) name += "_";
    (void)add_node(name, NirOutput{shape(id, sources_[id.index].is_vector)}, sources_[id.index],
                   false);
  }

  const Model& model_;
  const Network& network_;
  double dt_;
  std::vector<Source> sources_;
  std::vector<bool> vectors_;
  std::map<LayerId, Source> delays_;  ///< of the layers that are read late
  NirGraph graph_;
};

}  // namespace

NirGraph export_nir(const Model& model, const NirExportOptions& options) {
  return NirExporter(model, options).graph();
}

}  // namespace nj
