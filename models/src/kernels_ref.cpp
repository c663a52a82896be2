#include <algorithm>

#include "neurojoule/models/kernels.hpp"

#include "bit_writer.hpp"

namespace nj {
namespace {

template <class Weight, class Sum>
void accumulate(const WeightRows<Weight>& weights, std::span<const RowSegment> segments,
                bool graded, Sum* sums) {
  std::fill(sums, sums + weights.width, Sum{0});
  for (const RowSegment& segment : segments) {
    for (std::size_t e = 0; e < segment.count; ++e) {
      const std::int64_t row = std::int64_t{segment.addresses[e]} + segment.row_offset;
      const Weight* const weight =
          weights.data.data() + static_cast<std::size_t>(row) * weights.stride;
      const Sum value = graded ? static_cast<Sum>(segment.values[e]) : Sum{1};
      for (std::size_t j = 0; j < weights.width; ++j) {
        sums[j] += static_cast<Sum>(weight[j]) * value;
      }
    }
  }
}

}  // namespace

void accumulate_rows_ref(const WeightRows<std::int16_t>& weights,
                         std::span<const RowSegment> segments, bool graded, std::int32_t* sums) {
  accumulate(weights, segments, graded, sums);
}

void accumulate_rows_ref(const WeightRows<float>& weights, std::span<const RowSegment> segments,
                         bool graded, float* sums) {
  accumulate(weights, segments, graded, sums);
}

std::uint64_t lif_step_ref(const WideLif& lif, const NeuronRows& rows, const std::int32_t* sums,
                           std::int32_t* membranes, std::span<std::uint64_t> spikes) {
  const std::int64_t min = lif.membrane.min();
  const std::int64_t max = lif.membrane.max();
  const std::int64_t half = lif.membrane.rounding == Rounding::nearest_half_up ? 1 << 15 : 0;
  std::uint64_t saturations = 0;
  BitWriter writer(spikes.data());
  for (std::size_t p = 0; p < rows.positions; ++p) {
    for (std::size_t c = 0; c < rows.channels; ++c) {
      const std::size_t i = p * rows.stride + c;
      const std::int64_t current =
          std::int64_t{sums[i]} * (std::int64_t{1} << lif.membrane.fraction_bits) + lif.bias[c];
      const std::int64_t v = membranes[i];
      const std::int64_t exact = v + (((current - v) * std::int64_t{lif.leak_q16} + half) >> 16);
      const std::int64_t h = std::clamp(exact, min, max);
      saturations += h != exact ? 1 : 0;
      const bool fires = h >= lif.threshold[c];
      membranes[i] = fires ? 0 : static_cast<std::int32_t>(h);
      writer.append(fires ? 1 : 0, 1);
    }
  }
  writer.finish();
  return saturations;
}

void lif_step_ref(const FloatLif& lif, const NeuronRows& rows, const float* sums, float* membranes,
                  std::span<std::uint64_t> spikes) {
  BitWriter writer(spikes.data());
  for (std::size_t p = 0; p < rows.positions; ++p) {
    for (std::size_t c = 0; c < rows.channels; ++c) {
      const std::size_t i = p * rows.stride + c;
      const float current = sums[i] + lif.bias[c];
      const float v = membranes[i];
      const float h = v + (current - v) / lif.tau;
      const bool fires = h >= lif.threshold;
      membranes[i] = fires ? 0.0F : h;
      writer.append(fires ? 1 : 0, 1);
    }
  }
  writer.finish();
}

}  // namespace nj
