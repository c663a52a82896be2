#include "dataflow.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "neurojoule/core/event_queue.hpp"

#include "axon_queue.hpp"
#include "dataflow_stages.hpp"
#include "network/transits.hpp"
#include "packet_records.hpp"
#include "packets_under_way.hpp"
#include "phases.hpp"
#include "synapse_work.hpp"
#include "tally.hpp"
#include "work_recorder.hpp"

namespace nj {
namespace {

/// Runs phases, and between them all that packets do up to a horizon before which no other starts.
///
/// Packets act on each other, and on phases by when they are served. So all that happens before a
/// horizon is known once all phases that start before it have been run. Phase t of a stage waits
/// for phases t of its producers, for its own t - 1, and for t - slots of its consumers: never for
/// itself. Of the phases that have not started, one that waits for no other starts first: it waits
/// for packets that are under way. The last of them comes no sooner than if it met no other, the
/// core serves all that are left one after another, and then there is a handshake. The horizon is
/// the earliest start that this allows to any phase (`least_start`).
///
/// The next horizon is later by a handshake at least, as what is not served then comes after this
/// one; so all phases come. `look_ahead` keeps the number of horizons near that of phases: it finds
/// the packets that others hold up.
///
/// A phase that is due starts when the neuron unit of its core is free: slices that share one take
/// turns in the order in which they came to be due. That needs to know all phases that are due
/// before, so that the horizon must have come to a start on such a chip (`must_keep_order`).
///
/// A phase may be run before what precedes its start, as soon as this is known (but see
/// `must_keep_order`). All that happens at one link or core still happens in the order of (time,
/// source, sequence); of one time, phases start first (handshakes take time, so that no arrival
/// starts a phase at once), then new packets take links before through traffic, and then arrivals
/// are served.
class Dataflow {
 public:
  Dataflow(const Plan& plan, const SpikeTrace& trace, const SimulationOptions& options)
      : plan_(plan),
        tally_(plan),
        work_(result_.work, result_.work_until, options.work_records),
        keeps_records_(options.record_packets),
        keeps_phases_(options.step_records),
        check_(options.check),
        phases_(plan, trace, Packing::single, tally_, result_.busy, result_.stalled, work_),
        synapses_(plan, Packing::single),
        transits_(plan),
        stages_(plan),
        steps_(phases_.timesteps() * options.in_a_row),
        known_(stages_.all.size(), std::vector<Phase>(steps_)),
        synapse_units_(plan.chip.cores().size()),
        neuron_units_(plan.chip.cores().size()),
        packets_(plan, stages_, work_.on() ? &passes_ : nullptr),
        sent_(stages_.all.size()),
        keeps_order_(must_keep_order()) {
    result_.busy.resize(plan.chip.cores().size());
    result_.stalled.resize(plan.chip.cores().size());
    result_.most_waiting.resize(plan.chip.cores().size());
    for (const Receiver& receiver : plan.receivers) {
      receiver_stages_.push_back(stages_.of_slice(receiver.slice));
    }
  }

  SimulationResult run() {
    for (std::uint32_t s = 0; s < stages_.all.size(); ++s) {
      for (std::uint32_t t = 0; t < steps_; ++t) known_[s][t].starts_left = starts_before({s, t});
    }
    for (std::uint32_t s = 0; s < stages_.all.size(); ++s) start_if_ready(s);
    start_phases();
    while (!starts_.empty() || !waiting_.empty()) {
      if (check_) check_();
      horizon_ = next_horizon();
      packets_.run(horizon_);
      serve_arrivals();
      append_records();
      if (!start_phases()) look_ahead();
    }
    finish();
    return std::move(result_);
  }

 private:
  struct SynapseUnit {
    Picoseconds free;
    Picoseconds busy;
    AxonQueue queue;
    Cause period;  ///< the one in work: since when it has not paused
  };
  struct NeuronUnit {
    Picoseconds free;
    Turn last;  ///< that it worked for
  };
  /// What is recorded of links and synapse units, in the order of all that happens.
  struct Happened {
    Picoseconds time;
    bool arrives = false;
    std::uint64_t order = 0;
    WorkRecord record;
    friend bool operator<(const Happened& a, const Happened& b) {
      return std::tie(a.time, a.arrives, a.order) < std::tie(b.time, b.arrives, b.order);
    }
  };
  /// What a phase sends to one stage.
  struct Sent {
    std::uint64_t packets = 0;
    Picoseconds last;  ///< of them leaves axon-out
  };
  struct Nothing {};
  /// When a phase starts.
  struct Due {
    Picoseconds time;   ///< unless its neuron unit works for another slice then
    Picoseconds ready;  ///< it waits for nothing but that unit
    std::uint32_t stage = 0;
    friend auto operator<=>(const Due&, const Due&) = default;
  };

