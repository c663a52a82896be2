#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"

#include "convolution.hpp"

namespace nj {
namespace {

constexpr std::uint32_t narrowest_group = 8;  // below, most of a line would be padding

void check_weights(const ConvolutionGeometry& geometry, std::size_t count) {
  const std::uint64_t expected = geometry.group_rows() * geometry.out_channels;
  if (count != expected) {
    throw Error(ErrorKind::shape, fmt::format("expected {} weights, got {}", expected, count));
  }
  if (geometry.group_rows() > std::numeric_limits<std::uint32_t>::max() / line_bytes) {
    throw Error(ErrorKind::capacity,
                fmt::format("{} inputs of one neuron are too many", geometry.group_rows()));
  }
}

bool is_plain(const ConvolutionGeometry& geometry) {
  return geometry.groups > 1 && geometry.group_outputs() < narrowest_group;
}

/// Calls `visit(output, row, index)`: `index` into [out, in / groups, ky, kx], `row` the weight row
/// (ky, kx, in) of the output's group.
template <class Visit>
void for_each_weight(const ConvolutionGeometry& geometry, Visit&& visit) {
  const std::size_t inputs = geometry.group_inputs();
  const std::size_t taps = std::size_t{geometry.kernel_y} * geometry.kernel_x;
  std::size_t index = 0;
  for (std::size_t o = 0; o < geometry.out_channels; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t tap = 0; tap < taps; ++tap) visit(o, tap * inputs + i, index++);
    }
  }
}

/// [out, in / groups, ky, kx] to [ky, kx, in_channels, group_outputs].
template <class Weight>
std::vector<Weight> plain_rows(const ConvolutionGeometry& geometry,
                               std::span<const Weight> weights) {
  std::vector<Weight> rows(weights.size());
  const std::size_t inputs = geometry.group_inputs();
  const std::size_t outputs = geometry.group_outputs();
  for_each_weight(geometry, [&](std::size_t o, std::size_t row, std::size_t index) {
    const std::size_t tap = row / inputs;
    const std::size_t input = o / outputs * inputs + row % inputs;
    rows[(tap * geometry.in_channels + input) * outputs + o % outputs] = weights[index];
  });
  return rows;
}

}  // namespace

std::uint32_t event_groups(const ConvolutionGeometry& geometry) {
  return is_plain(geometry) ? 1 : geometry.groups;
}

std::size_t ConvolutionWeights::tile_channels() const {
  switch (kind_) {
    case Kind::byte_lines:
      return line_bytes;
    case Kind::word_lines:
      return line_bytes / sizeof(std::int16_t);
    default:
      return line_bytes / sizeof(float);
  }
}

void ConvolutionWeights::measure(std::span<const std::int16_t> weights) {
  const std::size_t rows = geometry_.group_rows();
  for (std::size_t o = 0; o < geometry_.out_channels; ++o) {
    std::int64_t positive = 0;
    std::int64_t negative = 0;
    for (const std::int16_t w : weights.subspan(o * rows, rows)) {
      max_weight_ = std::max(max_weight_, std::abs(std::int32_t{w}));
      (w > 0 ? positive : negative) += std::abs(std::int32_t{w});
    }
    positive_ = std::max(positive_, positive);
    negative_ = std::max(negative_, negative);
  }
}

ConvolutionWeights::ConvolutionWeights(const ConvolutionGeometry& geometry,
                                       std::span<const std::int16_t> weights)
    : geometry_(geometry) {
  check_weights(geometry, weights.size());
  measure(weights);
  if (is_plain(geometry)) {
    kind_ = Kind::plain;
    plain_ = plain_rows(geometry, weights);
    return;
  }
  const std::size_t outputs = geometry.group_outputs();
  kind_ = max_weight_ <= 127 && outputs > line_bytes / 2 ? Kind::byte_lines : Kind::word_lines;
  const std::size_t channels = tile_channels();
  tiles_ = (outputs + channels - 1) / channels;
  tile_bytes_ = geometry.group_rows() * line_bytes;
  lines_.assign(geometry.groups * tiles_ * tile_bytes_, std::byte{0});
  if (kind_ == Kind::byte_lines) {
    const auto zero = static_cast<std::byte>(max_weight_);
    for (std::size_t i = 0; i < lines_.size(); i += 2) lines_[i] = zero;
  }
  for_each_weight(geometry, [&](std::size_t o, std::size_t row, std::size_t index) {
    const std::size_t tile = o / outputs * tiles_ + o % outputs / channels;
    const std::size_t channel = o % outputs % channels;
    std::byte* const line = lines_.data() + tile * tile_bytes_ + row * line_bytes;
    if (kind_ == Kind::word_lines) {
      std::memcpy(line + channel * sizeof(std::int16_t), &weights[index], sizeof(std::int16_t));
      return;
    }
    if (channel < 32) {
      line[2 * channel] = static_cast<std::byte>(weights[index] + max_weight_);
    } else {
      line[2 * (channel - 32) + 1] = static_cast<std::byte>(weights[index]);
    }
  });
}

ConvolutionWeights::ConvolutionWeights(const ConvolutionGeometry& geometry,
                                       std::span<const float> weights)
    : geometry_(geometry), kind_(Kind::float_lines) {
  check_weights(geometry, weights.size());
  if (is_plain(geometry)) {
    kind_ = Kind::plain_float;
    plain_float_ = plain_rows(geometry, weights);
    return;
  }
  const std::size_t outputs = geometry.group_outputs();
  const std::size_t channels = tile_channels();
  tiles_ = (outputs + channels - 1) / channels;
  tile_bytes_ = geometry.group_rows() * line_bytes;
  lines_.assign(geometry.groups * tiles_ * tile_bytes_, std::byte{0});
  for_each_weight(geometry, [&](std::size_t o, std::size_t row, std::size_t index) {
    const std::size_t tile = o / outputs * tiles_ + o % outputs / channels;
    std::memcpy(lines_.data() + tile * tile_bytes_ + row * line_bytes +
                    o % outputs % channels * sizeof(float),
                &weights[index], sizeof(float));
  });
}

std::int64_t ConvolutionWeights::bound(std::int32_t min_value, std::int32_t max_value) const {
  const std::int64_t below = -std::int64_t{min_value};
  const std::int64_t above = max_value;
  return std::max(positive_ * above + negative_ * below, negative_ * above + positive_ * below);
}

bool ConvolutionWeights::fits_int16(const InputEvents& events) const {
  return !is_float() &&
         bound(events.min_value(), events.max_value()) <= std::numeric_limits<std::int16_t>::max();
}

}  // namespace nj
