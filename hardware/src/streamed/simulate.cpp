#include "streamed/simulate.hpp"

#include <algorithm>
#include <string>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "streamed/layer_tally.hpp"
#include "streamed/pipeline.hpp"
#include "streamed/stream_jobs.hpp"
#include "trains.hpp"
#include "work_recorder.hpp"

namespace nj {
namespace {

/// Layers read the trains of their operands themselves, which no packets bring.
void check_operands(const StreamPlan& plan, const SpikeTrace& trace) {
  for (const auto& layer : plan.layers) {
    if (!layer) continue;
    for (const OperandNeeds& operand : layer->needs.operands) {
      const auto& train = trace[operand.source.index];
      if (train && shape_of(*train) == operand.shape && timesteps_of(*train) == plan.timesteps) {
        continue;
      }
      Location where;
      where.key = plan.network.layer(operand.source).name;
      throw Error(ErrorKind::shape, "its spike train is missing or does not fit", where);
    }
  }
}

}  // namespace

SimulationResult simulate_array(const Network& network, std::span<const Population> populations,
                                std::span<const LayerWidths> widths, const SpikeTrace& trace,
                                const Chip& chip, const Mapping& mapping,
                                const SimulationOptions& options) {
  if (options.timing != TimingLevel::event) {
    throw Error(ErrorKind::unsupported,
                fmt::format("a chip with an array has no network to simulate at the level '{}', "
                            "only 'event'",
                            to_string(options.timing)));
  }
  const std::uint32_t timesteps = check_trains(network, populations, trace);
  if (options.check) options.check();
  const StreamPlan plan = make_stream_plan(network, populations, widths, chip, mapping, timesteps);
  check_operands(plan, trace);
  const StreamJobs made = make_stream_jobs(plan, trace);

  SimulationResult result;
  WorkRecorder work(result.work, result.work_until, options.work_records);
  WorkSeen seen;
  if (work.on()) {
    seen = [&](std::uint32_t part, WorkRecord record) {
      record.layer = populations[made.parts[part].population].lead;
      record.step = made.parts[part].step;
      work.add(record);
    };
  }
  const std::vector<PartTimes> times = run_pipeline(made.jobs, made.parts.size(), seen);
  const std::size_t parts_per_turn = plan.steps_per_turn;
  Picoseconds end;
  for (std::size_t p = 0; p < made.parts.size(); ++p) {
    const StreamPart& part = made.parts[p];
    const PartTimes& of = times[p];
    constexpr auto off_chip = static_cast<std::size_t>(StreamPort::off_chip);
    constexpr auto spike_buffer = static_cast<std::size_t>(StreamPort::spike_buffer);
    result.array.push_back({part.population, part.step, part.jobs, of.computing,
                            of.waiting_for_loads, of.waiting_for_stores, of.port_busy[off_chip],
                            of.port_stalled[off_chip], of.port_busy[spike_buffer],
                            of.port_stalled[spike_buffer], of.ended});
    end = std::max(end, of.ended);
    if ((p + 1) % parts_per_turn != 0) continue;
    result.timeline.steps.push_back({result.timeline.latency(), end});
  }
  result.actions = array_counts(plan, made.tallies, result.timeline.latency());
  return result;
}

}  // namespace nj
