#include "neurojoule/hardware/population_graph.hpp"

#include <algorithm>
#include <optional>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

[[noreturn]] void refuse_operator(const Network& network, LayerId layer,
                                  const std::string& message) {
  Location where;
  where.key = network.layer(layer).name;
  throw Error(ErrorKind::unsupported, message, where);
}

/// Throws at the first operand with a delay.
void require_no_delays(const Network& network) {
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    for (const Operand& operand : network.operands({i})) {
      if (operand.delay == 0) continue;
      refuse_operator(network, {i},
                      fmt::format("reads \"{}\" with a delay; no core keeps spikes for a time step",
                                  network.layer(operand.source).name));
    }
  }
}

/// Throws for what no core can run.
void require_supported(const Network& network, const Population& population) {
  const Operator& op = network.layer(population.lead).op;
  const bool drives =
      std::holds_alternative<Conv2d>(op) || std::holds_alternative<SpikingSelfAttention>(op);
  const bool known = drives || std::holds_alternative<Input>(op) ||
                     std::holds_alternative<ResidualAdd>(op) ||
                     std::holds_alternative<ClassifierHead>(op);
  if (!known || network.is_stream(population.lead)) {
    refuse_operator(network, population.lead,
                    fmt::format("no core runs a layer of kind {}{}", kind_name(op),
                                network.is_stream(population.lead) ? " on membrane streams" : ""));
  }
  if (drives && !population.lif) {
    refuse_operator(network, population.lead,
                    "drives no lif layer of its own, so no core can send its output");
  }
  if (std::holds_alternative<ClassifierHead>(op) && population.lif) {
    refuse_operator(network, *population.lif, "neurons driven by a head have no core");
  }
  const auto* conv = std::get_if<Conv2d>(&op);
  if (conv && (conv->groups != 1 || conv->dilation != Extent(1))) {
    refuse_operator(network, population.lead, "no core runs a convolution with groups or dilation");
  }
  if (population.lif) {
    const auto& lif = std::get<Lif>(network.layer(*population.lif).op);
    if (lif.tau_synapse != 1.0 || lif.refractory != 0) {
      refuse_operator(network, *population.lif,
                      "no core keeps a synaptic current or a refractory count");
    }
  }
}

/// The population that sends the spikes of each layer, where one does.
std::vector<std::optional<std::uint32_t>> senders(const Network& network,
                                                  std::span<const Population> populations) {
  std::vector<std::optional<std::uint32_t>> sender(network.size());
  for (std::uint32_t p = 0; p < populations.size(); ++p) {
    require_supported(network, populations[p]);
    sender[populations[p].output().index] = p;
  }
  return sender;
}

}  // namespace

std::uint32_t PopulationGraph::levels() const {
  return depth.empty() ? 0 : 1 + *std::max_element(depth.begin(), depth.end());
}

bool PopulationGraph::sends(std::uint32_t population) const {
  return std::any_of(edges.begin(), edges.end(),
                     [&](const PopulationEdge& edge) { return edge.producer == population; });
}

bool PopulationGraph::only_read(std::uint32_t input) const {
  return !sends(input) &&
         std::any_of(frames.begin(), frames.end(),
                     [&](const PopulationEdge& edge) { return edge.producer == input; });
}

PopulationGraph population_graph(const Network& network, std::span<const Population> populations,
                                 bool frames) {
  require_no_delays(network);
  const auto sender = senders(network, populations);
  PopulationGraph graph;
  graph.depth.assign(populations.size(), 0);
  graph.slots.assign(populations.size(), 1);
  for (std::uint32_t p = 0; p < populations.size(); ++p) {
    for (const Operand& operand : network.operands(populations[p].lead)) {
      const auto producer = sender[operand.source.index];
      if (!producer) {
        refuse_operator(
            network, operand.source,
            fmt::format("layer \"{}\" reads it inside its population, before its pooling",
                        network.layer(populations[p].lead).name));
      }
      const bool graded = !network.is_binary(operand.source);
      const bool frame = frames && has_weights(network.layer(populations[p].lead).op) &&
                         std::holds_alternative<Input>(network.layer(operand.source).op);
      (frame ? graph.frames : graph.edges).push_back({*producer, p, operand.port, graded});
      if (frame) continue;
      graph.depth[p] = std::max(graph.depth[p], graph.depth[*producer] + 1);
    }
  }
  for (const PopulationEdge& edge : graph.edges) {
    const std::uint32_t wait = graph.depth[edge.consumer] - graph.depth[edge.producer];
    graph.slots[edge.consumer] = std::max(graph.slots[edge.consumer], 1 + wait);
  }
  return graph;
}

}  // namespace nj
