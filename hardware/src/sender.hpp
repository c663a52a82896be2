#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "packet.hpp"
#include "plan.hpp"
#include "sent_maps.hpp"
#include "tally.hpp"

namespace nj {

/// Sends what one slice, or the I/O port, fires in one time step: makes the packets, and counts
/// what they will do to their receivers. Nothing of that depends on when they come.
class Sender {
 public:
  Sender(const Plan& plan, SentMaps& sent, Tally& tally, Packing packing);

  /// What is fired from here on is of time step t of a slice, or of a population at the I/O port,
  /// and goes to `outbox`, a packet each `axon_out`.
  void begin_slice(std::uint32_t slice, std::uint32_t t, Outbox& outbox);
  void begin_input(std::uint32_t population, std::uint32_t t, Outbox& outbox);
  /// A spike that fires at `clock`; returns when its last packet has left. In order of time.
  Picoseconds send(std::uint32_t position, std::uint32_t channel, std::int16_t value,
                   Picoseconds clock);
  /// Ends the time step of the slice; returns how many packets it sent. Throws: Error(capacity)
  /// where bundled spikes reach more positions of a receiver than 32 bits count.
  std::uint64_t finish();

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  /// What a cell fired.
  struct Fired {
    std::uint32_t count = 0;
    std::uint32_t fresh = 0;  ///< not sent by another slice before, where that may be
    Picoseconds first;        ///< the first one fired
  };
  void begin(std::uint32_t population, std::uint32_t source, std::uint32_t t, Picoseconds axon_out,
             Outbox& outbox);
  Picoseconds send_each(std::span<const Way> ways, std::uint32_t address, std::int16_t value,
                        Picoseconds clock);
  Picoseconds send_one(std::uint32_t cell, std::span<const Way> ways, std::uint32_t address,
                       std::int16_t value, Picoseconds clock);
  template <class Give>
  void for_each_packet(std::uint32_t cell, std::span<const Way> ways, Give&& give);
  void count(std::span<const Way> ways, const Fired& fired);
  void bundle(std::uint32_t key, std::span<const Way> ways, Picoseconds injected,
              const Fired& fired);
  [[nodiscard]] std::uint64_t taken(const Way& way, const Fired& fired) const;

  const Plan& plan_;
  SentMaps& sent_;
  Tally& tally_;
  bool multicast_;
  Packing packing_;
  std::vector<Fired> fired_;          ///< by cell
  std::vector<std::uint32_t> cells_;  ///< that fired, in order
  // Of the slice in work, by receiver of the population, or group of cells:
  std::vector<std::uint32_t> bundles_;  ///< packets of the outbox, where spikes are bundled
  std::vector<std::uint32_t> bundled_;  ///< the ones with such a packet
  const std::uint32_t* trees_ = nullptr;
  std::uint64_t* packets_ = nullptr;  ///< sent, one a spike
  // Of the slice in work:
  const Fan* fan_ = nullptr;
  SentMap* map_ = nullptr;
  bool merges_ = false;
  Picoseconds axon_out_;
  Outbox* outbox_ = nullptr;
};

}  // namespace nj
