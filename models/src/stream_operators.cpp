#include "stream_operators.hpp"

#include <algorithm>

namespace nj {
namespace {

/// Positions [begin, end) of a map that a window at `index` covers in one direction.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};
Span covered(std::uint32_t index, std::uint32_t kernel, std::uint32_t stride, std::uint32_t padding,
             std::uint32_t size) {
  const std::int64_t first = std::int64_t{index} * stride - padding;
  return {static_cast<std::uint32_t>(std::max<std::int64_t>(first, 0)),
          static_cast<std::uint32_t>(std::min<std::int64_t>(first + kernel, size))};
}

/// Combines the rows of each window of `in` into one row of `out` with `combine(row, first,
/// input)`, then calls `finish(row)`.
template <class Pool, class Value, class Combine, class Finish>
void for_each_window(const Pool& pool, const CurrentTensor& in, const Value* from,
                     const CurrentTensor& out, Value* to, Combine&& combine, Finish&& finish) {
  for (std::uint32_t t = 0; t < out.timesteps; ++t) {
    for (std::uint32_t y = 0; y < out.shape.height; ++y) {
      const Span rows = covered(y, pool.kernel.y, pool.stride.y, pool.padding.y, in.shape.height);
      for (std::uint32_t x = 0; x < out.shape.width; ++x) {
        const Span columns =
            covered(x, pool.kernel.x, pool.stride.x, pool.padding.x, in.shape.width);
        Value* const row = to + out.at(t, std::uint64_t{y} * out.shape.width + x);
        bool first = true;
        for (std::uint32_t iy = rows.begin; iy < rows.end; ++iy) {
          for (std::uint32_t ix = columns.begin; ix < columns.end; ++ix) {
            combine(row, first, from + in.at(t, std::uint64_t{iy} * in.shape.width + ix));
            first = false;
          }
        }
        finish(row);
      }
    }
  }
}

template <class Value>
void max_pool_values(const MaxPool2d& pool, const CurrentTensor& in, const Value* from,
                     const CurrentTensor& out, Value* to) {
  const std::size_t channels = in.shape.channels;
  for_each_window(
      pool, in, from, out, to,
      [&](Value* row, bool first, const Value* input) {
        for (std::size_t c = 0; c < channels; ++c) {
          row[c] = first ? input[c] : std::max(row[c], input[c]);
        }
      },
      [](Value*) {});
}

template <class Value, class Divide>
void average_values(const AveragePool2d& pool, const CurrentTensor& in, const Value* from,
                    const CurrentTensor& out, Value* to, Divide&& divide) {
  const std::size_t channels = in.shape.channels;
  // At most 2^31 words of 32 bits: the sum fits 64 bits. Float32 sums are added in order.
  using Sum = std::conditional_t<std::is_same_v<Value, float>, float, std::int64_t>;
  std::vector<Sum> sums(channels);
  for_each_window(
      pool, in, from, out, to,
      [&](Value*, bool, const Value* input) {
        for (std::size_t c = 0; c < channels; ++c) sums[c] += static_cast<Sum>(input[c]);
      },
      [&](Value* row) {
        for (std::size_t c = 0; c < channels; ++c) row[c] = divide(sums[c]);
        std::fill(sums.begin(), sums.end(), Sum{0});
      });
}

}  // namespace

void CurrentTensor::assign(std::uint32_t steps, const FeatureShape& extents, bool floating) {
  timesteps = steps;
  shape = extents;
  is_float = floating;
  const std::size_t size = steps * extents.positions() * padded(extents.channels);
  words.resize(floating ? 0 : size);
  values.resize(floating ? size : 0);
}

std::uint64_t read_accumulators(const AccumulatorFormat& word, std::size_t channels,
                                std::uint64_t rows, std::int32_t* sums) {
  const std::size_t stride = padded(channels);
  std::uint64_t overflows = 0;
  for (std::uint64_t r = 0; r < rows; ++r) {
    std::int32_t* const row = sums + r * stride;
    for (std::size_t c = 0; c < channels; ++c) {
      const std::int32_t read = word.word(row[c]);
      overflows += read != row[c] ? 1 : 0;
      row[c] = read;
    }
  }
  return overflows;
}

std::uint64_t write_stream(const StreamWriter& writer, const FixedPointFormat& word,
                           const FeatureShape& shape, std::uint64_t rows, std::int32_t* sums) {
  const std::size_t stride = padded(shape.channels);
  const std::int64_t half = std::int64_t{1} << (writer.shift - 1);
  std::uint64_t saturations = 0;
  for (std::uint64_t r = 0; r < rows; ++r) {
    std::int32_t* const row = sums + r * stride;
    for (std::size_t c = 0; c < shape.channels; ++c) {
      const std::int64_t exact =
          ((std::int64_t{row[c]} * writer.multiplier[c] + half) >> writer.shift) + writer.bias[c];
      const std::int64_t clipped = std::clamp(exact, word.min(), word.max());
      saturations += clipped != exact ? 1 : 0;
      row[c] = static_cast<std::int32_t>(clipped);
    }
  }
  return saturations;
}

void write_stream(const StreamWriter& writer, const FeatureShape& shape, std::uint64_t rows,
                  float* sums) {
  const std::size_t stride = padded(shape.channels);
  for (std::uint64_t r = 0; r < rows; ++r) {
    float* const row = sums + r * stride;
    for (std::size_t c = 0; c < shape.channels; ++c) {
      row[c] = row[c] * writer.float_scale + writer.float_bias[c];
    }
  }
}

std::vector<std::uint64_t> add_streams(const CurrentTensor& a, const CurrentTensor& b,
                                       const FixedPointFormat& word, CurrentTensor& sum) {
  sum.assign(a.timesteps, a.shape, a.is_float);
  std::vector<std::uint64_t> saturations(a.timesteps, 0);
  for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] = a.values[i] + b.values[i];
  if (sum.is_float) return saturations;
  for (std::uint32_t t = 0; t < a.timesteps; ++t) {
    for (std::uint64_t p = 0; p < a.shape.positions(); ++p) {
      const std::size_t row = a.at(t, p);
      for (std::size_t c = 0; c < a.shape.channels; ++c) {
        const std::int64_t exact = std::int64_t{a.words[row + c]} + b.words[row + c];
        const std::int64_t clipped = std::clamp(exact, word.min(), word.max());
        saturations[t] += clipped != exact ? 1 : 0;
        sum.words[row + c] = static_cast<std::int32_t>(clipped);
      }
    }
  }
  return saturations;
}

