#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/number_format.hpp"
#include "neurojoule/core/operators.hpp"

// The two inner loops of the executor. Each fast kernel picks its instruction set at run time and
// has a scalar `_ref` beside it that gives the same bits.
namespace nj {

/// Allocates on 64-byte borders, so that vector loads do not cross cache lines.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// Rows are padded to this many elements, so kernels work on whole vectors.
inline constexpr std::size_t row_padding = 32;
inline std::size_t padded(std::size_t width) {
  return (width + row_padding - 1) / row_padding * row_padding;
}

/// Weights as the rows that events add: row (ky * kernel + kx) * in_channels + i holds the weights
/// of input channel i to all output channels; padding is zero.
template <class T>
struct WeightRows {
  std::size_t width = 0;   ///< output channels
  std::size_t stride = 0;  ///< padded(width)
  AlignedVector<T> data;
};

/// A run of events that add rows `address + row_offset`.
struct RowSegment {
  const std::uint32_t* addresses = nullptr;
  const std::int16_t* values = nullptr;  ///< read in graded mode only
  std::size_t count = 0;
  std::int64_t row_offset = 0;
};

/// sums[j] = sum over the events of all segments of value * row[j]; value is 1 unless `graded`.
///
/// `rows_per_block`: how many products are sure to fit a 16-bit partial sum, i.e. 32767 divided by
/// the largest |weight * value|. Writes `sums[0, padded(width))`; padding gets zeros or stays.
void accumulate_rows(const WeightRows<std::int16_t>& weights, std::span<const RowSegment> segments,
                     bool graded, std::size_t rows_per_block, std::int32_t* sums);
void accumulate_rows_ref(const WeightRows<std::int16_t>& weights,
                         std::span<const RowSegment> segments, bool graded, std::int32_t* sums);

/// The same in float32; each sum is added up in the order of the events.
void accumulate_rows(const WeightRows<float>& weights, std::span<const RowSegment> segments,
                     bool graded, float* sums);
void accumulate_rows_ref(const WeightRows<float>& weights, std::span<const RowSegment> segments,
                         bool graded, float* sums);

/// One time step of a population: `positions` rows of `stride` currents and membranes, of which
/// the first `channels` are neurons.
struct NeuronRows {
  std::size_t positions = 0;
  std::size_t channels = 0;
  std::size_t stride = 0;
};

/// Constants of integer neurons for the fast kernels: every current and membrane must fit 31 bits.
/// `lif_step` takes leak_shift >= 0 and the default options only.
struct NarrowLif {
  int leak_shift = 1;  ///< 1 / tau = 2^-leak_shift; -1: leak_q16 says it
  int fraction_bits = 8;
  Rounding rounding = Rounding::nearest_half_up;
  std::int32_t min = 0;  ///< limits of the membrane word
  std::int32_t max = 0;
  AlignedVector<std::int32_t> bias;       ///< [stride], membrane units; padding 0
  AlignedVector<std::int32_t> threshold;  ///< [stride], membrane units
  std::uint32_t leak_q16 = 0;             ///< round(2^16 / tau), 0..65536
  Reset reset = Reset::to_zero;
  bool decay_input = true;
  Firing firing = Firing::at_threshold;
};

/// Constants of integer neurons of any width.
struct WideLif {
  std::uint32_t leak_q16 = 0;  ///< round(2^16 / tau)
  FixedPointFormat membrane;
  std::vector<std::int64_t> bias;       ///< [channels], membrane units
  std::vector<std::int64_t> threshold;  ///< [channels], membrane units
};

/// Constants of float32 neurons: X = sum + bias. `lif_step` takes the default options only.
struct FloatLif {
  float tau = 2.0F;
  float threshold = 1.0F;
  AlignedVector<float> bias;  ///< [stride]; padding 0
  Reset reset = Reset::to_zero;
  bool decay_input = true;
  Firing firing = Firing::at_threshold;
};

/// Updates the neurons of one step (see Lif) from their accumulators, writes their spikes as packed
/// bits (whole words, `SpikeTensor::step` order) and returns how many membranes saturated.
std::uint64_t lif_step(const NarrowLif& lif, const NeuronRows& rows, const std::int32_t* sums,
                       std::int32_t* membranes, std::span<std::uint64_t> spikes);
std::uint64_t lif_step_ref(const WideLif& lif, const NeuronRows& rows, const std::int32_t* sums,
                           std::int32_t* membranes, std::span<std::uint64_t> spikes);
/// The float32 form; membranes never saturate.
void lif_step(const FloatLif& lif, const NeuronRows& rows, const float* sums, float* membranes,
              std::span<std::uint64_t> spikes);
void lif_step_ref(const FloatLif& lif, const NeuronRows& rows, const float* sums, float* membranes,
                  std::span<std::uint64_t> spikes);

/// The instruction set in use, e.g. `AVX2`.
std::string simd_target();

}  // namespace nj
