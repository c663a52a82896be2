#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/run.hpp"

namespace nj {

/// Names of the layers that a core has slices of, each once.
inline std::string layers_on(const PreparedRun& prepared, const Mapping& mapping,
                             const UsedCore& core) {
  std::vector<std::string> names;
  std::uint32_t last = 0;
  for (const std::uint32_t s : core.slices) {
    const std::uint32_t population = mapping.slices[s].population;
    if (!names.empty() && population == last) continue;
    names.push_back(prepared.network.network().layer(prepared.populations[population].lead).name);
    last = population;
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace nj
