// Compiled once per instruction set by Highway; HWY_DYNAMIC_DISPATCH picks the best at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "window_lists.cpp"
// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "window_lists.hpp"

HWY_BEFORE_NAMESPACE();
namespace nj::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Copies `count` elements, each increased by `shift`, `piece` at a time: that many elements behind
/// both runs may be touched.
template <std::size_t piece, class T>
HWY_INLINE void copy_shifted(const T* from, std::size_t count, T shift, T* to) {
  const hn::CappedTag<T, piece> d;
  const auto by = hn::Set(d, shift);
  std::size_t i = 0;
  do {
    for (const std::size_t next = i + piece; i < next; i += hn::MaxLanes(d)) {
      hn::StoreU(hn::Add(hn::LoadU(d, from + i), by), d, to + i);
    }
  } while (i < count);
}

/// Lists the events of all windows, by step and position; returns how many there are.
template <std::size_t piece>
std::size_t copy_pieces(const InputEvents& events, std::uint32_t group, std::size_t positions,
                        ConvolutionScratch& scratch, std::span<std::uint64_t> rows) {
  const std::size_t per_position = scratch.runs.size() / positions;
  std::uint32_t* const offsets = scratch.offsets.data();
  Window* window = scratch.unsorted.data();
  std::uint32_t row = 0;
  std::size_t at = 0;
  for (std::uint32_t t = 0; t < events.timesteps(); ++t) {
    const std::uint32_t* const first = events.first(t, group);
    const std::uint32_t* const inputs = events.first_input(t, group);
    const PositionRun* run = scratch.runs.data();
    for (std::size_t p = 0; p < positions; ++p, ++window, ++row) {
      const std::size_t window_begin = at;
      for (const PositionRun* const end = run + per_position; run < end; ++run) {
        const std::size_t begin = first[run->cell_begin];
        const std::size_t count = first[run->cell_end] - begin;
        copy_shifted<piece>(events.offsets() + begin, count, run->shift, offsets + at);
        if (events.graded()) {
          copy_shifted<piece>(events.values() + begin, count, std::int16_t{0},
                              scratch.values.data() + at);
        }
        at += count;
        rows[t] += inputs[run->cell_end] - inputs[run->cell_begin];
      }
      *window = {static_cast<std::uint32_t>(window_begin),
                 static_cast<std::uint32_t>(at - window_begin), row};
    }
  }
  return at;
}

/// `length`: at most so many events. Pieces are as long as most runs, so that one piece does.
void copy_windows(const InputEvents& events, std::uint32_t group, std::size_t positions,
                  std::size_t length, ConvolutionScratch& scratch, std::span<std::uint64_t> rows) {
  const std::size_t runs = events.timesteps() * scratch.runs.size();
  const std::size_t typical = length / std::max<std::size_t>(runs, 1);
  if (typical < 5) {
    copy_pieces<8>(events, group, positions, scratch, rows);
  } else if (typical < 12) {
    copy_pieces<16>(events, group, positions, scratch, rows);
  } else {
    copy_pieces<InputEvents::copy_piece>(events, group, positions, scratch, rows);
  }
}

}  // namespace nj::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nj {

HWY_EXPORT(copy_windows);

namespace {

/// The runs of each position; equally many for all, some of them empty.
void list_runs(const ConvolutionGeometry& g, std::size_t begin, std::size_t end,
               ConvolutionScratch& scratch) {
  const std::size_t per_position = g.kernel_y * (g.dilation_x == 1 ? std::size_t{1} : g.kernel_x);
  scratch.runs.assign((end - begin) * per_position, PositionRun{});
  PositionRun* run = scratch.runs.data();
  for (std::size_t p = begin; p < end; ++p, run += per_position) {
    PositionRun* next = run;
    for_each_run(g, p, [&](auto y, auto x_begin, auto x_end, auto ky, auto kx) {
      const std::uint32_t row = y * g.in_width;
      const std::uint32_t tap = ky * g.kernel_x + kx;
      // Offsets count from the start of the map row, lines from row 0.
      *next++ = {row + x_begin, row + x_end, (tap - x_begin) * g.group_inputs() * line_bytes};
    });
  }
}

/// Upper bound of the events of all windows: the events of the map rows that they see, each as
/// often as a kernel has taps.
std::size_t most_events(const ConvolutionGeometry& g, const InputEvents& events,
                        std::uint32_t group, const ConvolutionScratch& scratch) {
  std::uint32_t begin = ~std::uint32_t{0};
  std::uint32_t end = 0;
  for (const PositionRun& run : scratch.runs) {
    if (run.cell_begin == run.cell_end) continue;
    begin = std::min(begin, run.cell_begin);
    end = std::max(end, run.cell_end);
  }
  std::size_t count = 0;
  for (std::uint32_t t = 0; begin < end && t < events.timesteps(); ++t) {
    const std::uint32_t* const first = events.first(t, group);
    count += first[end] - first[begin];
  }
  return count * g.kernel_y * g.kernel_x;
}

/// Sorts `scratch.unsorted` by count into `windows`, equal counts in their order.
void sort_windows(ConvolutionScratch& scratch) {
  std::uint32_t most = 0;
  for (const Window& window : scratch.unsorted) most = std::max(most, window.count);
  scratch.counts.assign(std::size_t{most} + 2, 0);
  for (const Window& window : scratch.unsorted) ++scratch.counts[window.count + 1];
  for (std::size_t i = 1; i < scratch.counts.size(); ++i) {
    scratch.counts[i] += scratch.counts[i - 1];
  }
  scratch.windows.resize(scratch.unsorted.size());
  for (const Window& window : scratch.unsorted) {
    scratch.windows[scratch.counts[window.count]++] = window;
  }
}

}  // namespace

void list_windows(const ConvolutionGeometry& geometry, const InputEvents& events,
                  std::uint32_t group, std::size_t begin, std::size_t end,
                  ConvolutionScratch& scratch, std::span<std::uint64_t> rows) {
  list_runs(geometry, begin, end, scratch);
  const std::size_t length = most_events(geometry, events, group, scratch);
  const std::size_t room = length + InputEvents::copy_piece;
  if (scratch.offsets.size() < room) scratch.offsets.resize(room);
  if (events.graded() && scratch.values.size() < room) scratch.values.resize(room);
  scratch.unsorted.resize(events.timesteps() * (end - begin));
  HWY_DYNAMIC_DISPATCH(copy_windows)(events, group, end - begin, length, scratch, rows);
  sort_windows(scratch);
}

}  // namespace nj
#endif  // HWY_ONCE
