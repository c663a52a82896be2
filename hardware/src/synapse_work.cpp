#include "synapse_work.hpp"

#include <algorithm>
#include <utility>

namespace nj {
namespace {

/// The rows of what is sent that reach a receiver, and those between them.
Range rows_reaching(const Receiver& receiver) {
  Range rows;
  for (const PortReach& port : receiver.ports) {
    for (std::uint32_t y = 0; y < port.rows.size(); ++y) {
      if (port.rows[y].empty()) continue;
      rows = rows.empty() ? Range{y, y + 1}
                          : Range{std::min(rows.begin, y), std::max(rows.end, y + 1)};
    }
  }
  return rows;
}

}  // namespace

SynapseWork::SynapseWork(const Plan& plan, Packing packing) {
  for (const Receiver& receiver : plan.receivers) {
    const SlicePlan& slice = plan.slices[receiver.slice];
    Receiving entry{slice.position_time, slice.slots,
                    receiver.merges && packing == Packing::single};
    if (entry.merges) {
      const FeatureShape& sent = plan.fans[receiver.producer].shape;
      const Range rows = rows_reaching(receiver);
      entry.first = rows.begin * sent.width * sent.channels;
      entry.seen.assign(std::size_t{rows.size()} * sent.width * sent.channels * entry.slots, 0);
    }
    receivers_.push_back(std::move(entry));
  }
}

/// Without barriers packets of several steps come mixed, of no more than there are slots.
bool SynapseWork::seen_before(Receiving& receiver, std::uint32_t address, std::uint32_t step) {
  const std::size_t addresses = receiver.seen.size() / receiver.slots;
  std::uint32_t& seen =
      receiver.seen[step % receiver.slots * addresses + (address - receiver.first)];
  return std::exchange(seen, step + 1) == step + 1;
}

}  // namespace nj
