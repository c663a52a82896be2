#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "neurojoule/core/ids.hpp"

namespace nj {

/// One thing that a unit of a chip does. The width that goes with each is in brackets.
enum class Action : std::uint8_t {
  accumulate,              ///< addition into a partial sum [accumulator bits]
  multiply,                ///< weight times graded value [weight integer bits x value bits]
  shift,                   ///< power-of-two decode of one weight [accumulator bits]
  compare,                 ///< threshold comparison [membrane bits]
  and_bit,                 ///< spike-spike coincidence [1]
  or_bit,                  ///< pooling of spikes [1]
  read_word,               ///< one memory word read [word bits]
  write_word,              ///< one memory word written [word bits]
  read_bit,                ///< one bit from off-chip memory [1]
  write_bit,               ///< one bit to off-chip memory [1]
  synaptic_operation,      ///< one weight applied to one neuron [weight bits]
  neuron_update_active,    ///< membrane update of a neuron that received input or fired [membrane
                           ///< bits]
  neuron_update_inactive,  ///< membrane update of a neuron that did neither [membrane bits]
  packet_inject,           ///< a packet enters the network at its core [packet bits]
  packet_deliver,          ///< a packet leaves the network at a core [packet bits]
  spike_within_tile,       ///< a packet handed over inside its tile [packet bits]
  hop_east_west,           ///< one router and horizontal link passed [packet bits]
  hop_north_south,         ///< one router and vertical link passed [packet bits]
  hop_east,                ///< likewise, of an axis whose two ways differ [packet bits]
  hop_west,                ///< likewise [packet bits]
  hop_north,               ///< likewise [packet bits]
  hop_south,               ///< likewise [packet bits]
  hop,                     ///< one router and link without direction passed [packet bits]
  hop_chip,                ///< one link between two chips passed [packet bits]
  barrier,                 ///< one synchronisation of the whole chip [0]
  leak_cycle,              ///< one picosecond of one powered unit [capacity bits, or 0]
  float_accumulate,        ///< floating-point addition [bits]; of baselines, no chip here does it
  float_multiply           ///< floating-point product [bits]; likewise
};
std::string_view to_string(Action action);
/// Whether a packet passes a link from router to router in this action.
bool is_hop(Action action);
/// Throws: Error(config) listing the valid names.
Action parse_action(std::string_view name);

/// What did it, what it did, how wide, and for which layer.
struct ActionKey {
  std::string component;  ///< `core kind.unit` of the chip file, e.g. `neuron.synapse_memory`
  Action action{};
  std::uint32_t width_bits = 0;
  LayerId layer;                 ///< the layer it was done for; chip_overhead when for none
  std::uint32_t value_bits = 0;  ///< of a product: of the graded value; 0 for all other actions
  friend bool operator==(const ActionKey&, const ActionKey&) = default;
  /// By component, action, width, value and layer.
  friend std::strong_ordering operator<=>(const ActionKey& a, const ActionKey& b) {
    return std::tie(a.component, a.action, a.width_bits, a.value_bits, a.layer) <=>
           std::tie(b.component, b.action, b.width_bits, b.value_bits, b.layer);
  }
};

/// The layer of things done for no layer in particular (barriers, leakage).
inline constexpr LayerId chip_overhead{0xFFFFFFFFU};

/// What the hardware did, in exact integers; no energy inside. Iteration is in key order.
class ActionCounts {
 public:
  /// Throws, as the next: Error(numeric) where a count passes 2^64 - 1.
  void add(const ActionKey& key, std::uint64_t count);
  ActionCounts& operator+=(const ActionCounts& other);
  [[nodiscard]] std::uint64_t at(const ActionKey& key) const;  ///< 0 when absent
  /// Sum over all components, widths and layers.
  [[nodiscard]] std::uint64_t total(Action action) const;
  [[nodiscard]] const std::map<ActionKey, std::uint64_t>& entries() const { return entries_; }
  friend bool operator==(const ActionCounts&, const ActionCounts&) = default;

 private:
  std::map<ActionKey, std::uint64_t> entries_;
};

}  // namespace nj
