#include "synapse_work.hpp"

#include <algorithm>
#include <variant>

namespace nj {

Touched::Touched(const Plan& plan) {
  for (const SlicePlan& slice : plan.slices) {
    const bool counted = std::holds_alternative<Conv2d>(*slice.op);
    positions_.push_back(counted ? slice.positions() : 0);
    slots_.push_back(slice.slots);
    flags_.emplace_back(positions_.back() * slice.slots, std::uint8_t{0});
  }
}

void touch(std::span<std::uint8_t> slot, const SlicePlan& slice, Range rows, Range columns) {
  if (slot.empty()) return;
  for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
    const std::size_t row = std::size_t{y - slice.place.row_begin} * slice.shape.width;
    std::fill(slot.begin() + static_cast<std::ptrdiff_t>(row + columns.begin),
              slot.begin() + static_cast<std::ptrdiff_t>(row + columns.end), std::uint8_t{1});
  }
}

SynapseWork::SynapseWork(const Plan& plan, Touched& touched, Tally& tally)
    : plan_(plan), touched_(touched), tally_(tally), seen_(plan.receivers.size()) {
  for (std::size_t r = 0; r < plan.receivers.size(); ++r) {
    const Receiver& receiver = plan.receivers[r];
    if (!receiver.merges) continue;
    seen_[r].assign(
        plan.fans[receiver.producer].shape.neurons() * plan.slices[receiver.slice].slots, 0);
  }
}

Picoseconds SynapseWork::serve(std::uint32_t to, const Packet& packet, std::uint32_t t) {
  const Receiver& receiver = plan_.receivers[to];
  ReceiverTally& tally = tally_.receivers[to];
  ++tally.delivered;
  if (receiver.merges) {
    const FeatureShape& shape = plan_.fans[receiver.producer].shape;
    const std::uint64_t slot = t % plan_.slices[receiver.slice].slots;
    std::uint32_t& seen =
        seen_[to][slot * shape.neurons() + shape.address(packet.channel, packet.y, packet.x)];
    if (seen == t + 1) {
      ++tally.merged;
      return Picoseconds{0};
    }
    seen = t + 1;
  }
  const SlicePlan& slice = plan_.slices[receiver.slice];
  const bool attention = std::holds_alternative<SpikingSelfAttention>(*slice.op);
  const auto touched = touched_.slot(receiver.slice, t);
  std::uint64_t reached_positions = 0;
  for (const PortReach& port : receiver.ports) {
    if (!port.accepts(packet.y, packet.x, packet.channel)) continue;
    ++tally.operands;
    if (attention) continue;
    const Range rows = port.rows[packet.y];
    const Range columns = port.columns[packet.x];
    const std::uint64_t positions = std::uint64_t{rows.size()} * columns.size();
    reached_positions += positions;
    if (port.graded) tally.graded_positions += positions;
    touch(touched, slice, rows, columns);
  }
  tally.positions += reached_positions;
  return slice.position_time * static_cast<std::int64_t>(reached_positions);
}

}  // namespace nj
