// Question: are the first and second moments of what a layer reads counted exactly?
#include "input_moments.hpp"

#include <vector>

#include <doctest/doctest.h>

#include "kernel_targets.hpp"
#include "random_model.hpp"

namespace {

using namespace nj;
using nj::test::for_each_target;
using nj::test::Random;

TEST_CASE("common bits: every instruction set counts as the reference does") {
  Random random(1);
  const std::size_t words = 40;
  const std::size_t stride = 64;
  std::vector<std::uint64_t> rows(7 * stride);
  for (std::uint64_t& word : rows) {
    word = (std::uint64_t{random.integer(0, 0xFFFFFFFF)} << 32) | random.integer(0, 0xFFFFFFFF);
  }
  for (std::size_t count = 0; count <= 7; ++count) {
    std::vector<std::uint32_t> expected(count);
    common_bits_ref(rows.data() + stride, rows.data(), count, words, stride, expected.data());
    for_each_target([&] {
      std::vector<std::uint32_t> counted(count);
      common_bits(rows.data() + stride, rows.data(), count, words, stride, counted.data());
      CHECK(counted == expected);
    });
  }
}

/// What a feature of a window is, straight from the equation of Conv2d.
std::int64_t input_at(const ConvolutionGeometry& g, const GradedTensor& train, std::uint32_t t,
                      std::size_t group, std::size_t feature, std::size_t window) {
  const std::size_t taps = std::size_t{g.kernel_y} * g.kernel_x;
  const auto channel = group * g.group_inputs() + feature / taps;
  const auto y = static_cast<std::int64_t>(window / g.out_width * g.stride_y +
                                           feature % taps / g.kernel_x * g.dilation_y) -
                 g.padding_y;
  const auto x = static_cast<std::int64_t>(window % g.out_width * g.stride_x +
                                           feature % g.kernel_x * g.dilation_x) -
                 g.padding_x;
  if (y < 0 || x < 0 || y >= g.in_height || x >= g.in_width) return 0;
  const auto place = static_cast<std::size_t>(y) * g.in_width + static_cast<std::size_t>(x);
  return train.step(t)[place * g.in_channels + channel];
}

void check_moments(const ConvolutionGeometry& g, std::int32_t least, std::int32_t most,
                   std::uint64_t seed) {
  Random random(seed);
  std::vector<SpikeTrain> trains;
  InputMoments expected(g.groups, g.group_rows());
  for (int sample = 0; sample < 3; ++sample) {
    GradedTensor train(2, {g.in_channels, g.in_height, g.in_width});
    for (std::uint32_t t = 0; t < 2; ++t) {
      for (std::int16_t& value : train.step(t)) {
        const auto span = static_cast<std::uint32_t>(most - least);
        value = static_cast<std::int16_t>(least + static_cast<int>(random.integer(0, span)));
      }
      expected.windows += g.out_positions();
      for (std::size_t group = 0; group < g.groups; ++group) {
        for (std::size_t w = 0; w < g.out_positions(); ++w) {
          for (std::size_t i = 0; i < expected.features; ++i) {
            const std::int64_t x = input_at(g, train, t, group, i, w);
            expected.sums[group * expected.features + i] += x;
            for (std::size_t j = 0; j < expected.features; ++j) {
              expected.products[(group * expected.features + i) * expected.features + j] +=
                  x * input_at(g, train, t, group, j, w);
            }
          }
        }
      }
    }
    trains.emplace_back(train);
  }
  const InputMoments counted = count_moments(
      g, least, most,
      {trains.size(), [&](std::size_t i) -> const SpikeTrain& { return trains[i]; }}, 2);
  CHECK(counted.windows == expected.windows);
  CHECK(counted.sums == expected.sums);
  CHECK(counted.products == expected.products);
}

TEST_CASE("moments of binary, graded and signed inputs equal those of the equation") {
  ConvolutionGeometry plain{.in_channels = 3,
                            .out_channels = 4,
                            .kernel_y = 3,
                            .kernel_x = 3,
                            .padding_y = 1,
                            .padding_x = 1,
                            .in_height = 5,
                            .in_width = 4,
                            .out_height = 5,
                            .out_width = 4};
  check_moments(plain, 0, 1, 1);
  check_moments(plain, 0, 15, 2);
  check_moments(plain, 0, 5, 3);
  check_moments(plain, -7, 6, 4);
  ConvolutionGeometry odd{.in_channels = 4,
                          .out_channels = 4,
                          .groups = 2,
                          .kernel_y = 2,
                          .kernel_x = 3,
                          .stride_y = 2,
                          .stride_x = 1,
                          .padding_y = 0,
                          .padding_x = 2,
                          .dilation_y = 1,
                          .dilation_x = 2,
                          .in_height = 6,
                          .in_width = 5,
                          .out_height = 7,
                          .out_width = 5};
  check_moments(odd, 0, 3, 5);
  // Keeps its size, over several words of windows.
  ConvolutionGeometry spread{.in_channels = 4,
                             .out_channels = 2,
                             .groups = 2,
                             .kernel_y = 3,
                             .kernel_x = 5,
                             .padding_y = 2,
                             .padding_x = 4,
                             .dilation_y = 2,
                             .dilation_x = 2,
                             .in_height = 9,
                             .in_width = 11,
                             .out_height = 9,
                             .out_width = 11};
  check_moments(spread, -3, 3, 7);
  // More windows than are held at once: 8192.
  ConvolutionGeometry wide{.in_channels = 1,
                           .out_channels = 1,
                           .kernel_y = 1,
                           .kernel_x = 3,
                           .padding_x = 1,
                           .in_height = 7,
                           .in_width = 1500,
                           .out_height = 7,
                           .out_width = 1500};
  check_moments(wide, 0, 2, 6);
}

}  // namespace
