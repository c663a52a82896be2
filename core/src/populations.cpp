#include "neurojoule/core/network.hpp"

namespace nj {
namespace {

/// The only consumer of `id`, when there is just one, it is a `Kind` and reads `id` without delay.
template <class Kind>
std::optional<LayerId> sole_follower(const Network& network, LayerId id) {
  const auto consumers = network.consumers(id);
  if (consumers.size() != 1) return std::nullopt;
  if (!std::holds_alternative<Kind>(network.layer(consumers[0]).op)) return std::nullopt;
  if (network.operands(consumers[0])[0].delay != 0) return std::nullopt;
  return consumers[0];
}

}  // namespace

std::vector<LayerId> Population::layers() const {
  std::vector<LayerId> layers{lead};
  if (lif && *lif != lead) layers.push_back(*lif);
  if (pool) layers.push_back(*pool);
  return layers;
}

std::vector<Population> populations(const Network& network) {
  std::vector<Population> result;
  std::vector<bool> placed(network.size(), false);
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    if (placed[i]) continue;
    const LayerId id{i};
    Population population{.lead = id, .lif = std::nullopt, .pool = std::nullopt};
    population.lif =
        std::holds_alternative<Lif>(network.layer(id).op) ? id : sole_follower<Lif>(network, id);
    if (population.lif) population.pool = sole_follower<MaxPool2d>(network, *population.lif);
    placed[i] = true;
    if (population.lif) placed[population.lif->index] = true;
    if (population.pool) placed[population.pool->index] = true;
    result.push_back(population);
  }
  return result;
}

}  // namespace nj
