#pragma once

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/energy/price_table.hpp"

namespace nj {

/// The block `areas: sram:` of a price table. Throws: Error(config) with its place: no source, no
/// point, an area that is zero or falls with the capacity, capacities with different words.
SramAreas read_sram_areas(const YamlNode& node);

}  // namespace nj
