// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pushed_sums.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "pushed_sums.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t tile_channels = line_bytes / sizeof(std::int16_t);

/// Adds the first `channels` weights of a line times `value`.
HWY_INLINE void add_line(const std::int16_t* weights, std::int16_t value, std::size_t channels,
                         std::int16_t* sums) {
  const hn::CappedTag<std::int16_t, tile_channels> d;
  const auto factor = hn::Set(d, value);
  const auto add = [&](std::size_t c) {
    const auto product = hn::Mul(hn::Load(d, weights + c), factor);
    hn::StoreU(hn::Add(hn::LoadU(d, sums + c), product), d, sums + c);
  };
  if (HWY_LIKELY(channels == tile_channels)) {
    for (std::size_t c = 0; c < tile_channels; c += hn::MaxLanes(d)) add(c);
    return;
  }
  for (std::size_t c = 0; c < channels; ++c) {
    sums[c] = static_cast<std::int16_t>(sums[c] + weights[c] * value);
  }
}

/// What the inner loops need of a target: stores to sums would make the compiler read it again.
struct Rows {
  const std::byte* lines;
  std::size_t tile_bytes;
  std::size_t outputs;
  std::uint32_t inputs;
  std::uint32_t kernel_x;
  std::uint32_t padding_x;
  std::size_t stride;

  explicit Rows(const PushTarget& to)
      : lines(to.lines),
        tile_bytes(to.weights->tile_bytes()),
        outputs(to.weights->geometry().group_outputs()),
        inputs(to.weights->geometry().group_inputs()),
        kernel_x(to.weights->geometry().kernel_x),
        padding_x(to.weights->geometry().padding_x),
        stride(padded(to.weights->geometry().out_channels)) {}

  /// Adds a weight row times `value` to the sums of one position, all tiles.
  HWY_INLINE void add(std::size_t row, std::int16_t value, std::int16_t* sums) const {
    const std::byte* line = lines + row * line_bytes;
    for (std::size_t o = 0; o < outputs; o += tile_channels, line += tile_bytes) {
      add_line(reinterpret_cast<const std::int16_t*>(line), value,
               std::min(outputs - o, tile_channels), sums + o);
    }
  }
};

/// Output positions [begin, end) of one row.
struct RowPiece {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::int16_t* sums = nullptr;  ///< of position `begin`
};

/// Pushes the events of a map row, which kernel row `ky` sees; returns how often one is seen.
std::uint64_t push_row(const PushTarget& to, const RowPiece& piece, const std::uint32_t* cells,
                       std::uint32_t ky) {
  const Rows rows(to);
  const std::uint32_t* const offsets = to.events->offsets();
  const std::int16_t* const values = to.events->graded() ? to.events->values() : nullptr;
  const std::uint32_t x_begin = piece.begin - std::min(piece.begin, rows.padding_x);
  const std::uint32_t reach = piece.end - 1 + rows.kernel_x;
  const std::uint32_t x_end =
      std::min(reach - std::min(reach, rows.padding_x), to.weights->geometry().in_width);
  std::uint64_t seen = 0;
  if (x_begin >= x_end) return 0;
  for (std::uint32_t e = cells[x_begin]; e < cells[x_end]; ++e) {
    const std::uint32_t place = offsets[e] / line_bytes;
    const std::uint32_t x = place / rows.inputs;
    const std::uint32_t channel = place - x * rows.inputs;
    const std::int16_t value = values == nullptr ? std::int16_t{1} : values[e];
    for (std::uint32_t kx = 0; kx < rows.kernel_x; ++kx) {
      const std::uint32_t ox = x + rows.padding_x - kx;  // below 0: wraps, and is too large
      if (ox < piece.begin || ox >= piece.end) continue;
      rows.add((std::size_t{ky} * rows.kernel_x + kx) * rows.inputs + channel, value,
               piece.sums + (ox - piece.begin) * rows.stride);
      ++seen;
    }
  }
  return seen;
}

/// Pushes the events of one step that the block sees.
std::uint64_t push_step(const PushTarget& to, std::uint32_t t, std::int16_t* sums) {
  const ConvolutionGeometry& g = to.weights->geometry();
  const std::uint32_t* const cells = to.events->first(t, to.group);
  std::uint64_t seen = 0;
  for (std::size_t begin = to.begin; begin < to.end;) {
    const std::size_t oy = begin / g.out_width;
    const std::size_t row_begin = oy * g.out_width;
    const std::size_t end = std::min(to.end, row_begin + g.out_width);
    const RowPiece piece{static_cast<std::uint32_t>(begin - row_begin),
                         static_cast<std::uint32_t>(end - row_begin), sums};
    for (std::uint32_t ky = 0; ky < g.kernel_y; ++ky) {
      const std::size_t y = oy + ky - g.padding_y;  // below 0: wraps, and is too large
      if (y < g.in_height) seen += push_row(to, piece, cells + y * g.in_width, ky);
    }
    sums += (end - begin) * padded(g.out_channels);
    begin = end;
  }
  return seen;
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(push_step);

bool pushing_is_faster(const ConvolutionWeights& weights, const InputEvents& events) {
  constexpr std::uint64_t few = 4;  // events of a position
  const ConvolutionGeometry& g = weights.geometry();
  const bool plain = g.stride_y == 1 && g.stride_x == 1 && g.dilation_y == 1 && g.dilation_x == 1;
  const std::uint64_t pushes = events.listed() * g.kernel_y * g.kernel_x;
  return weights.kind() == ConvolutionWeights::Kind::word_lines && plain &&
         events.count() == events.listed() &&
         pushes <= few * g.groups * events.timesteps() * g.out_positions();
}

void push_sums(const ConvolutionWeights& weights, const InputEvents& events, std::uint32_t group,
               std::size_t begin, std::size_t end, std::int16_t* sums,
               std::span<std::uint64_t> rows) {
  const ConvolutionGeometry& g = weights.geometry();
  const std::size_t stride = padded(g.out_channels);
  const PushTarget target{&weights, &events, weights.lines(group), group, begin, end};
  if (group == 0) std::fill_n(sums, events.timesteps() * (end - begin) * stride, std::int16_t{0});
  sums += group * g.group_outputs();
  for (std::uint32_t t = 0; t < events.timesteps(); ++t, sums += (end - begin) * stride) {
    rows[t] += HWY_DYNAMIC_DISPATCH(push_step)(target, t, sums);
  }
}

}  // namespace nj
#endif  // HWY_ONCE