  [[nodiscard]] std::uint32_t slots_of(std::uint32_t stage) const {
    return plan_.slices[*stages_.all[stage].slice].slots;
  }
  /// Phases that a phase waits for, its stage's own apart.
  [[nodiscard]] std::uint32_t starts_before(Turn turn) const {
    const DataflowStage& stage = stages_.all[turn.stage];
    const auto waits = [&](std::uint32_t c) { return turn.t >= slots_of(c); };
    return static_cast<std::uint32_t>(
        stage.producers.size() +
        std::count_if(stage.consumers.begin(), stage.consumers.end(), waits));
  }
  [[nodiscard]] Cause done(Turn turn) const {
    return {Cause::Kind::phase, turn, known_[turn.stage][turn.t].end, {}, {}, 0, {}};
  }

  /// Whether phases are run in the order of their starts, after all that happens before: where work
  /// is recorded, or several stages use one neuron unit or the I/O port.
  [[nodiscard]] bool must_keep_order() const {
    if (work_.on() || plan_.cores.size() != plan_.slices.size()) return true;
    const auto uses_port = [&](const DataflowStage& stage) {
      return !stage.slice || plan_.slices[*stage.slice].frame;
    };
    return std::count_if(stages_.all.begin(), stages_.all.end(), uses_port) > 1;
  }
  [[nodiscard]] bool may_start(Picoseconds time) const { return !keeps_order_ || time <= horizon_; }
  /// Runs the phases that may start now; returns whether there are any.
  bool start_phases() {
    bool any = false;
    while (!starts_.empty() && may_start(starts_.top().key.time)) {
      const Due due = starts_.pop().key;
      const Turn turn{due.stage, stages_.all[due.stage].next};
      if (waits_for_unit(due, turn)) continue;
      start(turn, due.time);
      any = true;
    }
    return any;
  }

  /// Whether the neuron unit of a phase that is due works for another slice; the phase is then due
  /// when that ends, before those that came to be due later.
  bool waits_for_unit(const Due& due, Turn turn) {
    const DataflowStage& stage = stages_.all[due.stage];
    if (!stage.slice) return false;
    const NeuronUnit& unit = neuron_units_[stage.core.index];
    if (unit.free <= due.time) return false;
    known_[turn.stage][turn.t].cause = done(unit.last);
    starts_.push({unit.free, due.ready, due.stage}, {});
    return true;
  }

  /// Before it no phase starts that has not been run.
  [[nodiscard]] Picoseconds next_horizon() const {
    Picoseconds horizon{std::numeric_limits<std::int64_t>::max()};
    if (!starts_.empty()) horizon = starts_.top().key.time;
    for (const std::uint32_t s : waiting_) horizon = std::min(horizon, least_start(s));
    return horizon;
  }

  /// Of a stage that waits for packets: its next phase starts no sooner.
  [[nodiscard]] Picoseconds least_start(std::uint32_t s) const {
    const DataflowStage& stage = stages_.all[s];
    const Phase& phase = known_[s][stage.next];
    const Picoseconds free = std::max(synapse_units_[stage.core.index].free, horizon_);
    const Picoseconds served = free + plan_.slices[*stage.slice].kind->times.axon_in *
                                          static_cast<std::int64_t>(phase.packets_left);
    return std::max(stage.floor, std::max(served, phase.served) + *plan_.chip.spec().handshake);
  }

  /// After a horizon at which nothing starts: looks where all packets are, and notes when a phase
  /// has those that it waits for. Not before as much has been done in vain as there is to look at.
  void look_ahead() {
    vain_ += plan_.chip.topology().links().size() + stages_.all.size();
    if (vain_ < packets_.waiting()) return;
    vain_ = 0;
    packets_.for_each_waiting([this](std::uint32_t slice, Turn turn, Picoseconds time) {
      Phase& phase = known_[stages_.of_slice(slice)][turn.t];
      phase.served = std::max(phase.served, time + plan_.slices[slice].kind->times.axon_in);
    });
  }

