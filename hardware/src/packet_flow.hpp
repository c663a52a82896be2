#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "neurojoule/hardware/simulate.hpp"

#include "network/any_network.hpp"
#include "network/transits.hpp"
#include "packet.hpp"
#include "plan.hpp"
#include "run_sorter.hpp"
#include "synapse_work.hpp"
#include "tally.hpp"
#include "work_recorder.hpp"

namespace nj {

/// A synapse unit that served packets without a pause.
struct BusyPeriod {
  Picoseconds begin;
  Picoseconds end;
  Arrival first;  ///< came at `begin`
};

/// Carries the packets of one step from axon-out over links to axon-in, and serves them there.
///
/// Service does not act back on the network: axon-in queues are unbounded. So the network runs
/// first, and then each core serves its arrivals in the order of (time, source, sequence).
class PacketFlow {
 public:
  /// `records` may be null.
  PacketFlow(const Plan& plan, TimingLevel level, std::vector<UnitTimes>& busy,
             std::vector<UnitTimes>& stalled, std::vector<PacketRecord>* records,
             WorkRecorder& work_recorder);

  /// Returns how the packet that is served last comes to be (StepPath, without barrier and tick),
  /// on the lowest of several cores; nothing when there are no packets. At the level `analytic` the
  /// wait for links is that of the busiest one, where cores could have ended sooner.
  std::optional<StepPath> run(std::uint32_t step, Picoseconds start,
                              std::span<const Packet> packets, std::span<const Target> targets,
                              std::span<const PacketSource> sources,
                              std::span<const SentAfter> sent_after);
  /// What the links carried since the last call.
  [[nodiscard]] std::vector<LinkLoad> take_loads();
  /// By core: the most packets at once that waited for its synapse unit since the last call.
  [[nodiscard]] std::vector<std::uint32_t> take_most_waiting();

 private:
  void sort_shared();
  [[nodiscard]] BusyPeriod serve(std::uint32_t core, Picoseconds start);
  [[nodiscard]] StepPath path_to(const BusyPeriod& last, Picoseconds start) const;
  [[nodiscard]] const Before& before(std::uint32_t packet) const;
  void record(const Arrival& arrival, const Target& target, Picoseconds begins, Picoseconds served);
  void append_records();
  void record_links(const StepTraffic& traffic);

  const Plan& plan_;
  std::vector<UnitTimes>& busy_;
  std::vector<UnitTimes>& stalled_;
  std::vector<PacketRecord>* records_;
  WorkRecorder& work_recorder_;
  Packing packing_;
  bool recording_;  ///< packets or work
  AnyNetwork network_;
  SharedLists lists_;  ///< by core: of its arrivals
  Transits transits_;
  std::vector<Stop> stops_;                   ///< by receiver
  std::vector<Picoseconds> core_free_;        ///< per core: synapse unit
  std::vector<std::uint32_t> most_waiting_;   ///< per core, since the last take_most_waiting
  std::vector<Picoseconds> begins_;           ///< of service; of the core in work
  std::vector<PlainList<Arrival>> arrivals_;  ///< by list: of the step in work
  RunSorter<Arrival> sorter_;
  SynapseWork synapses_;
  std::vector<std::pair<Arrival, PacketRecord>> step_records_;
  std::vector<LinkPass> passes_;  ///< of the step in work, while work is recorded
  // Of the step in work:
  std::span<const Packet> packets_;
  std::span<const Target> targets_;
  std::span<const PacketSource> sources_;
  std::span<const SentAfter> sent_after_;
  std::uint32_t step_ = 0;
};

}  // namespace nj
