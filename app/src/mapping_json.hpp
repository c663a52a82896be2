#pragma once

#include <nlohmann/json.hpp>

#include "neurojoule/app/run.hpp"

namespace nj {

/// The part of result.json about the mapping: how it came about, cores of each kind, what their
/// memories hold of all that they could, and packets x links.
nlohmann::ordered_json mapping_json(const PreparedRun& prepared, const ChipResult& chip);

}  // namespace nj
