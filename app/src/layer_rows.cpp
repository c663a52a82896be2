#include "layer_counts.hpp"

namespace nj {

void add_action(RunCounts& counts, const ActionKey& key, std::uint64_t count) {
  if (is_hop(key.action)) counts.hops += count;
  switch (key.action) {
    case Action::synaptic_operation:
      counts.synaptic_events += count;
      break;
    case Action::neuron_update_active:
    case Action::neuron_update_inactive:
      counts.neuron_updates += count;
      break;
    case Action::packet_inject:
      counts.packets += count;
      break;
    case Action::read_word:
    case Action::read_bit:
      counts.memory_bits_read += count * key.width_bits;
      break;
    case Action::write_word:
    case Action::write_bit:
      counts.memory_bits_written += count * key.width_bits;
      break;
    default:
      break;
  }
}

std::vector<std::size_t> rows_of_layers(const PreparedRun& prepared) {
  std::vector<std::size_t> rows(prepared.network.network().size());
  for (std::size_t p = 0; p < prepared.populations.size(); ++p) {
    const Population& population = prepared.populations[p];
    rows[population.lead.index] = p;
    if (population.lif) rows[population.lif->index] = p;
    if (population.pool) rows[population.pool->index] = p;
  }
  return rows;
}

Picojoules LayerRow::total_energy() const {
  Picojoules sum;
  for (const auto& [category, value] : energy) sum += value;
  return sum;
}

std::vector<LayerRow> layer_rows(const PreparedRun& prepared, const RunResult& result) {
  const Network& network = prepared.network.network();
  std::vector<LayerRow> rows;
  const std::vector<std::size_t> row_of = rows_of_layers(prepared);
  for (const Population& population : prepared.populations) {
    const LayerSpec& lead = network.layer(population.lead);
    LayerRow row;
    row.name = lead.name;
    row.parts.push_back(lead.name);
    for (const auto& more : {population.lif, population.pool}) {
      if (more) row.parts.push_back(network.layer(*more).name);
    }
    row.kind = kind_name(lead.op);
    if (const auto shape = weight_shape(lead.op)) {
      const NumberFormat& format = prepared.network.weight_format(population.lead);
      row.weight_format = to_string(format);
      row.weights = shape->elements();
      row.effective_bits = effective_bits(format, shape->elements(), shape->out);
    }
    const LayerId firing = population.lif.value_or(population.lead);
    const double neuron_steps = static_cast<double>(network.output_shape(firing).neurons()) *
                                static_cast<double>(result.samples) * result.activity.timesteps;
    const StepCounts fired = result.activity.layers[firing.index].total();
    if (network.max_output(firing)) {
      row.firing_rate = static_cast<double>(fired.spikes) / neuron_steps;
    }
    row.saturations = fired.saturations;
    const Activity& counted = result.chip ? result.chip->activity : result.activity;
    if (population.lif) {
      row.counts.spikes = counted.layers[population.lif->index].total().spikes;
    }
    if (result.chip && !std::holds_alternative<Input>(lead.op)) {
      row.busy = Picoseconds(result.chip->busy[population.lead.index].value() /
                             static_cast<std::int64_t>(result.chip->samples));
    }
    if (!result.chip) {
      row.counts.synaptic_events = counted.layers[population.lead.index].total().synaptic_events();
      row.counts.neuron_updates = counted.layers[firing.index].total().neuron_updates;
    }
    rows.push_back(std::move(row));
  }
  if (!result.chip) return rows;
  for (const auto& [key, count] : result.chip->actions.entries()) {
    if (key.layer != chip_overhead) add_action(rows[row_of[key.layer.index]].counts, key, count);
  }
  for (const auto& [layer, categories] : energy_by_layer_and_category(result.chip->ledger)) {
    if (layer == chip_overhead) continue;
    for (const auto& [category, value] : categories) {
      rows[row_of[layer.index]].energy[category] += value;
    }
  }
  return rows;
}

RunCounts run_counts(const RunResult& result) {
  RunCounts counts;
  for (const auto& [key, count] : result.chip->actions.entries()) add_action(counts, key, count);
  for (const LayerActivity& layer : result.chip->activity.layers) {
    const StepCounts total = layer.total();
    if (total.neuron_updates != 0) counts.spikes += total.spikes;
  }
  return counts;
}

}  // namespace nj
