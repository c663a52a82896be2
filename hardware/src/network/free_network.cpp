#include "free_network.hpp"

#include <algorithm>
#include <utility>

namespace nj {

FreeNetwork::FreeNetwork(const Topology& topology, const TopologySpec& spec)
    : topology_(topology),
      packet_flits_(spec.packet_flits()),
      within_tile_(spec.within_tile),
      links_(link_timings(topology, spec.packet_bits)),
      passing_(links_.size()),
      packets_(links_.size()) {}

void FreeNetwork::run(const StepTraffic& traffic) {
  std::fill(passing_.begin(), passing_.end(), Passing{});
  for (const PacketSource& source : traffic.sources) {
    for (std::uint32_t packet = source.first; packet != source.last; ++packet) {
      const auto [now, spikes] =
          std::pair(traffic.packets[packet].injected, traffic.packets[packet].count);
      const std::uint32_t last = traffic.last_target(packet);
      for (std::uint32_t first = traffic.packets[packet].first_target; first != last;) {
        const Branch branch = split(topology_, source.tile, traffic, first, last);
        if (branch.link == Branch::here) {
          count_within_tile(traffic, first, branch.last, spikes);
          deliver(traffic, source.core.index, now + within_tile_, first, branch.last);
        } else {
          pass(traffic, {source.core.index, spikes}, now, first, branch);
        }
        first = branch.last;
      }
    }
  }
  for (std::size_t i = 0; i < links_.size(); ++i) {
    packets_[i] += static_cast<std::uint64_t>(passing_[i].packets);
  }
}

/// Returns the latencies of the links from here on, to the farthest target.
Picoseconds FreeNetwork::pass(const StepTraffic& traffic, const Copy& copy, Picoseconds now,
                              std::uint32_t first, const Branch& branch) {
  const LinkTiming& link = links_[branch.link];
  count_hop(traffic, first, link.direction, copy.spikes);
  Picoseconds rest;
  while (first != branch.last) {
    const Branch next = split(topology_, link.to, traffic, first, branch.last);
    if (next.link == Branch::here) {
      deliver(traffic, copy.core, now + link.latency + link.tail, first, next.last);
    } else {
      const Picoseconds ready = now + link.latency + gap(link, links_[next.link]);
      rest = std::max(rest, pass(traffic, copy, ready, first, next));
    }
    first = next.last;
  }
  rest += link.latency;
  Passing& passing = passing_[branch.link];
  const bool alone = passing.packets == 0;
  passing.packets += copy.spikes;
  if (alone || now < passing.first) passing.first = now;
  if (alone || rest < passing.rest) passing.rest = rest;
  return rest;
}

Picoseconds FreeNetwork::least_end() const {
  Picoseconds end;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const Passing& passing = passing_[i];
    if (passing.packets == 0) continue;
    end = std::max(end, passing.first + links_[i].service * (passing.packets - 1) + links_[i].tail +
                            passing.rest);
  }
  return end;
}

std::vector<LinkLoad> FreeNetwork::loads() const {
  std::vector<LinkLoad> loads;
  loads.reserve(links_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) {
    loads.push_back({packets_[i] * packet_flits_,
                     links_[i].service * static_cast<std::int64_t>(packets_[i]), 0});
  }
  return loads;
}

void FreeNetwork::clear_loads() { std::fill(packets_.begin(), packets_.end(), 0); }

}  // namespace nj
