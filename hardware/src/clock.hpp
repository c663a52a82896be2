#pragma once

#include "neurojoule/core/yaml.hpp"

namespace nj {

/// Writes each `N cycles` of a chip file, whose bases and kinds are filled in, as picoseconds of
/// the nearest `clock:`: that of the core kind or of `topology`, else the chip's. Times of work
/// have cycles: `times:` of kinds and `cycle:` of an array, cycles and latencies of the topology,
/// and the times of `off_chip`. Throws: Error(config) at the value when a clock is not above 0 Hz
/// and at most 1 THz, no clock is in reach of cycles, or these are no whole number of picoseconds.
void resolve_clocks(YamlDocument& document);

}  // namespace nj
