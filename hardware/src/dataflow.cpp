#include "dataflow.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "neurojoule/core/event_queue.hpp"

#include "dataflow_stages.hpp"
#include "network/link_bookings.hpp"
#include "packet_records.hpp"
#include "phases.hpp"
#include "synapse_work.hpp"
#include "tally.hpp"
#include "work_recorder.hpp"

namespace nj {
namespace {

/// Runs the phases of all stages and what their packets do, in the order of time.
///
/// Invariant: every event's key is greater than that of the event that made it, or makes a phase
/// start at the same time, before anything else of that time that is still to come. (Handshakes
/// take time, so that no arrival starts a phase at once.) Phase t of a stage waits for phases t of
/// its producers, for its own t - 1, and for t - slots of its consumers: never for itself, so that
/// all phases come.
class Dataflow {
 public:
  Dataflow(const Plan& plan, const SpikeTrace& trace, const SimulationOptions& options)
      : plan_(plan),
        tally_(plan),
        work_(result_.work, result_.work_until, options.work_records),
        keeps_records_(options.record_packets),
        phases_(plan, trace, Packing::single, tally_, result_.busy, result_.stalled, work_),
        synapses_(plan, Packing::single),
        links_(plan.chip.topology(), plan.chip.spec().topology),
        stops_(stops_of(plan)),
        stages_(plan),
        steps_(phases_.timesteps() * options.in_a_row),
        known_(stages_.all.size(), std::vector<Phase>(steps_)),
        synapse_units_(plan.chip.cores().size()),
        lines_(plan.chip.topology().links().size()) {
    result_.busy.resize(plan.chip.cores().size());
    result_.stalled.resize(plan.chip.cores().size());
    for (const Stage& stage : stages_.all) {
      std::uint32_t slots = 1;  // no consumer takes longer to empty them
      for (const std::uint32_t c : stage.consumers) slots = std::max(slots, slots_of(c));
      outboxes_.emplace_back(slots);
    }
  }

  SimulationResult run() {
    for (std::uint32_t s = 0; s < stages_.all.size(); ++s) {
      const auto producers = static_cast<std::uint32_t>(stages_.all[s].producers.size());
      for (Phase& phase : known_[s]) phase.producers_left = producers;
    }
    for (std::uint32_t s = 0; s < stages_.all.size(); ++s) start_if_ready(s);
    while (!queue_.empty()) {
      const auto [key, pending] = queue_.pop();
      if (pending.after != no_link) advance(pending.after);
      handle(key, pending.copy);
    }
    finish();
    return std::move(result_);
  }

 private:
  /// Of one time, phases start first; then new packets take links before through traffic.
  enum Kind : std::uint32_t { starts, injects, goes_on, arrives };
  struct Key {
    Picoseconds time;
    std::uint64_t order = 0;     ///< kind, source
    std::uint64_t sequence = 0;  ///< time step, first
    friend bool operator<(const Key& a, const Key& b) {
      if (a.time != b.time) return a.time < b.time;
      return (a.order < b.order) | ((a.order == b.order) & (a.sequence < b.sequence));
    }
  };
  struct Copy {
    Turn turn;                ///< whose packet it is
    std::uint32_t first = 0;  ///< injects: position of the packet; else of its first target
    std::uint32_t last = 0;   ///< its targets end
    std::uint32_t link = 0;   ///< that it wants
  };
  static constexpr std::uint32_t no_link = 0xFFFFFFFFU;
  struct Pending {
    Copy copy;
    std::uint32_t after = no_link;  ///< the link that it waits behind, first in line
  };
  using Queue = EventQueue<Pending, Key>;
  /// What comes off one link, in order.
  using Line = std::deque<std::pair<Key, Copy>>;
  struct SynapseUnit {
    Picoseconds free;
    Picoseconds busy;
    Cause period;  ///< the one in work: since when it has not paused
  };

  [[nodiscard]] std::uint32_t slots_of(std::uint32_t stage) const {
    return plan_.slices[*stages_.all[stage].slice].slots;
  }
  Outbox& outbox(Turn turn) { return outboxes_[turn.stage][turn.t % outboxes_[turn.stage].size()]; }
  StepTraffic traffic(Turn turn) {
    Outbox& box = outbox(turn);
    return {box.packets, {}, box.targets, stops_, tally_.senders, {}, nullptr};
  }
  /// An event. Those behind one link come in order, as it is kept for longer than their times after
  /// it differ, but for branches of one packet; so only the first in line is in the queue.
  void push(Picoseconds time, Kind kind, const Copy& copy, std::uint32_t link = no_link) {
    const std::uint32_t source =
        kind == starts ? copy.turn.stage : stages_.all[copy.turn.stage].source;
    const Key key{time, std::uint64_t{kind} << 32 | source,
                  std::uint64_t{copy.turn.t} << 32 | copy.first};
    if (link == no_link) return queue_.push(key, {copy, no_link});
    Line& line = lines_[link];
    if (line.empty()) {
      line.emplace_back(key, copy);
      queue_.push(key, {copy, link});
    } else if (key < line.back().first) {
      queue_.push(key, {copy, no_link});
    } else {
      line.emplace_back(key, copy);
    }
  }

