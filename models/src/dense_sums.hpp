#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/aligned_vector.hpp"

#include "convolution.hpp"

// Sums of a convolution whose inputs are rarely zero: every product is made, many in one
// instruction, instead of looking for events.
namespace nj {

/// 8-bit weights in the order of the products: tiles of 16 output channels, in each a line of 64
/// bytes per four inputs, channel after channel.
class DenseWeights {
 public:
  /// Outputs of a tile, and inputs of a line.
  static constexpr std::size_t tile_channels = 16;
  static constexpr std::size_t line_inputs = 4;

  /// `weights`: [out, in, ky, kx], |value| <= 127. One group. Throws: Error(shape) when the number
  /// of weights is wrong.
  DenseWeights(const ConvolutionGeometry& geometry, std::span<const std::int16_t> weights);

  [[nodiscard]] const ConvolutionGeometry& geometry() const { return geometry_; }
  [[nodiscard]] std::size_t lines() const { return lines_; }
  [[nodiscard]] std::size_t tiles() const { return tiles_; }
  [[nodiscard]] const std::int8_t* tile(std::size_t index) const {
    return bytes_.data() + index * lines_ * tile_channels * line_inputs;
  }
  /// Whether inputs in [min_value, max_value] are taken: not negative, and several lines in a row
  /// are sure to fit 16-bit sums.
  [[nodiscard]] bool takes(std::int32_t min_value, std::int32_t max_value) const;
  /// Lines that are sure to fit a 16-bit sum.
  [[nodiscard]] std::size_t block(std::int32_t max_value) const;

 private:
  ConvolutionGeometry geometry_;
  std::int32_t max_weight_ = 1;
  std::size_t lines_ = 0;
  std::size_t tiles_ = 0;
  AlignedVector<std::int8_t> bytes_;
};

/// Buffers of `dense_sums`; one per thread, reused from call to call.
struct DenseScratch {
  AlignedVector<std::uint8_t> inputs;  ///< [T, positions, lines * 4]
};

/// As `convolve` of convolution.hpp, the same bits. `events` lists `input`, for the counts;
/// `weights.takes` its values.
void dense_sums(const DenseWeights& weights, const SpikeTrain& input, const InputEvents& events,
                std::size_t begin, std::size_t end, DenseScratch& scratch, std::int32_t* sums,
                std::span<std::uint64_t> rows);

}  // namespace nj
