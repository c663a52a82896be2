#include "neurojoule/hardware/simulate.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

#include "dataflow.hpp"
#include "packet_flow.hpp"
#include "phases.hpp"
#include "plan.hpp"
#include "streamed/simulate.hpp"
#include "tally.hpp"
#include "trains.hpp"
#include "work_recorder.hpp"

namespace nj {
namespace {

/// One sample on one chip: runs global steps one after another.
class Simulation {
 public:
  Simulation(const Plan& plan, const SpikeTrace& trace, const SimulationOptions& options)
      : plan_(plan),
        tally_(plan),
        work_(result_.work, result_.work_until, options.work_records),
        busy_(plan.chip.cores().size()),
        stalled_(busy_.size()),
        phases_(plan, trace, packing(options.timing), tally_, busy_, stalled_, work_),
        flow_(plan, options.timing, busy_, stalled_,
              options.record_packets ? &result_.records : nullptr, work_),
        step_records_(options.step_records),
        check_(options.check),
        timesteps_(phases_.timesteps() * options.in_a_row) {
    result_.busy.resize(busy_.size());
    result_.stalled.resize(busy_.size());
    result_.most_waiting.resize(busy_.size());
    result_.slices.resize(plan.slices.size());
    result_.links.resize(plan.chip.topology().links().size());
  }

  SimulationResult run() {
    const std::uint32_t steps = timesteps_ + plan_.graph.levels() - 1;
    for (std::uint32_t g = 0; g < steps; ++g) {
      run_step(g);
      if (step_records_) {
        const StepInterval& step = result_.timeline.steps.back();
        result_.steps.push_back(collect(1, step.end - step.start));
      }
    }
    if (!step_records_) (void)collect(steps, result_.timeline.latency());
    for (std::size_t s = 0; s < result_.slices.size(); ++s)
      result_.slices[s] += phases_.slices()[s];
    return std::move(result_);
  }

  /// How long the T global steps take that follow one in which all populations work, as they do in
  /// these. Before that, packets need not arrive: of the steps before it a step knows what was
  /// sent, and for how long links are still taken.
  Picoseconds period() {
    const std::uint32_t filled = plan_.graph.levels() - 1;
    const std::uint32_t steps = filled + 1 + phases_.timesteps();
    for (std::uint32_t g = 0; g < steps; ++g) run_step(g, g >= filled);
    return result_.timeline.latency() - result_.timeline.steps[filled].end;
  }

 private:
  void run_step(std::uint32_t step, bool delivers = true) {
    if (check_) check_();
    const Picoseconds start = result_.timeline.latency();
    outbox_.clear();
    sources_.clear();
    sent_after_.assign(1, {});
    path_.reset();
    run_cores(step, start, send_inputs(step, start));
    sort_by_core(sources_, outbox_, targets_);
    if (delivers) {
      const auto served = flow_.run(step, start, outbox_.packets, targets_, sources_, sent_after_);
      if (served) note(*served);
    }
    StepPath path = path_.value_or(StepPath{});
    const Picoseconds end = start + work_time(path);
    const ChipSpec& chip = plan_.chip.spec();
    const Picoseconds next = std::max(end + chip.barrier, start + chip.tick);
    path.barrier = chip.barrier;
    path.tick = next - end - chip.barrier;
    result_.path.push_back(path);
    result_.timeline.steps.push_back({start, next});
    work_.add({.unit = WorkUnit::barrier,
               .core = {},
               .layer = chip_overhead,
               .step = step,
               .start = end,
               .end = next});
    work_.end_step(start);
  }

  /// From the start of a step to when its last unit finished.
  static Picoseconds work_time(const StepPath& path) {
    return path.turn + path.fetch + path.encode + path.phase + path.transit + path.link_wait +
           path.service;
  }

  /// Keeps the way to what finishes last, the first of several.
  void note(const StepPath& path) {
    if (!path_ || work_time(path) > work_time(*path_)) path_ = path;
  }

  /// The same of a unit that has worked since the start of the step, but for what was before.
  void note(WorkUnit unit, CoreId core, LayerId layer, const Before& before, Picoseconds phase) {
    note({.last = unit,
          .core = core,
          .layer = layer,
          .sender = unit,
          .sender_core = core,
          .sender_layer = layer,
          .turn = before.turn,
          .fetch = before.frame.fetch,
          .encode = before.frame.encode,
          .phase = phase,
          .transit = {},
          .link_wait = {},
          .service = {},
          .barrier = {},
          .tick = {}});
  }

  /// Whether a population has a time step to handle in a global step.
  [[nodiscard]] bool at_work(std::uint32_t population, std::uint32_t step) const {
    const std::uint32_t depth = plan_.graph.depth[population];
    return step >= depth && step - depth < timesteps_;
  }

  /// Input frames share the I/O port of tile 0, one after another; returns when it is free.
  Picoseconds send_inputs(std::uint32_t step, Picoseconds start) {
    Picoseconds clock = start;
    for (std::uint32_t p = 0; p < plan_.populations.size(); ++p) {
      const Operator& op = plan_.network.layer(plan_.populations[p].lead).op;
      if (!std::holds_alternative<Input>(op) || !at_work(p, step)) continue;
      if (plan_.graph.only_read(p)) continue;
      phases_.run_input(p, step, clock, outbox_);
      note(WorkUnit::io_port, {}, plan_.populations[p].lead, {}, clock - start);
    }
    const CoreId port{static_cast<std::uint32_t>(plan_.chip.cores().size())};
    sources_.push_back({port, 0, 0, static_cast<std::uint32_t>(outbox_.packets.size())});
    return clock;
  }

