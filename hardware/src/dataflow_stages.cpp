#include "dataflow_stages.hpp"

#include <algorithm>
#include <variant>

#include "network/transits.hpp"
#include "place.hpp"

namespace nj {
namespace {

/// A StepPath that begins with a phase, up to `phase_end`.
StepPath begun_by(const Plan& plan, const DataflowStage& stage, const Phase& phase,
                  Picoseconds phase_end) {
  StepPath path{};
  path.sender = stage.slice ? WorkUnit::neuron_unit : WorkUnit::io_port;
  path.sender_core = stage.slice ? stage.core : CoreId{};
  path.sender_layer = plan.populations[stage.population].lead;
  path.last = path.sender;
  path.core = path.sender_core;
  path.layer = path.sender_layer;
  path.fetch = phase.before.fetch;
  path.encode = phase.before.encode;
  path.phase = phase_end - phase.start - path.fetch - path.encode;
  return path;
}

}  // namespace

Stages::Stages(const Plan& plan) {
  const CoreId port{static_cast<std::uint32_t>(plan.chip.cores().size())};
  for (std::uint32_t p = 0; p < plan.populations.size(); ++p) {
    const Operator& op = plan.network.layer(plan.populations[p].lead).op;
    if (!std::holds_alternative<Input>(op) || plan.graph.only_read(p)) continue;
    DataflowStage input;
    input.population = p;
    input.core = port;
    input.source = port.index + static_cast<std::uint32_t>(all.size());
    input.tile = io_tile;
    all.push_back(input);
  }
  inputs = static_cast<std::uint32_t>(all.size());
  for (std::uint32_t s = 0; s < plan.slices.size(); ++s) {
    DataflowStage stage;
    stage.population = plan.slices[s].place.population;
    stage.slice = s;
    stage.core = plan.slices[s].place.core;
    stage.source = stage.core.index;
    stage.tile = plan.chip.core(stage.core).tile;
    all.push_back(stage);
  }
  const Transits transits(plan);
  for (const Receiver& receiver : plan.receivers) {
    const std::uint32_t to = of_slice(receiver.slice);
    for (std::uint32_t from = 0; from < all.size(); ++from) {
      if (all[from].population != receiver.producer) continue;
      all[from].consumers.push_back(to);
      all[from].transits.push_back(transits.to(receiver, all[from].tile));
      all[to].producers.push_back(from);
    }
  }
}

std::vector<StepPath> path_to(const Plan& plan, const Stages& stages,
                              const std::vector<std::vector<Phase>>& phases, Turn last) {
  const auto phase_of = [&](Turn turn) -> const Phase& { return phases[turn.stage][turn.t]; };
  const Transits transits(plan);
  std::vector<StepPath> path{
      begun_by(plan, stages.all[last.stage], phase_of(last), phase_of(last).end)};
  for (Turn turn = last; phase_of(turn).cause.kind != Cause::Kind::nothing;) {
    const Cause& cause = phase_of(turn).cause;
    const DataflowStage& sender = stages.all[cause.turn.stage];
    if (cause.kind == Cause::Kind::phase) {
      path.push_back(begun_by(plan, sender, phase_of(cause.turn), cause.end));
    } else {
      const Receiver& receiver = plan.receivers[cause.receiver];
      StepPath step = begun_by(plan, sender, phase_of(cause.turn), cause.injected);
      step.last = WorkUnit::synapse_unit;
      step.core = receiver.core;
      const SlicePlan& slice = plan.slices[receiver.slice];
      step.layer =
          slice.beside_layers ? chip_overhead : plan.populations[slice.place.population].lead;
      step.transit = transits.to(receiver, sender.tile);
      step.link_wait = cause.begin - cause.injected - step.transit;
      step.service = cause.end - cause.begin;
      path.push_back(step);
    }
    path.back().handshake = cause.handshake;
    turn = cause.turn;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace nj
