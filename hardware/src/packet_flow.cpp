#include "packet_flow.hpp"

#include <algorithm>
#include <variant>

namespace nj {
namespace {

// Phases order events of equal time: new packets before through traffic before deliveries.
constexpr std::uint32_t inject_phase = 0;
constexpr std::uint32_t forward_phase = 1;
constexpr std::uint32_t deliver_phase = 2;

}  // namespace

Touched::Touched(const Plan& plan) {
  for (const SlicePlan& slice : plan.slices) {
    const bool counted = std::holds_alternative<Conv2d>(*slice.op);
    positions_.push_back(counted ? slice.positions() : 0);
    slots_.push_back(slice.slots);
    flags_.emplace_back(positions_.back() * slice.slots, std::uint8_t{0});
  }
}

PacketFlow::PacketFlow(const Plan& plan, Touched& touched, Tally& tally,
                       std::vector<CoreBusy>& busy, std::vector<PacketRecord>* records)
    : plan_(plan),
      touched_(touched),
      tally_(tally),
      busy_(busy),
      records_(records),
      link_free_(plan.chip.topology().links().size()),
      core_free_(plan.chip.cores().size()),
      seen_(plan.receivers.size()) {
  for (std::size_t r = 0; r < plan.receivers.size(); ++r) {
    const Receiver& receiver = plan.receivers[r];
    if (receiver.merges) seen_[r].assign(plan.fans[receiver.producer].shape.neurons(), 0);
  }
}

Picoseconds PacketFlow::run(std::uint32_t step, Picoseconds start, std::span<const Packet> packets,
                            std::span<const PacketSource> sources) {
  step_ = step;
  packets_ = packets;
  const auto inject = [&](std::uint32_t packet, std::uint32_t source) {
    const PacketSource& from = sources[source];
    queue_.push({packets[packet].injected, inject_phase, from.core.index, packet},
                {packet, from.tile, source});
  };
  for (std::uint32_t s = 0; s < sources.size(); ++s) {
    if (sources[s].first != sources[s].last) inject(sources[s].first, s);
  }
  Picoseconds end = start;
  while (!queue_.empty()) {
    const auto [key, hop] = queue_.pop();
    switch (key.phase) {
      case inject_phase:
        if (hop.packet + 1 != sources[hop.source].last) inject(hop.packet + 1, hop.source);
        send(key, hop, plan_.receivers[packets[hop.packet].receiver].tile);
        break;
      case forward_phase:
        pass_link(key, hop);
        break;
      default:
        end = std::max(end, serve(key, packets[hop.packet]));
    }
  }
  return end;
}

void PacketFlow::send(EventKey key, Hop hop, std::uint32_t tile) {
  if (hop.tile != tile) {
    pass_link(key, hop);
    return;
  }
  ++tally_.senders[plan_.receivers[packets_[hop.packet].receiver].producer].within_tile;
  key.time += plan_.chip.spec().topology.within_tile;
  key.phase = deliver_phase;
  queue_.push(key, hop);
}

void PacketFlow::pass_link(EventKey key, Hop hop) {
  const Receiver& receiver = plan_.receivers[packets_[hop.packet].receiver];
  const std::uint32_t index = plan_.chip.topology().next_link(hop.tile, receiver.tile);
  const Link& link = plan_.chip.topology().links()[index];
  SenderTally& sender = tally_.senders[receiver.producer];
  ++(link.direction == Direction::east_west ? sender.east_west : sender.north_south);
  const Picoseconds departs = std::max(key.time, link_free_[index]);
  link_free_[index] = departs + link.cycle;
  key.time = departs + link.latency;
  key.phase = link.to == receiver.tile ? deliver_phase : forward_phase;
  hop.tile = link.to;
  queue_.push(key, hop);
}

Picoseconds PacketFlow::serve(const EventKey& key, const Packet& packet) {
  const Receiver& receiver = plan_.receivers[packet.receiver];
  Picoseconds& free = core_free_[receiver.core.index];
  const Picoseconds begins = std::max(key.time, free);
  free = begins + plan_.slices[receiver.slice].kind->times.axon_in + work(packet);
  busy_[receiver.core.index].synapse_unit += free - begins;
  if (records_ != nullptr) record(key, packet, free);
  return free;
}

/// Does the synaptic work of a packet on its slice; returns the time it takes.
Picoseconds PacketFlow::work(const Packet& packet) {
  const Receiver& receiver = plan_.receivers[packet.receiver];
  ReceiverTally& tally = tally_.receivers[packet.receiver];
  ++tally.delivered;
  if (receiver.merges) {
    const FeatureShape& shape = plan_.fans[receiver.producer].shape;
    std::uint32_t& seen = seen_[packet.receiver][shape.address(packet.channel, packet.y, packet.x)];
    if (seen == step_ + 1) {
      ++tally.merged;
      return Picoseconds{0};
    }
    seen = step_ + 1;
  }
  const SlicePlan& slice = plan_.slices[receiver.slice];
  const std::uint32_t t = step_ - plan_.graph.depth[receiver.producer];
  const bool attention = std::holds_alternative<SpikingSelfAttention>(*slice.op);
  const auto touched = touched_.slot(receiver.slice, t);
  std::uint64_t reached_positions = 0;
  for (const PortReach& port : receiver.ports) {
    if (!port.accepts(packet.y, packet.x, packet.channel)) continue;
    ++tally.operands;
    if (attention) continue;
    const Range rows = port.rows[packet.y];
    const Range columns = port.columns[packet.x];
    const std::uint64_t positions = std::uint64_t{rows.size()} * columns.size();
    reached_positions += positions;
    if (port.graded) tally.graded_positions += positions;
    if (touched.empty()) continue;
    for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
      const std::size_t row = std::size_t{y - slice.place.row_begin} * slice.shape.width;
      std::fill(touched.begin() + static_cast<std::ptrdiff_t>(row + columns.begin),
                touched.begin() + static_cast<std::ptrdiff_t>(row + columns.end), std::uint8_t{1});
    }
  }
  tally.positions += reached_positions;
  return slice.position_time * static_cast<std::int64_t>(reached_positions);
}

void PacketFlow::record(const EventKey& key, const Packet& packet, Picoseconds served) {
  const Receiver& receiver = plan_.receivers[packet.receiver];
  const FeatureShape& shape = plan_.fans[receiver.producer].shape;
  records_->push_back({step_, plan_.populations[receiver.producer].output(),
                       shape.address(packet.channel, packet.y, packet.x), packet.value,
                       CoreId{key.source}, receiver.core, packet.injected, key.time, served});
}

}  // namespace nj
