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

/// Neurons among the sent ones that every port of `subset` (a bit mask) takes.
std::uint64_t taken_by_all(const Receiver& receiver, std::uint32_t subset, const Sent& sent) {
  const auto chosen = [&](auto&& test) {
    for (std::size_t p = 0; p < receiver.ports.size(); ++p) {
      if ((subset >> p & 1U) != 0 && !test(receiver.ports[p])) return false;
    }
    return true;
  };
  Range channels = sent.channels;
  for (std::size_t p = 0; p < receiver.ports.size(); ++p) {
    if ((subset >> p & 1U) == 0) continue;
    const Range& range = receiver.ports[p].channels;
    channels = {std::max(channels.begin, range.begin), std::min(channels.end, range.end)};
  }
  std::uint64_t rows = 0;
  for (std::uint32_t y = sent.rows.begin; y < sent.rows.end; ++y) {
    if (chosen([&](const PortReach& port) { return !port.rows[y].empty(); })) ++rows;
  }
  std::uint64_t columns = 0;
  for (std::uint32_t x = sent.columns.begin; x < sent.columns.end; ++x) {
    if (chosen([&](const PortReach& port) { return !port.columns[x].empty(); })) ++columns;
  }
  return rows * columns * channels.size();
}

/// Neurons among the sent ones that reach a slice, at one port or several (inclusion, exclusion).
std::uint64_t neurons_reaching(const Receiver& receiver, const Sent& sent) {
  std::uint64_t taken = 0;
  std::uint64_t twice = 0;
  for (std::uint32_t subset = 1; subset < 1U << receiver.ports.size(); ++subset) {
    const bool odd = __builtin_popcount(subset) % 2 == 1;
    (odd ? taken : twice) += taken_by_all(receiver, subset, sent);
  }
  return taken - twice;
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
  std::vector<std::vector<std::uint32_t>> slices_of(populations.size());
  for (std::uint32_t s = 0; s < plan.slices.size(); ++s) {
    slices_of[plan.slices[s].place.population].push_back(s);
  }
  Traffic traffic{static_cast<std::uint32_t>(plan.slices.size()), {}};
  std::uint64_t total = 0;
  for (const Receiver& receiver : plan.receivers) {
    const FeatureShape& shape = plan.fans[receiver.producer].shape;
    const auto add = [&](std::uint32_t from, const Sent& sent) {
      const std::uint64_t reaching = neurons_reaching(receiver, sent);
      const std::uint64_t packets =
          spikes.empty() ? reaching : share(spikes[receiver.producer], reaching, shape.neurons());
      if (packets == 0) return;
      total += packets;
      if (total > max_packets) {
        throw Error(ErrorKind::capacity, "more than 2^48 packets are expected");
      }
      traffic.edges.push_back({from, receiver.slice, packets});
    };
    if (slices_of[receiver.producer].empty()) {
      add(traffic.slices, {{0, shape.height}, {0, shape.width}, {0, shape.channels}});
    }
    for (const std::uint32_t from : slices_of[receiver.producer]) {
      add(from, sent_by(plan, plan.slices[from]));
    }
  }
  std::sort(traffic.edges.begin(), traffic.edges.end(),
            [](const TrafficEdge& a, const TrafficEdge& b) {
              return a.to != b.to ? a.to < b.to : a.from < b.from;
            });
  return traffic;
}

}  // namespace nj
