#include "free_network.hpp"

#include <algorithm>
#include <utility>

namespace nj {

FreeNetwork::FreeNetwork(const Topology& topology, const TopologySpec& spec,
                         const PacketSizes& sizes)
    : topology_(topology),
      within_tile_(spec.within_tile),
      links_(topology, spec, sizes),
      passing_(links_.links()),
      loads_(links_.links()) {}

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
          pass(traffic, {source.core.index, spikes, traffic.stop(first).size}, now, first, branch);
        }
        first = branch.last;
      }
    }
  }
}

/// Returns the latencies of the links from here on, to the farthest target.
Picoseconds FreeNetwork::pass(const StepTraffic& traffic, const Copy& copy, Picoseconds now,
                              std::uint32_t first, const Branch& branch) {
  const LinkTiming& link = links_.of(branch.link, copy.size);
  count_hop(traffic, first, link.direction, copy.spikes);
  Picoseconds rest;
  while (first != branch.last) {
    const Branch next = split(topology_, link.to, traffic, first, branch.last);
    if (next.link == Branch::here) {
      deliver(traffic, copy.core, now + link.latency + link.tail, first, next.last);
    } else {
      const Picoseconds ready = now + link.latency + gap(link, links_.of(next.link, copy.size));
      rest = std::max(rest, pass(traffic, copy, ready, first, next));
    }
    first = next.last;
  }
  rest += link.latency;
  Passing& passing = passing_[branch.link];
  const bool alone = passing.keeps == Picoseconds{0};
  const Picoseconds keeps = link.service * copy.spikes;
  passing.keeps += keeps;
  loads_[branch.link] += {std::uint64_t{copy.spikes} * links_.flits(copy.size), keeps};
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
