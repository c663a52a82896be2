#include "sender.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "neurojoule/core/error.hpp"

namespace nj {

Sender::Sender(const Plan& plan, SentMaps& sent, Tally& tally, Packing packing)
    : plan_(plan),
      sent_(sent),
      tally_(tally),
      multicast_(plan.chip.spec().topology.multicast),
      packing_(packing) {
  std::size_t cells = 0;
  for (const Fan& fan : plan.fans) cells = std::max(cells, fan.first.size());
  fired_.resize(cells);
}

void Sender::begin_slice(std::uint32_t slice, std::uint32_t t, Outbox& outbox) {
  const SlicePlan& plan = plan_.slices[slice];
  begin(plan.place.population, slice, t, plan.kind->times.axon_out, outbox);
}

void Sender::begin_input(std::uint32_t population, std::uint32_t t, Outbox& outbox) {
  const auto source = static_cast<std::uint32_t>(plan_.slices.size()) + population;
  begin(population, source, t, plan_.chip.spec().off_chip.axon_out, outbox);
}

void Sender::begin(std::uint32_t population, std::uint32_t source, std::uint32_t t,
                   Picoseconds axon_out, Outbox& outbox) {
  fan_ = &plan_.fans[population];
  map_ = &sent_.begin(population, t);
  merges_ = !map_->addresses.empty();
  axon_out_ = axon_out;
  outbox_ = &outbox;
  const std::size_t first = plan_.first_tree[source];
  trees_ = plan_.trees.data() + first;
  packets_ = tally_.packets.data() + first;
  if (packing_ != Packing::bundled) return;
  bundles_.resize(std::max(bundles_.size(), plan_.first_tree[source + 1] - first), none);
}

/// Calls `give` with the receiver or group of each packet that a spike of a cell makes, and its
/// ways.
template <class Give>
void Sender::for_each_packet(std::uint32_t cell, std::span<const Way> ways, Give&& give) {
  if (multicast_) return give(fan_->groups[cell], ways);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto way = ways.subspan(i, 1);
    give(way.front().receiver - fan_->receivers.begin, way);
  }
}

Picoseconds Sender::send(std::uint32_t position, std::uint32_t channel, std::int16_t value,
                         Picoseconds clock) {
  const std::uint32_t cell = fan_->cell(position, channel);
  const auto ways = fan_->at(cell);
  if (ways.empty()) return clock;
  const std::uint32_t address = position * fan_->shape.channels + channel;
  Fired& fired = fired_[cell];
  if (fired.count++ == 0) {
    fired.first = clock;
    cells_.push_back(cell);
  }
  if (merges_ && map_->addresses.mark(address)) ++fired.fresh;
  if (packing_ == Packing::bundled) {
    return clock + axon_out_ * (multicast_ ? 1 : static_cast<std::int64_t>(ways.size()));
  }
  return multicast_ ? send_one(cell, ways, address, value, clock)
                    : send_each(ways, address, value, clock);
}

/// A packet to each receiver; returns when the last one has left.
Picoseconds Sender::send_each(std::span<const Way> ways, std::uint32_t address, std::int16_t value,
                              Picoseconds clock) {
  auto packet = static_cast<std::uint32_t>(outbox_->packets.size());
  auto target = static_cast<std::uint32_t>(outbox_->targets.size());
  Packet* packets = outbox_->packets.append(ways.size());
  Target* targets = outbox_->targets.append(ways.size());
  for (const Way& way : ways) {
    clock += axon_out_;
    const std::uint32_t tree = trees_[way.receiver - fan_->receivers.begin];
    *packets++ = {clock, target++, tree, 1, value};
    *targets++ = {way.receiver, packet++, way.positions, address};
  }
  return clock;
}

/// One packet to all receivers; returns when it has left.
Picoseconds Sender::send_one(std::uint32_t cell, std::span<const Way> ways, std::uint32_t address,
                             std::int16_t value, Picoseconds clock) {
  clock += axon_out_;
  const std::uint32_t tree = trees_[fan_->groups[cell]];
  const auto packet = static_cast<std::uint32_t>(outbox_->packets.size());
  const auto target = static_cast<std::uint32_t>(outbox_->targets.size());
  outbox_->packets.push_back({clock, target, tree, 1, value});
  Target* targets = outbox_->targets.append(ways.size());
  for (const std::uint32_t i : plan_.routes.trees.order_of(tree)) {
    *targets++ = {ways[i].receiver, packet, ways[i].positions, address};
  }
  return clock;
}

std::uint64_t Sender::finish() {
  std::uint64_t all = 0;
  for (const std::uint32_t cell : cells_) {
    const Fired fired = std::exchange(fired_[cell], {});
    const auto ways = fan_->at(cell);
    map_->positions[cell / fan_->ranges] = 1;
    count(ways, fired);
    Picoseconds injected = fired.first;
    for_each_packet(cell, ways, [&](std::uint32_t key, std::span<const Way> to) {
      packets_[key] += fired.count;
      all += fired.count;
      injected += axon_out_;
      if (packing_ == Packing::bundled) bundle(key, to, injected, fired);
    });
  }
  cells_.clear();
  for (const std::uint32_t key : bundled_) bundles_[key] = none;
  bundled_.clear();
  return all;
}

/// Of what a cell fired: what a receiver does not drop.
std::uint64_t Sender::taken(const Way& way, const Fired& fired) const {
  return plan_.receivers[way.receiver].merges ? fired.fresh : fired.count;
}

void Sender::count(std::span<const Way> ways, const Fired& fired) {
  for (const Way& way : ways) {
    ReceiverTally& tally = tally_.receivers[way.receiver];
    const std::uint64_t spikes = taken(way, fired);
    tally.delivered += fired.count;
    tally.merged += fired.count - spikes;
    tally.operands += spikes * way.operands;
    tally.positions += spikes * way.positions;
  }
}

/// Adds what a cell fired to the packet of all that goes to the same receivers.
void Sender::bundle(std::uint32_t key, std::span<const Way> ways, Picoseconds injected,
                    const Fired& fired) {
  auto& [packets, targets] = *outbox_;
  const std::uint32_t tree = trees_[key];
  const auto order = plan_.routes.trees.order_of(tree);
  std::uint32_t& bundle = bundles_[key];
  if (bundle == none) {
    bundled_.push_back(key);
    bundle = static_cast<std::uint32_t>(packets.size());
    packets.push_back({injected, static_cast<std::uint32_t>(targets.size()), tree, 0, 1});
    for (const std::uint32_t i : order) targets.push_back({ways[i].receiver, bundle});
  }
  Packet& packet = packets[bundle];
  packet.count += fired.count;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Way& way = ways[order[i]];
    Target& target = targets[packet.first_target + i];
    const std::uint64_t more = std::uint64_t{fired.count} * way.positions;
    if (more > std::numeric_limits<std::uint32_t>::max() - target.positions) {
      throw Error(ErrorKind::capacity, "spikes of one slice reach 2^32 positions in one step");
    }
    target.positions += static_cast<std::uint32_t>(more);
    target.address += static_cast<std::uint32_t>(taken(way, fired) * way.positions);
  }
}

}  // namespace nj
