#include "neurojoule/core/network.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <boost/graph/adjacency_list.hpp>
#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/plain_text.hpp"
#include "neurojoule/core/yaml.hpp"

#include "layer_rules.hpp"
#include "recurrence.hpp"

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
  bool delays = false;

  explicit Graph(std::size_t size) : topology(size), operands(size) {}
  void add(Draft&& draft, std::span<const LayerSource> inputs);
  void add_edge(LayerId id, const Operand& operand);
  void list_consumers();
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
    if (const auto flaw = name_flaw(drafts[i].name)) {
      fail(ErrorKind::config, "", fmt::format("the name of layer {}: {}", i, flaw->what));
    }
    if (!index.emplace(drafts[i].name, i).second) {
      fail(ErrorKind::config, drafts[i].name, "two layers have this name");
    }
  }
  return index;
}

/// The drafts that each draft reads. Throws for unknown names and for delays.
DraftSources link(std::vector<Draft>& drafts) {
  const auto names = index_names(drafts);
  DraftSources sources(drafts.size());
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
      if (operand.delay > 1) {
        fail(ErrorKind::config, drafts[i].name,
             fmt::format("reads '{}' with a delay of {} time steps, expected 0..1", operand.layer,
                         operand.delay));
      }
      sources[i].push_back(source->second);
    }
  }
  return sources;
}

bool any_delay(const std::vector<Draft>& drafts) {
  return std::any_of(drafts.begin(), drafts.end(), [](const Draft& draft) {
    return std::any_of(draft.operands.begin(), draft.operands.end(),
                       [](const auto& operand) { return operand.delay != 0; });
  });
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

/// Adds the layer of a draft whose sources are `inputs`.
void Network::Graph::add(Draft&& draft, std::span<const LayerSource> inputs) {
  fill_channels(draft.op, inputs);
  const LayerOutput output = output_of(draft.name, draft.op, inputs);
  const FeatureShape& shape = output.shape;
  if (shape.positions() > max_neurons || shape.neurons() > max_neurons) {
    fail(ErrorKind::capacity, draft.name, fmt::format("has more than {} neurons", max_neurons));
  }
  by_name.emplace(draft.name, LayerId{static_cast<std::uint32_t>(layers.size())});
  layers.push_back({std::move(draft.name), draft.op});
  outputs.push_back(output);
}

/// Links each layer with what it reads.
void Network::Graph::add_edge(LayerId id, const Operand& operand) {
  boost::add_edge(operand.source.index, id.index, operand.port, topology);
  operands[id.index].push_back(operand);
  delays = delays || operand.delay != 0;
}

void Network::Graph::list_consumers() {
  consumers.resize(layers.size());
  for (std::uint32_t i = 0; i < layers.size(); ++i) {
    for (const auto edge : boost::make_iterator_range(boost::out_edges(i, topology))) {
      consumers[i].push_back({static_cast<std::uint32_t>(boost::target(edge, topology))});
    }
    std::sort(consumers[i].begin(), consumers[i].end());
  }
}

Network Network::build(std::vector<Draft> drafts) {
  if (drafts.empty()) fail(ErrorKind::config, "", "a network needs at least one layer");
  const DraftSources sources = link(drafts);
  const std::vector<std::size_t> order = topological_order(drafts, sources);
  std::vector<std::optional<LayerOutput>> outlines;
  if (any_delay(drafts)) outlines = outline_outputs(drafts, sources);

  auto graph = std::make_shared<Graph>(drafts.size());
  std::vector<LayerId> id_of(drafts.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) id_of[order[i]] = {i};
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    Draft& draft = drafts[order[i]];
    std::vector<LayerSource> inputs;
    for (std::size_t k = 0; k < draft.operands.size(); ++k) {
      const Draft::Source& operand = draft.operands[k];
      const std::size_t from = sources[order[i]][k];
      const LayerOutput& output =
          operand.delay != 0 ? *outlines[from] : graph->outputs[id_of[from].index];
      if (operand.delay != 0 && output.is_current) {
        fail(ErrorKind::shape, draft.name,
             fmt::format("reads '{}' with a delay, which gives a current; only spikes can wait",
                         operand.layer));
      }
      inputs.push_back({operand.layer, output});
      graph->add_edge({i}, {id_of[from], operand.port, operand.delay});
    }
    graph->add(std::move(draft), inputs);
  }
  graph->list_consumers();
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
bool Network::has_delays() const { return graph_ && graph_->delays; }
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
