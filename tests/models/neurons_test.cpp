// Question: does every instruction set that this machine has step a block of neurons through time
// as the scalar reference does, bit for bit, whatever the options, the block and the width?
#include "neurons.hpp"

#include <algorithm>
#include <cstdlib>

#include <doctest/doctest.h>

#include "kernel_targets.hpp"
#include "random_model.hpp"

namespace {

using namespace nj;
using nj::test::for_each_target;
using nj::test::Random;

struct Case {
  FeatureShape shape;
  std::uint32_t timesteps = 1;
  NeuronBlock block;
  std::size_t size = 0;  ///< of the sums

  [[nodiscard]] bool exists(std::size_t sum) const {
    return sum % padded(shape.channels) < shape.channels;
  }
};

Case random_case(Random& random) {
  Case c;
  c.shape = {random.pick({1U, 3U, 32U, 64U, 96U, 100U, 128U, 190U}), random.integer(1, 40),
             random.integer(1, 5)};
  c.timesteps = random.integer(1, 6);
  const std::size_t unit = block_unit(c.shape.channels);
  const std::size_t positions = c.shape.positions();
  const auto units = static_cast<std::uint32_t>((positions + unit - 1) / unit);
  c.block.begin = unit * random.integer(0, units - 1);
  c.block.end = std::min<std::size_t>(positions, c.block.begin + unit * random.integer(1, units));
  const std::size_t gap = padded(c.shape.channels) * random.integer(0, 1);
  c.block.step_stride = (c.block.end - c.block.begin) * padded(c.shape.channels) + gap;
  c.size = c.timesteps * c.block.step_stride;
  return c;
}

std::int32_t scaled(Random& random, std::int64_t range) {
  return static_cast<std::int32_t>(static_cast<double>(random.symmetric()) *
                                   static_cast<double>(range));
}

/// Words of `bits` bits: membranes of -2^(bits-1) .. 2^(bits-1) - 1.
NarrowLif random_lif(Random& random, const FeatureShape& shape, std::uint32_t bits) {
  NarrowLif lif;
  lif.leak_shift = static_cast<int>(random.integer(0, 4)) - 1;
  lif.leak_q16 = random.pick({0U, 1U, 43691U, 32768U, 65535U, 65536U});
  lif.fraction_bits = static_cast<int>(random.integer(0, 4));
  lif.rounding = random.pick({Rounding::nearest_half_up, Rounding::floor});
  lif.max = (1 << (bits - 1)) - 1;
  lif.min = -lif.max - 1;
  lif.reset = random.pick({Reset::to_zero, Reset::by_subtraction});
  lif.decay_input = random.integer(0, 1) == 0;
  lif.firing = random.pick({Firing::at_threshold, Firing::above_threshold});
  lif.bias.assign(padded(shape.channels), 0);
  lif.threshold.assign(padded(shape.channels), 0);
  for (std::size_t c = 0; c < shape.channels; ++c) {
    lif.bias[c] = scaled(random, lif.max / 4);
    lif.threshold[c] = std::abs(scaled(random, lif.max)) + 1;
  }
  return lif;
}

template <class Sum>
void check_integer(const Case& c, const NarrowLif& lif, const AlignedVector<std::int32_t>& sums,
                   std::int64_t bound, const SpikeTensor& expected,
                   const std::vector<std::uint64_t>& expected_saturations) {
  const AlignedVector<Sum> narrow(sums.begin(), sums.end());
  for_each_target([&] {
    SpikeTensor spikes(c.timesteps, c.shape);
    std::vector<std::uint64_t> saturations(c.timesteps, 3);  // added to what is there
    lif_block(lif, c.block, narrow.data(), bound, spikes, saturations);
    CHECK(spikes == expected);
    CHECK(saturations == expected_saturations);
  });
}

TEST_CASE("integer neurons: spikes and saturations equal the reference") {
  Random random(1);
  std::uint64_t all_saturations = 0;
  std::uint64_t all_spikes = 0;
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const Case c = random_case(random);
    const NarrowLif lif = random_lif(random, c.shape, random.integer(6, 30));
    // Currents fit 31 bits, and bound * 2^fraction_bits + |bias| is sometimes within the word.
    const std::int64_t bound =
        std::min<std::int64_t>(random.pick({lif.max / 32, 3 * (lif.max / 4), 32767}),
                               ((1 << 29) - 1) >> lif.fraction_bits);
    AlignedVector<std::int32_t> sums(c.size, -77);
    for (std::size_t i = 0; i < c.size; ++i) {
      if (c.exists(i)) sums[i] = scaled(random, bound);
    }
    SpikeTensor expected(c.timesteps, c.shape);
    std::vector<std::uint64_t> saturations(c.timesteps, 3);
    lif_block_ref(lif, c.block, sums.data(), expected, saturations);
    check_integer<std::int32_t>(c, lif, sums, bound, expected, saturations);
    if (bound <= 32767) check_integer<std::int16_t>(c, lif, sums, bound, expected, saturations);
    for (const std::uint64_t s : saturations) all_saturations += s - 3;
    all_spikes += expected.count();
  }
  CHECK(all_saturations > 1000);
  CHECK(all_spikes > 10000);
}

TEST_CASE("by hand: tau 2, soft reset, strict threshold") {
  // One channel, no fraction: X = 4, 8, 8. H = (0 + 4) / 2 = 2; (2 + 8) / 2 = 5 > 4 fires and
  // leaves 5 - 4 = 1; (1 + 8 + 1) / 2 = 5 (4.5 rounds up) fires.
  NarrowLif lif;
  lif.fraction_bits = 0;
  lif.min = -128;
  lif.max = 127;
  lif.bias.assign(32, 0);
  lif.threshold.assign(32, 4);
  lif.reset = Reset::by_subtraction;
  lif.firing = Firing::above_threshold;
  AlignedVector<std::int32_t> sums(96, 0);
  sums[0] = 4;
  sums[32] = sums[64] = 8;
  SpikeTensor spikes(3, {1, 1, 1});
  std::vector<std::uint64_t> saturations(3, 0);
  lif_block(lif, {0, 1, 32}, sums.data(), 8, spikes, saturations);
  CHECK(!spikes.test(0, 0));
  CHECK(spikes.test(1, 0));
  CHECK(spikes.test(2, 0));
}

TEST_CASE("float neurons: spikes equal the reference") {
  Random random(2);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    const Case c = random_case(random);
    FloatLif lif;
    lif.tau = random.pick({1.5F, 2.0F, 3.0F});
    lif.threshold = random.pick({0.5F, 1.0F});
    lif.reset = random.pick({Reset::to_zero, Reset::by_subtraction});
    lif.decay_input = random.integer(0, 1) == 0;
    lif.firing = random.pick({Firing::at_threshold, Firing::above_threshold});
    lif.bias.assign(padded(c.shape.channels), 0.0F);
    for (std::size_t i = 0; i < c.shape.channels; ++i) lif.bias[i] = random.symmetric();
    AlignedVector<float> sums(c.size, 9.0F);
    for (std::size_t i = 0; i < c.size; ++i) {
      if (c.exists(i)) sums[i] = 3.0F * random.symmetric();
    }
    SpikeTensor expected(c.timesteps, c.shape);
    lif_block_ref(lif, c.block, sums.data(), expected);
    for_each_target([&] {
      SpikeTensor spikes(c.timesteps, c.shape);
      lif_block(lif, c.block, sums.data(), spikes);
      CHECK(spikes == expected);
    });
  }
}

}  // namespace
