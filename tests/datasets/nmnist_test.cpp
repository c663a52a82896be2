#include <filesystem>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/datasets/nmnist.hpp>

#include "sha256.hpp"
#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;
using nj::testing::sha256;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;

namespace {

/// Little-endian t: i64, x: u16, y: u16, p: u8.
std::vector<std::uint8_t> packed(const std::vector<Event>& events) {
  std::vector<std::uint8_t> bytes;
  const auto put = [&](std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  for (const Event& event : events) {
    put(static_cast<std::uint64_t>(event.t_us), 8);
    put(event.x, 2);
    put(event.y, 2);
    put(event.polarity, 1);
  }
  return bytes;
}

}  // namespace

TEST_CASE("N-MNIST records: x, y, polarity bit, 23 bits of time") {
  // 0x81 0x02 0x03: polarity 1, time 1 * 65536 + 2 * 256 + 3 = 66051. 0x7F 0xFF 0xFF: 2^23 - 1.
  const std::vector<std::uint8_t> bytes = {33, 0, 0x81, 0x02, 0x03, 0, 33, 0x7F, 0xFF, 0xFF};
  const std::vector<Event> expected = {{66051, 33, 0, 1}, {8388607, 0, 33, 0}};
  CHECK(decode_nmnist(bytes, "a.bin") == expected);
  CHECK(decode_nmnist({}, "a.bin").empty());
}

TEST_CASE("a record of row 240 is no event and adds 2^13 us to all later times") {
  const std::vector<std::uint8_t> bytes = {1, 1, 0, 0,   9, 0, 240, 0, 0, 0, 2, 1, 0x80,
                                           0, 9, 7, 240, 0, 0, 5,   3, 1, 0, 0, 9};
  const std::vector<Event> expected = {{9, 1, 1, 0}, {8201, 2, 1, 1}, {16393, 3, 1, 0}};
  CHECK(decode_nmnist(bytes, "a.bin") == expected);
}

TEST_CASE("wrong N-MNIST bytes are refused with their offset") {
  const auto broken = thrown([] { return decode_nmnist(std::vector<std::uint8_t>(12), "a.bin"); });
  REQUIRE(broken);
  CHECK(broken->kind() == ErrorKind::format);
  CHECK(broken->location().byte_offset == 10);  // two whole records
  const std::vector<std::uint8_t> outside = {0, 0, 0, 0, 0, 34, 0, 0, 0, 0};
  CHECK(message_of([&] { return decode_nmnist(outside, "a.bin"); }) ==
        "a.bin: byte 5: (34, 0) is outside 34 x 34 pixels");
  const TemporaryFolder folder;
  CHECK(thrown([&] { return read_nmnist(folder / "absent.bin"); })->kind() == ErrorKind::io);
}

TEST_CASE("a file is read as a sorted stream") {
  const TemporaryFolder folder;
  const std::string bytes = {5, 2, 0, 0, 7, 4, 1, 0, 0, 7, 3, 3, 0, 0, 6};
  write_file_atomically(folder / "a.bin", bytes);
  const EventStream expected{34, 34, {{6, 3, 3, 0}, {7, 4, 1, 0}, {7, 5, 2, 0}}};
  CHECK(read_nmnist(folder / "a.bin") == expected);
}

TEST_CASE("a genuine N-MNIST file: count, times, extent and hash as published readers give them") {
  CHECK(sha256({'a', 'b', 'c'}) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::filesystem::path file =
      std::filesystem::path(NJ_SHARED_DATA) / "data/events/tonic_sample_nmnist.bin";
  if (!std::filesystem::exists(file)) {
    MESSAGE("skipped: no third-party data at " << file.string());
    return;
  }
  const std::string content = read_file(file, 1 << 20);
  const std::vector<std::uint8_t> bytes(content.begin(), content.end());
  const std::vector<Event> events = decode_nmnist(bytes, file.string());
  REQUIRE(events.size() == 4325);
  CHECK(events[0] == Event{654, 7, 15, 1});
  CHECK(events[1] == Event{2999, 19, 18, 0});
  CHECK(events[2] == Event{3017, 21, 17, 0});
  CHECK(events.back() == Event{311175, 21, 14, 1});
  CHECK(sha256(packed(events)) ==
        "35feb1bcb32c1ccf060f7d5fd3cb1dfa98dc85bcc3cd9cdb72ffd2689cbd7192");
  const EventStream stream = read_nmnist(file);
  CHECK(summarize(stream) == EventSummary{4325, 2145, 654, 311175, 690487405, 33, 33});
  validate(stream, file);
}
