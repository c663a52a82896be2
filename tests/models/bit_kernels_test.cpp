// Question: do attention and pooling on packed bits give the sums, spikes and counts of the plain
// loops, for any shape, head and density?
#include <algorithm>

#include <doctest/doctest.h>

#include "attention.hpp"
#include "kernel_targets.hpp"
#include "random_model.hpp"
#include "spike_pooling.hpp"

namespace {

using namespace nj;
using nj::test::for_each_target;
using nj::test::Random;

SpikeTensor random_spikes(Random& random, const FeatureShape& shape, std::uint32_t timesteps) {
  SpikeTensor spikes(timesteps, shape);
  const std::uint32_t percent = random.pick({0U, 5U, 20U, 60U, 100U});
  for (std::uint32_t t = 0; t < timesteps; ++t) {
    for (std::size_t a = 0; a < shape.neurons(); ++a) {
      if (random.integer(0, 99) < percent) spikes.set(t, a);
    }
  }
  return spikes;
}

TEST_CASE("attention: sums and counts of both product orders equal the plain loops") {
  Random random(1);
  for (int round = 0; round < 150; ++round) {
    CAPTURE(round);
    const std::uint32_t heads = random.integer(1, 4);
    const std::uint32_t size = random.pick({1U, 8U, 16U, 20U, 32U, 48U, 64U, 70U, 100U});
    const FeatureShape shape{heads * size, random.integer(1, 8), random.integer(1, 12)};
    const SpikeTensor q = random_spikes(random, shape, 2);
    const SpikeTensor k = random_spikes(random, shape, 2);
    const SpikeTensor v = random_spikes(random, shape, 2);
    const std::size_t stride = padded(shape.channels);
    AlignedVector<std::int32_t> expected(shape.positions() * stride, 7);
    const AttentionCounts counts = attend_ref(heads, q, k, v, 1, expected.data());
    for_each_target([&] {
      AttentionScratch scratch;
      AlignedVector<std::int32_t> sums(expected.size(), -1);
      CHECK(attend(heads, q, k, v, 1, scratch, sums.data()) == counts);
      bool same = true;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        same = same && (i % stride >= shape.channels || sums[i] == expected[i]);
      }
      CHECK(same);
    });
  }
}

TEST_CASE("attention of many tokens leaves 16 bits") {
  // 400 tokens of one head of 100 channels, all firing: each sum is 400 * 100 = 40,000 > 32,767.
  const FeatureShape shape{100, 20, 20};
  SpikeTensor all(1, shape);
  for (std::size_t a = 0; a < shape.neurons(); ++a) all.set(0, a);
  for_each_target([&] {
    AttentionScratch scratch;
    AlignedVector<std::int32_t> sums(shape.positions() * padded(shape.channels), 0);
    const AttentionCounts counts = attend(1, all, all, all, 0, scratch, sums.data());
    CHECK(sums[0] == 40000);
    CHECK(sums[99 + 399 * padded(100)] == 40000);
    CHECK(counts.coincidences == 400ULL * 400 * 100);
    CHECK(counts.score_additions == 400ULL * 400 * 100);
    CHECK(counts.key_value_coincidences == 400ULL * 100 * 100);
    CHECK(counts.query_additions == 400ULL * 100 * 100);
  });
}

TEST_CASE("pooling: the OR of windows of any extent equals the plain loops") {
  Random random(2);
  std::uint64_t spikes = 0;
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    MaxPool2d pool;
    pool.kernel = {random.integer(1, 4), random.integer(1, 4)};
    pool.stride = {random.integer(1, 3), random.integer(1, 3)};
    pool.padding = {random.integer(0, pool.kernel.y - 1), random.integer(0, pool.kernel.x - 1)};
    const FeatureShape shape{random.pick({1U, 3U, 16U, 32U, 64U, 70U, 128U, 150U}),
                             random.integer(4, 12), random.integer(4, 12)};
    const FeatureShape pooled{
        shape.channels, (shape.height + 2 * pool.padding.y - pool.kernel.y) / pool.stride.y + 1,
        (shape.width + 2 * pool.padding.x - pool.kernel.x) / pool.stride.x + 1};
    const SpikeTensor in = random_spikes(random, shape, 2);
    SpikeTensor expected(2, pooled);
    SpikeTensor out = random_spikes(random, pooled, 2);  // which is overwritten
    std::vector<std::uint64_t> row;
    for (std::uint32_t t = 0; t < 2; ++t) {
      pool_step_ref(pool, in, t, expected);
      for (const RowBand& band : row_bands(pooled)) pool_rows(pool, in, t, band, row, out);
    }
    CHECK(out == expected);
    spikes += out.count();
  }
  CHECK(spikes > 10000);
}

}  // namespace
