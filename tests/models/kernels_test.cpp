// Question: does every instruction set that this machine has compute what the scalar reference
// does, bit for bit?
#include "neurojoule/models/kernels.hpp"

#include <algorithm>
#include <cstdlib>

#include <doctest/doctest.h>
#include <hwy/targets.h>

#include "random_model.hpp"

namespace {

using namespace nj;
using nj::test::Random;

/// Calls `check` once per instruction set.
template <class Check>
void for_each_target(Check&& check) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    CAPTURE(hwy::TargetName(target));
    check();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <class T>
WeightRows<T> random_rows(Random& random, std::size_t count, std::size_t width,
                          std::uint32_t largest) {
  WeightRows<T> rows{width, padded(width), {}};
  rows.data.assign(count * rows.stride, T{0});
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t j = 0; j < width; ++j) {
      // The extremes are frequent, so that a wrong bound overflows.
      const float w = random.integer(0, 3) == 0 ? 1.0F : random.symmetric();
      rows.data[r * rows.stride + j] = static_cast<T>(w * static_cast<float>(largest));
    }
  }
  return rows;
}

struct Events {
  std::vector<std::uint32_t> addresses;
  std::vector<std::int16_t> values;
  std::vector<RowSegment> segments;
};

/// Segments over 100 rows; addresses carry an offset that `row_offset` takes away.
Events random_events(Random& random, std::size_t rows, std::uint32_t max_value) {
  Events events;
  constexpr std::uint32_t shift = 1000;
  for (std::size_t e = 0; e < 600; ++e) {
    events.addresses.push_back(shift + random.integer(0, static_cast<std::uint32_t>(rows) - 1));
    events.values.push_back(static_cast<std::int16_t>(random.integer(1, max_value)));
  }
  std::size_t begin = 0;
  for (std::uint32_t s = random.integer(0, 3); s > 0; --s) {
    const std::size_t count = random.integer(0, 200);
    events.segments.push_back({events.addresses.data() + begin, events.values.data() + begin, count,
                               -std::int64_t{shift}});
    begin += count;
  }
  return events;
}

TEST_CASE("integer rows: every width, block length and mode equals the reference") {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    const std::size_t width = random.integer(1, 300);
    const std::uint32_t largest = random.pick({1U, 7U, 127U, 2047U, 32767U});
    const std::uint32_t max_value = random.pick({1U, 5U, 255U});
    const auto weights = random_rows<std::int16_t>(random, 100, width, largest);
    const Events events = random_events(random, 100, max_value);
    for (const bool graded : {false, true}) {
      const std::size_t block = 32767 / (largest * (graded ? max_value : 1));
      AlignedVector<std::int32_t> expected(weights.stride, 0);
      accumulate_rows_ref(weights, events.segments, graded, expected.data());
      for_each_target([&] {
        AlignedVector<std::int32_t> sums(weights.stride, -1);
        accumulate_rows(weights, events.segments, graded, block, sums.data());
        CHECK(std::equal(expected.begin(), expected.begin() + static_cast<long>(width),
                         sums.begin()));
      });
    }
  }
}

TEST_CASE("float rows: the same order of additions, so the same bits") {
  Random random(2);
  for (int round = 0; round < 100; ++round) {
    const std::size_t width = random.integer(1, 150);
    const auto weights = random_rows<float>(random, 100, width, 3);
    const Events events = random_events(random, 100, 5);
    for (const bool graded : {false, true}) {
      AlignedVector<float> expected(weights.stride, 0);
      accumulate_rows_ref(weights, events.segments, graded, expected.data());
      for_each_target([&] {
        AlignedVector<float> sums(weights.stride, -1);
        accumulate_rows(weights, events.segments, graded, sums.data());
        CHECK(std::equal(expected.begin(), expected.begin() + static_cast<long>(width),
                         sums.begin()));
      });
    }
  }
}

