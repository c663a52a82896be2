#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/activity.hpp>
#include <neurojoule/core/spike_tensor.hpp>

#include "support/thrown.hpp"

using namespace nj;

TEST_CASE("spikes are packed per step, channels last, and visited in address order") {
  const FeatureShape shape{3, 5, 5};  // 75 neurons: two words per step
  SpikeTensor spikes(2, shape);
  CHECK(spikes.words_per_step() == 2);
  CHECK(shape.address(2, 4, 3) == (4 * 5 + 3) * 3 + 2);
  spikes.set(1, 74);
  spikes.set(1, 0);
  spikes.set(1, 64);
  CHECK(spikes.count(0) == 0);
  CHECK(spikes.count() == 3);
  CHECK(spikes.density() == doctest::Approx(3.0 / 150.0).epsilon(1e-12));
  CHECK(spikes.test(1, 64));
  CHECK_FALSE(spikes.test(0, 64));
  std::vector<std::uint64_t> seen;
  spikes.for_each(1, [&](std::uint64_t address, std::int16_t value) {
    CHECK(value == 1);
    seen.push_back(address);
  });
  CHECK(seen == std::vector<std::uint64_t>{0, 64, 74});
}

TEST_CASE("graded spikes count and visit their non-zero values") {
  GradedTensor frames(1, {2, 1, 2});
  frames.step(0)[1] = 3;
  frames.step(0)[3] = 255;
  CHECK(frames.count() == 2);
  CHECK(frames.max() == 255);
  const SpikeTrain train = frames;
  CHECK(count(train, 0) == 2);
  std::uint64_t sum = 0;
  for_each(train, 0, [&](std::uint64_t, std::int16_t value) { sum += value; });
  CHECK(sum == 258);
}

TEST_CASE("activities add up layer by layer and step by step") {
  Activity a(2, 3);
  a.samples = 1;
  a.layers[1].steps[2].spikes = 5;
  a.layers[1].steps[2].graded_multiplies = 7;
  Activity b = a;
  b.layers[1].steps[2].spikes = 1;
  b.layers[0].steps[0].binary_accumulates = 2;
  a += b;
  CHECK(a.samples == 2);
  CHECK(a.layers[1].steps[2].spikes == 6);
  CHECK(a.total().synaptic_events() == 16);  // 7 + 7 + 2
  CHECK(nj::testing::thrown([&] { a += Activity(1, 3); })->kind() == ErrorKind::shape);
}

TEST_CASE("spikes of a range of addresses are those between its ends, in their order") {
  const FeatureShape shape{3, 10, 10};
  SpikeTensor train(2, shape);
  for (const std::uint64_t address : {0U, 1U, 63U, 64U, 100U, 127U, 128U, 255U, 256U, 299U}) {
    train.set(1, address);
  }
  for (std::uint64_t first = 0; first <= 300; ++first) {
    for (std::uint64_t last = first; last <= 300; last += 1 + last % 7) {
      std::vector<std::uint64_t> expected;
      for (std::uint64_t a = first; a < last; ++a) {
        if (train.test(1, a)) expected.push_back(a);
      }
      std::vector<std::uint64_t> visited;
      train.for_each_in(1, first, last,
                        [&](std::uint64_t a, std::int16_t) { visited.push_back(a); });
      REQUIRE(visited == expected);
    }
  }
}
