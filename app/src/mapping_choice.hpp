#pragma once

#include <filesystem>
#include <string>

#include "neurojoule/app/scenario.hpp"

namespace nj {

/// Reads a scenario's `mapping:` block. Throws: Error(config) at the value that is wrong.
MappingChoice read_mapping_choice(const YamlNode& node);

/// The block with every default written out.
std::string to_yaml(const MappingChoice& choice);

}  // namespace nj
