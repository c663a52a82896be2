#include "packet_flow.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "packet_records.hpp"
#include "place.hpp"

namespace nj {
namespace {

/// Targets are looked up in the order of arrival, all over the step's: so many arrivals before they
/// are needed. 8 - 32 do about the same.
constexpr std::size_t lookahead = 16;

/// An arrival in a list of several cores, as that of one of them.
Arrival further(Arrival arrival, const SharedLists::Place& place) {
  arrival.order += place.further;
  return arrival;
}

}  // namespace

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
      network_(make_network(plan.chip.topology(), plan.chip.spec().topology, level, plan.routes)),
      lists_(lists_of(network_, plan.routes)),
      transits_(plan),
      stops_(stops_of(plan)),
      core_free_(plan.chip.cores().size()),
      most_waiting_(plan.chip.cores().size()),
      arrivals_(plan.chip.cores().size()),
      synapses_(plan, packing(level)) {}

std::optional<StepPath> PacketFlow::run(std::uint32_t step, Picoseconds start,
                                        std::span<const Packet> packets,
                                        std::span<const Target> targets,
                                        std::span<const PacketSource> sources,
                                        std::span<const SentAfter> sent_after) {
  step_ = step;
  packets_ = packets;
  targets_ = targets;
  sources_ = sources;
  sent_after_ = sent_after;
  const StepTraffic traffic{packets, sources,   targets,
                            stops_,  arrivals_, work_recorder_.on() ? &passes_ : nullptr};
  const Picoseconds least_end = run_step(network_, traffic);
  record_links(traffic);
  if (packing_ == Packing::bundled) synapses_.expect(targets);
  std::optional<BusyPeriod> last;
  sort_shared();
  for (std::uint32_t core = 0; core < arrivals_.size(); ++core) {
    if (arrivals_[lists_[core].list].empty()) continue;
    const BusyPeriod period = serve(core, start);
    if (!last || period.end > last->end) last = period;
  }
  for (PlainList<Arrival>& list : arrivals_) list.clear();
  if (records_ != nullptr) append_records();
  if (!last) return std::nullopt;
  StepPath path = path_to(*last, start);
  if (least_end > last->end) path.link_wait += least_end - last->end;
  return path;
}

const Before& PacketFlow::before(std::uint32_t packet) const {
  const auto after =
      std::upper_bound(sent_after_.begin(), sent_after_.end(), packet,
                       [](std::uint32_t p, const SentAfter& entry) { return p < entry.first; });
  return std::prev(after)->before;
}

StepPath PacketFlow::path_to(const BusyPeriod& last, Picoseconds start) const {
  const Target& target = targets_[last.first.order];
  const Packet& packet = packets_[target.packet];
  const Receiver& receiver = plan_.receivers[target.receiver];
  const PacketSource& source = source_of(sources_, last.first.order);
  const bool from_port = source.core.index == plan_.chip.cores().size();
  const Picoseconds transit = transits_.to(receiver, source.tile);
  const Before& before = this->before(target.packet);
  const SlicePlan& slice = plan_.slices[receiver.slice];
  const LayerId consumer = plan_.populations[slice.place.population].lead;
  return {.last = WorkUnit::synapse_unit,
          .core = receiver.core,
          .layer = slice.beside_layers ? chip_overhead : consumer,
          .sender = from_port ? WorkUnit::io_port : WorkUnit::neuron_unit,
          .sender_core = from_port ? CoreId{} : source.core,
          .sender_layer = plan_.populations[receiver.producer].lead,
          .turn = before.turn,
          .fetch = before.frame.fetch,
          .encode = before.frame.encode,
          .phase = packet.injected - start - before.all(),
          .transit = transit,
          .link_wait = last.begin - packet.injected - transit,
          .service = last.end - last.begin,
          .barrier = {},
          .tick = {}};
}

std::vector<LinkLoad> PacketFlow::take_loads() { return nj::take_loads(network_); }

std::vector<std::uint32_t> PacketFlow::take_most_waiting() {
  return std::exchange(most_waiting_, std::vector<std::uint32_t>(most_waiting_.size()));
}

/// Lists of several cores are sorted once, the others when they are served.
void PacketFlow::sort_shared() {
  for (std::uint32_t core = 0; core < arrivals_.size(); ++core) {
    if (lists_[core].shared && !arrivals_[core].empty()) sorter_.sort_in_place(arrivals_[core]);
  }
}

/// Serves what came to a core in the step from `start` on; returns its last busy period.
BusyPeriod PacketFlow::serve(std::uint32_t core, Picoseconds start) {
  const Picoseconds axon_in = plan_.chip.kind_of(CoreId{core}).times.axon_in;
  Picoseconds& free = core_free_[core];
  const bool bundled = packing_ == Packing::bundled;
  Picoseconds busy;
  const Arrival* first = nullptr;  // of the busy period
  const SharedLists::Place place = lists_[core];
  const Target* const targets = targets_.data() + place.further;
  const std::span<const Arrival> in_order = place.shared
                                                ? std::span<const Arrival>(arrivals_[place.list])
                                                : sorter_.sort(arrivals_[place.list]);
  if (begins_.size() < in_order.size()) begins_.resize(in_order.size());
  Picoseconds* const begins_at = begins_.data();
  std::uint32_t waiting = 0;
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    const Arrival& arrival = in_order[i];
    __builtin_prefetch(&targets[in_order[std::min(i + lookahead, in_order.size() - 1)].order]);
    const Target& target = targets[arrival.order];
    if (arrival.time >= free) first = &arrival;
    const Picoseconds begins = std::max(arrival.time, free);
    free =
        begins + (bundled ? axon_in * packets_[target.packet].count + synapses_.serve_bundle(target)
                          : axon_in + synapses_.serve(target, step_));
    busy += free - begins;
    // When the packet that came `waiting` before this one still waits, so do all after it: one
    // more.
    begins_at[i] = begins;
    if (begins_at[i - waiting] > arrival.time) ++waiting;
    if (recording_) record(further(arrival, place), target, begins, free);
  }
  if (!bundled) most_waiting_[core] = std::max(most_waiting_[core], waiting);
  busy_[core].synapse_unit += busy;
  stalled_[core].synapse_unit += free - start - busy;
  return {first->time, free, further(*first, place)};
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
      arrival, packet_record(plan_, target, packet, step_, from, arrival.time, served));
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
