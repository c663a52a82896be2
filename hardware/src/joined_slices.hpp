#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/hardware/mapping.hpp"

namespace nj {

/// Makes one of slices of a population that share a core and are one block of its map together:
/// it has their weights, and gets what reaches several of them, once. `groups` is by slice, one for
/// each core; `shapes`, of neurons, by population. Slices come out in the order of Mapping::slices.
void join_slices(std::vector<LayerSlice>& slices, std::vector<std::uint32_t>& groups,
                 std::span<const FeatureShape> shapes);

}  // namespace nj
