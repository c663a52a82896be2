#include "open_network.hpp"

#include <limits>

#include "neurojoule/core/error.hpp"

namespace nj {

void OpenNetwork::run(const StepTraffic& traffic) {
  using Links = OpenLinks<std::uint32_t>;
  if (traffic.targets.size() >= Links::through) {
    throw Error(ErrorKind::capacity, "packets of one step go to 2^31 receivers or more");
  }
  constexpr Picoseconds horizon{std::numeric_limits<std::int64_t>::max()};
  for (const PacketSource& source : traffic.sources) {
    links_.inject(traffic.packets, source.moved, source.first, source.last, horizon);
  }
  if (traffic.passes == nullptr) {
    links_.run(horizon, [](const Links::Ask&, std::uint32_t, Picoseconds) {});
  } else {
    links_.run(horizon, [&](const Links::Ask& ask, std::uint32_t link, Picoseconds enters) {
      traffic.passes->push_back({link, enters, ask.order & ~Links::through});
    });
  }
  for (std::size_t list = 0; list < lists_.size(); ++list) {
    if (!links_.arrived(list).empty()) links_.arrived(list).swap(traffic.arrivals[list]);
  }
}

}  // namespace nj
