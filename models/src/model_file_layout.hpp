#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/models/model.hpp"

// What the reader and the writer of model files agree on beside the table of layer_fields.hpp.
namespace nj::model_file {

inline constexpr std::string_view format = "neurojoule-model";

/// The group of a layer: `/layers/00003`.
std::string layer_path(std::size_t index);

/// `[out, in / groups, ky, kx]`; also of the head, whose kernel is 1.
std::vector<std::uint64_t> weight_extents(const WeightShape& shape);

/// The unit of each attribute and dataset that has one.
std::map<std::string, std::string> units();

}  // namespace nj::model_file
