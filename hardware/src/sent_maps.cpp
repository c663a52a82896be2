#include "sent_maps.hpp"

#include <algorithm>
#include <cassert>
#include <variant>

namespace nj {

SentMaps::SentMaps(const Plan& plan) {
  std::vector<std::uint32_t> slots(plan.populations.size(), 1);
  std::vector<bool> merges(plan.populations.size(), false);
  for (const Receiver& receiver : plan.receivers) {
    const std::uint32_t p = receiver.producer;
    slots[p] = std::max(slots[p], plan.slices[receiver.slice].slots);
    merges[p] = merges[p] || receiver.merges;
  }
  for (std::uint32_t p = 0; p < plan.populations.size(); ++p) {
    const FeatureShape& shape = plan.fans[p].shape;
    SentMap map;
    map.positions.resize(shape.positions());
    if (merges[p]) map.addresses = Marks(shape.neurons());
    maps_.emplace_back(slots[p] + std::size_t{1}, map);
  }
}

SentMap& SentMaps::begin(std::uint32_t population, std::uint32_t t) {
  SentMap& map = maps_[population][t % maps_[population].size()];
  if (map.t == t) return map;
  map.t = t;
  std::fill(map.positions.begin(), map.positions.end(), std::uint8_t{0});
  map.addresses.clear();
  return map;
}

std::span<const std::uint8_t> SentMaps::positions(std::uint32_t population, std::uint32_t t) const {
  const SentMap& map = maps_[population][t % maps_[population].size()];
  assert(map.t == t);
  return map.positions;
}

void reach(std::span<std::uint8_t> reached, const SlicePlan& slice, Range rows, Range columns) {
  if (reached.empty() || columns.empty()) return;
  for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
    const std::size_t row = std::size_t{y - slice.place.row_begin} * slice.columns().size();
    const std::size_t first = row + (columns.begin - slice.columns().begin);
    std::fill_n(reached.begin() + static_cast<std::ptrdiff_t>(first), columns.size(),
                std::uint8_t{1});
  }
}

ReachedPositions::ReachedPositions(const Plan& plan) : plan_(plan), receivers_(plan.slices.size()) {
  for (std::uint32_t r = 0; r < plan.receivers.size(); ++r) {
    receivers_[plan.receivers[r].slice].push_back(r);
  }
}

std::span<std::uint8_t> ReachedPositions::of(std::uint32_t slice, std::uint32_t t,
                                             const SentMaps& sent) {
  const SlicePlan& plan = plan_.slices[slice];
  if (!std::holds_alternative<Conv2d>(*plan.op)) return {};
  reached_.assign(plan.positions(), 0);
  for (const std::uint32_t r : receivers_[slice]) {
    const Receiver& receiver = plan_.receivers[r];
    spread(plan, receiver, sent.positions(receiver.producer, t), reached_);
  }
  return reached_;
}

/// Row by row: first along the row, then to the rows that it reaches.
void ReachedPositions::spread(const SlicePlan& slice, const Receiver& receiver,
                              std::span<const std::uint8_t> positions,
                              std::span<std::uint8_t> reached) {
  const FeatureShape& from = plan_.fans[receiver.producer].shape;
  const auto [begin, end] = slice.columns();
  const std::size_t width = end - begin;
  for (const PortReach& port : receiver.ports) {
    for (std::uint32_t y = 0; y < from.height; ++y) {
      if (port.rows[y].empty()) continue;
      row_.assign(width, 0);
      for (std::uint32_t x = 0; x < from.width; ++x) {
        if (positions[std::size_t{y} * from.width + x] == 0) continue;
        for (std::uint32_t to = port.columns[x].begin; to < port.columns[x].end; ++to) {
          row_[to - begin] = 1;
        }
      }
      for (std::uint32_t to = port.rows[y].begin; to < port.rows[y].end; ++to) {
        std::uint8_t* const out = &reached[(to - slice.place.row_begin) * width];
        for (std::size_t x = 0; x < width; ++x) out[x] |= row_[x];
      }
    }
  }
}

}  // namespace nj
