#pragma once

#include "support/micro_scenario.hpp"

// The micro scenario on an array, for arithmetic by hand.
namespace nj::testing {

/// 2 x 2 PEs, 1 ns, words of 8 bits (sums and membranes 16), off-chip 8 bits in 2 ns, no spike
/// buffer.
inline ChipSpec micro_array() {
  ArraySpec array;
  array.name = "array";
  array.rows = 2;
  array.columns = 2;
  array.cycle = Picoseconds{1'000};
  array.neuron_lanes = 2;
  array.weight_formats.uniform_bits = 8;
  array.buffers = {BufferSpec{Bits{64}, 8, 1},  BufferSpec{Bits{1024}, 8, 1},
                   BufferSpec{Bits{64}, 16, 1}, BufferSpec{Bits{64}, 16, 1},
                   BufferSpec{Bits{64}, 8, 1},  std::nullopt};
  ChipSpec spec;
  spec.name = "micro_array";
  spec.off_chip = {Bits{4096}, 8, Picoseconds{2'000}, Picoseconds{0}};
  spec.array = array;
  return spec;
}

/// Capacity of one buffer.
inline Bits& capacity(ChipSpec& spec, ArrayBuffer buffer) {
  return spec.array->buffers[static_cast<std::size_t>(buffer)]->capacity;
}

}  // namespace nj::testing
