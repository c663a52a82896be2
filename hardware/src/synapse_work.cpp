#include "synapse_work.hpp"

#include <utility>

namespace nj {

SynapseWork::SynapseWork(const Plan& plan, Packing packing) {
  for (const Receiver& receiver : plan.receivers) {
    const SlicePlan& slice = plan.slices[receiver.slice];
    Receiving entry{slice.position_time, slice.slots,
                    receiver.merges && packing == Packing::single};
    if (entry.merges) {
      entry.seen.assign(plan.fans[receiver.producer].shape.neurons() * entry.slots, 0);
    }
    receivers_.push_back(std::move(entry));
  }
}

/// Without barriers packets of several steps come mixed, of no more than there are slots.
bool SynapseWork::seen_before(Receiving& receiver, std::uint32_t address, std::uint32_t step) {
  const std::size_t neurons = receiver.seen.size() / receiver.slots;
  std::uint32_t& seen = receiver.seen[step % receiver.slots * neurons + address];
  return std::exchange(seen, step + 1) == step + 1;
}

}  // namespace nj
