#pragma once

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/energy/price_table.hpp"

namespace nj {

/// Memory formulas price words, links hops, leakage time, and nothing else. Throws: Error(config)
/// at the entry.
void check_fit(const YamlNode& entry, Action action, const Price& price);

}  // namespace nj
