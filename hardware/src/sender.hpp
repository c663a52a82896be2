#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "network/route_trees.hpp"
#include "packet.hpp"
#include "plan.hpp"
#include "sent_maps.hpp"
#include "tally.hpp"

namespace nj {

/// Sends what one slice, or the I/O port, fires in one time step: makes the packets, and counts
/// what they will do to their receivers. Nothing of that depends on when they come.
class Sender {
 public:
  /// `routes`: the trees that packets take are added.
  Sender(const Plan& plan, SentMaps& sent, Tally& tally, RouteTrees& routes, Packing packing);

  /// What is fired from here on is of time step t of a slice, or of a population at the I/O port,
  /// and goes to `outbox`, a packet each `axon_out`.
  void begin_slice(std::uint32_t slice, std::uint32_t t, Outbox& outbox);
  void begin_input(std::uint32_t population, std::uint32_t t, Outbox& outbox);
  /// A spike that fires at `clock`; returns when its last packet has left. In order of time.
  Picoseconds send(std::uint32_t position, std::uint32_t channel, std::int16_t value,
                   Picoseconds clock);
  /// Ends the time step of the slice; returns how many packets it sent.
  std::uint64_t finish();

 private:
  /// What a cell fired.
  struct Fired {
    std::uint32_t count = 0;
    std::uint32_t fresh = 0;  ///< not sent by another slice before, where that may be
    Picoseconds first;        ///< the first one fired
  };
  void begin(std::uint32_t population, std::uint32_t source, std::uint32_t t, Picoseconds axon_out,
             Outbox& outbox);
  template <class Give>
  void for_each_packet(std::uint32_t cell, std::span<const Way> ways, Give&& give);
  /// The tree of packets to some receivers.
  [[nodiscard]] std::uint32_t route(std::uint32_t key, std::span<const Way> ways) {
    std::uint32_t& tree = routes_of_source_[key];
    if (tree == none) tree = find_route(ways);
    return tree;
  }
  [[nodiscard]] std::uint32_t find_route(std::span<const Way> ways);
  void count(std::uint32_t cell, std::span<const Way> ways, const Fired& fired);
  void bundle(std::uint32_t key, std::span<const Way> ways, Picoseconds injected,
              const Fired& fired);
  [[nodiscard]] std::uint64_t taken(const Way& way, const Fired& fired) const;

  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  const Plan& plan_;
  SentMaps& sent_;
  Tally& tally_;
  bool multicast_;
  Packing packing_;
  RouteTrees& routes_;
  PacketSizes sizes_;
  std::vector<Fired> fired_;          ///< by cell
  std::vector<std::uint32_t> cells_;  ///< that fired, in order
  /// By source (slices, then populations at the I/O port), and receiver of the population, or group
  /// of cells: the tree of its packets.
  std::vector<std::vector<std::uint32_t>> trees_;
  std::vector<std::uint32_t> bundle_;   ///< by receiver, or group: its packet
  std::vector<std::uint32_t> bundled_;  ///< of these, the ones with a packet
  // Of the slice in work:
  std::uint32_t population_ = 0;
  std::uint32_t source_ = 0;
  std::uint32_t* routes_of_source_ = nullptr;  ///< in trees_
  const Fan* fan_ = nullptr;
  SentMap* map_ = nullptr;
  bool merges_ = false;
  Picoseconds axon_out_;
  Outbox* outbox_ = nullptr;
};

}  // namespace nj
