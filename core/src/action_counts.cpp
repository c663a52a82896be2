#include "neurojoule/core/action_counts.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr std::array action_names = {
    std::string_view{"accumulate"},
    std::string_view{"multiply"},
    std::string_view{"shift"},
    std::string_view{"compare"},
    std::string_view{"and_bit"},
    std::string_view{"or_bit"},
    std::string_view{"read_word"},
    std::string_view{"write_word"},
    std::string_view{"read_bit"},
    std::string_view{"write_bit"},
    std::string_view{"synaptic_operation"},
    std::string_view{"neuron_update_active"},
    std::string_view{"neuron_update_inactive"},
    std::string_view{"packet_inject"},
    std::string_view{"packet_deliver"},
    std::string_view{"spike_within_tile"},
    std::string_view{"hop_east_west"},
    std::string_view{"hop_north_south"},
    std::string_view{"hop_east"},
    std::string_view{"hop_west"},
    std::string_view{"hop_north"},
    std::string_view{"hop_south"},
    std::string_view{"hop"},
    std::string_view{"hop_chip"},
    std::string_view{"barrier"},
    std::string_view{"leak_cycle"},
    std::string_view{"float_accumulate"},
    std::string_view{"float_multiply"},
};
static_assert(action_names.size() == static_cast<std::size_t>(Action::float_multiply) + 1);

}  // namespace

std::string_view to_string(Action action) {
  return action_names.at(static_cast<std::size_t>(action));
}

bool is_hop(Action action) { return action >= Action::hop_east_west && action <= Action::hop_chip; }

Action parse_action(std::string_view name) {
  for (std::size_t i = 0; i < action_names.size(); ++i) {
    if (action_names[i] == name) return static_cast<Action>(i);
  }
  throw Error(ErrorKind::config, fmt::format("unknown action '{}', expected one of {}", name,
                                             fmt::join(action_names, ", ")));
}

void ActionCounts::add(const ActionKey& key, std::uint64_t count) {
  if (count == 0) return;
  std::uint64_t& sum = entries_[key];
  if (__builtin_add_overflow(sum, count, &sum)) {
    throw Error(ErrorKind::numeric, fmt::format("more than 2^64 - 1 times {} at {}",
                                                to_string(key.action), key.component));
  }
}

ActionCounts& ActionCounts::operator+=(const ActionCounts& other) {
  for (const auto& [key, count] : other.entries_) add(key, count);
  return *this;
}

std::uint64_t ActionCounts::at(const ActionKey& key) const {
  const auto entry = entries_.find(key);
  return entry == entries_.end() ? 0 : entry->second;
}

std::uint64_t ActionCounts::total(Action action) const {
  std::uint64_t sum = 0;
  for (const auto& [key, count] : entries_) {
    if (key.action == action) sum += count;
  }
  return sum;
}

}  // namespace nj