  /// Encoder units, then neuron units; the I/O port is free from `port` on.
  void run_cores(std::uint32_t step, Picoseconds start, Picoseconds port) {
    for (const auto& [core, slices] : plan_.cores) {
      const auto first = static_cast<std::uint32_t>(outbox_.packets.size());
      Picoseconds free = start;
      bool works = false;
      for (const std::uint32_t s : slices) {
        const std::uint32_t population = plan_.slices[s].place.population;
        if (!at_work(population, step)) continue;
        works = true;
        const auto packets = static_cast<std::uint32_t>(outbox_.packets.size());
        const std::uint32_t t = step - plan_.graph.depth[population];
        const auto [frame, idle] = phases_.run_slice(s, t, free, port, outbox_);
        const Before before{free - start, frame};
        sent_after_.push_back({packets, before});
        note(WorkUnit::neuron_unit, core, plan_.populations[population].lead, before,
             idle - start - before.all());
        free = idle;
      }
      const auto last = static_cast<std::uint32_t>(outbox_.packets.size());
      if (works) sources_.push_back({core, plan_.chip.core(core).tile, first, last});
    }
  }

  /// Moves what was counted since the last call to the result; returns it.
  StepRecord collect(std::uint64_t steps, Picoseconds time) {
    StepRecord done{.actions = action_counts(plan_, tally_, steps, time),
                    .packets = tally_.sent(),
                    .hops = 0,
                    .busy = std::exchange(busy_, std::vector<UnitTimes>(busy_.size())),
                    .stalled = std::exchange(stalled_, std::vector<UnitTimes>(stalled_.size())),
                    .most_waiting = flow_.take_most_waiting(),
                    .links = flow_.take_loads(),
                    .io_port = phases_.take_io_port()};
    done.hops = hops(done.actions);
    result_.merged += tally_.merged();
    add_synapse_work(plan_, tally_, result_.slices);
    tally_ = Tally(plan_);
    result_.actions += done.actions;
    result_.packets += done.packets;
    result_.hops += done.hops;
    result_.io_port += done.io_port;
    for (std::size_t i = 0; i < done.busy.size(); ++i) {
      result_.busy[i] += done.busy[i];
      result_.stalled[i] += done.stalled[i];
      result_.most_waiting[i] = std::max(result_.most_waiting[i], done.most_waiting[i]);
    }
    for (std::size_t i = 0; i < done.links.size(); ++i) result_.links[i] += done.links[i];
    return done;
  }

  const Plan& plan_;
  SimulationResult result_;
  Tally tally_;  ///< since the last `collect`
  WorkRecorder work_;
  std::vector<UnitTimes> busy_;     ///< by core, since the last `collect`
  std::vector<UnitTimes> stalled_;  ///< likewise
  Phases phases_;
  PacketFlow flow_;
  bool step_records_;
  std::function<void()> check_;
  std::uint32_t timesteps_;            ///< of all samples
  std::optional<StepPath> path_;       ///< of the step in work, as far as it is known
  Outbox outbox_;                      ///< of the step in work
  PlainList<Target> targets_;          ///< in the order of cores
  std::vector<PacketSource> sources_;  ///< of the step in work
  std::vector<SentAfter> sent_after_;  ///< likewise
};

}  // namespace

Simulator::Simulator(const Network& network, std::span<const Population> populations,
                     std::span<const LayerWidths> widths, const Chip& chip, const Mapping& mapping)
    : network_(network),
      populations_(populations),
      widths_(widths),
      chip_(chip),
      mapping_(mapping),
      plan_(chip.spec().array ? nullptr
                              : std::make_unique<const Plan>(
                                    make_plan(network, populations, widths, chip, mapping))) {}

Simulator::Simulator(Simulator&&) noexcept = default;
Simulator::~Simulator() = default;

SimulationResult Simulator::run(const SpikeTrace& trace, const SimulationOptions& options) const {
  if (chip_.spec().only_events() && options.timing != TimingLevel::event) {
    throw Error(ErrorKind::unsupported, fmt::format("this chip is not simulated at the level '{}'",
                                                    to_string(options.timing)));
  }
  if (options.timing == TimingLevel::analytic && options.record_packets) {
    throw Error(ErrorKind::unsupported, "the level 'analytic' has no single packets to record");
  }
  if (chip_.spec().handshake) return simulate_dataflow(*plan_, trace, options);
  if (plan_) return Simulation(*plan_, trace, options).run();
  return simulate_array(network_, populations_, widths_, trace, chip_, mapping_, options);
}

Picoseconds Simulator::interval(const SpikeTrace& trace, TimingLevel timing,
                                const std::function<void()>& check) const {
  if (!plan_) return run(trace, {.timing = timing, .check = check}).timeline.latency();
  const std::uint32_t timesteps = check_trains(network_, populations_, trace);
  const std::uint32_t fill = plan_->graph.levels() - 1;  // global steps until all work
  const std::uint32_t samples = 2 + (fill + timesteps - 1) / timesteps;
  const SimulationOptions options{.timing = timing, .in_a_row = samples, .check = check};
  if (!chip_.spec().handshake) return Simulation(*plan_, trace, options).period();
  const auto steps = run(trace, options).timeline.steps;
  return steps.back().end - steps[steps.size() - 1 - timesteps].end;
}

SimulationResult simulate(const Network& network, std::span<const Population> populations,
                          std::span<const LayerWidths> widths, const SpikeTrace& trace,
                          const Chip& chip, const Mapping& mapping,
                          const SimulationOptions& options) {
  return Simulator(network, populations, widths, chip, mapping).run(trace, options);
}

}  // namespace nj
