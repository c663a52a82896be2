#pragma once

#include <string>

#include "neurojoule/core/action_counts.hpp"
#include "neurojoule/hardware/chip.hpp"

namespace nj {

/// What one count of a component's action stands for, in words that fit a report: simulate.hpp (or
/// streamed.hpp, for an array) by component and action. Throws: Error(config) when the chip counts
/// nothing of that name.
std::string count_definition(const ChipSpec& chip, const std::string& component, Action action);

}  // namespace nj
