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
  const bool mixed = plan.chip.spec().handshake.has_value();
  for (const Receiver& receiver : plan.receivers) {
    const SlicePlan& slice = plan.slices[receiver.slice];
    Receiving entry{slice.position.time};
    if (receiver.merges && packing == Packing::single) {
      const FeatureShape& sent = plan.fans[receiver.producer].shape;
      const Range rows = rows_reaching(receiver);
      const std::size_t row = std::size_t{sent.width} * sent.channels;
      entry.first = static_cast<std::uint32_t>(rows.begin * row);
      entry.seen.assign(mixed ? slice.slots : 1, {0, Marks(rows.size() * row)});
    }
    receivers_.push_back(std::move(entry));
  }
}

void SynapseWork::expect(std::span<const Target> bundles) {
  for (const Target& bundle : bundles) receivers_[bundle.receiver].expected += bundle.address;
}

/// Without barriers packets of several steps come mixed, of no more than there are slots.
bool SynapseWork::seen_before(Receiving& receiver, std::uint32_t address, std::uint32_t step) {
  Seen& seen = receiver.seen[receiver.seen.size() == 1 ? 0 : step % receiver.seen.size()];
  if (seen.end != step + 1) {
    seen.end = step + 1;
    seen.addresses.clear();
  }
  return !seen.addresses.mark(address - receiver.first);
}

}  // namespace nj
