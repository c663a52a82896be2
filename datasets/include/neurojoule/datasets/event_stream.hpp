#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <tuple>
#include <vector>

namespace nj {

/// One brightness change seen by one pixel of an event camera.
struct Event {
  std::int64_t t_us = 0;      ///< time since the start of the recording, microseconds
  std::uint16_t x = 0;        ///< column, 0 at the left
  std::uint16_t y = 0;        ///< row, 0 at the top
  std::uint8_t polarity = 0;  ///< 0 OFF (darker), 1 ON (brighter)

  friend bool operator==(const Event&, const Event&) = default;
  /// The order of a stream: time, then row, then column, then polarity.
  friend std::strong_ordering operator<=>(const Event& a, const Event& b) {
    return std::tie(a.t_us, a.y, a.x, a.polarity) <=> std::tie(b.t_us, b.y, b.x, b.polarity);
  }
};

/// The events of one recording, sorted by (time, row, column, polarity).
struct EventStream {
  std::uint32_t width = 0;   ///< pixels
  std::uint32_t height = 0;  ///< pixels
  std::vector<Event> events;
  friend bool operator==(const EventStream&, const EventStream&) = default;
};

/// What a stream holds, in exact integers.
struct EventSummary {
  std::uint64_t count = 0;
  std::uint64_t on = 0;        ///< events of polarity 1
  std::int64_t first_us = 0;   ///< time of the first event; 0 when there is none
  std::int64_t last_us = 0;    ///< time of the last event; 0 when there is none
  std::uint64_t time_sum = 0;  ///< sum of the times in microseconds, modulo 2^64
  std::uint16_t max_x = 0;
  std::uint16_t max_y = 0;
  friend bool operator==(const EventSummary&, const EventSummary&) = default;
};
EventSummary summarize(const EventStream& stream);

/// Checks size, coordinates, polarity and order.
/// Throws: Error(format) with `file` and the number of the first bad event.
void validate(const EventStream& stream, const std::filesystem::path& file);

/// Writes a stream as compressed HDF5: datasets `t` (int64, microseconds), `x`, `y` (uint16), `p`
/// (uint8), and the attributes `width` and `height` of the root group.
/// Throws: Error(io); Error(format) when the stream is not valid.
void save_events(const EventStream& stream, const std::filesystem::path& file);

/// Reads what `save_events` wrote, and validates it.
/// Throws: Error(io), Error(format), or Error(capacity) above `max_events`.
EventStream load_events(const std::filesystem::path& file,
                        std::uint64_t max_events = std::uint64_t{1} << 28);

}  // namespace nj
