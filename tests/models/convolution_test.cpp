// Question: does every instruction set that this machine has compute the sums of a convolution that
// the scalar reference computes, bit for bit, for any geometry, block, density and weight width?
#include "convolution.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "dense_sums.hpp"
#include "kernel_targets.hpp"
#include "pushed_sums.hpp"
#include "random_model.hpp"

namespace {

using namespace nj;
using nj::test::for_each_target;
using nj::test::Random;

std::uint32_t outputs_along(std::uint32_t in, std::uint32_t kernel, std::uint32_t stride,
                            std::uint32_t padding, std::uint32_t dilation) {
  const std::uint32_t reach = dilation * (kernel - 1) + 1;
  return in + 2 * padding < reach ? 0 : (in + 2 * padding - reach) / stride + 1;
}

ConvolutionGeometry random_geometry(Random& random) {
  ConvolutionGeometry g;
  do {
    g.groups = random.pick({1U, 1U, 1U, 2U, 3U, 12U});
    const bool depthwise = g.groups == 12 && random.integer(0, 1) == 0;
    g.in_channels = g.groups * (depthwise ? 1 : random.integer(1, 40));
    g.out_channels = g.groups * (depthwise ? random.integer(1, 2) : random.integer(1, 150));
    g.kernel_y = random.integer(1, 4);
    g.kernel_x = random.integer(1, 4);
    const bool plain = random.integer(0, 1) == 0;  // neither stride nor dilation
    g.stride_y = plain ? 1 : random.integer(1, 3);
    g.stride_x = plain ? 1 : random.integer(1, 3);
    g.padding_y = random.integer(0, 2);
    g.padding_x = random.integer(0, 2);
    g.dilation_y = plain ? 1 : random.integer(1, 3);
    g.dilation_x = plain ? 1 : random.pick({1U, 1U, 2U, 3U});
    g.in_height = random.integer(1, 8);
    g.in_width = random.integer(1, 8);
    g.out_height = outputs_along(g.in_height, g.kernel_y, g.stride_y, g.padding_y, g.dilation_y);
    g.out_width = outputs_along(g.in_width, g.kernel_x, g.stride_x, g.padding_x, g.dilation_x);
  } while (g.out_positions() == 0);
  return g;
}

/// Values of magnitude up to `largest` at about `percent` of the places.
SpikeTrain random_train(Random& random, const FeatureShape& shape, std::uint32_t timesteps,
                        std::uint32_t percent, std::int32_t largest, bool is_signed) {
  SpikeTensor spikes(timesteps, shape);
  GradedTensor graded(timesteps, shape);
  for (std::uint32_t t = 0; t < timesteps; ++t) {
    for (std::size_t a = 0; a < shape.neurons(); ++a) {
      if (random.integer(0, 99) >= percent) continue;
      const auto value = static_cast<std::int32_t>(
          random.integer(1, static_cast<std::uint32_t>(std::max(largest, 1))));
      const bool negative = is_signed && random.integer(0, 1) == 0;
      spikes.set(t, a);
      graded.step(t)[a] = static_cast<std::int16_t>(negative ? -value : value);
    }
  }
  if (largest == 0) return spikes;
  return graded;
}

/// Integers of magnitude up to `largest`; the extremes are frequent, so that a wrong bound
/// overflows.
std::vector<std::int16_t> random_weights(Random& random, std::size_t count, std::int32_t largest) {
  std::vector<std::int16_t> weights(count);
  const bool all_extreme = random.integer(0, 7) == 0;
  for (std::int16_t& w : weights) {
    const bool extreme = all_extreme || random.integer(0, 3) == 0;
    const float value = extreme ? 1.0F : random.symmetric();
    w = static_cast<std::int16_t>(value * static_cast<float>(largest));
  }
  return weights;
}

struct Case {
  ConvolutionGeometry geometry;
  SpikeTrain input;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// `largest`: 0 for binary input.
Case random_case(Random& random, std::int32_t largest) {
  Case c;
  c.geometry = random_geometry(random);
  const FeatureShape shape{c.geometry.in_channels, c.geometry.in_height, c.geometry.in_width};
  c.input =
      random_train(random, shape, random.integer(1, 3), random.pick({0U, 2U, 5U, 20U, 60U, 100U}),
                   largest, random.integer(0, 1) == 0);
  const auto positions = static_cast<std::uint32_t>(c.geometry.out_positions());
  c.begin = random.integer(0, positions - 1);
  c.end = random.integer(static_cast<std::uint32_t>(c.begin), positions);
  if (random.integer(0, 1) == 0) {
    c.begin = 0;
    c.end = positions;
  }
  return c;
}

/// Compares the channels that exist of all rows.
template <class Expected, class Sum>
bool same_sums(const Case& c, const AlignedVector<Expected>& expected,
               const AlignedVector<Sum>& sums) {
  const std::size_t stride = padded(c.geometry.out_channels);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i % stride < c.geometry.out_channels && expected[i] != sums[i]) return false;
  }
  return true;
}

