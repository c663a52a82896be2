#include <algorithm>
#include <variant>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "place.hpp"
#include "plan.hpp"

namespace nj {
namespace {

/// Beyond these, packets x links of the largest chip would not fit 64 bits.
constexpr std::uint64_t max_packets = std::uint64_t{1} << 48;
constexpr std::uint64_t max_neurons_sent = std::uint64_t{1} << 31;

/// What neurons send to the same slices.
struct Reaching {
  std::vector<std::uint32_t> slices;
  std::uint64_t neurons = 0;
};

/// The neurons among the sent ones that reach each receiver, or with multicast each set of them.
std::vector<Reaching> reaching(const Plan& plan, const Fan& fan, const Sent& sent) {
  const bool multicast = plan.chip.spec().topology.multicast;
  std::vector<Reaching> all(multicast ? fan.group_count : fan.receivers.size());
  const auto add = [&](Reaching& sum, std::span<const Way> ways, std::uint32_t neurons) {
    if (sum.neurons == 0) {
      for (const Way& way : ways) sum.slices.push_back(plan.receivers[way.receiver].slice);
    }
    sum.neurons += neurons;
  };
  for_each_cell(fan, sent, [&](std::uint32_t cell, std::uint32_t neurons) {
    const auto ways = fan.at(cell);
    if (multicast) return add(all[fan.groups[cell]], ways, neurons);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      add(all[ways[i].receiver - fan.receivers.begin], ways.subspan(i, 1), neurons);
    }
  });
  return all;
}

/// spikes * reaching / neurons to the nearest integer; `neurons` is at most max_neurons_sent.
std::uint64_t share(std::uint64_t spikes, std::uint64_t reaching, std::uint64_t neurons) {
  return spikes / neurons * reaching + (spikes % neurons * reaching + neurons / 2) / neurons;
}

void require_countable(const Plan& plan, std::span<const std::uint64_t> spikes) {
  if (!spikes.empty() && spikes.size() != plan.populations.size()) {
    throw Error(ErrorKind::shape, fmt::format("expected spikes of {} populations, got {}",
                                              plan.populations.size(), spikes.size()));
  }
  for (std::size_t p = 0; p < plan.populations.size(); ++p) {
    const std::uint64_t neurons = plan.fans[p].shape.neurons();
    if (neurons <= max_neurons_sent && (spikes.empty() || spikes[p] <= max_packets)) continue;
    Location where;
    where.key = plan.network.layer(plan.populations[p].lead).name;
    throw Error(ErrorKind::capacity, "sends more spikes than a traffic estimate can hold", where);
  }
}

}  // namespace

std::vector<std::uint64_t> sent_spikes(const Activity& activity,
                                       std::span<const Population> populations) {
  std::vector<std::uint64_t> spikes;
  for (const Population& population : populations) {
    spikes.push_back(activity.layers[population.output().index].total().spikes);
  }
  return spikes;
}

Traffic expected_traffic(const Network& network, std::span<const Population> populations,
                         std::span<const LayerWidths> widths, const Chip& chip,
                         const Mapping& mapping, std::span<const std::uint64_t> spikes) {
  if (chip.spec().array) return {};
  const Plan plan = make_plan(network, populations, widths, chip, mapping);
  require_countable(plan, spikes);
  Traffic traffic{static_cast<std::uint32_t>(plan.slices.size()), {}};
  std::uint64_t total = 0;
  const auto add = [&](std::uint32_t from, std::uint32_t population, const Sent& sent) {
    const Fan& fan = plan.fans[population];
    for (Reaching& some : reaching(plan, fan, sent)) {
      if (some.neurons == 0) continue;
      const std::uint64_t packets =
          spikes.empty() ? some.neurons
                         : share(spikes[population], some.neurons, fan.shape.neurons());
      total += packets * some.slices.size();
      if (total > max_packets) {
        throw Error(ErrorKind::capacity, "more than 2^48 packets are expected");
      }
      traffic.flows.push_back({from, std::move(some.slices), some.neurons, packets});
    }
  };
  std::vector<bool> placed(populations.size(), false);
  for (std::uint32_t s = 0; s < plan.slices.size(); ++s) {
    const std::uint32_t population = plan.slices[s].place.population;
    placed[population] = true;
    add(s, population, sent_by(plan, plan.slices[s]));
  }
  for (std::uint32_t p = 0; p < populations.size(); ++p) {
    if (!placed[p]) add(traffic.slices, p, all_of(plan.fans[p].shape));
  }
  std::sort(traffic.flows.begin(), traffic.flows.end(),
            [](const TrafficFlow& a, const TrafficFlow& b) {
              return a.to != b.to ? a.to < b.to : a.from < b.from;
            });
  return traffic;
}

}  // namespace nj
