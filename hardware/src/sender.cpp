#include "sender.hpp"

#include <algorithm>
#include <utility>

#include "place.hpp"

namespace nj {

Sender::Sender(const Plan& plan, SentMaps& sent, Tally& tally, RouteTrees& routes, Packing packing)
    : plan_(plan),
      sent_(sent),
      tally_(tally),
      multicast_(plan.chip.spec().topology.multicast),
      packing_(packing),
      routes_(routes),
      sizes_(packet_sizes(plan)),
      trees_(plan.slices.size() + plan.populations.size()) {
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
  population_ = population;
  source_ = source;
  fan_ = &plan_.fans[population];
  map_ = &sent_.begin(population, t);
  merges_ = !map_->addresses.empty();
  axon_out_ = axon_out;
  outbox_ = &outbox;
  std::vector<std::uint32_t>& trees = trees_[source];
  if (trees.empty()) trees.assign(multicast_ ? fan_->group_count : fan_->receivers.size(), none);
  routes_of_source_ = trees.data();
}

/// The tree of packets to some receivers, of which the first is to be sent.
std::uint32_t Sender::find_route(std::span<const Way> ways) {
  std::vector<RouteEnd> ends;
  for (const Way& way : ways) {
    const Receiver& receiver = plan_.receivers[way.receiver];
    ends.push_back({receiver.tile, receiver.core.index});
  }
  const bool port = source_ >= plan_.slices.size();
  const std::uint32_t from =
      port ? io_tile : plan_.chip.core(plan_.slices[source_].place.core).tile;
  return routes_.find(from, ends, find_size(sizes_, plan_.packet_bits(population_)));
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
  if (merges_ && map_->mark(address)) ++fired.fresh;
  if (packing_ == Packing::bundled) {
    return clock + axon_out_ * (multicast_ ? 1 : static_cast<std::int64_t>(ways.size()));
  }
  auto& [packets, targets] = *outbox_;
  for_each_packet(cell, ways, [&](std::uint32_t key, std::span<const Way> to) {
    const std::uint32_t tree = route(key, to);
    clock += axon_out_;
    const auto packet = static_cast<std::uint32_t>(packets.size());
    packets.push_back({clock, static_cast<std::uint32_t>(targets.size()), tree, address, 1, value});
    for (const std::uint32_t i : routes_.order_of(tree)) {
      targets.push_back({to[i].receiver, packet, to[i].positions});
    }
  });
  return clock;
}

std::uint64_t Sender::finish() {
  std::uint64_t packets = 0;
  for (const std::uint32_t cell : cells_) {
    const Fired fired = std::exchange(fired_[cell], {});
    const auto ways = fan_->at(cell);
    map_->positions[cell / fan_->ranges] = 1;
    packets += fired.count * (multicast_ ? std::uint64_t{1} : ways.size());
    count(cell, ways, fired);
    if (packing_ == Packing::single) continue;
    Picoseconds injected = fired.first;
    for_each_packet(cell, ways, [&](std::uint32_t key, std::span<const Way> to) {
      injected += axon_out_;
      bundle(key, to, injected, fired);
    });
  }
  cells_.clear();
  for (const std::uint32_t key : bundled_) bundle_[key] = none;
  bundled_.clear();
  return packets;
}

/// Of what a cell fired: what a receiver does not drop.
std::uint64_t Sender::taken(const Way& way, const Fired& fired) const {
  return plan_.receivers[way.receiver].merges ? fired.fresh : fired.count;
}

void Sender::count(std::uint32_t cell, std::span<const Way> ways, const Fired& fired) {
  for (const Way& way : ways) {
    ReceiverTally& tally = tally_.receivers[way.receiver];
    const std::uint64_t spikes = taken(way, fired);
    tally.delivered += fired.count;
    tally.merged += fired.count - spikes;
    tally.operands += spikes * way.operands;
    tally.positions += spikes * way.positions;
  }
  SenderTally& tally = tally_.senders[population_];
  for_each_packet(cell, ways, [&](std::uint32_t key, std::span<const Way> to) {
    const RouteTrees::Tree& tree = routes_.tree(route(key, to));
    const RouteTrees::Node& start = routes_.node(tree.start);
    tally.within_tile += std::uint64_t{fired.count} * (start.here_last - start.here_first);
    for (std::size_t i = 0; i < tree.hops.size(); ++i) {
      tally.hops[i] += std::uint64_t{fired.count} * tree.hops[i];
    }
  });
}

/// Adds what a cell fired to the packet of all that goes to the same receivers.
void Sender::bundle(std::uint32_t key, std::span<const Way> ways, Picoseconds injected,
                    const Fired& fired) {
  auto& [packets, targets] = *outbox_;
  const std::uint32_t tree = route(key, ways);
  const auto order = routes_.order_of(tree);
  if (key >= bundle_.size()) bundle_.resize(key + std::size_t{1}, none);
  if (bundle_[key] == none) {
    bundle_[key] = static_cast<std::uint32_t>(packets.size());
    bundled_.push_back(key);
    packets.push_back({injected, static_cast<std::uint32_t>(targets.size()), tree, 0, 0, 1});
    for (const std::uint32_t i : order) targets.push_back({ways[i].receiver, bundle_[key], 0});
  }
  Packet& packet = packets[bundle_[key]];
  packet.count += fired.count;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Way& way = ways[order[i]];
    targets[packet.first_target + i].positions += taken(way, fired) * way.positions;
  }
}

}  // namespace nj
