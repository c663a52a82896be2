#include "sender.hpp"

#include <algorithm>
#include <utility>

namespace nj {

Sender::Sender(const Plan& plan, SentMaps& sent, Tally& tally, Packing packing)
    : plan_(plan),
      sent_(sent),
      tally_(tally),
      multicast_(plan.chip.spec().topology.multicast),
      packing_(packing) {
  std::size_t cells = 0;
  std::size_t keys = plan.receivers.size();
  for (const Fan& fan : plan.fans) {
    cells = std::max(cells, fan.first.size());
    for (const std::uint32_t group : fan.groups) keys = std::max<std::size_t>(keys, group + 1);
  }
  fired_.resize(cells);
  if (packing == Packing::bundled) bundle_.assign(keys, none);
}

void Sender::begin(std::uint32_t population, std::uint32_t t, Picoseconds axon_out,
                   Outbox& outbox) {
  fan_ = &plan_.fans[population];
  map_ = &sent_.begin(population, t);
  merges_ = !map_->addresses.empty();
  axon_out_ = axon_out;
  outbox_ = &outbox;
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
  if (merges_ && map_->mark(address)) ++fired.fresh;
  if (packing_ == Packing::bundled) {
    return clock + axon_out_ * (multicast_ ? 1 : static_cast<std::int64_t>(ways.size()));
  }
  auto& [packets, targets] = *outbox_;
  for (const Way& way : ways) {
    if (&way == ways.data() || !multicast_) {
      clock += axon_out_;
      packets.push_back({clock, static_cast<std::uint32_t>(targets.size()), address, 1, value});
    }
    targets.push_back(
        {way.receiver, static_cast<std::uint32_t>(packets.size() - 1), way.positions});
  }
  return clock;
}

std::uint64_t Sender::finish() {
  std::uint64_t packets = 0;
  for (const std::uint32_t cell : cells_) {
    const Fired fired = std::exchange(fired_[cell], {});
    const auto ways = fan_->at(cell);
    map_->positions[cell / fan_->ranges] = 1;
    packets += fired.count * (multicast_ ? std::uint64_t{1} : ways.size());
    count(ways, fired);
    if (packing_ == Packing::bundled) bundle(cell, ways, fired);
  }
  cells_.clear();
  for (const std::uint32_t key : keys_) bundle_[key] = none;
  keys_.clear();
  return packets;
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

/// Adds what a cell fired to the packet for its receivers, or to that for each of them.
void Sender::bundle(std::uint32_t cell, std::span<const Way> ways, const Fired& fired) {
  if (multicast_) {
    return add(fan_->groups[cell], ways, fired.first + axon_out_, fired);
  }
  Picoseconds injected = fired.first;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    injected += axon_out_;
    add(ways[i].receiver, ways.subspan(i, 1), injected, fired);
  }
}

void Sender::add(std::uint32_t key, std::span<const Way> ways, Picoseconds injected,
                 const Fired& fired) {
  auto& [packets, targets] = *outbox_;
  if (bundle_[key] == none) {
    bundle_[key] = static_cast<std::uint32_t>(packets.size());
    keys_.push_back(key);
    packets.push_back({injected, static_cast<std::uint32_t>(targets.size()), 0, 0, 1});
    for (const Way& way : ways) targets.push_back({way.receiver, bundle_[key], 0});
  }
  Packet& packet = packets[bundle_[key]];
  packet.count += fired.count;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    targets[packet.first_target + i].positions += taken(ways[i], fired) * ways[i].positions;
  }
}

}  // namespace nj
