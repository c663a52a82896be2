#include "neurojoule/datasets/framing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

void require_range(const char* key, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return;
  Location where;
  where.key = key;
  throw Error(ErrorKind::config, fmt::format("expected {}..{}, got {}", low, high, value), where);
}

}  // namespace

Frames frame_events(const EventStream& stream, const Framing& framing, std::int64_t duration_us) {
  require_range("timesteps", framing.timesteps, 1, 1024);
  require_range("max_value", framing.max_value, 1, 255);
  // 2^50 us (35 years) times 1024 bins still fits 64 bits.
  require_range("duration_us", static_cast<std::uint64_t>(duration_us), 1, std::uint64_t{1} << 50);
  Frames frames{GradedTensor(framing.timesteps, FeatureShape{2, stream.height, stream.width}), 0};
  const FeatureShape shape = frames.values.shape();
  const std::uint64_t steps = framing.timesteps;
  const auto duration = static_cast<std::uint64_t>(duration_us);
  const auto limit = static_cast<std::int16_t>(framing.max_value);
  for (std::size_t i = 0; i < stream.events.size(); ++i) {
    const Event& event = stream.events[i];
    const auto t = std::min(static_cast<std::uint64_t>(event.t_us), duration);
    const std::uint64_t bin = framing.by == FrameBins::time
                                  ? std::min(steps * t / duration, steps - 1)
                                  : steps * i / stream.events.size();
    std::int16_t& value = frames.values.step(
        static_cast<std::uint32_t>(bin))[shape.address(event.polarity, event.y, event.x)];
    if (framing.values == FrameValues::binary) {
      value = 1;
    } else if (value < limit) {
      ++value;
    } else {
      ++frames.saturated_events;
    }
  }
  return frames;
}

}  // namespace nj
