#include "convolution.hpp"

#include <algorithm>
#include <type_traits>

#include "line_kernels.hpp"

namespace nj {
namespace {

/// Calls `visit(iy, x_begin, x_end, ky, kx)` for the runs of map positions that one output position
/// sees, in the order of (ky, kx); tap (ky, kx) sees x_begin, the next tap the next position.
template <class Visit>
void for_each_run(const ConvolutionGeometry& g, std::size_t position, Visit&& visit) {
  const auto oy = static_cast<std::int64_t>(position / g.out_width);
  const auto ox = static_cast<std::int64_t>(position % g.out_width);
  const std::int64_t left = ox * g.stride_x - g.padding_x;
  for (std::uint32_t ky = 0; ky < g.kernel_y; ++ky) {
    const std::int64_t iy = oy * g.stride_y + std::int64_t{ky} * g.dilation_y - g.padding_y;
    if (iy < 0 || iy >= g.in_height) continue;
    const auto y = static_cast<std::uint32_t>(iy);
    if (g.dilation_x == 1) {
      const std::int64_t x_begin = std::max<std::int64_t>(left, 0);
      const std::int64_t x_end = std::min<std::int64_t>(left + g.kernel_x, g.in_width);
      if (x_begin >= x_end) continue;
      visit(y, static_cast<std::uint32_t>(x_begin), static_cast<std::uint32_t>(x_end), ky,
            static_cast<std::uint32_t>(x_begin - left));
      continue;
    }
    for (std::uint32_t kx = 0; kx < g.kernel_x; ++kx) {
      const std::int64_t x = left + std::int64_t{kx} * g.dilation_x;
      if (x < 0 || x >= g.in_width) continue;
      visit(y, static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x) + 1, ky, kx);
    }
  }
}

/// Lists the lines that each position of the block adds in each step.
void list_windows(const ConvolutionGeometry& g, const InputEvents& events, std::uint32_t group,
                  std::size_t begin, std::size_t end, ConvolutionScratch& scratch,
                  std::span<std::uint64_t> rows) {
  scratch.windows.clear();
  scratch.offsets.clear();
  scratch.values.clear();
  for (std::uint32_t t = 0; t < events.timesteps(); ++t) {
    for (std::size_t p = begin; p < end; ++p) {
      Window window;
      window.begin = static_cast<std::uint32_t>(scratch.offsets.size());
      window.row = static_cast<std::uint32_t>(t * (end - begin) + p - begin);
      for_each_run(g, p, [&](auto y, auto x_begin, auto x_end, auto ky, auto kx) {
        const InputEvents::Run run = events.run(t, group, y, x_begin, x_end);
        // Modulo 2^32: offsets count from the start of the map row, lines from row 0.
        const std::uint32_t shift =
            ((ky * g.kernel_x + kx) - x_begin) * g.group_inputs() * line_bytes;
        for (std::size_t e = 0; e < run.count; ++e) {
          scratch.offsets.push_back(run.offsets[e] + shift);
        }
        if (run.values != nullptr) {
          scratch.values.insert(scratch.values.end(), run.values, run.values + run.count);
        }
      });
      window.count = static_cast<std::uint32_t>(scratch.offsets.size()) - window.begin;
      rows[t] += window.count;
      scratch.windows.push_back(window);
    }
  }
}

template <class Sum>
void sum_by_lines(const ConvolutionWeights& weights, const InputEvents& events, std::size_t begin,
                  std::size_t end, ConvolutionScratch& scratch, Sum* sums,
                  std::span<std::uint64_t> rows) {
  const ConvolutionGeometry& g = weights.geometry();
  LineCall call;
  call.kind = weights.kind();
  call.biased = weights.biased();
  call.byte_block = weights.byte_block();
  call.stride = padded(g.out_channels);
  const std::int64_t largest =
      std::int64_t{weights.max_weight()} * std::max(events.max_value(), -events.min_value());
  call.word_block = weights.is_float() || weights.fits_int16(events)
                        ? ~std::size_t{0}
                        : std::max<std::size_t>(static_cast<std::size_t>(32767 / largest), 1);
  for (std::uint32_t group = 0; group < g.groups; ++group) {
    list_windows(g, events, group, begin, end, scratch, rows);
    call.offsets = scratch.offsets.data();
    call.values = events.graded() ? scratch.values.data() : nullptr;
    call.windows = scratch.windows;
    for (std::size_t tile = 0; tile < weights.tiles(); ++tile) {
      const std::size_t channel = tile * weights.tile_channels();
      call.lines = weights.tile(group, tile);
      call.channels = std::min(weights.tile_channels(), g.group_outputs() - channel);
      sum_lines(call, sums + group * g.group_outputs() + channel);
    }
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
  if constexpr (std::is_floating_point_v<Sum>) {
    if (weights.kind() == ConvolutionWeights::Kind::plain_float) {
      return sum_plain(weights, weights.plain_float(), events, begin, end, sums, rows);
    }
  } else if (weights.kind() == ConvolutionWeights::Kind::plain) {
    return sum_plain(weights, weights.plain(), events, begin, end, sums, rows);
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
