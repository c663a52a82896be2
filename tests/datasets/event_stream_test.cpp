#include <doctest/doctest.h>

#include <neurojoule/core/hdf5_file.hpp>
#include <neurojoule/datasets/event_stream.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;

namespace {

const EventStream example{
    4, 3, {{5, 1, 0, 1}, {5, 0, 2, 0}, {5, 0, 2, 1}, {9, 3, 2, 0}, {9, 3, 2, 0}}};

/// Writes an event file by hand, so that it can be wrong.
void write_raw(const std::filesystem::path& file, const std::vector<std::int64_t>& t,
               const std::vector<std::uint16_t>& x, std::int64_t width) {
  Hdf5Writer writer(file);
  writer.write<std::int64_t>("t", t, {t.size()});
  writer.write<std::uint16_t>("x", x, {x.size()});
  writer.write<std::uint16_t>("y", std::vector<std::uint16_t>(t.size(), 0), {t.size()});
  writer.write<std::uint8_t>("p", std::vector<std::uint8_t>(t.size(), 1), {t.size()});
  writer.attribute("/", "width", width);
  writer.attribute("/", "height", std::int64_t{1});
  writer.commit();
}

std::string refusal(const EventStream& stream) {
  const auto error = thrown([&] { validate(stream, "a.h5"); });
  return error ? error->what() : "valid";
}

}  // namespace

TEST_CASE("events are ordered by time, row, column, polarity") {
  CHECK(Event{1, 9, 9, 1} < Event{2, 0, 0, 0});
  CHECK(Event{1, 9, 0, 1} < Event{1, 0, 1, 0});
  CHECK(Event{1, 3, 1, 1} < Event{1, 4, 1, 0});
  CHECK(Event{1, 3, 1, 0} < Event{1, 3, 1, 1});
}

TEST_CASE("a summary counts exactly") {
  // Times 5 + 5 + 5 + 9 + 9 = 33; ON: the first and the third.
  CHECK(summarize(example) == EventSummary{5, 2, 5, 9, 33, 3, 2});
  CHECK(summarize({4, 3, {}}) == EventSummary{});
}

TEST_CASE("events in HDF5 are read back equal; no events too") {
  const TemporaryFolder folder;
  save_events(example, folder / "a.h5");
  CHECK(load_events(folder / "a.h5") == example);
  save_events({7, 2, {}}, folder / "empty.h5");
  CHECK(load_events(folder / "empty.h5") == EventStream{7, 2, {}});
}

TEST_CASE("a stream that breaks a rule is refused with the number of the event") {
  CHECK(refusal(example) == "valid");
  CHECK(refusal({4, 3, {{0, 0, 0, 0}, {1, 4, 0, 0}}}) ==
        "a.h5: event 1: (4, 0) is outside 4 x 3 pixels");
  CHECK(refusal({4, 3, {{0, 0, 3, 0}}}) == "a.h5: event 0: (0, 3) is outside 4 x 3 pixels");
  CHECK(refusal({4, 3, {{0, 0, 0, 2}}}) == "a.h5: event 0: polarity 2, expected 0 or 1");
  CHECK(refusal({4, 3, {{-1, 0, 0, 0}}}) == "a.h5: event 0: negative time -1 us");
  CHECK(refusal({4, 3, {{5, 0, 2, 0}, {5, 1, 0, 1}}}) ==
        "a.h5: event 1: out of order (time, row, column, polarity)");
}

TEST_CASE("an event file that is wrong is refused") {
  const TemporaryFolder folder;
  write_raw(folder / "good.h5", {1, 2}, {0, 3}, 4);
  CHECK(load_events(folder / "good.h5").events.size() == 2);
  const auto kind = [&](const char* name, std::uint64_t most = 100) {
    const auto error = thrown([&] { return load_events(folder / name, most); });
    REQUIRE(error);
    return error->kind();
  };
  CHECK(kind("good.h5", 1) == ErrorKind::capacity);
  write_raw(folder / "outside.h5", {1, 2}, {0, 4}, 4);
  CHECK(kind("outside.h5") == ErrorKind::format);
  write_raw(folder / "order.h5", {2, 1}, {0, 3}, 4);
  CHECK(kind("order.h5") == ErrorKind::format);
  write_raw(folder / "short.h5", {1, 2}, {0}, 4);
  CHECK(kind("short.h5") == ErrorKind::format);
  write_raw(folder / "width.h5", {1, 2}, {0, 3}, 1 << 20);
  CHECK(kind("width.h5") == ErrorKind::format);
  CHECK(kind("absent.h5") == ErrorKind::io);
}
