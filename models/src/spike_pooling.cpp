#include "spike_pooling.hpp"

#include <algorithm>

#include "packed_bits.hpp"

namespace nj {
namespace {

/// First and last + 1 of the inputs that window `o` sees.
std::pair<std::uint32_t, std::uint32_t> window(std::uint32_t o, std::uint32_t stride,
                                               std::uint32_t padding, std::uint32_t kernel,
                                               std::uint32_t size) {
  const std::int64_t begin = std::int64_t{o} * stride - padding;
  return {static_cast<std::uint32_t>(std::max<std::int64_t>(begin, 0)),
          static_cast<std::uint32_t>(std::clamp<std::int64_t>(begin + kernel, 0, size))};
}

/// ORs `count` bits from bit `offset` on into `row`, from its bit 0 on.
void merge(std::span<const std::uint64_t> words, std::uint64_t offset, std::uint64_t count,
           std::vector<std::uint64_t>& row) {
  const std::uint64_t whole = count / 64;
  if (offset % 64 == 0) {
    const auto* const from = words.data() + offset / 64;
    for (std::uint64_t w = 0; w < whole; ++w) row[w] |= from[w];
  } else {
    for (std::uint64_t w = 0; w < whole; ++w) row[w] |= bits_at(words, offset + w * 64, 64);
  }
  if (count % 64 != 0) row[whole] |= bits_at(words, offset + whole * 64, count % 64);
}

}  // namespace

void pool_rows(const MaxPool2d& pool, const SpikeTensor& in, std::uint32_t t, const RowBand& band,
               std::vector<std::uint64_t>& row, SpikeTensor& out) {
  const FeatureShape& from = in.shape();
  const FeatureShape& to = out.shape();
  const std::uint64_t row_bits = std::uint64_t{from.width} * from.channels;
  const auto bits = out.step(t);
  const std::uint64_t to_bits = std::uint64_t{to.width} * to.channels;
  std::fill(bits.begin() + static_cast<std::ptrdiff_t>(band.begin * to_bits / 64),
            bits.begin() + static_cast<std::ptrdiff_t>((band.end * to_bits + 63) / 64), 0);
  for (std::uint32_t y = band.begin; y < band.end; ++y) {
    // The window's rows become one, then its columns.
    row.assign((row_bits + 63) / 64, 0);
    const auto [y_begin, y_end] =
        window(y, pool.stride.y, pool.padding.y, pool.kernel.y, from.height);
    for (std::uint32_t iy = y_begin; iy < y_end; ++iy) {
      merge(in.step(t), iy * row_bits, row_bits, row);
    }
    for (std::uint32_t x = 0; x < to.width; ++x) {
      const auto [x_begin, x_end] =
          window(x, pool.stride.x, pool.padding.x, pool.kernel.x, from.width);
      for (std::uint32_t c = 0; c < from.channels; c += 64) {
        const std::size_t count = std::min(64U, from.channels - c);
        std::uint64_t any = 0;
        for (std::uint32_t ix = x_begin; ix < x_end; ++ix) {
          any |= bits_at(row, std::uint64_t{ix} * from.channels + c, count);
        }
        set_bits(bits, to.address(c, y, x), any, count);
      }
    }
  }
}

void pool_step_ref(const MaxPool2d& pool, const SpikeTensor& in, std::uint32_t t,
                   SpikeTensor& out) {
  const FeatureShape& from = in.shape();
  const FeatureShape& to = out.shape();
  for (std::uint64_t a = 0; a < to.neurons(); ++a) {
    const auto c = static_cast<std::uint32_t>(a % to.channels);
    const std::uint64_t oy = a / to.channels / to.width;
    const std::uint64_t ox = a / to.channels % to.width;
    for (std::uint32_t k = 0; k < pool.kernel.y * pool.kernel.x; ++k) {
      const std::uint64_t y = oy * pool.stride.y + k / pool.kernel.x;  // counted with the padding
      const std::uint64_t x = ox * pool.stride.x + k % pool.kernel.x;
      if (y < pool.padding.y || y >= pool.padding.y + from.height) continue;
      if (x < pool.padding.x || x >= pool.padding.x + from.width) continue;
      const std::uint64_t source = from.address(c, static_cast<std::uint32_t>(y - pool.padding.y),
                                                static_cast<std::uint32_t>(x - pool.padding.x));
      if (in.test(t, source)) out.set(t, a);
    }
  }
}

}  // namespace nj
