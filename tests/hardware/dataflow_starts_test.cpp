#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/hardware/population_graph.hpp>
#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_scenario.hpp"
#include "support/small_spikformer.hpp"

// Without barriers: when phases start, told from the ends of others and the packets that came.

namespace nj {
namespace {

using testing::ns;
using testing::timeless_counts;
using testing::without_barriers;

/// Starts of phases, told from the ends of others and the records of packets alone. No core has two
/// slices that hear of the same population; the input comes first. Returns how many phases had to
/// wait for another slice of their core.
std::size_t check_starts(const Network& network, std::span<const Population> populations,
                         const Mapping& mapping, const SimulationResult& result,
                         Picoseconds handshake, std::uint32_t timesteps) {
  const PopulationGraph graph = population_graph(network, populations);
  const auto phase = [&](std::uint32_t slice, std::uint32_t t) -> const PhaseRecord& {
    return result.phases[(slice + 1) * timesteps + t];
  };
  using Sending = std::tuple<CoreId, LayerId, std::uint32_t>;  // to, from and time step
  std::map<Sending, Picoseconds> served;
  for (const PacketRecord& packet : result.records) {
    Picoseconds& last = served[{packet.destination, packet.layer, packet.step}];
    last = std::max(last, packet.served);
  }
  const auto end_of = [&](std::uint32_t population, std::uint32_t t) {
    Picoseconds end = population == 0 ? result.phases[t].end : Picoseconds{};
    for (std::uint32_t s = 0; s < mapping.slices.size(); ++s) {
      if (mapping.slices[s].population == population) end = std::max(end, phase(s, t).end);
    }
    return end;
  };
  struct Turn {
    Picoseconds ready;
    std::uint32_t slice = 0;
    std::uint32_t t = 0;
  };
  std::map<CoreId, std::vector<Turn>> turns;
  for (std::uint32_t s = 0; s < mapping.slices.size(); ++s) {
    const LayerSlice& slice = mapping.slices[s];
    for (std::uint32_t t = 0; t < timesteps; ++t) {
      Picoseconds ready;
      for (const PopulationEdge& edge : graph.edges) {
        if (edge.consumer != slice.population) continue;
        const LayerId sender = populations[edge.producer].output();
        ready = std::max({ready, end_of(edge.producer, t), served[{slice.core, sender, t}]});
      }
      ready += handshake;
      if (t > 0) ready = std::max(ready, phase(s, t - 1).end);
      for (const PopulationEdge& edge : graph.edges) {
        const std::uint32_t slots = graph.slots[edge.consumer];
        if (edge.producer == slice.population && t >= slots) {
          ready = std::max(ready, end_of(edge.consumer, t - slots));
        }
      }
      turns[slice.core].push_back({ready, s, t});
    }
  }
  std::size_t waited = 0;
  for (auto& [core, all] : turns) {
    CAPTURE(core.index);
    // Phases of a head, but for the last, take no time.
    const auto span = [&](const Turn& turn) {
      return std::pair(phase(turn.slice, turn.t).start, phase(turn.slice, turn.t).end);
    };
    std::sort(all.begin(), all.end(),
              [&](const Turn& a, const Turn& b) { return span(a) < span(b); });
    Picoseconds free;
    for (auto turn = all.begin(); turn != all.end(); ++turn) {
      const Picoseconds start = phase(turn->slice, turn->t).start;
      CHECK(start == std::max(turn->ready, free));
      if (start > turn->ready) ++waited;
      free = phase(turn->slice, turn->t).end;
      for (auto later = turn + 1; later != all.end(); ++later) {
        CHECK((later->ready > start || later->ready > turn->ready ||
               (later->ready == turn->ready && later->slice > turn->slice)));
      }
    }
  }
  return waited;
}

/// Slices together on cores of their kind, no two that hear of the same population.
Mapping sharing(const Network& network, std::span<const Population> populations, const Chip& chip,
                Mapping mapping) {
  const PopulationGraph graph = population_graph(network, populations);
  std::map<CoreId, std::set<std::uint32_t>> heard;
  for (LayerSlice& slice : mapping.slices) {
    std::set<std::uint32_t> producers;
    for (const PopulationEdge& edge : graph.edges) {
      if (edge.consumer == slice.population) producers.insert(edge.producer);
    }
    for (std::uint32_t c = 0; c < chip.cores().size(); ++c) {
      if (chip.cores()[c].kind != chip.core(slice.core).kind) continue;
      std::set<std::uint32_t>& here = heard[CoreId{c}];
      const std::size_t apart = here.size() + producers.size();
      std::set<std::uint32_t> both = here;
      both.insert(producers.begin(), producers.end());
      if (both.size() != apart) continue;
      here = both;
      slice.core = CoreId{c};
      break;
    }
  }
  return mapping;
}

TEST_CASE(
    "dataflow: phases of a transformer start when their inputs and slots are there, no later") {
  const Network network =
      testing::small_spikformer({.channels = 16, .pixels = 18, .blocks = 1, .heads = 2});
  const auto pops = populations(network);
  const auto widths = testing::small_widths(network);
  struct Case {
    const char* chip = "";
    bool multicast = false;
    bool shares = false;
  };
  for (const auto& [name, multicast, shares] :
       {Case{"mesh45.yaml"}, Case{"loihi1.yaml"}, Case{"loihi1.yaml", true},
        Case{"mesh45.yaml", false, true}, Case{"loihi1.yaml", false, true},
        Case{"loihi1.yaml", true, true}}) {
    CAPTURE(name);
    CAPTURE(shares);
    ChipSpec spec = load_chip(std::string(NJ_SOURCE_DIR) + "/hardware/chips/" + name).spec();
    spec.topology.multicast = multicast;
    for (CoreKindSpec& kind : spec.core_kinds) kind.max_neurons = 256;  // several receivers
    Mapping mapping = map_network(network, pops, widths, Chip(spec)).mapping;
    REQUIRE(!mapping.slices.empty());
    if (shares) {
      for (CoreKindSpec& kind : spec.core_kinds) {
        kind.max_neurons = 4096;
        kind.max_slices = 256;
        testing::resize_memories(kind, Bits{1 << 22});
      }
      mapping = sharing(network, pops, Chip(spec), mapping);
      REQUIRE(used_cores(mapping).size() * 3 < mapping.slices.size() * 2);
    }
    const Chip chip(spec);
    const Chip free = without_barriers(chip, ns(7));
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const std::uint32_t steps = 6;
      const SpikeTrace trace =
          testing::random_trace(network, steps, 5 + 20 * static_cast<std::uint32_t>(seed), seed);
      const SimulationResult with = simulate(network, pops, widths, trace, chip, mapping);
      const SimulationResult without =
          simulate(network, pops, widths, trace, free, mapping,
                   {.record_packets = true, .work_records = 10'000'000, .step_records = true});
      const std::size_t waited = check_starts(network, pops, mapping, without, ns(7), steps);
      CHECK((waited > 0) == shares);
      CHECK(without.slices == with.slices);
      SimulationResult unordered = without;  // work is recorded in the order of time
      unordered.work.clear();
      CHECK(simulate(network, pops, widths, trace, free, mapping,
                     {.record_packets = true, .step_records = true}) == unordered);
      CHECK(without.packets == with.packets);
      CHECK(without.hops == with.hops);
      CHECK(without.merged == with.merged);
      CHECK(without.records.size() == without.actions.total(Action::packet_deliver));
      CHECK(timeless_counts(without) == timeless_counts(with));
      CHECK(without.timeline.latency() < with.timeline.latency());
      Picoseconds sum;
      for (const StepPath& p : without.path) {
        sum += p.fetch + p.encode + p.phase + p.transit + p.link_wait + p.service + p.handshake;
      }
      CHECK(sum == without.timeline.latency());
      CHECK(std::accumulate(without.links.begin(), without.links.end(), std::uint64_t{0},
                            [](std::uint64_t n, const LinkLoad& load) { return n + load.flits; }) ==
            without.hops);
    }
  }
}

}  // namespace
}  // namespace nj
