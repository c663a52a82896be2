#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/chip.hpp"

// Fields that several parts of a chip file have in common. All throw Error(config) at their node.
namespace nj {

/// Of a part that is no node: its key is known.
[[noreturn]] inline void refuse(const std::string& key, const std::string& message) {
  throw Error(ErrorKind::config, message, {.key = key});
}

/// A time from `least` to `max_chip_time`.
Picoseconds read_time(const YamlNode& node, Picoseconds least = Picoseconds{0});

/// A number of bits, 1 to `most`.
std::uint32_t read_width(const YamlNode& node, std::uint64_t most = 65'536);

/// The capacity of a memory, above 0 bit and below `limit`.
Bits read_capacity(const YamlNode& node, std::uint64_t limit);

/// The formats under `weight_formats:`; at least one.
WeightFormats read_weight_formats(const YamlNode& node);

/// Whether layers take turns on an array.
bool is_streamed(const YamlNode& chip);

ProductOrder read_product_order(const YamlNode& node);

/// The one core kind of a chip with `schedule: streamed`.
ArraySpec read_array(const YamlNode& core_kinds);

/// The topology of a chip, whose `core_kinds` are known.
TopologySpec read_topology(const YamlNode& node, const std::vector<CoreKindSpec>& kinds);

}  // namespace nj
