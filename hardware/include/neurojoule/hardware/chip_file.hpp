#pragma once

#include <filesystem>
#include <string>

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/hardware/chip.hpp"

// Chip files that build on others, and clocks; docs/chip-file.md has the keys and the rules.

namespace nj {

/// Fills in the bases of a chip file, theirs, and so on, and then the `like:` of core kinds; then
/// writes times in cycles as picoseconds of the nearest `clock:`. Values keep the file, line and
/// column where they were written.
///
/// Throws: Error(config) at the key when bases or kinds lead back to themselves, there is no such
/// kind, there are more than 64 bases or 256 kinds, a clock is no frequency up to 1 THz, or cycles
/// have no clock or are no whole number of picoseconds; Error(io) at the key when a base cannot be
/// read; as YamlDocument::load and ::inherit.
void resolve_chip(YamlDocument& document, const std::filesystem::path& file,
                  const BaseFinder& find = beside);

/// A chip file, resolved.
YamlDocument load_chip_document(const std::filesystem::path& file, const BaseFinder& find = beside);

/// The resolved chip as YAML without `base:`, `like:` and `clock:`, a key of the chip to a line;
/// two files that state the same in the same order give the same text. `document` is resolved.
std::string chip_text(const YamlDocument& document);

}  // namespace nj
