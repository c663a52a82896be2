#include "neurojoule/core/network.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <queue>

#include <boost/graph/adjacency_list.hpp>
#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml.hpp"

namespace nj {

struct Network::Graph {
  /// Vertex = LayerId::index; edges point from source to consumer.
  using Topology = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS,
                                         boost::no_property, Port>;
  Topology topology;
  std::vector<LayerSpec> layers;
  std::vector<std::vector<Operand>> operands;   ///< in port order
  std::vector<std::vector<LayerId>> consumers;  ///< ascending
  std::vector<FeatureShape> shapes;
  std::vector<std::optional<std::uint32_t>> max_outputs;
  std::map<std::string, LayerId, std::less<>> by_name;
};

namespace {

constexpr std::uint64_t max_neurons = std::uint64_t{1} << 31;  ///< per layer and time step

using Draft = Network::Draft;

[[noreturn]] void fail(ErrorKind kind, const std::string& layer, const std::string& message) {
  throw Error(kind, message, {.key = layer});
}

std::vector<Port> ports_of(const Operator& op) {
  if (std::holds_alternative<Input>(op)) return {};
  if (std::holds_alternative<ResidualAdd>(op)) return {Port::input, Port::residual};
  if (std::holds_alternative<SpikingSelfAttention>(op)) {
    return {Port::query, Port::key, Port::value};
  }
  return {Port::input};
}

/// Puts a draft's operands into port order. Throws when ports are missing, double or foreign.
void sort_operands(Draft& draft) {
  const std::vector<Port> ports = ports_of(draft.op);
  if (draft.operands.size() != ports.size()) {
    fail(ErrorKind::shape, draft.name,
         fmt::format("{} takes {} operands, got {}", kind_name(draft.op), ports.size(),
                     draft.operands.size()));
  }
  std::sort(draft.operands.begin(), draft.operands.end(),
            [](const auto& a, const auto& b) { return a.port < b.port; });
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (draft.operands[i].port != ports[i]) {
      fail(ErrorKind::shape, draft.name,
           fmt::format("{} lacks its operand '{}'", kind_name(draft.op), to_string(ports[i])));
    }
  }
}

std::map<std::string, std::size_t, std::less<>> index_names(const std::vector<Draft>& drafts) {
  std::map<std::string, std::size_t, std::less<>> index;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (drafts[i].name.empty()) fail(ErrorKind::config, "", "a layer has no name");
    if (!index.emplace(drafts[i].name, i).second) {
      fail(ErrorKind::config, drafts[i].name, "two layers have this name");
    }
  }
  return index;
}

/// Kahn's algorithm, lowest draft first among the ready. Throws when a cycle remains.
std::vector<std::size_t> topological_order(const std::vector<std::vector<std::size_t>>& sources,
                                           const std::vector<Draft>& drafts) {
  std::vector<std::vector<std::size_t>> consumers(drafts.size());
  std::vector<std::size_t> waiting(drafts.size());
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    waiting[i] = sources[i].size();
    for (const std::size_t source : sources[i]) consumers[source].push_back(i);
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const std::size_t consumer : consumers[next]) {
      if (--waiting[consumer] == 0) ready.push(consumer);
    }
  }
  if (order.size() == drafts.size()) return order;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (waiting[i] != 0) {
      fail(ErrorKind::config, drafts[i].name, "waits for its own output (cyclic graph)");
    }
  }
  return order;
}

/// Output shape and largest value of one layer from those of its operands.
class ShapeRule {
 public:
  struct Source {
    std::string name;
    FeatureShape shape;
    std::optional<std::uint32_t> max_output;
  };
  struct Result {
    FeatureShape shape;
    std::optional<std::uint32_t> max_output;
  };
  ShapeRule(const std::string& name, const std::vector<Source>& sources)
      : name_(name), sources_(sources) {}

