#include "channel_order.hpp"

#include <algorithm>
#include <utility>

#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <boost/graph/strong_components.hpp>
#include <boost/property_map/property_map.hpp>

namespace nj {
namespace {

/// Which channels a packet in one channel may want next, of those out of the next router.
class Dependencies {
 public:
  explicit Dependencies(const Topology& topology)
      : topology_(topology), first_(topology.routers() + 1, 0) {
    for (const Link& link : topology.links()) first_[link.from + 1] += topology.virtual_channels();
    for (std::uint32_t r = 0; r < topology.routers(); ++r) first_[r + 1] += first_[r];
    ends_.reserve(first_.back());
    offset_.reserve(first_.back());
    std::size_t entries = 0;
    for (std::uint32_t channel = 0; channel < first_.back(); ++channel) {
      ends_.push_back(topology.links()[channel / topology.virtual_channels()].to);
      offset_.push_back(entries);
      entries += out(ends_.back());
    }
    wanted_.assign(entries, false);
    walked_.resize(channels());
    for (std::uint32_t tile = 0; tile < topology.tiles(); ++tile) add_routes_to(tile);
  }

  [[nodiscard]] std::uint32_t channels() const { return first_.back(); }
  [[nodiscard]] std::uint32_t out(std::uint32_t router) const {
    return first_[router + 1] - first_[router];
  }
  [[nodiscard]] std::uint32_t end_of(std::uint32_t channel) const { return ends_[channel]; }
  [[nodiscard]] bool wants(std::uint32_t channel, std::uint32_t port) const {
    return wanted_[offset_[channel] + port];
  }
  [[nodiscard]] std::uint32_t channel(std::uint32_t router, std::uint32_t port) const {
    return first_[router] + port;
  }

 private:
  /// What follows a channel on the way to a tile does not depend on what was before it, so each is
  /// walked through once.
  void add_routes_to(std::uint32_t tile) {
    std::ranges::fill(walked_, false);
    for (std::uint32_t from = 0; from < topology_.tiles(); ++from) {
      std::uint32_t held = no_channel;
      for (std::uint32_t router = from; router != tile; router = end_of(held)) {
        const std::uint32_t next = topology_.channel_after(held, topology_.next_link(router, tile));
        if (held != no_channel) wanted_[offset_[held] + (next - first_[router])] = true;
        if (walked_[next]) break;
        walked_[next] = true;
        held = next;
      }
    }
  }

  const Topology& topology_;
  std::vector<std::uint32_t> first_;  ///< [routers + 1]: first channel out of a router
  std::vector<std::uint32_t> ends_;   ///< per channel: the router
  std::vector<std::size_t> offset_;   ///< per channel: its first entry in `wanted_`
  std::vector<char> wanted_;          ///< yes or no
  std::vector<char> walked_;          ///< by channel: yes or no, on the way to the tile in work
};

}  // namespace

std::vector<std::uint32_t> find_waiting_circle(const Topology& topology) {
  const Dependencies dependencies(topology);
  enum class Mark : std::uint8_t { fresh, on_path, done };
  std::vector<Mark> marks(dependencies.channels(), Mark::fresh);
  struct Visit {
    std::uint32_t channel;
    std::uint32_t port;
  };
  std::vector<Visit> path;  // depth first; a channel met again on the path closes a circle
  for (std::uint32_t start = 0; start < dependencies.channels(); ++start) {
    if (marks[start] != Mark::fresh) continue;
    marks[start] = Mark::on_path;
    path.push_back({start, 0});
    while (!path.empty()) {
      Visit& here = path.back();
      const std::uint32_t router = dependencies.end_of(here.channel);
      if (here.port == dependencies.out(router)) {
        marks[here.channel] = Mark::done;
        path.pop_back();
        continue;
      }
      const std::uint32_t port = here.port++;
      if (!dependencies.wants(here.channel, port)) continue;
      const std::uint32_t next = dependencies.channel(router, port);
      if (marks[next] == Mark::on_path) {
        std::vector<std::uint32_t> circle;
        const auto first = std::find_if(path.begin(), path.end(),
                                        [&](const Visit& visit) { return visit.channel == next; });
        for (auto visit = first; visit != path.end(); ++visit) circle.push_back(visit->channel);
        return circle;
      }
      if (marks[next] == Mark::fresh) {
        marks[next] = Mark::on_path;
        path.push_back({next, 0});
      }
    }
  }
  return {};
}

LinkGroups group_links(const Topology& topology) {
  using Graph =
      boost::compressed_sparse_row_graph<boost::directedS, boost::no_property, boost::no_property,
                                         boost::no_property, std::uint32_t, std::uint32_t>;
  const Dependencies dependencies(topology);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;  // sorted by where they begin
  for (std::uint32_t link = 0; link < dependencies.channels(); ++link) {
    const std::uint32_t router = dependencies.end_of(link);
    for (std::uint32_t port = 0; port < dependencies.out(router); ++port) {
      if (!dependencies.wants(link, port)) continue;
      edges.emplace_back(link, dependencies.channel(router, port));
    }
  }
  const Graph graph(boost::edges_are_sorted, edges.begin(), edges.end(), dependencies.channels());
  LinkGroups groups;
  groups.of.resize(dependencies.channels());
  const std::uint32_t count = boost::strong_components(
      graph,
      boost::make_iterator_property_map(groups.of.begin(), boost::get(boost::vertex_index, graph)));
  for (std::uint32_t& group : groups.of) group = count - 1 - group;  // it counts from the end
  groups.first.assign(count + 1, 0);
  for (const std::uint32_t group : groups.of) ++groups.first[group + 1];
  for (std::uint32_t g = 0; g < count; ++g) groups.first[g + 1] += groups.first[g];
  groups.links.resize(groups.of.size());
  std::vector<std::uint32_t> next(groups.first.begin(), groups.first.end() - 1);
  for (std::uint32_t link = 0; link < groups.of.size(); ++link) {
    groups.links[next[groups.of[link]]++] = link;
  }
  return groups;
}

}  // namespace nj
