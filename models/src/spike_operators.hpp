#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/activity.hpp"
#include "neurojoule/core/operators.hpp"
#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/models/kernels.hpp"

#include "event_list.hpp"

// Operators on spike trains, one time step or one train at a time.
namespace nj {

/// Accumulators of all output positions of a convolution, for one step's events: row p of `sums`
/// (stride padded(out channels)). Returns how many events the windows saw in all, i.e. the weight
/// rows added. `sum_row(segments, sums)` adds one position's rows.
template <class Sum, class SumRow>
std::uint64_t convolve(const Conv2d& conv, const FeatureShape& in, const FeatureShape& out,
                       const EventList& events, std::vector<RowSegment>& segments, Sum* sums,
                       SumRow&& sum_row) {
  const std::int64_t kernel = conv.kernel;
  const std::size_t stride = padded(conv.out_channels);
  std::uint64_t rows_added = 0;
  for (std::uint32_t oy = 0; oy < out.height; ++oy) {
    const std::int64_t top = std::int64_t{oy} * conv.stride - conv.padding;
    for (std::uint32_t ox = 0; ox < out.width; ++ox) {
      const std::int64_t left = std::int64_t{ox} * conv.stride - conv.padding;
      const std::int64_t x_begin = std::max<std::int64_t>(left, 0);
      const std::int64_t x_end = std::min<std::int64_t>(left + kernel, in.width);
      segments.clear();
      for (std::int64_t ky = 0; ky < kernel && x_begin < x_end; ++ky) {
        const std::int64_t iy = top + ky;
        if (iy < 0 || iy >= in.height) continue;
        // Events of one window row are neighbours in the list; so are their weight rows.
        const std::int64_t row_start = iy * in.width;
        const std::uint32_t begin = events.first[static_cast<std::size_t>(row_start + x_begin)];
        const std::uint32_t end = events.first[static_cast<std::size_t>(row_start + x_end)];
        if (begin == end) continue;
        segments.push_back({events.addresses.data() + begin, events.values.data() + begin,
                            end - begin, (ky * kernel - left - row_start) * in.channels});
        rows_added += end - begin;
      }
      sum_row(std::span<const RowSegment>(segments), sums);
      sums += stride;
    }
  }
  return rows_added;
}

/// Buffers of `attend`: query, key and value bits gathered by head.
struct AttentionBuffers {
  std::vector<std::uint64_t> query;  ///< [head, token, word]
  std::vector<std::uint64_t> key;
  std::vector<std::uint64_t> value;
};

/// Attention currents of one step, rows of stride padded(channels), in units of the attention's
/// scale. Adds coincidences and accumulates to `counts`.
void attend(const SpikingSelfAttention& attention, const SpikeTensor& query, const SpikeTensor& key,
            const SpikeTensor& value, std::uint32_t t, AttentionBuffers& buffers,
            std::int32_t* sums, StepCounts& counts);

/// OR over windows.
SpikeTensor pool(const MaxPool2d& pool, const SpikeTensor& in, const FeatureShape& out_shape);

/// Element-wise sum of two trains of equal shape.
GradedTensor add(const SpikeTrain& a, const SpikeTrain& b);

/// Sum over time and positions per channel.
std::vector<std::int64_t> channel_sums(const SpikeTrain& train);

}  // namespace nj
