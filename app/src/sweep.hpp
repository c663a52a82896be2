#pragma once

#include <string>
#include <vector>

#include "neurojoule/core/yaml.hpp"

namespace nj {

/// A value of a key.
struct SweepValue {
  std::string yaml;
  std::string said;  ///< for people: the same, or the `name` of a map where no other has it
};

/// One dimension of a sweep: keys that change together, and their values.
struct SweepAxis {
  std::vector<std::string> keys;
  std::vector<std::vector<SweepValue>> values;  ///< of each point, by key
};

/// Reads the `sweep:` of a scenario: lists of values by key, or by keys with commas between them;
/// maps are key paths, `a: {b: [..]}` as `a.b: [..]`.
/// Throws: Error(config) when there is no axis or an axis has no values, or the product of all axes
/// is more points than a batch may have.
std::vector<SweepAxis> read_sweep(const YamlNode& sweep);

}  // namespace nj
