#pragma once

#include <cstdint>
#include <vector>

#include "neurojoule/core/number_format.hpp"
#include "neurojoule/core/operators.hpp"
#include "neurojoule/models/aligned_vector.hpp"
#include "neurojoule/models/quantized_network.hpp"

// Currents that are stored, and the operators on them. The meaning of each stands in operators.hpp.
namespace nj {

/// The current of one layer over all time steps: `[T, H, W, stride]`, stride = padded(channels);
/// words (accumulators or stream words) or float32 values, never both. Padding is unspecified.
struct CurrentTensor {
  std::uint32_t timesteps = 0;
  FeatureShape shape;
  bool is_float = false;
  AlignedVector<std::int32_t> words;
  AlignedVector<float> values;

  void assign(std::uint32_t steps, const FeatureShape& extents, bool floating);
  [[nodiscard]] std::size_t stride() const { return padded(shape.channels); }
  /// Index of the first channel at a step and position.
  [[nodiscard]] std::size_t at(std::uint32_t t, std::uint64_t position) const {
    return (t * shape.positions() + position) * stride();
  }
};

/// Reads `rows` rows of sums as accumulator words, in place; returns how many did not fit.
std::uint64_t read_accumulators(const AccumulatorFormat& word, std::size_t channels,
                                std::uint64_t rows, std::int32_t* sums);

/// Turns `rows` rows of accumulators into stream words in place; returns how many saturated.
std::uint64_t write_stream(const StreamWriter& writer, const FixedPointFormat& word,
                           const FeatureShape& shape, std::uint64_t rows, std::int32_t* sums);
/// Turns `rows` rows of float32 sums into values in place.
void write_stream(const StreamWriter& writer, const FeatureShape& shape, std::uint64_t rows,
                  float* sums);

/// sum = a + b. Returns saturations by time step (all zero for float32).
std::vector<std::uint64_t> add_streams(const CurrentTensor& a, const CurrentTensor& b,
                                       const FixedPointFormat& word, CurrentTensor& sum);

/// `out.shape` is set by the caller; `out` is assigned.
void max_pool(const MaxPool2d& pool, const CurrentTensor& in, CurrentTensor& out);
void average_pool(const AveragePool2d& pool, const CurrentTensor& in, CurrentTensor& out);

/// Sum over time and positions per channel, `[channels]`; one of the two is filled.
struct FeatureSums {
  std::vector<std::int64_t> words;
  std::vector<double> values;
};
FeatureSums channel_sums(const CurrentTensor& current);

}  // namespace nj
