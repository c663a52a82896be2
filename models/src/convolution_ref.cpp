#include <algorithm>

#include "convolution.hpp"

namespace nj {
namespace {

/// All inputs of one output position and step, in the order (ky, kx, input channel).
template <class Weight, class Sum>
std::uint64_t sum_position(const ConvolutionGeometry& g, std::span<const Weight> weights,
                           const std::vector<std::int16_t>& frame, std::int64_t oy, std::int64_t ox,
                           Sum* sums) {
  const std::uint32_t inputs = g.group_inputs();
  const std::uint32_t outputs = g.group_outputs();
  std::uint64_t rows = 0;
  for (std::uint32_t ky = 0; ky < g.kernel_y; ++ky) {
    for (std::uint32_t kx = 0; kx < g.kernel_x; ++kx) {
      const std::int64_t iy = oy * g.stride_y + std::int64_t{ky} * g.dilation_y - g.padding_y;
      const std::int64_t ix = ox * g.stride_x + std::int64_t{kx} * g.dilation_x - g.padding_x;
      if (iy < 0 || iy >= g.in_height || ix < 0 || ix >= g.in_width) continue;
      for (std::uint32_t i = 0; i < g.in_channels; ++i) {
        const std::int16_t value =
            frame[static_cast<std::size_t>(iy * g.in_width + ix) * g.in_channels + i];
        if (value == 0) continue;
        ++rows;
        const std::uint32_t first = i / inputs * outputs;
        for (std::uint32_t o = first; o < first + outputs; ++o) {
          const std::size_t index =
              ((std::size_t{o} * inputs + i % inputs) * g.kernel_y + ky) * g.kernel_x + kx;
          sums[o] += static_cast<Sum>(weights[index]) * static_cast<Sum>(value);
        }
      }
    }
  }
  return rows;
}

template <class Weight, class Sum>
void sum_block(const ConvolutionGeometry& g, std::span<const Weight> weights,
               const SpikeTrain& input, std::size_t begin, std::size_t end, Sum* sums,
               std::span<std::uint64_t> rows) {
  const std::size_t stride = padded(g.out_channels);
  for (std::uint32_t t = 0; t < timesteps_of(input); ++t) {
    std::vector<std::int16_t> frame(shape_of(input).neurons(), 0);
    for_each(input, t, [&](std::uint64_t address, auto value) { frame[address] = value; });
    for (std::size_t p = begin; p < end; ++p, sums += stride) {
      std::fill(sums, sums + stride, Sum{0});
      rows[t] += sum_position(g, weights, frame, static_cast<std::int64_t>(p / g.out_width),
                              static_cast<std::int64_t>(p % g.out_width), sums);
    }
  }
}

}  // namespace

void convolve_ref(const ConvolutionGeometry& geometry, std::span<const std::int16_t> weights,
                  const SpikeTrain& input, std::size_t begin, std::size_t end, std::int32_t* sums,
                  std::span<std::uint64_t> rows) {
  sum_block(geometry, weights, input, begin, end, sums, rows);
}

void convolve_ref(const ConvolutionGeometry& geometry, std::span<const float> weights,
                  const SpikeTrain& input, std::size_t begin, std::size_t end, float* sums,
                  std::span<std::uint64_t> rows) {
  sum_block(geometry, weights, input, begin, end, sums, rows);
}

}  // namespace nj
