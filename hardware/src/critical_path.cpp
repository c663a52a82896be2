#include "neurojoule/hardware/critical_path.hpp"

#include <algorithm>
#include <array>

#include "neurojoule/core/action_counts.hpp"

namespace nj {
namespace {

constexpr std::array kind_names = {
    std::string_view{"io_port"},
    std::string_view{"frame_fetch"},
    std::string_view{"encoder_unit"},
    std::string_view{"neuron_unit"},
    std::string_view{"transit"},
    std::string_view{"link_wait"},
    std::string_view{"synapse_unit"},
    std::string_view{"barrier"},
    std::string_view{"tick"},
    std::string_view{"handshake"},
    std::string_view{"computing"},
    std::string_view{"waiting_for_loads"},
    std::string_view{"waiting_for_stores"},
    std::string_view{"last_store"},
};
static_assert(kind_names.size() == path_kinds);

void add(CriticalPath& path, const PathPart& part, Picoseconds time, bool last = false) {
  if (time == Picoseconds{} && !last) return;
  PathShare& share = path[part];
  if (time != Picoseconds{}) ++share.steps;
  if (last) ++share.last;
  share.time += time;
}

/// The part of an I/O port or a neuron unit.
PathPart phase_of(WorkUnit unit, LayerId layer, CoreId core) {
  if (unit == WorkUnit::io_port) return {PathKind::io_port, layer, no_core};
  return {PathKind::neuron_unit, layer, core};
}

}  // namespace

std::string_view to_string(PathKind kind) { return kind_names.at(static_cast<std::size_t>(kind)); }

void add_to(CriticalPath& path, std::span<const StepPath> steps) {
  for (const StepPath& step : steps) {
    const PathPart sender = phase_of(step.sender, step.sender_layer, step.sender_core);
    const bool served = step.last == WorkUnit::synapse_unit;
    add(path, {PathKind::neuron_unit, chip_overhead, sender.core}, step.turn);
    add(path, {PathKind::frame_fetch, sender.layer, sender.core}, step.fetch);
    add(path, {PathKind::encoder_unit, sender.layer, sender.core}, step.encode);
    add(path, sender, step.phase, !served);
    add(path, {PathKind::transit, sender.layer, sender.core}, step.transit);
    add(path, {PathKind::link_wait, sender.layer, sender.core}, step.link_wait);
    if (served) add(path, {PathKind::synapse_unit, step.layer, step.core}, step.service, true);
    add(path, {PathKind::barrier, chip_overhead, no_core}, step.barrier);
    add(path, {PathKind::tick, chip_overhead, no_core}, step.tick);
    add(path, {PathKind::handshake, chip_overhead, no_core}, step.handshake);
  }
}

void add_to(CriticalPath& path, std::span<const ArrayStep> steps,
            std::span<const Population> populations, Picoseconds latency) {
  if (steps.empty()) return;
  Picoseconds computed;
  for (const ArrayStep& step : steps) {
    const LayerId layer = populations[step.population].lead;
    const Picoseconds longest =
        std::max({step.computing, step.waiting_for_loads, step.waiting_for_stores});
    bool found = false;
    for (const auto& [kind, time] :
         {std::pair{PathKind::computing, step.computing},
          std::pair{PathKind::waiting_for_loads, step.waiting_for_loads},
          std::pair{PathKind::waiting_for_stores, step.waiting_for_stores}}) {
      const bool last = !found && time == longest;
      add(path, {kind, layer, no_core}, time, last);
      found = found || last;
      computed += time;
    }
  }
  add(path, {PathKind::last_store, populations[steps.back().population].lead, no_core},
      latency - computed);
}

}  // namespace nj