  Result operator()(const Input& input) const {
    const FeatureShape& s = input.shape;
    if (s.channels == 0 || s.height == 0 || s.width == 0) refuse("has an empty shape");
    if (input.max_value == 0) refuse("its largest value must be at least 1");
    return {s, input.max_value};
  }
  Result operator()(const Conv2d& conv) const {
    require_spikes(0);
    const FeatureShape& s = sources_[0].shape;
    if (conv.kernel == 0 || conv.stride == 0 || conv.out_channels == 0) {
      refuse("kernel, stride and channels must be at least 1");
    }
    if (conv.padding >= conv.kernel) refuse("padding must be smaller than the kernel");
    require_channels(conv.in_channels);
    return {{conv.out_channels, window(s.height, conv.kernel, conv.stride, conv.padding),
             window(s.width, conv.kernel, conv.stride, conv.padding)},
            std::nullopt};
  }
  Result operator()(const Lif& lif) const {
    if (sources_[0].max_output) {
      refuse(fmt::format("needs a current, '{}' sends spikes", sources_[0].name));
    }
    if (!(lif.tau >= 1.0) || !(lif.v_threshold > 0.0)) {
      refuse("needs tau >= 1 and a threshold above 0");
    }
    return {sources_[0].shape, 1};
  }
  Result operator()(const MaxPool2d& pool) const {
    require_binary(0);
    if (pool.kernel == 0 || pool.stride == 0 || pool.padding >= pool.kernel) {
      refuse("needs kernel and stride of at least 1 and padding below the kernel");
    }
    const FeatureShape& s = sources_[0].shape;
    return {{s.channels, window(s.height, pool.kernel, pool.stride, pool.padding),
             window(s.width, pool.kernel, pool.stride, pool.padding)},
            1};
  }
  Result operator()(const ResidualAdd&) const {
    require_spikes(0);
    require_spikes(1);
    require_equal(0, 1);
    const std::uint32_t sum = *sources_[0].max_output + *sources_[1].max_output;
    if (sum > 255) refuse(fmt::format("its sum can reach {}, above 255", sum));
    return {sources_[0].shape, sum};
  }
  Result operator()(const SpikingSelfAttention& attention) const {
    for (std::size_t i = 0; i < 3; ++i) require_binary(i);
    require_equal(0, 1);
    require_equal(0, 2);
    const std::uint32_t channels = sources_[0].shape.channels;
    if (attention.heads == 0 || channels % attention.heads != 0) {
      refuse(fmt::format("{} channels do not divide into {} heads", channels, attention.heads));
    }
    if (!(attention.scale > 0.0)) refuse("its scale must be above 0");
    return {sources_[0].shape, std::nullopt};
  }
  Result operator()(const ClassifierHead& head) const {
    require_spikes(0);
    require_channels(head.in_channels);
    if (head.classes == 0) refuse("needs at least one class");
    return {{head.classes, 1, 1}, std::nullopt};
  }

 private:
  [[noreturn]] void refuse(const std::string& message) const {
    fail(ErrorKind::shape, name_, message);
  }
  [[nodiscard]] std::uint32_t window(std::uint32_t size, std::uint32_t kernel, std::uint32_t stride,
                                     std::uint32_t padding) const {
    const std::uint64_t padded = std::uint64_t{size} + 2 * std::uint64_t{padding};
    if (padded < kernel) {
      refuse(fmt::format("a window of {} does not fit {} with padding {}", kernel, size, padding));
    }
    return static_cast<std::uint32_t>((padded - kernel) / stride + 1);
  }
  void require_channels(std::uint32_t expected) const {
    if (sources_[0].shape.channels != expected) {
      refuse(fmt::format("expects {} channels, '{}' sends {}", expected, sources_[0].name,
                         to_string(sources_[0].shape)));
    }
  }
  void require_spikes(std::size_t i) const {
    if (!sources_[i].max_output) {
      refuse(fmt::format("needs spikes, '{}' gives a current", sources_[i].name));
    }
  }
  void require_binary(std::size_t i) const {
    if (sources_[i].max_output != 1U) {
      refuse(fmt::format("needs binary spikes, which '{}' does not send", sources_[i].name));
    }
  }
  void require_equal(std::size_t a, std::size_t b) const {
    if (sources_[a].shape != sources_[b].shape) {
      refuse(fmt::format("operands differ in shape: '{}' {} and '{}' {}", sources_[a].name,
                         to_string(sources_[a].shape), sources_[b].name,
                         to_string(sources_[b].shape)));
    }
  }

  const std::string& name_;
  const std::vector<Source>& sources_;
};

}  // namespace

