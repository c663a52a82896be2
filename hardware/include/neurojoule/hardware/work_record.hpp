#pragma once

#include <cstdint>

#include "neurojoule/core/ids.hpp"
#include "neurojoule/core/quantity.hpp"

namespace nj {

/// What works on its own clock, in a chip of cores or in one with an array.
enum class WorkUnit : std::uint8_t {
  neuron_unit,
  synapse_unit,
  encoder_unit,
  io_port,
  barrier,  ///< all cores wait: from the end of a step's work to the next step
  array,    ///< PEs and neuron lanes
  off_chip_port,
  spike_buffer_port,
  link  ///< of the network
};
inline constexpr std::size_t work_units = 9;

/// What one unit did without a pause for one layer in one time step.
struct WorkRecord {
  WorkUnit unit{};
  bool stores = false;     ///< of the ports of an array: from the chip to memory
  CoreId core;             ///< of neuron, synapse and encoder units
  std::uint32_t link = 0;  ///< its number in the topology
  LayerId
      layer;  ///< lead; of synapse units and links, that of the sender; of barriers, chip_overhead
  std::uint32_t step = 0;  ///< time step of that layer; of a barrier, global step
  /// Packets that the neuron unit or I/O port sent, the synapse unit served, or that kept the link;
  /// jobs of an array; transfers of its ports; frames of an encoder unit.
  std::uint64_t count = 0;
  Picoseconds start;
  Picoseconds end;
  friend bool operator==(const WorkRecord&, const WorkRecord&) = default;
};

}  // namespace nj
