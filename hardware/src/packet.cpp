#include "packet.hpp"

namespace nj {

void sort_by_core(std::vector<PacketSource>& sources, const Outbox& outbox,
                  PlainList<Target>& targets) {
  const auto first_target = [&](std::uint32_t packet) {
    return packet != outbox.packets.size() ? outbox.packets[packet].first_target
                                           : static_cast<std::uint32_t>(outbox.targets.size());
  };
  std::sort(sources.begin(), sources.end(),
            [](const PacketSource& a, const PacketSource& b) { return a.core < b.core; });
  targets.clear();
  for (PacketSource& source : sources) {
    const std::uint32_t first = first_target(source.first);
    source.moved = static_cast<std::uint32_t>(targets.size()) - first;
    const std::uint32_t last = first_target(source.last);
    std::copy(outbox.targets.begin() + first, outbox.targets.begin() + last,
              targets.append(last - first));
    source.targets = static_cast<std::uint32_t>(targets.size());
  }
}

}  // namespace nj
