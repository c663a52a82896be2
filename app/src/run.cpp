#include "neurojoule/app/run.hpp"

#include <algorithm>
#include <utility>

#include "neurojoule/core/parallel.hpp"
#include "neurojoule/models/execute.hpp"

namespace nj {
namespace {

/// The mapping that is simulated: slices are cut as is best for the first sample where that is
/// asked for, and go where the spikes that were sent want them, unless they have their places
/// already.
void map_slices(const PreparedRun& prepared, const Activity& activity, const SpikeTrace& first,
                const Progress& progress, ChipResult& chip) {
  const MappedChip& mapped = *prepared.chip;
  const Network& network = prepared.network.network();
  const MappingChoice& choice = prepared.scenario.chip->mapping;
  chip.mapping = mapped.mapping;
  if (choice.slices == Slicing::fastest) {
    const auto cutting = [&](std::size_t slices, std::size_t cores) {
      if (progress) progress("cutting slices", slices, cores);
    };
    chip.mapping = faster_slices(network, prepared.populations, mapped.widths, mapped.chip,
                                 std::move(chip.mapping), first, cutting);
  }
  const Traffic traffic =
      expected_traffic(network, prepared.populations, mapped.widths, mapped.chip, chip.mapping,
                       sent_spikes(activity, prepared.populations));
  PlacementOptions options = choice.placement;
  if (progress) {
    options.progress = [&](std::size_t done, std::size_t slices) {
      progress("placing slices", done, slices);
    };
  }
  if (!choice.given()) chip.mapping = place(mapped.chip, traffic, chip.mapping, options);
  chip.expected_packet_hops = packet_hops(traffic, mapped.chip, chip.mapping);
  chip.placements = explain_mapping(network, prepared.populations, mapped.widths, mapped.chip,
                                    chip.mapping, traffic);
  chip.tilings =
      explain_tiling(network, prepared.populations, mapped.widths, mapped.chip, chip.mapping);
}

/// Adds the times of another sample.
void add_array_steps(std::vector<ArrayStep>& sums, const std::vector<ArrayStep>& steps) {
  if (sums.empty()) sums.resize(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    sums[i].population = steps[i].population;
    sums[i].step = steps[i].step;
    sums[i].jobs += steps[i].jobs;
    sums[i].computing += steps[i].computing;
    sums[i].waiting_for_loads += steps[i].waiting_for_loads;
    sums[i].waiting_for_stores += steps[i].waiting_for_stores;
    sums[i].off_chip += steps[i].off_chip;
    sums[i].off_chip_stalled += steps[i].off_chip_stalled;
    sums[i].spike_buffer += steps[i].spike_buffer;
    sums[i].spike_buffer_stalled += steps[i].spike_buffer_stalled;
    sums[i].ended += steps[i].ended;
  }
}

/// Adds what the busiest core of each layer, or the array for it, worked in one sample.
void add_busy(const PreparedRun& prepared, const Mapping& mapping, const SimulationResult& result,
              std::vector<Picoseconds>& busy) {
  std::vector<Picoseconds> most(busy.size());
  for (std::size_t s = 0; s < mapping.slices.size(); ++s) {
    const UnitTimes& core = result.slices[s];
    const std::uint32_t population = mapping.slices[s].population;
    Picoseconds& layer = most[prepared.populations[population].lead.index];
    layer = std::max({layer, core.neuron_unit, core.synapse_unit, core.encoder_unit});
  }
  for (const ArrayStep& step : result.array) {
    most[prepared.populations[step.population].lead.index] += step.computing;
  }
  for (std::size_t i = 0; i < busy.size(); ++i) busy[i] += most[i];
}

/// Adds the work of the cores and links in another sample.
void add_loads(ChipResult& chip, const SimulationResult& result) {
  chip.cores.resize(result.busy.size());
  chip.stalled.resize(result.stalled.size());
  for (std::size_t i = 0; i < result.busy.size(); ++i) chip.cores[i] += result.busy[i];
  for (std::size_t i = 0; i < result.stalled.size(); ++i) chip.stalled[i] += result.stalled[i];
  chip.most_waiting.resize(result.most_waiting.size());
  for (std::size_t i = 0; i < result.most_waiting.size(); ++i) {
    chip.most_waiting[i] = std::max(chip.most_waiting[i], result.most_waiting[i]);
  }
  chip.io_port += result.io_port;
  chip.links.resize(result.links.size());
  for (std::size_t i = 0; i < result.links.size(); ++i) chip.links[i] += result.links[i];
}

/// By sample. In rounds of a fixed size, so that the progress callback is called by this thread
/// only.
std::vector<SimulationResult> simulate_each(const PreparedRun& prepared, const Simulator& simulator,
                                            const BatchExecution& execution,
                                            const RunOptions& options) {
  const std::size_t samples = execution.traces.size();
  std::vector<SimulationResult> results(samples);
  std::size_t done = 0;
  constexpr std::size_t round = 16;
  while (done < samples) {
    if (options.progress) options.progress("simulating samples", done, samples);
    const std::size_t count = std::min(round, samples - done);
    parallel_for(count, 1, options.threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = done + begin; i < done + end; ++i) {
        results[i] = simulator.run(execution.traces[i],
                                   {.timing = prepared.scenario.chip->timing,
                                    .work_records = options.trace && i == 0 ? max_trace_records : 0,
                                    .step_records = options.simulated != nullptr,
                                    .check = options.check});
      }
    });
    for (std::size_t i = done; options.simulated && i < done + count; ++i) {
      options.simulated(results[i], execution.traced_activities[i]);
      results[i].steps = {};
    }
    done += count;
  }
  if (options.progress) options.progress("simulating samples", done, samples);
  return results;
}