  /// Looks at what the next phase of a stage waits for: notes its start once that is known, and its
  /// stage among those that wait for packets while it waits for nothing else.
  void start_if_ready(std::uint32_t s) {
    DataflowStage& stage = stages_.all[s];
    const std::uint32_t t = stage.next;
    if (stage.due || t == steps_) return;
    Phase& phase = known_[s][t];
    if (phase.starts_left != 0) return;
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
      wait_for(done({c, t - slots_of(c)}), Picoseconds{0});
    }
    if (phase.packets_left != 0) {
      stage.floor = cause.end + cause.handshake;
      if (!std::exchange(stage.waits, true)) waiting_.push_back(s);
      return;
    }
    if (std::exchange(stage.waits, false)) std::erase(waiting_, s);
    phase.cause = cause;
    stage.due = true;
    const Picoseconds ready = cause.end + cause.handshake;
    starts_.push({ready, ready, s}, {});
  }

  void start(Turn turn, Picoseconds now) {
    DataflowStage& stage = stages_.all[turn.stage];
    Phase& phase = known_[turn.stage][turn.t];
    Outbox& box = packets_.open(turn);
    phase.start = now;
    stage.due = false;
    ++stage.next;
    Picoseconds port = std::max(now, port_);
    const Picoseconds port_before = port;
    if (stage.slice) {
      NeuronUnit& unit = neuron_units_[stage.core.index];
      result_.stalled[stage.core.index].neuron_unit += now - unit.free;
      const auto [frame, idle] = phases_.run_slice(*stage.slice, turn.t, now, port, box);
      phase.before = frame;
      phase.end = idle;
      unit = {idle, turn};
    } else {
      phases_.run_input(stage.population, turn.t, port, box);
      phase.end = port;
    }
    phase.sent = box.packets.size();
    if (port != port_before) port_ = port;
    packets_.send(turn);
    expect(turn, box);
    for (const std::uint32_t c : stage.consumers) {
      Phase& next = known_[c][turn.t];
      note(next, done(turn), now);
      if (--next.starts_left == 0) start_if_ready(c);
    }
    if (stage.slice && turn.t + slots_of(turn.stage) < steps_) {
      const std::uint32_t t = turn.t + slots_of(turn.stage);
      for (const std::uint32_t p : stage.producers) {
        if (--known_[p][t].starts_left == 0) start_if_ready(p);
      }
    }
    start_if_ready(turn.stage);
  }

  /// Notes an input of a phase; of those that end at one time, the first that happened (phases
  /// start before packets arrive).
  static void note(Phase& phase, const Cause& input, Picoseconds time) {
    const auto order = [](const Cause& cause, Picoseconds when) {
      const bool packet = cause.kind == Cause::Kind::packet;
      return std::tuple(when, packet, packet ? 0 : cause.turn.stage);
    };
    const Cause& last = phase.inputs;
    if (input.end < last.end) return;
    if (input.end == last.end && order(input, time) >= order(last, phase.noted)) return;
    phase.inputs = input;
    phase.noted = time;
  }

  /// Tells the consumers of a phase what packets come.
  void expect(Turn turn, const Outbox& box) {
    for (const Target& target : box.targets) {
      Sent& sent = sent_[receiver_stages_[target.receiver]];
      ++sent.packets;
      sent.last = box.packets[target.packet].injected;
    }
    const DataflowStage& stage = stages_.all[turn.stage];
    for (std::size_t i = 0; i < stage.consumers.size(); ++i) {
      const std::uint32_t c = stage.consumers[i];
      const Sent sent = std::exchange(sent_[c], {});
      if (sent.packets == 0) continue;
      Phase& next = known_[c][turn.t];
      next.packets_left += sent.packets;
      next.served =
          std::max(next.served, sent.last + stage.transits[i] +
                                    plan_.slices[*stages_.all[c].slice].kind->times.axon_in);
    }
  }

  void serve_arrivals() {
    packets_.serve(horizon_, [this](const PacketsUnderWay::Links::Ask& arrived,
                                    const PacketsUnderWay::Found& found) {
      const Target& target = found.outbox.targets[found.target];
      serve(arrived, found.turn, target, found.outbox.packets[target.packet]);
    });
  }

  void serve(const PacketsUnderWay::Links::Ask& arrived, Turn turn, const Target& target,
             const Packet& packet) {
    const std::uint32_t slice = plan_.receivers[target.receiver].slice;
    SynapseUnit& unit = synapse_units_[plan_.slices[slice].place.core.index];
    if (arrived.time >= unit.free) {
      unit.period = {Cause::Kind::packet, turn, arrived.time, arrived.time, packet.injected,
                     target.receiver,     {}};
    }
    const Picoseconds begins = std::max(arrived.time, unit.free);
    unit.free = begins + plan_.slices[slice].kind->times.axon_in + synapses_.serve(target, turn.t);
    unit.busy += unit.free - begins;
    unit.queue.add(arrived.time, begins);
    unit.period.end = unit.free;
    if (work_.on() || keeps_records_) record(arrived, turn, target, packet, begins, unit.free);
    const std::uint32_t stage = stages_.of_slice(slice);
    Phase& phase = known_[stage][turn.t];
    note(phase, unit.period, arrived.time);
    if (--phase.packets_left == 0) start_if_ready(stage);
  }

