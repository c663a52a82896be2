#include "phases.hpp"

#include <algorithm>

namespace nj {

void Phases::run_input(std::uint32_t population, std::uint32_t t, Picoseconds& port,
                       Outbox& outbox) {
  const Picoseconds begins = port;
  const NeuronPhase::Done done = neurons_.run_input(population, t, port, outbox);
  port = done.idle;
  io_port_ += port - begins;
  work_.add({.unit = WorkUnit::io_port,
             .core = {},
             .layer = plan_.populations[population].lead,
             .step = t,
             .count = done.packets,
             .start = begins,
             .end = port});
}

Phases::Done Phases::run_slice(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                               Picoseconds& port, Outbox& outbox) {
  const LayerSlice& place = plan_.slices[slice].place;
  const auto reached = reached_.of(slice, t, sent_);
  const FrameTimes before = encode(slice, t, start, reached, port);
  const Picoseconds begins = start + before.fetch + before.encode;
  const auto [idle, packets] = neurons_.run_slice(slice, t, begins, reached, outbox);
  busy_[place.core.index].neuron_unit += idle - begins;
  slices_[slice].neuron_unit += idle - begins;
  work_.add({.unit = WorkUnit::neuron_unit,
             .core = place.core,
             .layer = plan_.populations[place.population].lead,
             .step = t,
             .count = packets,
             .start = begins,
             .end = idle});
  return {before, idle};
}

FrameTimes Phases::encode(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                          std::span<std::uint8_t> reached, Picoseconds& port) {
  const SlicePlan& plan = plan_.slices[slice];
  if (!plan.frame) return {};
  const CoreId core = plan.place.core;
  const Picoseconds begins = std::max(port, start);
  const FrameTimes times = frames_.run(slice, t, start, reached, port);
  io_port_ += port - begins;
  busy_[core.index].encoder_unit += times.encode;
  slices_[slice].encoder_unit += times.encode;
  stalled_[core.index].encoder_unit += times.fetch;
  stalled_[core.index].neuron_unit += times.fetch + times.encode;
  work_.add({.unit = WorkUnit::io_port,
             .core = {},
             .layer = plan.frame->input,
             .step = t,
             .start = begins,
             .end = port});
  work_.add({.unit = WorkUnit::encoder_unit,
             .core = core,
             .layer = plan_.populations[plan.place.population].lead,
             .step = t,
             .count = 1,
             .start = port,
             .end = port + times.encode});
  return times;
}

}  // namespace nj