TEST_CASE("integer neurons: membranes, packed spikes and saturations equal the reference") {
  Random random(3);
  std::uint64_t all_saturations = 0;
  std::uint64_t all_spikes = 0;
  for (int round = 0; round < 200; ++round) {
    const std::size_t channels = random.integer(1, 150);
    const NeuronRows rows{random.integer(1, 5), channels, padded(channels)};
    const int shift = static_cast<int>(random.integer(0, 3));
    WideLif wide;
    wide.leak_q16 = 65536U >> shift;
    const std::uint32_t bits = random.integer(6, 30);
    wide.membrane = {static_cast<std::uint8_t>(bits),
                     static_cast<std::uint8_t>(random.integer(0, 4)),
                     random.pick({Rounding::nearest_half_up, Rounding::floor})};
    NarrowLif narrow{shift,
                     wide.membrane.fraction_bits,
                     wide.membrane.rounding,
                     static_cast<std::int32_t>(wide.membrane.min()),
                     static_cast<std::int32_t>(wide.membrane.max()),
                     AlignedVector<std::int32_t>(rows.stride, 0),
                     AlignedVector<std::int32_t>(rows.stride, 0)};
    const std::int64_t largest = wide.membrane.max();
    const auto near = [&](std::int64_t range) {
      return static_cast<std::int32_t>(static_cast<double>(random.symmetric()) *
                                       static_cast<double>(range));
    };
    for (std::size_t c = 0; c < channels; ++c) {
      wide.bias.push_back(narrow.bias[c] = near(largest / 4));
      wide.threshold.push_back(narrow.threshold[c] = std::abs(near(largest)) + 1);
    }
    AlignedVector<std::int32_t> sums(rows.positions * rows.stride, 0);
    AlignedVector<std::int32_t> start(sums.size(), 0);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (i % rows.stride >= channels) continue;
      sums[i] = near(std::min<std::int64_t>(3 * largest, 1 << 25));
      start[i] = near(largest);
    }
    const std::size_t words = (rows.positions * channels + 63) / 64;
    AlignedVector<std::int32_t> expected = start;
    std::vector<std::uint64_t> expected_spikes(words, 0);
    const std::uint64_t expected_saturations =
        lif_step_ref(wide, rows, sums.data(), expected.data(), expected_spikes);
    for_each_target([&] {
      AlignedVector<std::int32_t> membranes = start;
      std::vector<std::uint64_t> spikes(words, ~std::uint64_t{0});
      CHECK(lif_step(narrow, rows, sums.data(), membranes.data(), spikes) == expected_saturations);
      CHECK(membranes == expected);
      CHECK(spikes == expected_spikes);
    });
    all_saturations += expected_saturations;
    for (const std::uint64_t word : expected_spikes) all_spikes += word != 0 ? 1 : 0;
  }
  CHECK(all_saturations > 1000);
  CHECK(all_spikes > 200);
}

TEST_CASE("float neurons: membranes and packed spikes equal the reference") {
  Random random(4);
  for (int round = 0; round < 100; ++round) {
    const std::size_t channels = random.integer(1, 150);
    const NeuronRows rows{random.integer(1, 5), channels, padded(channels)};
    FloatLif lif{random.pick({1.5F, 2.0F}), 1.0F, AlignedVector<float>(rows.stride, 0.0F)};
    for (std::size_t c = 0; c < channels; ++c) lif.bias[c] = random.symmetric();
    AlignedVector<float> sums(rows.positions * rows.stride, 0.0F);
    AlignedVector<float> start(sums.size(), 0.0F);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (i % rows.stride >= channels) continue;
      sums[i] = 3.0F * random.symmetric();
      start[i] = random.symmetric();
    }
    const std::size_t words = (rows.positions * channels + 63) / 64;
    AlignedVector<float> expected = start;
    std::vector<std::uint64_t> expected_spikes(words, 0);
    lif_step_ref(lif, rows, sums.data(), expected.data(), expected_spikes);
    for_each_target([&] {
      AlignedVector<float> membranes = start;
      std::vector<std::uint64_t> spikes(words, 0);
      lif_step(lif, rows, sums.data(), membranes.data(), spikes);
      CHECK(spikes == expected_spikes);
      for (std::size_t i = 0; i < membranes.size(); ++i) {
        if (i % rows.stride < channels) CHECK(membranes[i] == expected[i]);
      }
    });
  }
}

TEST_CASE("this machine's instruction sets") {
  MESSAGE("in use: " << simd_target()
                     << ", tested: " << hwy::SupportedAndGeneratedTargets().size());
}

}  // namespace
