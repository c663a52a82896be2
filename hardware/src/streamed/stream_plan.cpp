#include "streamed/stream_plan.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "footprint.hpp"

namespace nj {
namespace {

/// Jobs of one sample beyond which it is refused.
constexpr std::uint64_t max_jobs = 1U << 20U;

[[noreturn]] void refuse_layer(const std::string& layer, const std::string& message) {
  Location where;
  where.key = layer;
  throw Error(ErrorKind::capacity, message, where);
}

/// Bits of a population's train in one turn.
std::uint64_t train_bits(const StreamPlan& plan, std::uint32_t population) {
  const LayerId output = plan.populations[population].output();
  return saturating_product({plan.network.output_shape(output).neurons(),
                             plan.widths[output.index].output_bits, plan.steps_per_turn});
}

/// Inputs that several tiles read are loaded at once where they fit.
bool keeps_input(const StreamPlan& plan, const LayerPlan& layer) {
  const TileNeeds& needs = layer.needs;
  const bool read_again = layer.tiling.tiles() > 1 && !needs.is_add() && !needs.is_attention();
  if (!read_again) return false;
  const OperandNeeds& from = needs.operands[0];
  const std::uint64_t bits =
      saturating_product({2, from.shape.neurons(), from.bits, plan.steps_per_turn});
  return bits <= plan.array.capacity(ArrayBuffer::input_buffer);
}

/// Gives trains room in the spike buffer, in the order of turns, first come first served.
void place_trains(StreamPlan& plan) {
  std::vector<std::uint32_t> last_reader(plan.layers.size(), 0);
  std::vector<bool> read(plan.layers.size(), false);
  for (const auto& layer : plan.layers) {
    if (!layer) continue;
    for (const std::uint32_t producer : layer->producers) {
      last_reader[producer] = layer->population;
      read[producer] = true;
    }
  }
  const std::uint64_t capacity = plan.array.capacity(ArrayBuffer::spike_buffer);
  for (std::uint32_t p = 0; p < plan.layers.size(); ++p) {
    if (!plan.layers[p] || !read[p]) continue;
    std::uint64_t used = 0;
    for (std::uint32_t other = 0; other < p; ++other) {
      if (plan.place_of(other) == TrainPlace::spike_buffer && last_reader[other] >= p) {
        used += train_bits(plan, other);
      }
    }
    if (saturating_sum(used, train_bits(plan, p)) <= capacity) {
      plan.layers[p]->output = TrainPlace::spike_buffer;
    }
  }
}

void check_off_chip(const StreamPlan& plan) {
  std::uint64_t bits = 0;
  for (std::uint32_t p = 0; p < plan.layers.size(); ++p) {
    if (plan.place_of(p) == TrainPlace::off_chip) {
      const std::uint64_t turns = plan.layers[p] ? 1 : plan.timesteps / plan.steps_per_turn;
      bits = saturating_sum(bits, saturating_product({turns, train_bits(plan, p)}));
    }
    if (!plan.layers[p]) continue;
    const TileNeeds& needs = plan.layers[p]->needs;
    bits = saturating_sum(bits, weight_bits(needs, needs.shape.channels));
    if (plan.layers[p]->tiling.membranes_spill) {
      bits = saturating_sum(bits, saturating_product({needs.shape.neurons(), needs.membrane_bits}));
    }
  }
  const std::uint64_t available = plan.chip.spec().off_chip.capacity.value();
  if (bits <= available) return;
  refuse_layer("",
               fmt::format("weights, spilled membranes and trains of {} time steps have {} bit, "
                           "off-chip memory has {} bit",
                           plan.timesteps, bits, available));
}

}  // namespace

StreamPlan make_stream_plan(const Network& network, std::span<const Population> populations,
                            std::span<const LayerWidths> widths, const Chip& chip,
                            const Mapping& mapping, std::uint32_t timesteps) {
  const auto violations = check_mapping(network, populations, widths, chip, mapping);
  if (!violations.empty()) refuse_layer(violations.front().layer, violations.front().message);
  const ArraySpec& array = *chip.spec().array;
  StreamPlan plan{network, populations, widths, chip, array, timesteps, timesteps};
  if (array.weights == WeightLoads::per_step) plan.steps_per_turn = 1;
  plan.layers.resize(populations.size());
  const PopulationGraph graph = population_graph(network, populations);
  std::uint64_t jobs = 0;
  for (const LayerTiling& tiling : mapping.tilings) {
    const std::uint32_t p = tiling.population;
    plan.layers[p] = LayerPlan{p, tile_needs(network, populations[p], widths), tiling, {}};
    for (const PopulationEdge& edge : graph.edges) {
      if (edge.consumer == p) plan.layers[p]->producers.push_back(edge.producer);
    }
    plan.layers[p]->input_kept = keeps_input(plan, *plan.layers[p]);
    jobs = saturating_sum(jobs, saturating_product({tiling.tiles(), timesteps}));
  }
  if (jobs > max_jobs) {
    refuse_layer(
        "", fmt::format("the sample would take {} tiles, expected at most {}", jobs, max_jobs));
  }
  place_trains(plan);
  check_off_chip(plan);
  return plan;
}

}  // namespace nj
