#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "neurojoule/core/quantity.hpp"
#include "neurojoule/hardware/weight_formats.hpp"

// The PE array of a chip whose layers take turns (`schedule: streamed`); what it does is told in
// streamed.hpp.
namespace nj {

/// The memories of an array core, each its own unit in counts and prices.
enum class ArrayBuffer : std::uint8_t {
  input_buffer,        ///< spikes of the tile in work and of the next one
  weight_buffer,       ///< weights of the channel tile in work and of the next one; k and v bits
  accumulator_buffer,  ///< sums on their way from the PEs to the neurons; attention scores
  membrane_buffer,     ///< membranes
  output_buffer,       ///< spikes of the tile in work and of the one that is being stored
  spike_buffer         ///< whole spike trains between layers; may be absent
};
inline constexpr std::array array_buffers{
    ArrayBuffer::input_buffer,    ArrayBuffer::weight_buffer, ArrayBuffer::accumulator_buffer,
    ArrayBuffer::membrane_buffer, ArrayBuffer::output_buffer, ArrayBuffer::spike_buffer};
std::string_view to_string(ArrayBuffer buffer);

/// Size of one buffer; each bank reads or writes one word per cycle.
struct BufferSpec {
  Bits capacity;
  std::uint32_t word_bits = 64;
  std::uint32_t banks = 1;
};

/// How often weights come from off-chip memory.
enum class WeightLoads : std::uint8_t {
  per_layer,  ///< once per layer, for all time steps of a sample
  per_step    ///< once per layer and time step
};
std::string_view to_string(WeightLoads loads);

/// The order of the two products of attention; the currents are the same.
enum class ProductOrder : std::uint8_t {
  scores_first,  ///< (Q K^T) V
  values_first   ///< Q (K^T V)
};
std::string_view to_string(ProductOrder order);

/// A core of rows x columns processing elements: a row is an output position, a column an output
/// channel.
struct ArraySpec {
  std::string name;  ///< prefix of its components in ActionCounts
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  Picoseconds cycle;
  bool skips_zero = true;  ///< no cycle for an input that is zero in all rows
  WeightLoads weights = WeightLoads::per_layer;
  ProductOrder attention = ProductOrder::scores_first;
  std::uint32_t neuron_lanes = 0;  ///< neuron updates per cycle
  WeightFormats weight_formats;
  /// Indexed by ArrayBuffer; only the spike buffer may be absent.
  std::array<std::optional<BufferSpec>, array_buffers.size()> buffers;

  [[nodiscard]] const std::optional<BufferSpec>& buffer(ArrayBuffer which) const {
    return buffers[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] std::uint64_t capacity(ArrayBuffer which) const {
    return buffer(which) ? buffer(which)->capacity.value() : 0;
  }
};

inline constexpr std::uint32_t max_array_side = 4096;
inline constexpr std::uint32_t max_banks = 4096;
/// Bits that a buffer of an array or a memory of a core is below: they are the width of what leaks.
inline constexpr std::uint64_t capacity_limit = std::uint64_t{1} << 32;

/// Throws: Error(config), key = the field's path, when a size is zero or absurd or a buffer is
/// missing.
void validate(const ArraySpec& array);

}  // namespace nj