std::string_view to_string(Port port) {
  static constexpr std::array names = {std::string_view{"input"}, std::string_view{"query"},
                                       std::string_view{"key"}, std::string_view{"value"},
                                       std::string_view{"residual"}};
  return names.at(static_cast<std::size_t>(port));
}

Network Network::build(std::vector<Draft> drafts) {
  if (drafts.empty()) fail(ErrorKind::config, "", "a network needs at least one layer");
  const auto names = index_names(drafts);
  std::vector<std::vector<std::size_t>> sources(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    sort_operands(drafts[i]);
    for (const Draft::Source& operand : drafts[i].operands) {
      const auto source = names.find(operand.layer);
      if (source == names.end()) {
        std::vector<std::string> known;
        for (const auto& [name, index] : names) known.push_back(name);
        const auto nearest = did_you_mean(operand.layer, known);
        fail(ErrorKind::config, drafts[i].name,
             fmt::format("operand '{}' is no layer{}", operand.layer,
                         nearest ? fmt::format(", did you mean '{}'?", *nearest) : ""));
      }
      sources[i].push_back(source->second);
    }
  }

  auto graph = std::make_shared<Graph>();
  std::vector<LayerId> id_of(drafts.size());
  for (const std::size_t draft_index : topological_order(sources, drafts)) {
    Draft& draft = drafts[draft_index];
    const LayerId id{static_cast<std::uint32_t>(boost::add_vertex(graph->topology))};
    id_of[draft_index] = id;
    std::vector<ShapeRule::Source> inputs;
    std::vector<Operand> operands;
    for (std::size_t k = 0; k < draft.operands.size(); ++k) {
      const LayerId source = id_of[sources[draft_index][k]];
      boost::add_edge(source.index, id.index, draft.operands[k].port, graph->topology);
      operands.push_back({source, draft.operands[k].port});
      inputs.push_back({graph->layers[source.index].name, graph->shapes[source.index],
                        graph->max_outputs[source.index]});
    }
    const auto [shape, max_output] = std::visit(ShapeRule(draft.name, inputs), draft.op);
    if (shape.positions() > max_neurons || shape.neurons() > max_neurons) {
      fail(ErrorKind::capacity, draft.name, fmt::format("has more than {} neurons", max_neurons));
    }
    graph->by_name.emplace(draft.name, id);
    graph->layers.push_back({std::move(draft.name), draft.op});
    graph->operands.push_back(std::move(operands));
    graph->shapes.push_back(shape);
    graph->max_outputs.push_back(max_output);
  }
  graph->consumers.resize(graph->layers.size());
  for (std::uint32_t i = 0; i < graph->layers.size(); ++i) {
    for (const auto edge : boost::make_iterator_range(boost::out_edges(i, graph->topology))) {
      graph->consumers[i].push_back(
          {static_cast<std::uint32_t>(boost::target(edge, graph->topology))});
    }
    std::sort(graph->consumers[i].begin(), graph->consumers[i].end());
  }
  Network network;
  network.graph_ = std::move(graph);
  return network;
}

std::span<const LayerSpec> Network::layers() const {
  if (!graph_) return {};
  return graph_->layers;
}
const LayerSpec& Network::layer(LayerId id) const { return graph_->layers.at(id.index); }
std::span<const Operand> Network::operands(LayerId id) const {
  return graph_->operands.at(id.index);
}
std::span<const LayerId> Network::consumers(LayerId id) const {
  return graph_->consumers.at(id.index);
}
const FeatureShape& Network::output_shape(LayerId id) const { return graph_->shapes.at(id.index); }
std::optional<std::uint32_t> Network::max_output(LayerId id) const {
  return graph_->max_outputs.at(id.index);
}

std::optional<LayerId> Network::find(std::string_view name) const {
  if (!graph_) return std::nullopt;
  const auto entry = graph_->by_name.find(name);
  if (entry == graph_->by_name.end()) return std::nullopt;
  return entry->second;
}

std::vector<LayerId> Network::weighted_layers() const {
  std::vector<LayerId> ids;
  for (std::uint32_t i = 0; i < layers().size(); ++i) {
    if (has_weights(layers()[i].op)) ids.push_back({i});
  }
  return ids;
}

}  // namespace nj
