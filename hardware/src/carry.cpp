#include "neurojoule/hardware/carry.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "network/any_network.hpp"

namespace nj {
namespace {

void check(const Topology& topology, const TopologySpec& spec, std::span<const Message> messages) {
  const auto check_tile = [&](std::uint32_t tile) {
    if (tile >= topology.tiles()) {
      throw Error(ErrorKind::shape,
                  fmt::format("there is no tile {}, only {}", tile, topology.tiles()));
    }
  };
  for (const Message& message : messages) {
    if (message.injected < Picoseconds{0}) throw Error(ErrorKind::shape, "a time is negative");
    if (message.value_bits < 1 || message.value_bits > 32) {
      throw Error(ErrorKind::shape, "a value has 1 to 32 bits");
    }
    if (spec.buffer_flits && spec.packet_flits(message.value_bits) > *spec.buffer_flits) {
      throw Error(ErrorKind::capacity,
                  fmt::format("a packet of {} flits does not fit a buffer of {}",
                              spec.packet_flits(message.value_bits), *spec.buffer_flits));
    }
    check_tile(message.from);
    for (const std::uint32_t tile : message.to) check_tile(tile);
    if (std::set(message.to.begin(), message.to.end()).size() != message.to.size()) {
      throw Error(ErrorKind::shape, "a message names a tile twice");
    }
  }
}

/// The packets of all messages, tile by tile; receivers are destinations, numbered message by
/// message.
class Load {
 public:
  Load(const Topology& topology, const TopologySpec& spec, std::span<const Message> messages)
      : routes(topology) {
    std::vector<std::uint32_t> bits;
    std::vector<std::uint32_t> first_stop;
    for (const Message& message : messages) {
      bits.push_back(spec.bits_with(message.value_bits));
      first_stop.push_back(static_cast<std::uint32_t>(stops.size()));
      stops.resize(stops.size() + message.to.size());
    }
    routes.sizes = packet_sizes(bits, spec);
    std::vector<std::uint32_t> order(messages.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(messages[a].from, messages[a].injected) <
             std::pair(messages[b].from, messages[b].injected);
    });
    auto next = order.begin();
    for (std::uint32_t tile = 0; tile < topology.tiles(); ++tile) {
      sources.push_back({CoreId{tile}, tile, packets(), 0});
      for (; next != order.end() && messages[*next].from == tile; ++next) {
        add(messages[*next], find_size(routes.sizes, bits[*next]), first_stop[*next],
            spec.multicast);
      }
      sources.back().last = packets();
    }
    follow_trees(routes, topology, spec, SharedLists(routes.trees, 1));
  }

  PacketRoutes routes;
  Outbox outbox;
  std::vector<PacketSource> sources;
  std::vector<Stop> stops;
  std::array<std::uint64_t, hop_actions.size()> hops{};

 private:
  [[nodiscard]] std::uint32_t packets() const {
    return static_cast<std::uint32_t>(outbox.packets.size());
  }
  void add(const Message& message, std::uint32_t size, std::uint32_t first_stop, bool multicast) {
    std::vector<RouteEnd> ends;
    for (const std::uint32_t tile : message.to) ends.push_back({tile, 0});
    const std::size_t together = multicast ? ends.size() : 1;
    for (std::size_t i = 0; i < ends.size(); i += together) {
      const auto to_these = std::span<const RouteEnd>(ends).subspan(i, together);
      const std::uint32_t route = routes.trees.find(message.from, to_these, size);
      outbox.packets.push_back(
          {message.injected, static_cast<std::uint32_t>(outbox.targets.size()), route});
      for (const std::uint32_t to : routes.trees.order_of(route)) {
        outbox.targets.push_back(
            {first_stop + static_cast<std::uint32_t>(i) + to, packets() - 1, 0});
      }
      for (std::size_t d = 0; d < hops.size(); ++d) hops[d] += routes.trees.tree(route).hops[d];
    }
  }
};

}  // namespace

std::string_view to_string(TimingLevel level) {
  constexpr std::array<std::string_view, timing_levels.size()> names{"analytic", "event", "flit"};
  return names[static_cast<std::size_t>(level)];
}

CarriedMessages carry(const Topology& topology, const TopologySpec& spec,
                      std::span<const Message> messages, TimingLevel level) {
  check(topology, spec, messages);
  Load load(topology, spec, messages);
  std::vector<PlainList<Arrival>> arrivals(1);
  AnyNetwork network = make_network(topology, spec, level, load.routes);
  CarriedMessages carried;
  carried.end = run_step(
      network, {load.outbox.packets, load.sources, load.outbox.targets, load.stops, arrivals});
  std::vector<Picoseconds> arrived(load.stops.size());
  for (const Arrival& arrival : arrivals.front()) {
    arrived[load.outbox.targets[arrival.order].receiver] = arrival.time;
    carried.end = std::max(carried.end, arrival.time);
  }
  auto next = arrived.begin();
  for (const Message& message : messages) {
    const auto end = next + static_cast<std::ptrdiff_t>(message.to.size());
    carried.arrived.emplace_back(next, end);
    next = end;
  }
  carried.links = take_loads(network);
  carried.hops = load.hops;
  return carried;
}

}  // namespace nj
