#include "free_network.hpp"

#include <algorithm>

namespace nj {

FreeNetwork::FreeNetwork(const TopologySpec& spec, const PacketRoutes& routes)
    : trees_(routes.trees),
      within_tile_(spec.within_tile),
      links_(routes.timings),
      passing_(links_.links()),
      loads_(links_.links()) {}

void FreeNetwork::run(const StepTraffic& traffic) {
  std::fill(passing_.begin(), passing_.end(), Passing{});
  for (const PacketSource& source : traffic.sources) {
    for (std::uint32_t i = source.first; i != source.last; ++i) {
      const Packet& packet = traffic.packets[i];
      const RouteTrees::Tree& tree = trees_.tree(packet.route);
      const RouteTrees::Node& start = trees_.node(tree.start);
      const Copy copy{packet.count, tree.size, packet.first_target + source.moved};
      traffic.deliver(packet.injected + within_tile_, copy.first_target + start.here_first,
                      copy.first_target + start.here_last);
      for (const RouteTrees::Node& child : trees_.children(start)) {
        pass(traffic, copy, packet.injected, child);
      }
    }
  }
}

/// Returns the latencies of the links from here on, to the farthest target.
Picoseconds FreeNetwork::pass(const StepTraffic& traffic, const Copy& copy, Picoseconds now,
                              const RouteTrees::Node& node) {
  const LinkTiming& link = links_.of(node.link, copy.size);
  traffic.deliver(now + link.latency + link.tail, copy.first_target + node.here_first,
                  copy.first_target + node.here_last);
  Picoseconds rest;
  for (const RouteTrees::Node& child : trees_.children(node)) {
    const Picoseconds ready = now + link.latency + gap(link, links_.of(child.link, copy.size));
    rest = std::max(rest, pass(traffic, copy, ready, child));
  }
  rest += link.latency;
  Passing& passing = passing_[node.link];
  const bool alone = passing.keeps == Picoseconds{0};
  const Picoseconds keeps = link.service * copy.spikes;
  passing.keeps += keeps;
  loads_[node.link] += {std::uint64_t{copy.spikes} * links_.flits(copy.size), keeps};
  if (alone || now < passing.first) passing.first = now;
  if (alone || rest < passing.rest) passing.rest = rest;
  return rest;
}

Picoseconds FreeNetwork::least_end() const {
  Picoseconds end;
  for (std::uint32_t i = 0; i < passing_.size(); ++i) {
    const Passing& passing = passing_[i];
    if (passing.keeps == Picoseconds{0}) continue;
    const Picoseconds cycle = links_.of(i, 0).service - links_.of(i, 0).tail;
    end = std::max(end, passing.first + passing.keeps - cycle + passing.rest);
  }
  return end;
}

}  // namespace nj
