#include "input_moments.hpp"

#include <algorithm>
#include <bit>

#include "neurojoule/core/parallel.hpp"

namespace nj {
namespace {

std::size_t planes_for(std::int32_t min_value, std::int32_t max_value) {
  const auto magnitude = static_cast<std::uint32_t>(std::max(max_value, -min_value - 1));
  return static_cast<std::size_t>(std::bit_width(magnitude)) + (min_value < 0 ? 1 : 0);
}

/// Output positions along one axis that see input `at` through tap `tap`: at most one.
bool sees(std::uint32_t at, std::uint32_t tap, std::uint32_t stride, std::uint32_t padding,
          std::uint32_t dilation, std::uint32_t extent, std::uint32_t& position) {
  const std::int64_t start = std::int64_t{at} + padding - std::int64_t{tap} * dilation;
  if (start < 0 || start % stride != 0) return false;
  position = static_cast<std::uint32_t>(start / stride);
  return position < extent;
}

}  // namespace

MomentCounter::MomentCounter(const ConvolutionGeometry& geometry, std::int32_t min_value,
                             std::int32_t max_value, unsigned threads)
    : geometry_(geometry),
      threads_(threads),
      features_(geometry.group_rows()),
      planes_(std::max<std::size_t>(planes_for(min_value, max_value), 1)),
      is_signed_(min_value < 0),
      rows_(geometry.groups * features_ * planes_ * row_words),
      moments_(geometry.groups, features_) {}

void MomentCounter::add(const SpikeTrain& train) {
  for (std::uint32_t t = 0; t < timesteps_of(train); ++t) add_step(train, t);
}

void MomentCounter::add_step(const SpikeTrain& train, std::uint32_t t) {
  const ConvolutionGeometry& g = geometry_;
  const std::size_t capacity = row_words * 64;
  const std::uint64_t positions = g.out_positions();
  for (std::uint64_t begin = 0; begin < positions;) {
    const std::uint64_t end = std::min<std::uint64_t>(positions, begin + capacity - filled_);
    const std::size_t offset = filled_;
    nj::for_each(train, t, [&](std::uint64_t address, std::int16_t value) {
      const auto channel = static_cast<std::uint32_t>(address % g.in_channels);
      const auto x = static_cast<std::uint32_t>(address / g.in_channels % g.in_width);
      const auto y = static_cast<std::uint32_t>(address / g.in_channels / g.in_width);
      const std::size_t group = channel / g.group_inputs();
      const std::size_t first = std::size_t{channel % g.group_inputs()} * g.kernel_y * g.kernel_x;
      const auto bits = static_cast<std::uint16_t>(value);
      for (std::uint32_t ky = 0; ky < g.kernel_y; ++ky) {
        std::uint32_t oy = 0;
        if (!sees(y, ky, g.stride_y, g.padding_y, g.dilation_y, g.out_height, oy)) continue;
        for (std::uint32_t kx = 0; kx < g.kernel_x; ++kx) {
          std::uint32_t ox = 0;
          if (!sees(x, kx, g.stride_x, g.padding_x, g.dilation_x, g.out_width, ox)) continue;
          const std::uint64_t position = std::uint64_t{oy} * g.out_width + ox;
          if (position < begin || position >= end) continue;
          const std::size_t window = offset + (position - begin);
          const std::size_t feature = first + std::size_t{ky} * g.kernel_x + kx;
          for (std::size_t plane = 0; plane < planes_; ++plane) {
            if (((bits >> plane) & 1) == 0) continue;
            row(group, feature, plane)[window / 64] |= std::uint64_t{1} << (window % 64);
          }
        }
      }
    });
    filled_ += end - begin;
    moments_.windows += end - begin;
    begin = end;
    if (filled_ == capacity) flush();
  }
}

std::int64_t MomentCounter::weight_of_plane(std::size_t plane) const {
  const auto weight = std::int64_t{1} << plane;
  return is_signed_ && plane + 1 == planes_ ? -weight : weight;
}

/// Adds what the rows hold to the lower triangles of the moments, and empties them.
void MomentCounter::flush() {
  if (filled_ == 0) return;
  const std::size_t rows = features_ * planes_;
  for (std::size_t group = 0; group < geometry_.groups; ++group) {
    parallel_for(features_, 8, threads_, [&](std::size_t begin, std::size_t end) {
      std::vector<std::uint32_t> common(rows);
      for (std::size_t f = begin; f < end; ++f) {
        std::int64_t* const products =
            moments_.products.data() + (group * features_ + f) * features_;
        for (std::size_t plane = 0; plane < planes_; ++plane) {
          const std::uint64_t* const one = row(group, f, plane);
          const std::size_t count = (f + 1) * planes_;
          common_bits(one, row(group, 0, 0), count, row_words, common.data());
          const std::int64_t weight = weight_of_plane(plane);
          moments_.sums[group * features_ + f] += weight * common[f * planes_ + plane];
          for (std::size_t i = 0; i < count; ++i) {
            products[i / planes_] += weight * weight_of_plane(i % planes_) * common[i];
          }
        }
      }
    });
  }
  std::fill(rows_.begin(), rows_.end(), 0);
  filled_ = 0;
}

InputMoments MomentCounter::finish() {
  flush();
  InputMoments result = moments_;
  for (std::size_t group = 0; group < result.groups; ++group) {
    std::int64_t* const products = result.products.data() + group * features_ * features_;
    for (std::size_t f = 0; f < features_; ++f) {
      for (std::size_t e = 0; e < f; ++e) products[e * features_ + f] = products[f * features_ + e];
    }
  }
  return result;
}

}  // namespace nj
