#include "spike_operators.hpp"

#include <algorithm>

#include "packed_bits.hpp"
#include "train_totals.hpp"

namespace nj {
namespace {

/// Calls `visit(address)` for the windows of a pool that see an input, at the input's channel.
template <class Pool, class Visit>
void for_each_window(const Pool& pool, const FeatureShape& in, const FeatureShape& out,
                     std::uint64_t address, Visit&& visit) {
  // The windows that see coordinate i are those from (i + padding - kernel) / stride + 1 (rounded
  // down, at least 0) to (i + padding) / stride, inside the map.
  const auto range = [](std::uint32_t i, std::uint32_t kernel, std::uint32_t stride,
                        std::uint32_t padding, std::uint32_t size) {
    const std::uint32_t reach = i + padding;
    const std::uint32_t begin = reach < kernel ? 0 : (reach - kernel) / stride + 1;
    return std::pair{begin, std::min(reach / stride + 1, size)};
  };
  const auto position = static_cast<std::uint32_t>(address / in.channels);
  const auto c = static_cast<std::uint32_t>(address % in.channels);
  const auto [y_begin, y_end] =
      range(position / in.width, pool.kernel.y, pool.stride.y, pool.padding.y, out.height);
  const auto [x_begin, x_end] =
      range(position % in.width, pool.kernel.x, pool.stride.x, pool.padding.x, out.width);
  for (std::uint32_t y = y_begin; y < y_end; ++y) {
    for (std::uint32_t x = x_begin; x < x_end; ++x) visit(out.address(c, y, x));
  }
}

}  // namespace

GradedTensor average_pool(const AveragePool2d& pool, const SpikeTrain& in,
                          const FeatureShape& out_shape, std::vector<std::uint64_t>& operations) {
  GradedTensor out(timesteps_of(in), out_shape);
  operations.assign(out.timesteps(), 0);
  for (std::uint32_t t = 0; t < out.timesteps(); ++t) {
    const auto sums = out.step(t);
    for_each(in, t, [&](std::uint64_t address, std::int16_t value) {
      for_each_window(pool, shape_of(in), out_shape, address, [&](std::uint64_t window) {
        sums[window] = static_cast<std::int16_t>(sums[window] + value);
        ++operations[t];
      });
    });
  }
  return out;
}

SpikeTensor spike_and(const SpikeTensor& in, const SpikeTensor& gate) {
  const std::uint32_t channels = in.shape().channels;
  const bool by_channel = gate.shape() == FeatureShape{channels, 1, 1};
  const std::uint32_t size = channels / gate.shape().channels;  // channels per gate of a position
  SpikeTensor out(in.timesteps(), in.shape());
  for (std::uint32_t t = 0; t < in.timesteps(); ++t) {
    in.for_each(t, [&](std::uint64_t address, std::int16_t) {
      if (gate.test(t, by_channel ? address % channels : address / size)) out.set(t, address);
    });
  }
  return out;
}

void spike_sum(const SpikeSum& sum, const SpikeTensor& in, std::uint32_t t,
               const FeatureShape& out_shape, std::int32_t* sums) {
  const std::uint32_t channels = in.shape().channels;
  const std::size_t stride = padded(out_shape.channels);
  std::fill(sums, sums + out_shape.positions() * stride, 0);
  const std::uint32_t size = channels / sum.heads;
  in.for_each(t, [&](std::uint64_t address, std::int16_t) {
    const std::uint64_t c = address % channels;
    ++sums[sum.axis == SumAxis::tokens ? c : address / channels * stride + c / size];
  });
}

std::uint64_t attend_words(std::uint32_t heads, const AccumulatorFormat& score,
                           const SpikeTensor& query, const SpikeTensor& key,
                           const SpikeTensor& value, std::uint32_t t, std::int32_t* sums) {
  const std::size_t channels = query.shape().channels;
  const std::size_t tokens = query.shape().positions();
  const std::size_t size = channels / heads;
  std::uint64_t overflows = 0;
  std::fill(sums, sums + tokens * padded(channels), 0);
  for (std::size_t first = 0; first < channels; first += size) {
    for (std::size_t n = 0; n < tokens; ++n) {
      for (std::size_t m = 0; m < tokens; ++m) {
        std::int32_t exact = 0;
        for (std::size_t c = first; c < first + size; ++c) {
          exact += query.test(t, n * channels + c) && key.test(t, m * channels + c) ? 1 : 0;
        }
        const std::int32_t word = score.word(exact);
        overflows += word != exact ? 1 : 0;
        for (std::size_t c = first; c < first + size; ++c) {
          if (value.test(t, m * channels + c)) sums[n * padded(channels) + c] += word;
        }
      }
    }
  }
  return overflows;
}

SpikeTensor token_channel_max(const TokenChannelMax& max, const SpikeTensor& in) {
  const std::uint32_t channels = in.shape().channels;
  const std::uint64_t tokens = in.shape().positions();
  const std::uint32_t size = channels / max.heads;
  SpikeTensor out(in.timesteps(), in.shape());
  for (std::uint32_t t = 0; t < in.timesteps(); ++t) {
    in.for_each(t, [&](std::uint64_t address, std::int16_t) {
      const std::uint64_t token = address / channels;
      const std::uint64_t c = address % channels;
      const std::uint64_t head = c / size * size;
      const std::uint64_t first = std::max(c, head + 1) - 1;
      const std::uint64_t last = std::min(c + 1, head + size - 1);
      for (std::uint64_t n = std::max<std::uint64_t>(token, 1) - 1;
           n <= std::min(token + 1, tokens - 1); ++n) {
        for (std::uint64_t j = first; j <= last; ++j) out.set(t, n * channels + j);
      }
    });
  }
  return out;
}

SpikeTrain flatten(const SpikeTrain& in) {
  const FeatureShape& shape = shape_of(in);
  const FeatureShape flat{static_cast<std::uint32_t>(shape.neurons()), 1, 1};
  const auto moved = [&](std::uint64_t address) {
    return address % shape.channels * shape.positions() + address / shape.channels;
  };
  if (const auto* spikes = std::get_if<SpikeTensor>(&in)) {
    SpikeTensor out(spikes->timesteps(), flat);
    for (std::uint32_t t = 0; t < out.timesteps(); ++t) {
      spikes->for_each(t, [&](std::uint64_t a, std::int16_t) { out.set(t, moved(a)); });
    }
    return out;
  }
  GradedTensor out(timesteps_of(in), flat);
  for (std::uint32_t t = 0; t < out.timesteps(); ++t) {
    for_each(in, t, [&](std::uint64_t a, std::int16_t value) { out.step(t)[moved(a)] = value; });
  }
  return out;
}

void add(const SpikeTrain& a, const SpikeTrain& b, std::uint32_t t, const RowBand& band,
         GradedTensor& sum) {
  const std::uint64_t row = std::uint64_t{sum.shape().width} * sum.shape().channels;
  const std::uint64_t first = band.begin * row;
  const auto values = sum.step(t).subspan(first, (band.end - band.begin) * row);
  std::fill(values.begin(), values.end(), std::int16_t{0});
  for (const SpikeTrain* train : {&a, &b}) {
    if (const auto* graded = std::get_if<GradedTensor>(train)) {
      const auto step = graded->step(t).subspan(first, values.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<std::int16_t>(values[i] + step[i]);
      }
    } else {
      for (const std::size_t bit : SetBits(words_of(std::get<SpikeTensor>(*train), t, band))) {
        ++values[bit];
      }
    }
  }
}

std::vector<std::int64_t> channel_sums(const SpikeTrain& train) {
  const std::uint32_t channels = shape_of(train).channels;
  std::vector<std::int64_t> sums(channels, 0);
  for (std::uint32_t t = 0; t < timesteps_of(train); ++t) {
    if (const auto* graded = std::get_if<GradedTensor>(&train)) {
      const std::int16_t* value = graded->step(t).data();
      for (std::uint64_t p = 0; p < graded->shape().positions(); ++p, value += channels) {
        for (std::uint32_t c = 0; c < channels; ++c) sums[c] += value[c];
      }
      continue;
    }
    for_each(train, t,
             [&](std::uint64_t address, std::int16_t value) { sums[address % channels] += value; });
  }
  return sums;
}

}  // namespace nj
