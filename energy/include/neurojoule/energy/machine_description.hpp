#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "neurojoule/core/quantity.hpp"
#include "neurojoule/energy/process.hpp"

namespace nj {

class Chip;

/// Size of one memory (of one bank, where it has several), and of the word that one access moves.
struct MemoryGeometry {
  Bits capacity;
  Bits word;
  std::uint32_t banks = 1;
};

/// What pricing must know of a chip besides what it did.
struct MachineDescription {
  std::string name;  ///< for error messages
  Process process;
  std::map<std::string, MemoryGeometry> memories;  ///< by component, e.g. `neuron.synapse_memory`
};

/// Process and memories of a chip; components are named `<core kind>.<memory>` as in ActionCounts.
MachineDescription machine_description(const Chip& chip);

}  // namespace nj