  /// The first in line behind a link is out of the queue; the next one goes in.
  void advance(std::uint32_t link) {
    Line& line = lines_[link];
    line.pop_front();
    if (!line.empty()) queue_.push(line.front().first, {line.front().second, link});
  }

  void handle(const Key& key, const Copy& copy) {
    switch (static_cast<Kind>(key.order >> 32)) {
      case starts:
        return start(copy.turn, key.time);
      case injects:
        return inject(copy, key.time);
      case goes_on:
        return pass(copy, key.time);
      case arrives:
        return arrive(copy, key.time);
    }
  }

  /// Puts the start of the next phase of a stage on its way once it is known what it waits for.
  void start_if_ready(std::uint32_t s) {
    Stage& stage = stages_.all[s];
    const std::uint32_t t = stage.next;
    if (stage.due || t == steps_) return;
    Phase& phase = known_[s][t];
    if (phase.producers_left != 0 || phase.packets_left != 0) return;
    Cause cause;
    const auto wait_for = [&](const Cause& other, Picoseconds handshake) {
      if (other.kind == Cause::Kind::nothing) return;
      if (other.end + handshake <= cause.end + cause.handshake) return;
      cause = other;
      cause.handshake = handshake;
    };
    if (t > 0) wait_for(done({s, t - 1}), Picoseconds{0});
    wait_for(phase.inputs, *plan_.chip.spec().handshake);
    for (const std::uint32_t c : stage.consumers) {
      if (t < slots_of(c)) continue;
      const Turn emptied{c, t - slots_of(c)};
      if (stages_.all[c].next <= emptied.t) return;  // its end is not known yet
      wait_for(done(emptied), Picoseconds{0});
    }
    phase.cause = cause;
    stage.due = true;
    push(cause.end + cause.handshake, starts, {{s, t}, 0, 0, 0});
  }

  [[nodiscard]] Cause done(Turn turn) const {
    return {Cause::Kind::phase, turn, known_[turn.stage][turn.t].end, {}, {}, 0, {}};
  }

  void start(Turn turn, Picoseconds now) {
    Stage& stage = stages_.all[turn.stage];
    Phase& phase = known_[turn.stage][turn.t];
    Outbox& box = outbox(turn);
    box.clear();
    phase.start = now;
    stage.due = false;
    ++stage.next;
    Picoseconds port = std::max(now, port_);
    const Picoseconds port_begins = port;
    if (stage.slice) {
      const Picoseconds before = turn.t == 0 ? Picoseconds{0} : known_[turn.stage][turn.t - 1].end;
      result_.stalled[stage.core.index].neuron_unit += now - before;
      const auto [frame, idle] = phases_.run_slice(*stage.slice, turn.t, now, port, box);
      phase.before = frame;
      phase.end = idle;
    } else {
      phases_.run_input(stage.population, turn.t, port, box);
      phase.end = port;
    }
    if (port != port_begins) port_ = port;
    result_.io_port += port - port_begins;
    for (const Target& target : box.targets) {
      ++known_[stages_.of_slice(plan_.receivers[target.receiver].slice)][turn.t].packets_left;
    }
    if (!box.packets.empty()) push(box.packets.front().injected, injects, {turn, 0, 0, 0});
    for (const std::uint32_t c : stage.consumers) {
      Phase& next = known_[c][turn.t];
      --next.producers_left;
      if (phase.end > next.inputs.end) next.inputs = done(turn);
      start_if_ready(c);
    }
    for (const std::uint32_t p : stage.producers) start_if_ready(p);
    start_if_ready(turn.stage);
  }

  void inject(const Copy& copy, Picoseconds now) {
    const StepTraffic packets = traffic(copy.turn);
    const std::uint32_t packet = copy.first;
    if (packet + 1 < packets.packets.size()) {
      push(packets.packets[packet + 1].injected, injects, {copy.turn, packet + 1, 0, 0});
    }
    const std::uint32_t tile = stages_.all[copy.turn.stage].tile;
    const std::uint32_t last = packets.last_target(packet);
    for (std::uint32_t first = packets.packets[packet].first_target; first != last;) {
      const Branch branch = split(plan_.chip.topology(), tile, packets, first, last);
      if (branch.link == Branch::here) {
        count_within_tile(packets, first, branch.last);
        deliver(copy.turn, first, branch.last, now + plan_.chip.spec().topology.within_tile);
      } else {
        pass({copy.turn, first, branch.last, branch.link}, now);
      }
      first = branch.last;
    }
  }

