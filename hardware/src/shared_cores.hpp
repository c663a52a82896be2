#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/mapping.hpp"

// Slices that share cores, where there are fewer cores than slices.
namespace nj {

/// Which of the cores of a kind each slice is on.
struct SharedCores {
  std::vector<std::uint32_t> core_of;  ///< by slice, counted among the cores of the kind
  std::uint64_t needed = 0;            ///< cores: no more than there are, where all slices fit
  std::uint32_t left_out = 0;          ///< the first slice without a core, where not
};

/// Puts slices, each of which fits a core alone, together on cores of a kind, as `map_network`
/// says.
SharedCores share_cores(std::span<const Footprint> uses, const CoreKindSpec& kind,
                        std::uint32_t cores);

}  // namespace nj
