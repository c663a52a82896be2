#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/chip.hpp"
#include "neurojoule/hardware/mapping.hpp"

namespace nj {

/// Into how many slices populations are cut.
enum class Slicing : std::uint8_t {
  fewest,  ///< no more than fit: `map_network`
  fastest  ///< more where that takes less time: `faster_slices`
};
std::string_view to_string(Slicing slicing);

/// A mapping of `map_network` with more slices for populations whose cores work longest, as long as
/// free cores of their kind make the longest work shorter.
///
/// How long cores work is simulated for one sample. The population of the core that works longest
/// is cut into the next larger number of slices with which it would work less, and so on, with
/// times in proportion to what slices hold, until the longest is a quarter shorter. With these cuts
/// the sample is simulated anew, and so on, as long as that helps; of all these mappings the one is
/// taken whose longest work is the shortest, the first of equal ones. A population whose work is
/// done within the ticks of its time steps is let be, and so is one that shares cores. Slices are
/// put on the cores of a kind in order. On an array the mapping stays.
///
/// `progress` is called now and then, with the number of slices and that of cores; it may throw,
/// and may be empty. Throws: as Simulator.
Mapping faster_slices(
    const Network& network, std::span<const Population> populations,
    std::span<const LayerWidths> widths, const Chip& chip, Mapping mapping,
    const SpikeTrace& sample,
    const std::function<void(std::size_t slices, std::size_t cores)>& progress = {});

}  // namespace nj