  void pass(const Copy& copy, Picoseconds now) {
    const StepTraffic packets = traffic(copy.turn);
    const LinkTiming& link = links_[copy.link];
    const Picoseconds enters = links_.book(copy.link, now);
    count_hop(packets, copy.first, link.direction);
    work_.add(link_record(plan_, stages_.all[copy.turn.stage].population, copy.turn.t, copy.link,
                          enters, link.service));
    const Picoseconds head = enters + link.latency;
    for (std::uint32_t first = copy.first; first != copy.last;) {
      const Branch branch = split(plan_.chip.topology(), link.to, packets, first, copy.last);
      if (branch.link == Branch::here) {
        deliver(copy.turn, first, branch.last, head + link.tail, copy.link);
      } else {
        push(head + gap(link, links_[branch.link]), goes_on,
             {copy.turn, first, branch.last, branch.link}, copy.link);
      }
      first = branch.last;
    }
  }

  void deliver(Turn turn, std::uint32_t first, std::uint32_t last, Picoseconds time,
               std::uint32_t link = no_link) {
    for (std::uint32_t target = first; target != last; ++target) {
      push(time, arrives, {turn, target, target + 1, 0}, link);
    }
  }

  void arrive(const Copy& copy, Picoseconds now) {
    const Outbox& box = outbox(copy.turn);
    const Target& target = box.targets[copy.first];
    const Packet& packet = box.packets[target.packet];
    const Receiver& receiver = plan_.receivers[target.receiver];
    const CoreId core = receiver.core;
    SynapseUnit& unit = synapse_units_[core.index];
    if (now >= unit.free) {
      unit.period = {Cause::Kind::packet, copy.turn,       now, now,
                     packet.injected,     target.receiver, {}};
    }
    const Picoseconds begins = std::max(now, unit.free);
    unit.free = begins + plan_.chip.kind_of(core).times.axon_in +
                synapses_.serve(target, packet, copy.turn.t);
    unit.busy += unit.free - begins;
    unit.period.end = unit.free;
    work_.add(service_record(plan_, receiver, packet, copy.turn.t, begins, unit.free));
    if (keeps_records_) {
      result_.records.push_back(packet_record(plan_, receiver, packet, copy.turn.t,
                                              stages_.all[copy.turn.stage].core.index, now,
                                              unit.free));
    }
    const std::uint32_t stage = stages_.of_slice(receiver.slice);
    Phase& phase = known_[stage][copy.turn.t];
    --phase.packets_left;
    if (unit.free > phase.inputs.end) phase.inputs = unit.period;
    start_if_ready(stage);
  }

  void finish() {
    Picoseconds before;
    Turn last;
    for (std::uint32_t t = 0; t < steps_; ++t) {
      Picoseconds end = before;
      for (std::uint32_t s = 0; s < stages_.all.size(); ++s) {
        if (known_[s][t].end <= end) continue;
        end = known_[s][t].end;
        last = {s, t};
      }
      result_.timeline.steps.push_back({before, end});
      before = end;
    }
    result_.path = path_to(plan_, stages_, known_, last);
    for (std::size_t core = 0; core < synapse_units_.size(); ++core) {
      const SynapseUnit& unit = synapse_units_[core];
      result_.busy[core].synapse_unit = unit.busy;
      result_.stalled[core].synapse_unit = unit.free - unit.busy;
    }
    result_.actions = action_counts(plan_, tally_, 0, result_.timeline.latency());
    result_.packets = tally_.packets();
    result_.merged = tally_.merged();
    result_.hops = tally_.hops();
    result_.links = links_.loads();
  }

  const Plan& plan_;
  SimulationResult result_;
  Tally tally_;
  WorkRecorder work_;
  bool keeps_records_;
  Phases phases_;
  SynapseWork synapses_;
  LinkBookings links_;
  std::vector<Stop> stops_;  ///< by receiver
  Stages stages_;
  std::uint32_t steps_;                        ///< time steps of all samples
  std::vector<std::vector<Phase>> known_;      ///< by stage and time step
  std::vector<std::vector<Outbox>> outboxes_;  ///< by stage: of the phases that may be under way
  std::vector<SynapseUnit> synapse_units_;     ///< by core
  Picoseconds port_;                           ///< the I/O port is free
  Queue queue_;
  std::vector<Line> lines_;  ///< by link
};

}  // namespace

SimulationResult simulate_dataflow(const Plan& plan, const SpikeTrace& trace,
                                   const SimulationOptions& options) {
  return Dataflow(plan, trace, options).run();
}

}  // namespace nj
