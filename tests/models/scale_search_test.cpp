// Question: does every instruction set that this machine has find the scale that the scalar
// reference finds, to the last bit, whatever the format and the weights?
#include "scale_search.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "kernel_targets.hpp"
#include "random_model.hpp"

namespace {

using namespace nj;
using nj::test::for_each_target;
using nj::test::Random;

/// Of some shape: flat, bell-shaped, with outliers, on a coarse grid (many ties), rarely not 0.
std::vector<float> random_weights(Random& random) {
  const std::size_t count = random.pick({1U, 2U, 9U, 63U, 64U, 65U, 257U, 1000U});
  const float amplitude = random.pick({1.0F, 1e-30F, 0.037F, 1e20F});
  const std::uint32_t shape = random.integer(0, 4);
  std::vector<float> weights;
  while (weights.size() < count) {
    float w = random.symmetric();
    if (shape == 1) w = (w + random.symmetric() + random.symmetric()) / 3.0F;
    if (shape == 2) w = std::pow(w, 7.0F);
    if (shape == 3) w = std::round(8.0F * w) / 8.0F;
    if (shape == 4 && random.integer(0, 9) != 0) w = 0.0F;
    weights.push_back(amplitude * w);
  }
  weights[random.integer(0, static_cast<std::uint32_t>(count) - 1)] = amplitude;  // none all zero
  return weights;
}

NumberFormat random_format(Random& random) {
  NumberFormat format;
  format.scheme = random.pick({Scheme::uniform, Scheme::power_of_two, Scheme::additive_power_of_two,
                               Scheme::ternary, Scheme::binary});
  const std::uint32_t most = format.scheme == Scheme::additive_power_of_two ? 8 : 16;
  format.bits = static_cast<std::uint8_t>(random.integer(2, most));
  if (format.scheme == Scheme::ternary) format.bits = 2;
  if (format.scheme == Scheme::binary) format.bits = 1;
  return format;
}

template <class LevelRule>
void check_search(const std::vector<float>& weights, const LevelRule& levels, double widest) {
  const double expected = least_error_scale_ref(weights, levels, widest);
  for_each_target([&] { CHECK(least_error_scale(weights, levels, widest) == expected); });
}

TEST_CASE("the same scale as the reference on random weights and formats") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const std::vector<float> weights = random_weights(random);
    const NumberFormat format = random_format(random);
    CAPTURE(to_string(format));
    const Levels levels(format);
    const float largest =
        std::fabs(*std::max_element(weights.begin(), weights.end(),
                                    [](float a, float b) { return std::fabs(a) < std::fabs(b); }));
    check_search(weights, levels, double{largest} / levels.largest());
    if (format.scheme != Scheme::uniform || format.bits > 15) continue;
    const OffsetLevels offset(format, weights);
    check_search(weights, offset, offset.widest());
  }
}

TEST_CASE("weights on every border between two levels, and beside it") {
  for (const Scheme scheme :
       {Scheme::uniform, Scheme::power_of_two, Scheme::additive_power_of_two}) {
    for (const int bits : {2, 3, 4, 5, 8}) {
      const NumberFormat format{scheme, static_cast<std::uint8_t>(bits)};
      CAPTURE(to_string(format));
      const Levels levels(format);
      std::vector<float> weights;
      for (int half = 0; half <= 2 * std::min(levels.largest(), 1000); ++half) {
        const float border = static_cast<float>(half) * 0.5F;
        for (const float w :
             {std::nextafter(border, -1.0F), border, std::nextafter(border, 1e9F)}) {
          weights.push_back(half % 3 == 0 ? -w : w);
        }
      }
      // Scale 1 is the candidate r = 80, and the others place the borders elsewhere.
      check_search(weights, levels, 1.0);
      check_search(weights, levels, 80.0 / 53.0);
      const OffsetLevels offset({Scheme::uniform, static_cast<std::uint8_t>(bits)}, weights);
      check_search(weights, offset, 1.0);
    }
  }
}

TEST_CASE("the largest of two scales that err alike") {
  // 2 bits: levels -1, 0, 1. Two weights a > b of level 1 err (a - s)^2 + (b - s)^2, least at
  // their mean: 0.75 = 60 / 80 of 1 and 0.5.
  const Levels levels({Scheme::uniform, 2});
  CHECK(least_error_scale(std::vector<float>{1.0F, 0.5F}, levels, 1.0) == 0.75);
  // 80 and 49 have the mean 64.5, between r = 64 and r = 65: 16^2 + 15^2 = 15^2 + 16^2.
  const std::vector<float> tie{80.0F, 49.0F};
  CHECK(squared_error(tie, levels, 64.0) == 481.0);
  CHECK(squared_error(tie, levels, 65.0) == 481.0);
  for_each_target([&] { CHECK(least_error_scale(tie, levels, 80.0) == 65.0); });
}

}  // namespace
