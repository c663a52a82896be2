#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/network.hpp"

namespace nj {
namespace {

/// The only consumer of `id` when it is a `Kind`. Throws when such a consumer is not the only one.
template <class Kind>
std::optional<LayerId> sole_follower(const Network& network, LayerId id) {
  for (const LayerId consumer : network.consumers(id)) {
    if (!std::holds_alternative<Kind>(network.layer(consumer).op)) continue;
    if (network.consumers(id).size() > 1) {
      throw Error(ErrorKind::unsupported,
                  fmt::format("'{}' must be the only consumer of '{}'",
                              network.layer(consumer).name, network.layer(id).name),
                  {.key = network.layer(consumer).name});
    }
    return consumer;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Population> populations(const Network& network) {
  std::vector<Population> result;
  for (std::uint32_t i = 0; i < network.size(); ++i) {
    const LayerId id{i};
    const Operator& op = network.layer(id).op;
    if (std::holds_alternative<Lif>(op)) continue;
    if (std::holds_alternative<MaxPool2d>(op)) {
      const LayerId source = network.operands(id)[0].source;
      if (!std::holds_alternative<Lif>(network.layer(source).op)) {
        throw Error(ErrorKind::unsupported, "pooling must follow its neurons",
                    {.key = network.layer(id).name});
      }
      continue;
    }
    Population population{.lead = id, .lif = sole_follower<Lif>(network, id), .pool = std::nullopt};
    if (population.lif) population.pool = sole_follower<MaxPool2d>(network, *population.lif);
    result.push_back(population);
  }
  return result;
}

}  // namespace nj
