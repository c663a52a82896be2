#include "packet_flow.hpp"

#include <algorithm>
#include <utility>

#include "packet_records.hpp"
#include "place.hpp"

namespace nj {

PacketFlow::PacketFlow(const Plan& plan, TimingLevel level, std::vector<UnitTimes>& busy,
                       std::vector<UnitTimes>& stalled, std::vector<PacketRecord>* records,
                       WorkRecorder& work_recorder)
    : plan_(plan),
      busy_(busy),
      stalled_(stalled),
      records_(records),
      work_recorder_(work_recorder),
      packing_(packing(level)),
      recording_(records != nullptr || work_recorder.on()),
      network_(make_network(plan.chip.topology(), plan.chip.spec().topology, level, plan.sizes,
                            plan.routes, plan.chip.cores().size())),
      transits_(plan),
      stops_(stops_of(plan)),
      core_free_(plan.chip.cores().size()),
      arrivals_(plan.chip.cores().size()),
      synapses_(plan, packing(level)) {}

std::optional<StepPath> PacketFlow::run(std::uint32_t step, Picoseconds start,
                                        std::span<const Packet> packets,
                                        std::span<const Target> targets,
                                        std::span<const PacketSource> sources) {
  step_ = step;
  packets_ = packets;
  targets_ = targets;
  sources_ = sources;
  const StepTraffic traffic{packets, sources,   targets,
                            stops_,  arrivals_, work_recorder_.on() ? &passes_ : nullptr};
  const Picoseconds least_end = run_step(network_, traffic);
  record_links(traffic);
  std::optional<BusyPeriod> last;
  for (std::uint32_t core = 0; core < arrivals_.size(); ++core) {
    if (arrivals_[core].empty()) continue;
    const BusyPeriod period = serve(core, start, arrivals_[core]);
    if (!last || period.end > last->end) last = period;
    arrivals_[core].clear();
  }
  if (records_ != nullptr) append_records();
  if (!last) return std::nullopt;
  StepPath path = path_to(*last, start);
  if (least_end > last->end) path.link_wait += least_end - last->end;
  return path;
}

StepPath PacketFlow::path_to(const BusyPeriod& last, Picoseconds start) const {
  const Target& target = targets_[last.first.order];
  const Packet& packet = packets_[target.packet];
  const Receiver& receiver = plan_.receivers[target.receiver];
  const PacketSource& source = source_of(sources_, last.first.order);
  const bool from_port = source.core.index == plan_.chip.cores().size();
  const Picoseconds transit = transits_.to(receiver, source.tile);
  const FrameTimes& before = source.before;
  const std::uint32_t consumer = plan_.slices[receiver.slice].place.population;
  return {.last = WorkUnit::synapse_unit,
          .core = receiver.core,
          .layer = plan_.populations[consumer].lead,
          .sender = from_port ? WorkUnit::io_port : WorkUnit::neuron_unit,
          .sender_core = from_port ? CoreId{} : source.core,
          .sender_layer = plan_.populations[receiver.producer].lead,
          .fetch = before.fetch,
          .encode = before.encode,
          .phase = packet.injected - start - before.fetch - before.encode,
          .transit = transit,
          .link_wait = last.begin - packet.injected - transit,
          .service = last.end - last.begin,
          .barrier = {},
          .tick = {}};
}

std::vector<LinkLoad> PacketFlow::take_loads() { return nj::take_loads(network_); }

/// Serves what came to a core in the step from `start` on; returns its last busy period.
BusyPeriod PacketFlow::serve(std::uint32_t core, Picoseconds start, PlainList<Arrival>& arrivals) {
  const Picoseconds axon_in = plan_.chip.kind_of(CoreId{core}).times.axon_in;
  Picoseconds& free = core_free_[core];
  const bool bundled = packing_ == Packing::bundled;
  Picoseconds busy;
  const Arrival* first = nullptr;  // of the busy period
  for (const Arrival& arrival : sorter_.sort(arrivals)) {
    const Target& target = targets_[arrival.order];
    const std::uint32_t spikes = bundled ? packets_[target.packet].count : 1;
    if (arrival.time >= free) first = &arrival;
    const Picoseconds begins = std::max(arrival.time, free);
    free = begins + axon_in * spikes + synapses_.serve(target, step_);
    busy += free - begins;
    if (recording_) record(arrival, target, begins, free);
  }
  busy_[core].synapse_unit += busy;
  stalled_[core].synapse_unit += free - start - busy;
  return {first->time, free, *first};
}

void PacketFlow::record(const Arrival& arrival, const Target& target, Picoseconds begins,
                        Picoseconds served) {
  const Receiver& receiver = plan_.receivers[target.receiver];
  const Packet& packet = packets_[target.packet];
  const std::uint32_t t = step_ - plan_.graph.depth[receiver.producer];
  work_recorder_.add(service_record(plan_, receiver, packet, t, begins, served));
  if (records_ == nullptr) return;
  const CoreId from = source_of(sources_, arrival.order).core;
  step_records_.emplace_back(
      arrival, packet_record(plan_, receiver, packet, step_, from, arrival.time, served));
}

/// Records how long each link was kept in this step, link by link.
void PacketFlow::record_links(const StepTraffic& traffic) {
  std::sort(passes_.begin(), passes_.end());
  for (const LinkPass& pass : passes_) {
    const std::uint32_t producer = traffic.stop(pass.target).producer;
    work_recorder_.add(link_record(plan_, producer, step_ - plan_.graph.depth[producer], pass.link,
                                   pass.time, transits_.service(pass.link, producer)));
  }
  passes_.clear();
}

/// Orders the records of a step over all cores.
void PacketFlow::append_records() {
  std::sort(step_records_.begin(), step_records_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [arrival, record] : step_records_) records_->push_back(record);
  step_records_.clear();
}

}  // namespace nj
