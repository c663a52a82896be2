#include "open_network.hpp"

namespace nj {
namespace {

// A key's `order`: new packets (0) before through traffic (1), then the source, then its sequence.
constexpr std::uint64_t forward_phase = std::uint64_t{1} << 56;
constexpr unsigned source_shift = 32;
constexpr std::uint64_t source_mask = (std::uint64_t{1} << 24) - 1;

}  // namespace

OpenNetwork::OpenNetwork(const Topology& topology, const TopologySpec& spec)
    : topology_(topology),
      within_tile_(spec.within_tile),
      links_(topology, spec),
      asks_(topology.links().size()) {}

void OpenNetwork::run(const StepTraffic& traffic) {
  for (const PacketSource& source : traffic.sources) inject(traffic, source);
  const LinkGroups& groups = topology_.link_groups();
  for (group_ = 0; group_ < groups.count(); ++group_) {
    const auto links = groups.group(group_);
    if (links.size() == 1) {
      work_through(traffic, asks_[links.front()]);
    } else {
      work_through_circle(traffic, links);
    }
  }
}

/// To the first links that the packets of a source want; what stays in its tile uses none.
void OpenNetwork::inject(const StepTraffic& traffic, const PacketSource& source) {
  const std::uint32_t core = source.core.index;
  for (std::uint32_t packet = source.first; packet != source.last; ++packet) {
    const Picoseconds now = traffic.packets[packet].injected;
    const std::uint32_t last = traffic.last_target(packet);
    for (std::uint32_t first = traffic.packets[packet].first_target; first != last;) {
      const Branch branch = split(topology_, source.tile, traffic, first, last);
      if (branch.link == Branch::here) {
        count_within_tile(traffic, first, branch.last);
        deliver(traffic, core, now + within_tile_, first, branch.last);
      } else {
        asks_[branch.link].push_back(
            {{now, std::uint64_t{core} << source_shift | first}, {branch.last, branch.link}});
      }
      first = branch.last;
    }
  }
}

void OpenNetwork::work_through(const StepTraffic& traffic, std::vector<Ask>& asks) {
  sorter_.sort(asks);
  for (const Ask& ask : asks) pass(traffic, ask.key, ask.copy);
  asks.clear();
}

void OpenNetwork::work_through_circle(const StepTraffic& traffic,
                                      std::span<const std::uint32_t> links) {
  circle_.clear();
  for (const std::uint32_t link : links) {
    circle_.insert(circle_.end(), asks_[link].begin(), asks_[link].end());
    asks_[link].clear();
  }
  sorter_.sort(circle_);
  auto next = circle_.begin();
  while (next != circle_.end() || !queue_.empty()) {
    if (queue_.empty() || (next != circle_.end() && next->key < queue_.top().key)) {
      pass(traffic, next->key, next->copy);
      ++next;
    } else {
      const auto [key, copy] = queue_.pop();
      pass(traffic, key, copy);
    }
  }
}

void OpenNetwork::pass(const StepTraffic& traffic, const Key& key, const Copy& copy) {
  auto first = static_cast<std::uint32_t>(key.order);
  const auto core = static_cast<std::uint32_t>(key.order >> source_shift & source_mask);
  const LinkTiming& link = links_[copy.link];
  const Picoseconds departs = links_.book(copy.link, key.time);
  if (traffic.passes != nullptr) traffic.passes->push_back({copy.link, departs, first});
  count_hop(traffic, first, link.direction);
  const Picoseconds head = departs + link.latency;
  while (first != copy.last) {
    const Branch branch = split(topology_, link.to, traffic, first, copy.last);
    if (branch.link == Branch::here) {
      deliver(traffic, core, head + link.tail, first, branch.last);
    } else {
      const Key then{head + gap(link, links_[branch.link]),
                     forward_phase | std::uint64_t{core} << source_shift | first};
      const Copy rest{branch.last, branch.link};
      if (topology_.link_groups().of[branch.link] == group_) {
        queue_.push(then, rest);
      } else {
        asks_[branch.link].push_back({then, rest});
      }
    }
    first = branch.last;
  }
}

}  // namespace nj
