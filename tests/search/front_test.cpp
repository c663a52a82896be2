#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/search/pareto_front.hpp>

#include "support/thrown.hpp"

using namespace nj;

namespace {

std::vector<FrontPoint> points_of(const std::vector<std::vector<double>>& objectives) {
  std::vector<FrontPoint> points;
  for (const auto& values : objectives) points.push_back({{}, values});
  return points;
}

double volume(const std::vector<std::vector<double>>& objectives,
              const std::vector<double>& reference) {
  return hypervolume(points_of(objectives), reference);
}

}  // namespace

TEST_CASE("a point dominates what is nowhere smaller and somewhere larger") {
  CHECK(dominates(std::vector{1.0, 2.0}, std::vector{1.0, 3.0}));
  CHECK_FALSE(dominates(std::vector{1.0, 2.0}, std::vector{1.0, 2.0}));
  CHECK_FALSE(dominates(std::vector{1.0, 3.0}, std::vector{2.0, 2.0}));
}

TEST_CASE("a space counts its candidates up to 2^64 - 1") {
  CHECK(SearchSpace{{3, 7, 1}}.size() == 21);
  // 2^63 x 2 just does not fit; neither does 2^32 x 2^32.
  CHECK(SearchSpace{std::vector<std::uint32_t>(63, 2)}.size() == std::uint64_t{1} << 63);
  CHECK(SearchSpace{std::vector<std::uint32_t>(64, 2)}.size() == ~std::uint64_t{0});
  CHECK(SearchSpace{{3, 7}}.contains({2, 6}));
  CHECK_FALSE(SearchSpace{{3, 7}}.contains({3, 6}));
  CHECK_FALSE(SearchSpace{{3, 7}}.contains({2}));
}

TEST_CASE("a front keeps what nothing dominates, by cost") {
  ParetoFront front;
  CHECK(front.insert({0}, {{1.0, 9.0}}));
  CHECK(front.insert({1}, {{4.0, 3.0}}));
  CHECK(front.insert({2}, {{5.0, 3.5}}) == false);  // {1} is better in both
  CHECK(front.insert({3}, {{4.0, 3.0}}) == false);  // as good as {1}, which was first
  CHECK(front.insert({4}, {{2.0, 3.0}}));           // better than {1}
  CHECK(front.points() == std::vector<FrontPoint>{{{4}, {2.0, 3.0}}, {{0}, {1.0, 9.0}}});
}

TEST_CASE("points that break a constraint or were given up are not on the front") {
  ParetoFront front;
  CHECK_FALSE(front.insert({0}, {{1.0, 1.0}, 0.5}));
  CHECK_FALSE(front.insert({0}, {{1.0, 1.0}, 0.0, false}));
  CHECK(front.points().empty());
}

TEST_CASE("the bar is the lowest loss among points that cost no more") {
  ParetoFront front;
  front.insert({0}, {{1.0, 3.0, 9.0}});
  front.insert({1}, {{4.0, 9.0, 3.0}});
  CHECK(front.bar(std::vector{9.0, 9.0}) == 1.0);
  CHECK(front.bar(std::vector{9.0, 8.9}) == 4.0);
  CHECK(front.bar(std::vector{8.9, 8.9}) == std::numeric_limits<double>::infinity());
}

TEST_CASE("hypervolume of two objectives, by hand") {
  // Below (10, 10): (1, 8) covers 9 x 2 = 18; (3, 5) adds 7 x 3 = 21; (7, 2) adds 3 x 3 = 9.
  CHECK(volume({{7, 2}, {1, 8}, {3, 5}}, {10, 10}) == 48);
  CHECK(volume({{7, 2}, {1, 8}, {3, 5}, {4, 6}}, {10, 10}) == 48);  // (4, 6) is dominated
  // Below (6, 10) the same without (7, 2): 5 x 2 + 3 x 3.
  CHECK(volume({{7, 2}, {1, 8}, {3, 5}}, {6, 10}) == 19);
  CHECK(volume({{10, 1}, {1, 10}}, {10, 10}) == 0);  // not below the reference
  CHECK(volume({}, {10, 10}) == 0);
}

TEST_CASE("hypervolume of one, three and four objectives, by hand") {
  CHECK(volume({{4}, {3}, {12}}, {10}) == 7);
  // Two boxes below (4, 4, 4): 3 x 3 x 1 from (1, 1, 3) and 2 x 2 x 3 from (2, 2, 1), which share
  // 2 x 2 x 1: 9 + 12 - 4 = 17.
  CHECK(volume({{1, 1, 3}, {2, 2, 1}}, {4, 4, 4}) == 17);
  CHECK(volume({{2, 2, 1}, {1, 1, 3}, {2, 3, 2}}, {4, 4, 4}) == 17);  // (2, 3, 2) is dominated
  // Two points of the same third coordinate: 2 x 1 x 1 and 1 x 2 x 1 share 1 x 1 x 1.
  CHECK(volume({{2, 3, 3}, {3, 2, 3}}, {4, 4, 4}) == 3);
  // The same, one unit deep in a fourth objective; and a box of 2^4 that holds all of it.
  CHECK(volume({{2, 3, 3, 3}, {3, 2, 3, 3}}, {4, 4, 4, 4}) == 3);
  CHECK(volume({{2, 3, 3, 3}, {3, 2, 3, 3}, {2, 2, 2, 2}}, {4, 4, 4, 4}) == 16);
}

TEST_CASE("points and reference must have as many objectives") {
  CHECK(testing::message_of([] {
          (void)volume({{1, 2}}, {3, 3, 3});
        }) == "a point of 2 objectives and a reference of 3");
}
