#include "actions.hpp"

namespace nj::sanafe {

ActionTable::ActionTable(const Architecture& chip) {
  for (const CoreKind& kind : chip.core_kinds) {
    first_.push_back(size());
    add(Category::network, kind.message_out);
    add(Category::network, kind.message_in);
    for (const SynapseUnit& unit : kind.synapses) add(Category::synapse, unit.process_spike);
    first_dendrite_.push_back(size());
    for (const DendriteUnit& unit : kind.dendrites) add(Category::dendrite, unit.update);
    first_soma_.push_back(size());
    for (const SomaUnit& unit : kind.somas) {
      add(Category::soma, unit.access);
      add(Category::soma, unit.update);
      add(Category::soma, unit.spike);
    }
  }
  for (const TileKind& kind : chip.tile_kinds) {
    first_hop_.push_back(size());
    for (const Cost& hop : kind.hops) add(Category::network, hop);
  }
}

void ActionTable::add(Category category, const Cost& cost) {
  costs_.push_back(cost);
  categories_.push_back(category);
}

StepEnergy ActionTable::price(std::span<const std::uint64_t> counts) const {
  double sums[4] = {};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sums[static_cast<std::size_t>(categories_[i])] +=
        static_cast<double>(counts[i]) * costs_[i].energy_j;
  }
  return {.synapse_j = sums[0], .dendrite_j = sums[1], .soma_j = sums[2], .network_j = sums[3]};
}

}  // namespace nj::sanafe