void max_pool(const MaxPool2d& pool, const CurrentTensor& in, CurrentTensor& out) {
  out.assign(in.timesteps, out.shape, in.is_float);
  if (in.is_float) return max_pool_values(pool, in, in.values.data(), out, out.values.data());
  max_pool_values(pool, in, in.words.data(), out, out.words.data());
}

void average_pool(const AveragePool2d& pool, const CurrentTensor& in, CurrentTensor& out) {
  out.assign(in.timesteps, out.shape, in.is_float);
  const std::int64_t size = std::int64_t{pool.kernel.y} * pool.kernel.x;
  if (in.is_float) {
    return average_values(pool, in, in.values.data(), out, out.values.data(),
                          [&](float sum) { return sum / static_cast<float>(size); });
  }
  average_values(pool, in, in.words.data(), out, out.words.data(), [&](std::int64_t sum) {
    // floor((2 sum + size) / (2 size))
    const std::int64_t numerator = 2 * sum + size;
    const std::int64_t quotient = numerator / (2 * size);
    return static_cast<std::int32_t>(quotient - (numerator % (2 * size) < 0 ? 1 : 0));
  });
}

FeatureSums channel_sums(const CurrentTensor& current) {
  FeatureSums sums;
  const std::size_t channels = current.shape.channels;
  (current.is_float ? sums.values.resize(channels, 0.0) : sums.words.resize(channels, 0));
  for (std::uint32_t t = 0; t < current.timesteps; ++t) {
    for (std::uint64_t p = 0; p < current.shape.positions(); ++p) {
      const std::size_t row = current.at(t, p);
      for (std::size_t c = 0; c < sums.words.size(); ++c) sums.words[c] += current.words[row + c];
      for (std::size_t c = 0; c < sums.values.size(); ++c) {
        sums.values[c] += double{current.values[row + c]};
      }
    }
  }
  return sums;
}

}  // namespace nj
