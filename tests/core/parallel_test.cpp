#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/error.hpp>
#include <neurojoule/core/parallel.hpp>

#include "support/thrown.hpp"

using namespace nj;

TEST_CASE("every index is visited once, in chunks that do not depend on the thread count") {
  for (const unsigned threads : {0U, 1U, 2U, 4U}) {
    std::vector<int> visits(1003);
    std::atomic<int> chunks{0};
    parallel_for(visits.size(), 10, threads, [&](std::size_t begin, std::size_t end) {
      CHECK(begin % 10 == 0);
      CHECK(end - begin == (begin == 1000 ? 3 : 10));
      for (std::size_t i = begin; i < end; ++i) ++visits[i];
      ++chunks;
    });
    CHECK(chunks == 101);
    CHECK(visits == std::vector<int>(1003, 1));
  }
}

TEST_CASE("the failure of the lowest chunk is the one reported") {
  for (const unsigned threads : {1U, 4U}) {
    const std::string message = nj::testing::message_of([&] {
      parallel_for(100, 1, threads, [](std::size_t begin, std::size_t) {
        if (begin >= 37) throw Error(ErrorKind::numeric, std::to_string(begin));
      });
    });
    CHECK(message == "37");
  }
}

TEST_CASE("chunks after one that has failed are left out") {
  std::vector<std::size_t> begun;
  const auto body = [&](std::size_t begin, std::size_t) {
    begun.push_back(begin);
    if (begin == 20) throw Error(ErrorKind::numeric, "stop");
  };
  CHECK_THROWS_AS(parallel_for(1000, 10, 1, body), Error);
  CHECK(begun == std::vector<std::size_t>{0, 10, 20});
  // Four threads: those at work end what they have begun.
  std::atomic<int> count{0};
  const auto all_fail = [&](std::size_t, std::size_t) {
    ++count;
    throw Error(ErrorKind::numeric, "stop");
  };
  CHECK_THROWS_AS(parallel_for(100'000, 1, 4, all_fail), Error);
  CHECK(count < 50'000);
}

TEST_CASE("a loop within a loop shares the threads of the outer one") {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::atomic<int> visits{0};
  parallel_for(6, 1, 2, [&](std::size_t, std::size_t) {
    for (const unsigned threads : {0U, 1U, 8U}) {
      parallel_for(40, 1, threads, [&](std::size_t, std::size_t) {
        ++visits;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // others could join
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      });
    }
  });
  CHECK(visits == 6 * 3 * 40);
  CHECK(seen.size() <= 2);
}

TEST_CASE("an empty range calls nothing") {
  parallel_for(0, 8, 4, [](std::size_t, std::size_t) { FAIL("called"); });
}
