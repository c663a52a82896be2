#include "open_network.hpp"

#include <limits>
#include <utility>

namespace nj {
namespace {

/// The packets of a step. An order is the source core and the target.
class StepPackets {
 public:
  explicit StepPackets(const StepTraffic& traffic) : traffic_(traffic) {}

  static std::uint64_t order(CoreId source, std::uint32_t target) {
    return std::uint64_t{source.index} << 32 | target;
  }
  std::pair<const StepTraffic&, std::uint32_t> find(std::uint64_t order) const {
    return {traffic_, static_cast<std::uint32_t>(order)};
  }
  static void deliver(const StepTraffic& traffic, std::uint64_t order, Picoseconds time,
                      std::uint32_t first, std::uint32_t last) {
    nj::deliver(traffic, static_cast<std::uint32_t>(order >> 32), time, first, last);
  }
  void note_pass(const LinkAsk& ask, std::uint32_t first, Picoseconds enters) const {
    if (traffic_.passes != nullptr) traffic_.passes->push_back({ask.link, enters, first});
  }

 private:
  const StepTraffic& traffic_;
};

}  // namespace

void OpenNetwork::run(const StepTraffic& traffic) {
  constexpr Picoseconds horizon{std::numeric_limits<std::int64_t>::max()};
  StepPackets packets(traffic);
  for (const PacketSource& source : traffic.sources) {
    links_.inject(packets, traffic, source.tile, StepPackets::order(source.core, 0), source.first,
                  source.last, horizon);
  }
  links_.run(packets, horizon);
}

}  // namespace nj
