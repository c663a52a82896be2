#include "plan_routes.hpp"

#include <limits>
#include <utility>
#include <variant>

#include "place.hpp"

namespace nj {
namespace {

PacketSizes sizes_of(const Plan& plan) {
  std::vector<std::uint32_t> bits;
  for (const Receiver& receiver : plan.receivers)
    bits.push_back(plan.packet_bits(receiver.producer));
  return packet_sizes(std::move(bits), plan.chip.spec().topology);
}

/// Finds the trees of one source on a tile.
class SourceRoutes {
 public:
  SourceRoutes(Plan& plan, std::uint32_t population, std::uint32_t tile)
      : plan_(plan),
        fan_(plan.fans[population]),
        tile_(tile),
        size_(find_size(plan.routes.sizes, plan.packet_bits(population))),
        trees_(plan.chip.spec().topology.multicast ? fan_.group_count : fan_.receivers.size(),
               none) {}

  const std::vector<std::uint32_t>& of(const Sent& sent) {
    for_each_cell(fan_, sent, [this](std::uint32_t cell, std::uint32_t) { add(cell); });
    return trees_;
  }

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  void add(std::uint32_t cell) {
    const auto ways = fan_.at(cell);
    if (plan_.chip.spec().topology.multicast) return add(fan_.groups[cell], ways);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      add(ways[i].receiver - fan_.receivers.begin, ways.subspan(i, 1));
    }
  }
  void add(std::uint32_t key, std::span<const Way> ways) {
    if (trees_[key] != none) return;
    ends_.clear();
    for (const Way& way : ways) {
      const Receiver& receiver = plan_.receivers[way.receiver];
      ends_.push_back({receiver.tile, receiver.core.index});
    }
    trees_[key] = plan_.routes.trees.find(tile_, ends_, size_);
  }

  Plan& plan_;
  const Fan& fan_;
  std::uint32_t tile_;
  std::uint32_t size_;
  std::vector<std::uint32_t> trees_;
  std::vector<RouteEnd> ends_;
};

}  // namespace

void add_routes(Plan& plan) {
  plan.routes.sizes = sizes_of(plan);
  const auto add_source = [&plan](std::uint32_t population, std::uint32_t tile, const Sent& sent) {
    plan.first_tree.push_back(plan.trees.size());
    SourceRoutes routes(plan, population, tile);
    const std::vector<std::uint32_t>& trees = routes.of(sent);
    plan.trees.insert(plan.trees.end(), trees.begin(), trees.end());
  };
  for (const SlicePlan& slice : plan.slices) {
    add_source(slice.place.population, plan.chip.core(slice.place.core).tile, sent_by(plan, slice));
  }
  for (std::uint32_t p = 0; p < plan.populations.size(); ++p) {
    const bool at_port =
        std::holds_alternative<Input>(plan.network.layer(plan.populations[p].lead).op) &&
        !plan.graph.only_read(p);
    add_source(p, io_tile, at_port ? all_of(plan.fans[p].shape) : Sent{});
  }
  plan.first_tree.push_back(plan.trees.size());
  const std::size_t cores = plan.chip.cores().size();
  const ChipSpec& chip = plan.chip.spec();
  // Without barriers each core takes what came before the horizon from a list of its own.
  follow_trees(plan.routes, plan.chip.topology(), chip.topology,
               chip.handshake ? SharedLists(cores) : SharedLists(plan.routes.trees, cores));
}

}  // namespace nj
