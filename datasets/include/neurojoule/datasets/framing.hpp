#pragma once

#include <cstdint>

#include "neurojoule/core/spike_tensor.hpp"
#include "neurojoule/datasets/event_stream.hpp"

namespace nj {

/// What the bins of a framing hold in common.
enum class FrameBins {
  time,  ///< bin of an event = floor(T * t / duration): T equal parts of the recording
  count  ///< bin of event i of n = floor(T * i / n): equally many events in each, +-1
};

/// What a frame's values are.
enum class FrameValues {
  count,  ///< events of the pixel and polarity in the bin, saturating at `max_value`
  binary  ///< 1 where there is at least one event
};

/// How events become input frames, `[T, 2, height, width]`; channel 0 is OFF, channel 1 is ON.
struct Framing {
  std::uint32_t timesteps = 4;              ///< T, 1..1024
  FrameBins by = FrameBins::time;           ///< where bins end
  FrameValues values = FrameValues::count;  ///< counts or 0/1
  std::uint32_t max_value = 15;             ///< largest count kept, 1..255
  friend bool operator==(const Framing&, const Framing&) = default;
};

/// Frames, and how many events did not fit in them.
struct Frames {
  GradedTensor values;
  std::uint64_t saturated_events = 0;  ///< events beyond `max_value` (count frames)
};

/// Bins a sorted stream. `duration_us` is the time that `FrameBins::time` divides; events at or
/// after it go to the last bin.
/// Throws: Error(config) when T, max_value or the duration is out of range.
Frames frame_events(const EventStream& stream, const Framing& framing, std::int64_t duration_us);

}  // namespace nj
