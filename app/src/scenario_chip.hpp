#pragma once

#include "neurojoule/app/scenario.hpp"
#include "neurojoule/core/yaml.hpp"

namespace nj {

/// The chip of a scenario that has one, resolved (chip_file.hpp): a file, or what stands in the
/// scenario itself. Throws: Error at the scenario's `chip` where there is no such file; as
/// load_chip_document.
YamlDocument load_chip_document(const Scenario& scenario);

}  // namespace nj