ChipResult simulate_samples(const PreparedRun& prepared, BatchExecution& execution,
                            const Activity& activity, const RunOptions& options) {
  const MappedChip& mapped = *prepared.chip;
  const Network& network = prepared.network.network();
  const std::size_t samples = execution.traces.size();
  ChipResult chip;
  chip.samples = samples;
  chip.busy.resize(network.size());
  map_slices(prepared, activity, execution.traces.front(), options.progress, chip);
  const Simulator simulator(network, prepared.populations, mapped.widths, mapped.chip,
                            chip.mapping);
  std::vector<SimulationResult> results = simulate_each(prepared, simulator, execution, options);
  chip.interval =
      simulator.interval(execution.traces.front(), prepared.scenario.chip->timing, options.check);

  for (std::size_t i = 0; i < samples; ++i) {
    chip.activity += execution.traced_activities[i];
    chip.actions += results[i].actions;
    chip.latencies.push_back(results[i].timeline.latency());
    add_busy(prepared, chip.mapping, results[i], chip.busy);
    add_loads(chip, results[i]);
    add_to(chip.path, results[i].path);
    add_to(chip.path, results[i].array, prepared.populations, chip.latencies.back());
    chip.packets += results[i].packets;
    chip.hops += results[i].hops;
    add_array_steps(chip.array, results[i].array);
  }
  chip.ledger = price(prepared, chip.actions);
  if (prepared.scenario.outputs.baselines) {
    chip.baselines =
        find_baselines(prepared, chip.mapping, activity, prepared.dataset->size(), options.threads);
  }
  if (options.trace) chip.traced = std::move(results.front());
  if (prepared.scenario.outputs.spikes) chip.traces = std::move(execution.traces);
  return chip;
}

}  // namespace

double RunResult::accuracy() const {
  return samples == 0 ? 0.0 : static_cast<double>(correct) / static_cast<double>(samples);
}

namespace {

/// Samples whose trains are kept.
std::size_t traced_samples(const PreparedRun& prepared) {
  if (prepared.chip) return prepared.scenario.chip->samples;
  const Network& network = prepared.network.network();
  std::uint64_t bits = 0;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    if (!network.max_output({i})) continue;
    bits += network.output_shape({i}).neurons() * (network.is_binary({i}) ? 1 : 16);
  }
  const std::uint64_t bytes = bits / 8 * prepared.dataset->frames(0).timesteps() + 1;
  return std::clamp<std::uint64_t>(effective_bytes / bytes, 1, effective_samples);
}

}  // namespace

RunResult run(const PreparedRun& prepared, const RunOptions& options) {
  const Dataset& dataset = *prepared.dataset;
  const std::size_t samples = dataset.size();
  const std::size_t traced = traced_samples(prepared);
  BatchOptions batch{.threads = options.threads, .trace_samples = std::min(samples, traced)};
  if (options.progress) {
    batch.progress = [&](std::size_t done) {
      options.progress("executing samples", done, samples);
    };
  }
  BatchExecution execution = execute_many(
      prepared.network, samples, [&](std::size_t sample) { return dataset.frames(sample); }, batch);
  RunResult result{.samples = samples,
                   .correct = 0,
                   .predictions = std::move(execution.predictions),
                   .activity = std::move(execution.activity),
                   .effective = effective_activity(prepared.network, execution.traces,
                                                   execution.head_inputs, options.threads),
                   .chip = std::nullopt};
  for (std::size_t i = 0; i < samples; ++i) {
    if (result.predictions[i] == dataset.label(i)) ++result.correct;
  }
  if (prepared.chip) {
    result.chip = simulate_samples(prepared, execution, result.activity, options);
  }
  return result;
}

double array_utilisation(std::span<const TilingReport> tilings) {
  std::uint64_t neurons = 0;
  std::uint64_t slots = 0;
  for (const TilingReport& report : tilings) {
    neurons += report.neurons;
    slots += report.pe_slots;
  }
  return slots == 0 ? 0.0 : static_cast<double>(neurons) / static_cast<double>(slots);
}

Picoseconds mean_latency(const ChipResult& chip) {
  Picoseconds sum;
  for (const Picoseconds latency : chip.latencies) sum += latency;
  return Picoseconds(sum.value() / static_cast<std::int64_t>(chip.samples));
}

Picojoules energy_per_inference(const ChipResult& chip) {
  return Picojoules(chip.ledger.total().value() / static_cast<double>(chip.samples));
}

double mean_effective_bits(const QuantizedNetwork& quantized) {
  std::uint64_t elements = 0;
  for (const LayerId id : quantized.network().weighted_layers()) {
    elements += weight_shape(quantized.network().layer(id).op)->elements();
  }
  return static_cast<double>(quantized.weight_storage_bits()) / static_cast<double>(elements);
}

}  // namespace nj
