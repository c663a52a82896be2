#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/mapping.hpp"

// Which core a slice sits on. `map_network` decides how populations are cut; placing moves the
// slices between cores of the same kind, so that what the chip does stays the same and only the
// ways of its packets change. What is minimised is packets x links passed, those between chips
// counted several times if one likes.
namespace nj {

/// Expected packets from one slice to another, or with multicast to several at once.
struct TrafficFlow {
  std::uint32_t from = 0;         ///< position in `Mapping::slices`; their number is the I/O port
  std::vector<std::uint32_t> to;  ///< ascending; one without multicast
  std::uint64_t neurons = 0;      ///< that send to just these; a spike of one is a packet
  std::uint64_t packets = 0;      ///< expected; none of silent neurons
  friend bool operator==(const TrafficFlow&, const TrafficFlow&) = default;
};

/// What slices send each other.
struct Traffic {
  std::uint32_t slices = 0;
  std::vector<TrafficFlow> flows;  ///< by `to`, then `from`; none without neurons
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

/// The spikes that each population sent; sums of graded values count as one spike each.
std::vector<std::uint64_t> sent_spikes(const Activity& activity,
                                       std::span<const Population> populations);

/// Packets when a population sends `spikes[p]` spikes, equally from each of its neurons; empty
/// `spikes` stand for one spike of every neuron.
///
/// Packets of a flow = spikes * neurons of the flow / neurons of the population, to the nearest
/// integer. A pooled position counts as a neuron of every slice that holds a part of its window. On
/// an array there are no slices, and no packets.
/// Throws: Error(capacity) when the mapping is not feasible (check_mapping) or when it gives more
/// than 2^48 packets at their receivers, Error(shape) when `spikes` has neither no entry nor one
/// per population.
Traffic expected_traffic(const Network& network, std::span<const Population> populations,
                         std::span<const LayerWidths> widths, const Chip& chip,
                         const Mapping& mapping, std::span<const std::uint64_t> spikes = {});

/// Packets x links passed, with multicast once per branch; what placing minimises where links
/// between chips count as one.
std::uint64_t packet_hops(const Traffic& traffic, const Chip& chip, const Mapping& mapping);

/// How slices find their cores.
enum class Placement : std::uint8_t {
  in_order,   ///< the cores of a kind one after another: the baseline
  greedy,     ///< slice after slice, the free core with the shortest ways from its senders
  annealing,  ///< greedy, then simulated annealing
  partition   ///< slices are bisected along with the tiles (METIS), and exchanged while that gains
};
std::string_view to_string(Placement placement);

inline constexpr std::uint32_t max_placement_effort = 1000;
inline constexpr std::uint32_t max_chip_link = 1000;

struct PlacementOptions {
  Placement strategy = Placement::greedy;
  std::uint64_t seed = 1;     ///< of annealing and partition
  std::uint32_t effort = 10;  ///< moves that annealing and partition try: 1..max_placement_effort;
                              ///< time grows in proportion
  std::uint32_t chip_link = 1;  ///< what a link between chips counts, where they are slower or
                                ///< cost more than those of a chip: 1..max_chip_link
  /// Called now and then by annealing and partition, with how many slices would be done at that
  /// pace; may throw. May be empty.
  std::function<void(std::size_t done, std::size_t slices)> progress{};
};

/// The slices of `mapping` on other cores of the kinds that they are on; a mapping of an array
/// stays.
///
/// * in_order: the cores of a kind, from the lowest CoreId on.
/// * greedy: a slice goes where one spike of each neuron that it hears of passes the fewest links,
///   with multicast those that no slice before it needed; ties go to the lowest CoreId. It looks at
///   who sends to whom and not at how much, so that it is the same for all inputs of a network.
/// * annealing: starts from greedy and is never worse. Moves one slice to another core of its kind,
///   or swaps two; integer costs and thresholds, so that a seed gives the same placement anywhere.
///   Source: Kirkpatrick, Gelatt, Vecchi, "Optimization by simulated annealing", Science 220, 1983.
/// * partition: takes the tiles nearest to the I/O port that hold all slices, and bisects them and
///   the slices together until each part is a tile, several chips before the tiles of one; starts
///   from this or from greedy, whichever has less packets x links; then single moves and exchanges
///   follow while they gain. The same for a seed and a version of METIS.
///   Source: Karypis, Kumar, "A fast and high quality multilevel scheme for partitioning irregular
///   graphs", SIAM J. Sci. Comput. 20(1), 1998; dual recursive bisection as in Pellegrini, Roman,
///   "Scotch", HPCN 1996.
///
/// Throws: Error(config) for an effort or chip_link out of range, or where a way counts as 32,768
/// links, Error(shape) when the traffic is not that of as many slices, Error(capacity) when the
/// mapping is larger than METIS can take; what `progress` throws.
Mapping place(const Chip& chip, const Traffic& traffic, const Mapping& mapping,
              const PlacementOptions& options);

}  // namespace nj
