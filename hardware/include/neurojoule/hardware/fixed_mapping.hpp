#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/network.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/hardware/mapping.hpp"

// A mapping as a file says it, for those who place layers by hand and for mappings that a run
// wrote.
namespace nj {

/// Indices `first..last`, both included.
struct IndexRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

/// One slice as written; without a range it has all channels, rows or columns.
struct FixedSlice {
  std::optional<IndexRange> channels;
  std::optional<IndexRange> rows;
  std::optional<IndexRange> columns;
  std::uint32_t core = 0;
  Location location{};
};

/// The slices of one population, named after its lead layer.
struct FixedLayer {
  std::string name;
  std::vector<FixedSlice> slices;
  Location location{};
};

/// A whole mapping: every population but the inputs.
struct FixedMapping {
  std::vector<FixedLayer> layers;
  Location location{};
};

/// Reads `layer: [{channels: 0..31, rows: 0..7, core: 3}, ..]`.
/// Throws: Error(config) at the value that is wrong.
FixedMapping read_fixed_mapping(const YamlNode& node);

/// Reads a file of the one key `fixed:`. Throws: as read_fixed_mapping, or Error(io).
FixedMapping load_fixed_mapping(const std::filesystem::path& file);

/// One line per layer and slice, which reads back equal; each line begins with `indent` blanks.
std::string to_yaml(const FixedMapping& mapping, std::size_t indent);

/// A mapping as it is written.
FixedMapping fixed_mapping(const Network& network, std::span<const Population> populations,
                           const Mapping& mapping);

/// The mapping that a file means, checked: every neuron on one core, at most one slice on a core,
/// roles, formats and limits as in check_mapping.
///
/// Throws: Error(config) with all that is wrong, at the place of the first: unknown layers (with
/// "did you mean"), ranges outside a layer, overlaps, gaps, and what check_mapping finds; the
/// further ones follow, a line each.
Mapping resolve(const FixedMapping& fixed, const Network& network,
                std::span<const Population> populations, std::span<const LayerWidths> widths,
                const Chip& chip);

}  // namespace nj
