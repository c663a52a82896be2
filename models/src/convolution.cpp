#include "convolution.hpp"

#include <algorithm>
#include <type_traits>

#include "line_kernels.hpp"
#include "pushed_sums.hpp"
#include "window_lists.hpp"

namespace nj {
namespace {

template <class Sum>
void sum_by_lines(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
                  std::size_t end, ConvolutionScratch& scratch, Sum* sums,
                  std::span<std::uint64_t> rows) {
  const ConvolutionGeometry& g = weights.geometry();
  LineCall call;
  call.kind = weights.kind();
  call.tile_bytes = weights.tile_bytes();
  call.bias = weights.max_weight();
  call.byte_block = weights.byte_block();
  call.stride = padded(g.out_channels);
  call.channels = g.group_outputs();
  const std::int64_t largest =
      std::int64_t{weights.max_weight()} *
      (events.graded() ? std::max(events.max_value(), -events.min_value()) : 1);
  call.word_block = weights.is_float() || weights.fits_int16(events)
                        ? ~std::size_t{0}
                        // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): sums of 0 fit
                        : std::max<std::size_t>(static_cast<std::size_t>(32767 / largest), 1);
  for (std::uint32_t group = 0; group < g.groups; ++group) {
    list_windows(g, events, group, begin, end, scratch, rows);
    call.lines = weights.lines(group);
    call.offsets = scratch.offsets.data();
    call.values = events.graded() ? scratch.values.data() : nullptr;
    call.windows = scratch.windows;
    sum_lines(call, sums + group * g.group_outputs());
  }
}

/// Groups of few channels: every event adds to the few sums of its own group.
template <class Weight, class Sum>
void sum_plain(const ConvolutionWeights& weights, const std::vector<Weight>& plain,
               const InputEvents& events, std::size_t begin, std::size_t end, Sum* sums,
               std::span<std::uint64_t> rows) {
  const ConvolutionGeometry& g = weights.geometry();
  const std::size_t stride = padded(g.out_channels);
  const std::size_t outputs = g.group_outputs();
  for (std::uint32_t t = 0; t < events.timesteps(); ++t) {
    for (std::size_t p = begin; p < end; ++p, sums += stride) {
      std::fill(sums, sums + stride, Sum{0});
      for_each_run(g, p, [&](auto y, auto x_begin, auto x_end, auto ky, auto kx) {
        const InputEvents::Run run = events.run(t, 0, y, x_begin, x_end);
        const std::size_t tap = std::size_t{ky} * g.kernel_x + kx;
        for (std::size_t e = 0; e < run.count; ++e) {
          const std::size_t place = run.offsets[e] / line_bytes;  // x * in_channels + channel
          const std::size_t row = (tap - x_begin) * g.in_channels + place;
          const std::size_t first = place % g.in_channels / g.group_inputs() * outputs;
          const Sum value = run.values == nullptr ? Sum{1} : static_cast<Sum>(run.values[e]);
          for (std::size_t o = 0; o < outputs; ++o) {
            const Sum product =
                static_cast<Sum>(static_cast<Sum>(plain[row * outputs + o]) * value);
            sums[first + o] = static_cast<Sum>(sums[first + o] + product);
          }
        }
        rows[t] += run.count;
      });
    }
  }
}

template <class Sum>
void sum_block(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
               std::size_t end, ConvolutionScratch& scratch, Sum* sums,
               std::span<std::uint64_t> rows) {
  if (begin == end) return;
  if constexpr (std::is_floating_point_v<Sum>) {
    if (weights.kind() == ConvolutionWeights::Kind::plain_float) {
      return sum_plain(weights, weights.plain_float(), events, begin, end, sums, rows);
    }
  } else if (weights.kind() == ConvolutionWeights::Kind::plain) {
    return sum_plain(weights, weights.plain(), events, begin, end, sums, rows);
  }
  if constexpr (std::is_same_v<Sum, std::int16_t>) {
    if (pushing_is_faster(weights, events)) {
      for (std::uint32_t group = 0; group < weights.geometry().groups; ++group) {
        push_sums(weights, events, group, begin, end, sums, rows);
      }
      return;
    }
  }
  sum_by_lines(weights, events, begin, end, scratch, sums, rows);
}

}  // namespace

void convolve(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
              std::size_t end, ConvolutionScratch& scratch, std::int16_t* sums,
              std::span<std::uint64_t> rows) {
  sum_block(weights, events, begin, end, scratch, sums, rows);
}
void convolve(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
              std::size_t end, ConvolutionScratch& scratch, std::int32_t* sums,
              std::span<std::uint64_t> rows) {
  sum_block(weights, events, begin, end, scratch, sums, rows);
}
void convolve(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
              std::size_t end, ConvolutionScratch& scratch, float* sums,
              std::span<std::uint64_t> rows) {
  sum_block(weights, events, begin, end, scratch, sums, rows);
}

}  // namespace nj
