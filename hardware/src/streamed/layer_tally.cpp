#include "streamed/layer_tally.hpp"

#include <algorithm>
#include <string>

namespace nj {
namespace {

/// Adds counts of one population.
class LayerCounts {
 public:
  LayerCounts(const StreamPlan& plan, std::uint32_t population, ActionCounts& counts)
      : plan_(plan), population_(plan.populations[population]), counts_(counts) {}

  void add(const LayerPlan& layer, const LayerTally& tally) {
    const LayerId neurons = population_.lif.value_or(population_.lead);
    memories(tally.lead, population_.lead);
    memories(tally.neurons, neurons);
    memories(tally.output, population_.output());
    elements(layer.needs, tally);
    const std::uint32_t bits =
        population_.lif ? layer.needs.membrane_bits : layer.needs.lead.accumulator_bits;
    const std::uint64_t updates = tally.active + tally.inactive;
    if (population_.lif) {
      unit("neuron_unit", Action::accumulate, bits, neurons, 3 * updates);
      unit("neuron_unit", Action::shift, bits, neurons, updates);
      unit("neuron_unit", Action::compare, bits, neurons, updates);
    } else if (layer.needs.is_head()) {
      unit("neuron_unit", Action::accumulate, bits, neurons, updates);
    }
    unit("neuron_unit", Action::neuron_update_active, bits, neurons, tally.active);
    unit("neuron_unit", Action::neuron_update_inactive, bits, neurons, tally.inactive);
    if (population_.pool) unit("neuron_unit", Action::or_bit, 1, *population_.pool, tally.pooled);
  }

 private:
  void unit(std::string_view name, Action action, std::uint32_t width, LayerId layer,
            std::uint64_t count, std::uint32_t value_bits = 0) {
    if (count == 0) return;
    counts_.add({plan_.array.name + "." + std::string(name), action, width, layer, value_bits},
                count);
  }

  void memories(const MemoryTally& tally, LayerId layer) {
    for (std::size_t b = 0; b < array_buffers.size(); ++b) {
      const auto& buffer = plan_.array.buffer(array_buffers[b]);
      if (!buffer) continue;
      unit(to_string(array_buffers[b]), Action::read_word, buffer->word_bits, layer,
           tally.reads[b]);
      unit(to_string(array_buffers[b]), Action::write_word, buffer->word_bits, layer,
           tally.writes[b]);
    }
    off_chip(Action::read_bit, layer, tally.off_chip_read_bits);
    off_chip(Action::write_bit, layer, tally.off_chip_write_bits);
  }
  void off_chip(Action action, LayerId layer, std::uint64_t bits) {
    if (bits != 0) counts_.add({"off_chip.memory", action, 1, layer}, bits);
  }

  void elements(const TileNeeds& needs, const LayerTally& tally) {
    const bool weighted = has_weights(*needs.op);
    const LayerId lead = population_.lead;
    const std::uint32_t sum_bits = needs.lead.accumulator_bits;
    unit("pe", Action::accumulate, sum_bits, lead, tally.operations);
    unit("pe", Action::synaptic_operation, weighted ? needs.lead.weights.bits : 1, lead,
         tally.operations);
    unit("pe", Action::and_bit, 1, lead, tally.and_bits);
    if (!weighted) return;
    if (needs.lead.weights.scheme == Scheme::power_of_two) {
      unit("pe", Action::shift, sum_bits, lead, tally.operations);
    } else {
      unit("pe", Action::multiply, needs.lead.weight_integer_bits, lead, tally.graded,
           needs.operands.front().bits);
    }
  }

  const StreamPlan& plan_;
  const Population& population_;
  ActionCounts& counts_;
};

}  // namespace

ActionCounts array_counts(const StreamPlan& plan, std::span<const LayerTally> tallies,
                          Picoseconds latency) {
  ActionCounts counts;
  for (std::uint32_t p = 0; p < tallies.size(); ++p) {
    if (plan.layers[p]) LayerCounts(plan, p, counts).add(*plan.layers[p], tallies[p]);
  }
  for (const ArrayBuffer which : array_buffers) {
    const auto& buffer = plan.array.buffer(which);
    if (!buffer) continue;
    counts.add({plan.array.name + "." + std::string(to_string(which)), Action::leak_cycle,
                static_cast<std::uint32_t>(buffer->capacity.value()), chip_overhead},
               static_cast<std::uint64_t>(latency.value()));
  }
  return counts;
}

}  // namespace nj
