#pragma once

#include <string>
#include <vector>

#include "neurojoule/core/yaml.hpp"

namespace nj {

/// One dimension of a sweep: keys that change together, and their values as YAML text.
struct SweepAxis {
  std::vector<std::string> keys;
  std::vector<std::vector<std::string>> values;  ///< of each point, by key
};

/// Reads the `sweep:` of a scenario: lists of values by key, or by keys with commas between them;
/// maps are key paths, `a: {b: [..]}` as `a.b: [..]`.
/// Throws: Error(config) when there is no axis or an axis has no values, or the product of all axes
/// is more points than a batch may have.
std::vector<SweepAxis> read_sweep(const YamlNode& sweep);

}  // namespace nj
