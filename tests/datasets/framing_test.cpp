#include <doctest/doctest.h>

#include <neurojoule/datasets/framing.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

namespace {

EventStream stream_of(std::vector<Event> events) { return {2, 2, std::move(events)}; }

std::int16_t at(const Frames& frames, std::uint32_t t, std::uint32_t c, std::uint32_t y,
                std::uint32_t x) {
  return frames.values.step(t)[frames.values.shape().address(c, y, x)];
}

}  // namespace

TEST_CASE("time bins: floor(T t / duration), the end of the recording is in the last bin") {
  // T = 2, 10 us: 4 us is in bin 0, 5 us in bin 1; 10 us would be bin 2 and goes to bin 1.
  const EventStream stream = stream_of({{4, 0, 0, 0}, {5, 1, 0, 1}, {10, 1, 1, 1}, {12, 1, 1, 0}});
  const Frames frames = frame_events(stream, {.timesteps = 2}, 10);
  CHECK(frames.values.shape() == FeatureShape{2, 2, 2});
  CHECK(frames.values.timesteps() == 2);
  CHECK(at(frames, 0, 0, 0, 0) == 1);
  CHECK(at(frames, 1, 1, 0, 1) == 1);
  CHECK(at(frames, 1, 1, 1, 1) == 1);
  CHECK(at(frames, 1, 0, 1, 1) == 1);  // after the end, OFF
  CHECK(frames.values.count() == 4);
}

TEST_CASE("count bins: floor(T i / n)") {
  // n = 5, T = 2: floor(2 i / 5) = 0, 0, 0, 1, 1; the times do not matter.
  const EventStream stream =
      stream_of({{0, 0, 0, 0}, {1, 0, 0, 0}, {900, 0, 0, 0}, {901, 0, 0, 0}, {902, 0, 0, 0}});
  const Frames frames = frame_events(stream, {.timesteps = 2, .by = FrameBins::count}, 1000);
  CHECK(at(frames, 0, 0, 0, 0) == 3);
  CHECK(at(frames, 1, 0, 0, 0) == 2);
}

TEST_CASE("counts stop at the largest value and the rest is counted") {
  const EventStream stream = stream_of({{0, 1, 0, 1}, {1, 1, 0, 1}, {2, 1, 0, 1}, {3, 1, 0, 1}});
  const Frames frames = frame_events(stream, {.timesteps = 1, .max_value = 3}, 10);
  CHECK(at(frames, 0, 1, 0, 1) == 3);
  CHECK(frames.saturated_events == 1);
  CHECK(frame_events(stream, {.timesteps = 1, .max_value = 4}, 10).saturated_events == 0);
}

TEST_CASE("binary frames hold 0 and 1") {
  const EventStream stream = stream_of({{0, 1, 0, 1}, {1, 1, 0, 1}, {2, 0, 1, 0}});
  const Frames frames = frame_events(stream, {.timesteps = 1, .values = FrameValues::binary}, 10);
  CHECK(at(frames, 0, 1, 0, 1) == 1);
  CHECK(at(frames, 0, 0, 1, 0) == 1);
  CHECK(frames.values.count() == 2);
  CHECK(frames.saturated_events == 0);
}

TEST_CASE("no events make empty frames") {
  for (const FrameBins by : {FrameBins::time, FrameBins::count}) {
    const Frames frames = frame_events(stream_of({}), {.timesteps = 3, .by = by}, 10);
    CHECK(frames.values.timesteps() == 3);
    CHECK(frames.values.count() == 0);
  }
}

TEST_CASE("framing parameters out of range are named") {
  const auto complain = [](const Framing& framing, std::int64_t duration) {
    return message_of([&] { return frame_events(stream_of({}), framing, duration); });
  };
  CHECK(complain({.timesteps = 0}, 10) == "timesteps: expected 1..1024, got 0");
  CHECK(complain({.max_value = 256}, 10) == "max_value: expected 1..255, got 256");
  CHECK(complain({}, 0) == "duration_us: expected 1..1125899906842624, got 0");
}