template <class Weight, class Expected, class Sum>
void check_block(const Case& c, const std::vector<Weight>& tensor, Sum fill) {
  const ConvolutionWeights weights(c.geometry, std::span(tensor));
  const InputEvents events(c.input, event_groups(c.geometry), 1, weights.event_list());
  if (sizeof(Sum) == 2 && !weights.fits_int16(events)) return;
  const std::uint32_t timesteps = timesteps_of(c.input);
  const std::size_t size = timesteps * (c.end - c.begin) * padded(c.geometry.out_channels);
  AlignedVector<Expected> expected(size);
  std::vector<std::uint64_t> expected_rows(timesteps, 5);  // counts are added to what is there
  convolve_ref(c.geometry, std::span(tensor), c.input, c.begin, c.end, expected.data(),
               expected_rows);
  ConvolutionScratch scratch;
  for_each_target([&] {
    AlignedVector<Sum> sums(size, fill);
    std::vector<std::uint64_t> rows(timesteps, 5);
    convolve(weights, events, c.begin, c.end, scratch, sums.data(), rows);
    CHECK(rows == expected_rows);
    CHECK(same_sums(c, expected, sums));
  });
}

TEST_CASE("dense sums equal the reference, for 8-bit weights and inputs that are not negative") {
  Random random(2);
  std::uint32_t compared = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    Case c = random_case(random, random.pick({0, 1, 5, 30}));
    if (c.geometry.groups != 1) continue;
    const auto tensor = random_weights(random, c.geometry.group_rows() * c.geometry.out_channels,
                                       random.pick({1, 7, 127}));
    const DenseWeights weights(c.geometry, tensor);
    const InputEvents events(c.input, 1, 1,
                             random.pick({EventList::with_values, EventList::fastest}));
    if (!weights.takes(events.min_value(), events.max_value())) continue;
    ++compared;
    const std::uint32_t timesteps = timesteps_of(c.input);
    const std::size_t size = timesteps * (c.end - c.begin) * padded(c.geometry.out_channels);
    AlignedVector<std::int32_t> expected(size);
    std::vector<std::uint64_t> expected_rows(timesteps, 0);
    convolve_ref(c.geometry, std::span<const std::int16_t>(tensor), c.input, c.begin, c.end,
                 expected.data(), expected_rows);
    DenseScratch scratch;
    for_each_target([&] {
      AlignedVector<std::int32_t> sums(size, -1);
      std::vector<std::uint64_t> rows(timesteps, 0);
      dense_sums(weights, c.input, events, c.begin, c.end, scratch, sums.data(), rows);
      CHECK(rows == expected_rows);
      CHECK(same_sums(c, expected, sums));
    });
  }
  CHECK(compared > 100);
}

TEST_CASE("integer sums of any geometry, weight width, density and block equal the reference") {
  Random random(1);
  std::uint32_t pushed = 0;
  std::uint32_t ones = 0;
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    const std::int32_t largest_value = random.pick({0, 0, 1, 2, 5, 255});
    const Case c = random_case(random, largest_value);
    const std::int32_t largest_weight =
        largest_value > 5 ? random.pick({1, 7, 127, 2047})
                          : random.pick({0, 1, 3, 7, 40, 63, 64, 127, 128, 2047, 32767});
    const std::size_t count = c.geometry.group_rows() * c.geometry.out_channels;
    const auto weights = random_weights(random, count, largest_weight);
    const ConvolutionWeights laid_out(c.geometry, std::span(weights));
    const InputEvents events(c.input, event_groups(c.geometry), 1, laid_out.event_list());
    pushed += laid_out.fits_int16(events) && pushing_is_faster(laid_out, events) ? 1 : 0;
    ones += events.listed() > events.count() ? 1 : 0;
    check_block<std::int16_t, std::int32_t>(c, weights, std::int32_t{-1});
    check_block<std::int16_t, std::int32_t>(c, weights, std::int16_t{-1});
  }
  CHECK(pushed > 30);
  CHECK(ones > 5);
}

TEST_CASE("float sums have one order of additions, so the same bits") {
  Random random(2);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    const Case c = random_case(random, random.pick({0, 0, 5}));
    std::vector<float> weights(c.geometry.group_rows() * c.geometry.out_channels);
    for (float& w : weights) w = random.symmetric();
    check_block<float, float>(c, weights, -1.0F);
  }
}

}  // namespace
