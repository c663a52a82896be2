#include "neurojoule/core/network.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <queue>

#include <boost/graph/adjacency_list.hpp>
#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml.hpp"

#include "layer_rules.hpp"

namespace nj {

struct Network::Graph {
  /// Vertex = LayerId::index; edges point from source to consumer.
  using Topology = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS,
                                         boost::no_property, Port>;
  Topology topology;
  std::vector<LayerSpec> layers;
  std::vector<std::vector<Operand>> operands;   ///< in port order
  std::vector<std::vector<LayerId>> consumers;  ///< ascending
  std::vector<LayerOutput> outputs;
  std::vector<bool> streams;
  std::map<std::string, LayerId, std::less<>> by_name;

  void mark_streams();
};

namespace {

constexpr std::uint64_t max_neurons = std::uint64_t{1} << 31;  ///< per layer and time step

using Draft = Network::Draft;

[[noreturn]] void fail(ErrorKind kind, const std::string& layer, const std::string& message) {
  throw Error(kind, message, {.key = layer});
}

/// Puts a draft's operands into port order. Throws when ports are missing, double or foreign.
void sort_operands(Draft& draft) {
  const std::vector<Port> ports = operand_ports(draft.op);
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

}  // namespace

std::string_view to_string(Port port) {
  static constexpr std::array<std::string_view, 6> names = {"input", "query",    "key",
                                                            "value", "residual", "gate"};
  return names.at(static_cast<std::size_t>(port));
}

/// A current is a stream from the layer that makes it on: marks what reaches a summing layer, from
/// the last layer to the first, then what comes out of one.
void Network::Graph::mark_streams() {
  streams.assign(layers.size(), false);
  const auto sums = [&](std::size_t i) {
    return std::holds_alternative<ResidualAdd>(layers[i].op) ||
           std::holds_alternative<AveragePool2d>(layers[i].op);
  };
  for (std::size_t i = layers.size(); i-- > 0;) {
    if (!outputs[i].is_current || std::holds_alternative<ClassifierHead>(layers[i].op)) continue;
    streams[i] = sums(i);
    for (const LayerId consumer : consumers[i]) {
      const Operator& op = layers[consumer.index].op;
      const bool passes = std::holds_alternative<MaxPool2d>(op) && streams[consumer.index];
      if (passes || sums(consumer.index) || std::holds_alternative<ClassifierHead>(op)) {
        streams[i] = true;
      }
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (std::holds_alternative<MaxPool2d>(layers[i].op) && outputs[i].is_current) {
      streams[i] = streams[operands[i][0].source.index];
    }
  }
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
    std::vector<LayerSource> inputs;
    std::vector<Operand> operands;
    for (std::size_t k = 0; k < draft.operands.size(); ++k) {
      const LayerId source = id_of[sources[draft_index][k]];
      boost::add_edge(source.index, id.index, draft.operands[k].port, graph->topology);
      operands.push_back({source, draft.operands[k].port});
      inputs.push_back({graph->layers[source.index].name, graph->outputs[source.index]});
    }
    fill_channels(draft.op, inputs);
    const LayerOutput output = output_of(draft.name, draft.op, inputs);
    const FeatureShape& shape = output.shape;
    if (shape.positions() > max_neurons || shape.neurons() > max_neurons) {
      fail(ErrorKind::capacity, draft.name, fmt::format("has more than {} neurons", max_neurons));
    }
    graph->by_name.emplace(draft.name, id);
    graph->layers.push_back({std::move(draft.name), draft.op});
    graph->operands.push_back(std::move(operands));
    graph->outputs.push_back(output);
  }
  graph->consumers.resize(graph->layers.size());
  for (std::uint32_t i = 0; i < graph->layers.size(); ++i) {
    for (const auto edge : boost::make_iterator_range(boost::out_edges(i, graph->topology))) {
      graph->consumers[i].push_back(
          {static_cast<std::uint32_t>(boost::target(edge, graph->topology))});
    }
    std::sort(graph->consumers[i].begin(), graph->consumers[i].end());
  }
  graph->mark_streams();
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
const FeatureShape& Network::output_shape(LayerId id) const {
  return graph_->outputs.at(id.index).shape;
}
std::optional<std::uint32_t> Network::max_output(LayerId id) const {
  const LayerOutput& output = graph_->outputs.at(id.index);
  if (output.is_current) return std::nullopt;
  return output.magnitude();
}
bool Network::is_binary(LayerId id) const { return graph_->outputs.at(id.index).is_binary(); }
double Network::value_scale(LayerId id) const { return graph_->outputs.at(id.index).scale; }
bool Network::is_stream(LayerId id) const { return graph_->streams.at(id.index); }

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
