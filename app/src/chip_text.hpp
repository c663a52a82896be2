#pragma once

#include <string>

#include "neurojoule/hardware/chip.hpp"

namespace nj {

/// What a chip is, as `neurojoule info` prints it: process, network, memories, limits and times.
std::string describe_chip(const Chip& chip);

}  // namespace nj
