#include "neurojoule/datasets/nmnist.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr std::size_t record_bytes = 5;
constexpr std::uint32_t side = 34;
constexpr std::uint8_t overflow_row = 240;
constexpr std::int64_t overflow_us = 1 << 13;
constexpr std::uint64_t max_file_bytes = std::uint64_t{64} << 20;

}  // namespace

std::vector<Event> decode_nmnist(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (bytes.size() % record_bytes != 0) {
    throw Error(
        ErrorKind::format,
        fmt::format("{} bytes is no whole number of {}-byte records", bytes.size(), record_bytes),
        {.file = name, .byte_offset = bytes.size() - bytes.size() % record_bytes});
  }
  std::vector<Event> events;
  events.reserve(bytes.size() / record_bytes);
  std::int64_t base_us = 0;
  for (std::size_t at = 0; at < bytes.size(); at += record_bytes) {
    const auto record = bytes.subspan(at, record_bytes);
    if (record[1] == overflow_row) {
      base_us += overflow_us;
      continue;
    }
    if (record[0] >= side || record[1] >= side) {
      throw Error(
          ErrorKind::format,
          fmt::format("({}, {}) is outside {} x {} pixels", record[0], record[1], side, side),
          {.file = name, .byte_offset = at});
    }
    const std::int64_t t_us = ((record[2] & 0x7F) << 16) | (record[3] << 8) | record[4];
    events.push_back(
        {base_us + t_us, record[0], record[1], static_cast<std::uint8_t>(record[2] >> 7)});
  }
  return events;
}

EventStream read_nmnist(const std::filesystem::path& file) {
  const std::string content = read_file(file, max_file_bytes);
  const std::vector<std::uint8_t> bytes(content.begin(), content.end());
  EventStream stream{side, side, decode_nmnist(bytes, file.string())};
  std::sort(stream.events.begin(), stream.events.end());
  return stream;
}

}  // namespace nj