  void record(const PacketsUnderWay::Links::Ask& arrived, Turn turn, const Target& target,
              const Packet& packet, Picoseconds begins, Picoseconds served) {
    if (work_.on()) {
      const Receiver& receiver = plan_.receivers[target.receiver];
      happened_.push_back({arrived.time, true, arrived.order,
                           service_record(plan_, receiver, packet, turn.t, begins, served)});
    }
    if (!keeps_records_) return;
    records_.emplace_back(arrived,
                          packet_record(plan_, target, packet, turn.t, stages_.all[turn.stage].core,
                                        arrived.time, served));
  }

  /// Orders what has been recorded up to the horizon over all cores and links.
  void append_records() {
    if (!work_.on()) passes_.clear();
    for (const PacketsUnderWay::Pass& pass : passes_) {
      const std::uint32_t population = stages_.all[pass.turn.stage].population;
      happened_.push_back({pass.key.time, false, pass.key.order,
                           link_record(plan_, population, pass.turn.t, pass.link, pass.enters,
                                       transits_.service(pass.link, population))});
    }
    passes_.clear();
    std::sort(happened_.begin(), happened_.end());
    for (const Happened& one : happened_) work_.add(one.record);
    happened_.clear();
    std::sort(records_.begin(), records_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [arrived, record] : records_) result_.records.push_back(record);
    records_.clear();
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
    if (keeps_phases_) keep_phases();
    for (std::size_t core = 0; core < synapse_units_.size(); ++core) {
      const SynapseUnit& unit = synapse_units_[core];
      result_.busy[core].synapse_unit = unit.busy;
      result_.stalled[core].synapse_unit = unit.free - unit.busy;
      result_.most_waiting[core] = unit.queue.most();
    }
    result_.slices = phases_.slices();
    add_synapse_work(plan_, tally_, result_.slices);
    result_.io_port = phases_.take_io_port();
    result_.actions = action_counts(plan_, tally_, 0, result_.timeline.latency());
    result_.packets = tally_.sent();
    result_.merged = tally_.merged();
    result_.hops = hops(result_.actions);
    result_.links = packets_.loads();
  }

  void keep_phases() {
    for (std::size_t s = 0; s < stages_.all.size(); ++s) {
      const DataflowStage& stage = stages_.all[s];
      for (std::uint32_t t = 0; t < steps_; ++t) {
        const Phase& phase = known_[s][t];
        result_.phases.push_back({plan_.populations[stage.population].lead, stage.core, t,
                                  phase.start, phase.end, phase.sent});
      }
    }
  }

  const Plan& plan_;
  SimulationResult result_;
  Tally tally_;
  WorkRecorder work_;
  bool keeps_records_;
  bool keeps_phases_;
  std::function<void()> check_;
  Phases phases_;
  SynapseWork synapses_;
  Transits transits_;
  Stages stages_;
  std::uint32_t steps_;                        ///< time steps of all samples
  std::vector<std::vector<Phase>> known_;      ///< by stage and time step
  std::vector<SynapseUnit> synapse_units_;     ///< by core
  std::vector<NeuronUnit> neuron_units_;       ///< by core
  std::vector<PacketsUnderWay::Pass> passes_;  ///< up to the horizon, while work is recorded
  PacketsUnderWay packets_;
  Picoseconds port_;                 ///< the I/O port is free
  Picoseconds horizon_;              ///< all that happens before it has been worked through
  EventQueue<Nothing, Due> starts_;  ///< of phases: as far as known
  std::size_t vain_ = 0;  ///< links and stages looked at, with no start, since `look_ahead` did
  std::vector<std::uint32_t> waiting_;          ///< stages that wait for packets alone
  std::vector<std::uint32_t> receiver_stages_;  ///< by receiver
  std::vector<Sent> sent_;                      ///< by stage: by the phase that starts
  bool keeps_order_;                            ///< must_keep_order
  std::vector<Happened> happened_;              ///< up to the horizon
  std::vector<std::pair<PacketsUnderWay::Links::Ask, PacketRecord>> records_;
};

}  // namespace

SimulationResult simulate_dataflow(const Plan& plan, const SpikeTrace& trace,
                                   const SimulationOptions& options) {
  return Dataflow(plan, trace, options).run();
}

}  // namespace nj
