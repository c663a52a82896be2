#include "neurojoule/datasets/event_stream.hpp"

#include <algorithm>
#include <span>
#include <string>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"

namespace nj {
namespace {

constexpr std::uint32_t max_side = 65536;  // coordinates are 16 bits wide

template <class T>
std::vector<T> column(const EventStream& stream, T Event::*field) {
  std::vector<T> values;
  values.reserve(stream.events.size());
  for (const Event& event : stream.events) values.push_back(event.*field);
  return values;
}

std::uint32_t read_side(const Hdf5Reader& reader, const std::string& name,
                        const std::filesystem::path& file) {
  const std::int64_t side = reader.attribute_integer("/", name);
  if (side < 1 || side > max_side) {
    throw Error(ErrorKind::format, fmt::format("expected 1..{}, got {}", max_side, side),
                {.file = file.string(), .key = name});
  }
  return static_cast<std::uint32_t>(side);
}

}  // namespace

EventSummary summarize(const EventStream& stream) {
  EventSummary summary;
  summary.count = stream.events.size();
  if (stream.events.empty()) return summary;
  summary.first_us = stream.events.front().t_us;
  summary.last_us = stream.events.back().t_us;
  for (const Event& event : stream.events) {
    summary.on += event.polarity;
    summary.time_sum += static_cast<std::uint64_t>(event.t_us);
    summary.max_x = std::max(summary.max_x, event.x);
    summary.max_y = std::max(summary.max_y, event.y);
  }
  return summary;
}

void validate(const EventStream& stream, const std::filesystem::path& file) {
  const auto fail = [&](std::size_t i, const std::string& message) {
    throw Error(ErrorKind::format, fmt::format("event {}: {}", i, message),
                {.file = file.string()});
  };
  for (std::size_t i = 0; i < stream.events.size(); ++i) {
    const Event& event = stream.events[i];
    if (event.x >= stream.width || event.y >= stream.height) {
      fail(i, fmt::format("({}, {}) is outside {} x {} pixels", event.x, event.y, stream.width,
                          stream.height));
    }
    if (event.polarity > 1) fail(i, fmt::format("polarity {}, expected 0 or 1", event.polarity));
    if (event.t_us < 0) fail(i, fmt::format("negative time {} us", event.t_us));
    if (i > 0 && event < stream.events[i - 1]) {
      fail(i, "out of order (time, row, column, polarity)");
    }
  }
}

void save_events(const EventStream& stream, const std::filesystem::path& file) {
  validate(stream, file);
  const std::vector<std::uint64_t> shape = {stream.events.size()};
  Hdf5Writer writer(file);
  writer.write<std::int64_t>("t", column(stream, &Event::t_us), shape);
  writer.write<std::uint16_t>("x", column(stream, &Event::x), shape);
  writer.write<std::uint16_t>("y", column(stream, &Event::y), shape);
  writer.write<std::uint8_t>("p", column(stream, &Event::polarity), shape);
  writer.attribute("/", "width", std::int64_t{stream.width});
  writer.attribute("/", "height", std::int64_t{stream.height});
  writer.commit();
}

EventStream load_events(const std::filesystem::path& file, std::uint64_t max_events) {
  const Hdf5Reader reader(file);
  EventStream stream{read_side(reader, "width", file), read_side(reader, "height", file), {}};
  const std::vector<std::uint64_t> shape = reader.shape("t");
  for (const std::string name : {"t", "x", "y", "p"}) {
    if (shape.size() != 1 || reader.shape(name) != shape) {
      throw Error(ErrorKind::format, "t, x, y and p must be equally long lists",
                  {.file = file.string(), .key = name});
    }
  }
  const auto t = reader.read<std::int64_t>("t", max_events);
  const auto x = reader.read<std::uint16_t>("x", max_events);
  const auto y = reader.read<std::uint16_t>("y", max_events);
  const auto p = reader.read<std::uint8_t>("p", max_events);
  stream.events.reserve(t.size());
  for (std::size_t i = 0; i < t.size(); ++i) stream.events.push_back({t[i], x[i], y[i], p[i]});
  validate(stream, file);
  return stream;
}

}  // namespace nj
