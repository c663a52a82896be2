#include "open_network.hpp"

#include <limits>

namespace nj {
namespace {

/// The packets of a step. An order is the source core and the target.
class StepPackets {
 public:
  explicit StepPackets(const StepTraffic& traffic) : traffic_(traffic) {}

  static std::uint64_t order(CoreId source, std::uint32_t target) {
    return std::uint64_t{source.index} << 32 | target;
  }
  void deliver(std::uint64_t order, std::uint32_t targets, Picoseconds time) const {
    const auto first = static_cast<std::uint32_t>(order);
    nj::deliver(traffic_, static_cast<std::uint32_t>(order >> 32), time, first, first + targets);
  }
  void note_pass(const LinkAsk& ask, std::uint32_t link, Picoseconds enters) const {
    if (traffic_.passes == nullptr) return;
    traffic_.passes->push_back({link, enters, static_cast<std::uint32_t>(ask.order)});
  }

 private:
  const StepTraffic& traffic_;
};

}  // namespace

void OpenNetwork::run(const StepTraffic& traffic) {
  constexpr Picoseconds horizon{std::numeric_limits<std::int64_t>::max()};
  StepPackets packets(traffic);
  for (const PacketSource& source : traffic.sources) {
    links_.inject(packets, traffic.packets, StepPackets::order(source.core, 0), source.first,
                  source.last, horizon);
  }
  links_.run(packets, horizon);
}

}  // namespace nj
