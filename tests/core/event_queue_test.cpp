#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/event_queue.hpp>
#include <neurojoule/core/rng.hpp>

using namespace nj;

TEST_CASE("events leave in the order of time, phase, source, sequence") {
  EventQueue<int> queue;
  queue.push({Picoseconds(5), 0, 0, 0}, 4);
  queue.push({Picoseconds(4), 1, 0, 0}, 3);
  queue.push({Picoseconds(4), 0, 2, 0}, 2);
  queue.push({Picoseconds(4), 0, 1, 9}, 1);
  queue.push({Picoseconds(4), 0, 1, 8}, 0);
  for (int expected = 0; expected < 5; ++expected) CHECK(queue.pop().payload == expected);
  CHECK(queue.empty());
}

TEST_CASE("the order of pops does not depend on the order of pushes") {
  const RandomKey key{.seed = 7, .stream = 1, .entity = 0};
  std::vector<EventKey> keys;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    keys.push_back(
        {Picoseconds(static_cast<std::int64_t>(random_below(key, i, 50))), i % 3, i % 7, i});
  }
  EventQueue<std::uint64_t> forwards;
  EventQueue<std::uint64_t> backwards;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    forwards.push(keys[i], keys[i].sequence);
    backwards.push(keys[keys.size() - 1 - i], keys[keys.size() - 1 - i].sequence);
  }
  EventKey last{Picoseconds(-1)};
  while (!forwards.empty()) {
    const auto a = forwards.pop();
    const auto b = backwards.pop();
    REQUIRE(a.payload == b.payload);
    REQUIRE(last < a.key);
    last = a.key;
  }
  CHECK(backwards.empty());
}
