#include "phases.hpp"

namespace nj {

void Phases::run_input(std::uint32_t population, std::uint32_t t, Picoseconds& port,
                       Outbox& outbox) {
  const Picoseconds begins = port;
  const std::size_t before = outbox.packets.size();
  port = neurons_.run_input(population, t, port, outbox);
  work_.add({.unit = WorkUnit::io_port,
             .core = {},
             .layer = plan_.populations[population].lead,
             .step = t,
             .count = outbox.packets.size() - before,
             .start = begins,
             .end = port});
}

Phases::Done Phases::run_slice(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                               Picoseconds& port, Outbox& outbox) {
  const LayerSlice& place = plan_.slices[slice].place;
  const std::size_t first = outbox.packets.size();
  const FrameTimes before = encode(slice, t, start, port);
  const Picoseconds begins = start + before.fetch + before.encode;
  const Picoseconds idle = neurons_.run_slice(slice, t, begins, outbox);
  busy_[place.core.index].neuron_unit += idle - begins;
  work_.add({.unit = WorkUnit::neuron_unit,
             .core = place.core,
             .layer = plan_.populations[place.population].lead,
             .step = t,
             .count = outbox.packets.size() - first,
             .start = begins,
             .end = idle});
  return {before, idle};
}

FrameTimes Phases::encode(std::uint32_t slice, std::uint32_t t, Picoseconds start,
                          Picoseconds& port) {
  const SlicePlan& plan = plan_.slices[slice];
  if (!plan.frame) return {};
  const CoreId core = plan.place.core;
  const Picoseconds begins = port;
  const FrameTimes times = frames_.run(slice, t, start, port);
  busy_[core.index].encoder_unit += times.encode;
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
