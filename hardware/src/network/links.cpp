#include "links.hpp"

namespace nj {

LinkTimings::LinkTimings(const Topology& topology, const TopologySpec& spec,
                         const PacketSizes& sizes)
    : links_(topology.links().size()) {
  timings_.reserve(links_ * sizes.size());
  for (const std::uint32_t bits : sizes) {
    flits_.push_back((bits + spec.flit_bits - 1) / spec.flit_bits);
    for (const Link& link : topology.links()) {
      const Picoseconds service = link.service(bits);
      timings_.push_back(
          {service, service - link.spec.cycle, link.spec.latency, link.to, link.direction});
    }
  }
}

Picoseconds idle_time(const Topology& topology, const LinkTimings& links, std::uint32_t size,
                      std::uint32_t from, std::uint32_t to) {
  Picoseconds time;
  const LinkTiming* before = nullptr;
  for (std::uint32_t router = from; router != to; router = before->to) {
    const LinkTiming& link = links.of(topology.next_link(router, to), size);
    time += (before == nullptr ? Picoseconds{0} : gap(*before, link)) + link.latency;
    before = &link;
  }
  return before == nullptr ? time : time + before->tail;
}

}  // namespace nj
