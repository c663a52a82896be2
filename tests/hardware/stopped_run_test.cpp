#include <cstddef>
#include <stdexcept>

#include <doctest/doctest.h>

#include <neurojoule/hardware/simulate.hpp>

#include "support/micro_array.hpp"
#include "support/micro_scenario.hpp"

namespace nj {
namespace {

struct Stopped : std::runtime_error {
  Stopped() : std::runtime_error("stopped") {}
};

/// How often a run of a sample, or its interval, asks whether it should go on; `run` is given what
/// to ask with. Each of these times it may be stopped.
template <class Run>
std::size_t times_checked(const Run& run) {
  std::size_t checks = 0;
  run([&] { ++checks; });
  for (std::size_t last = 1; last <= checks; ++last) {
    std::size_t count = 0;
    CHECK_THROWS_AS(run([&] {
                      if (++count == last) throw Stopped();
                    }),
                    Stopped);
    CHECK(count == last);
  }
  return checks;
}

std::size_t times_checked(const testing::MappedNetwork& s, TimingLevel timing) {
  const Simulator simulator(s.network, s.populations, s.widths, s.chip, s.mapping);
  const SimulationResult plain = simulator.run(s.trace, {.timing = timing});
  const auto run = [&](const std::function<void()>& check) {
    CHECK(simulator.run(s.trace, {.timing = timing, .check = check}) == plain);
  };
  const auto interval = [&](const std::function<void()>& check) {
    CHECK(simulator.interval(s.trace, timing, check) == simulator.interval(s.trace, timing));
  };
  CHECK(times_checked(interval) > 0);
  return times_checked(run);
}

TEST_CASE("a simulation can be stopped before each global step, at every level") {
  const testing::MappedNetwork s = testing::micro_scenario();
  // 3 time steps through 3 populations.
  for (const TimingLevel level : {TimingLevel::analytic, TimingLevel::event, TimingLevel::flit}) {
    CHECK(times_checked(s, level) == 5);
  }
}

TEST_CASE("a simulation without barriers can be stopped as often at least") {
  testing::MappedNetwork s = testing::micro_scenario();
  s.chip = testing::without_barriers(s.chip, testing::ns(3));
  CHECK(times_checked(s, TimingLevel::event) >= 5);
}

TEST_CASE("a simulation of an array can be stopped before it starts") {
  testing::MappedNetwork s = testing::micro_scenario();
  s.chip = Chip(testing::micro_array());
  s.mapping = map_network(s.network, s.populations, s.widths, s.chip).mapping;
  CHECK(times_checked(s, TimingLevel::event) == 1);
}

}  // namespace
}  // namespace nj
