#include "trains.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

[[noreturn]] void refuse_trains(const Network& network, LayerId layer, const std::string& message) {
  Location where;
  where.key = network.layer(layer).name;
  throw Error(ErrorKind::shape, message, where);
}

}  // namespace

std::uint32_t check_trains(const Network& network, std::span<const Population> populations,
                           const SpikeTrace& trace) {
  if (trace.size() != network.size()) {
    throw Error(ErrorKind::shape, fmt::format("expected spike trains of {} layers, got {}",
                                              network.size(), trace.size()));
  }
  std::optional<std::uint32_t> steps;
  for (const Population& population : populations) {
    const Operator& op = network.layer(population.lead).op;
    if (std::holds_alternative<ClassifierHead>(op)) continue;
    std::vector<LayerId> needed{population.lif.value_or(population.lead)};
    if (std::holds_alternative<SpikingSelfAttention>(op)) {
      for (const Operand& operand : network.operands(population.lead)) {
        needed.push_back(operand.source);
      }
    }
    const bool binary = population.lif || std::holds_alternative<SpikingSelfAttention>(op);
    for (const LayerId layer : needed) {
      const auto& train = trace[layer.index];
      if (!train) refuse_trains(network, layer, "its spike train is missing");
      if (shape_of(*train) != network.output_shape(layer)) {
        refuse_trains(
            network, layer,
            fmt::format("expected a spike train of shape {}, got {}",
                        to_string(network.output_shape(layer)), to_string(shape_of(*train))));
      }
      if (steps && *steps != timesteps_of(*train)) {
        refuse_trains(network, layer,
                      fmt::format("expected {} time steps, got {}", *steps, timesteps_of(*train)));
      }
      if (binary && layer != population.lead && !std::holds_alternative<SpikeTensor>(*train)) {
        refuse_trains(network, layer, "expected binary spikes, got graded ones");
      }
      steps = timesteps_of(*train);
    }
  }
  if (!steps || *steps == 0) throw Error(ErrorKind::shape, "the spike trains have no time step");
  return *steps;
}

}  // namespace nj
