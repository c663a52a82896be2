#include <doctest/doctest.h>
#include <zlib.h>

#include <neurojoule/datasets/idx.hpp>

#include "support/image_files.hpp"
#include "support/thrown.hpp"

using namespace nj;
using nj::testing::idx_header;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;

namespace {

void write_gzip(const std::filesystem::path& file, const std::string& content) {
  gzFile out = gzopen(file.c_str(), "wb");
  REQUIRE(out != nullptr);
  REQUIRE(gzwrite(out, content.data(), static_cast<unsigned>(content.size())) ==
          static_cast<int>(content.size()));
  REQUIRE(gzclose(out) == Z_OK);
}

}  // namespace

TEST_CASE("IDX images and labels are read, plain and gzip alike") {
  const TemporaryFolder folder;
  const std::string images = idx_header({2, 2, 3}) + "abcdefghijkl";
  write_file_atomically(folder / "plain", images);
  write_gzip(folder / "packed.gz", images);
  for (const char* name : {"plain", "packed.gz"}) {
    const IdxImages read = read_idx_images(folder / name);
    CHECK(read.count == 2);
    CHECK(read.height == 2);
    CHECK(read.width == 3);
    CHECK(std::string(read.pixels.begin(), read.pixels.end()) == "abcdefghijkl");
  }
  write_file_atomically(folder / "labels", idx_header({3}) + "\x07\x01\x09");
  CHECK(read_idx_labels(folder / "labels") == std::vector<std::uint8_t>{7, 1, 9});
}

TEST_CASE("a truncated IDX file is refused at the byte where data ends") {
  const TemporaryFolder folder;
  // 16 bytes of header, 12 announced, 11 there: the end is at byte 27.
  const std::string whole = idx_header({2, 2, 3}) + "abcdefghijkl";
  write_file_atomically(folder / "short", whole.substr(0, 27));
  const auto error = thrown([&] { return read_idx_images(folder / "short"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::format);
  CHECK(error->location().byte_offset == 27);
  CHECK(error->message() == "truncated: 12 values announced, 11 found");

  write_file_atomically(folder / "header", whole.substr(0, 9));
  CHECK(thrown([&] { return read_idx_images(folder / "header"); })->location().byte_offset == 9);
  write_file_atomically(folder / "empty", "");
  CHECK(thrown([&] { return read_idx_images(folder / "empty"); })->location().byte_offset == 0);

  write_gzip(folder / "whole.gz", whole);
  const std::string packed = read_file(folder / "whole.gz", 1 << 20);
  write_file_atomically(folder / "short.gz", packed.substr(0, packed.size() / 2));
  CHECK(thrown([&] { return read_idx_images(folder / "short.gz"); })->kind() == ErrorKind::format);
}

TEST_CASE("bytes after the last value are refused") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "long", idx_header({2}) + "abc");
  const auto error = thrown([&] { return read_idx_labels(folder / "long"); });
  REQUIRE(error);
  CHECK(error->location().byte_offset == 10);  // 8 of header, 2 values
  CHECK(error->message() == "trailing bytes after the last value");

  // A gzip bomb: 64 MiB of zeros behind a header that announces one byte.
  write_gzip(folder / "bomb.gz", idx_header({1}) + std::string(std::size_t{64} << 20, '\0'));
  CHECK(thrown([&] { return read_idx_labels(folder / "bomb.gz"); })->location().byte_offset == 9);
}

TEST_CASE("a header that announces absurd sizes is refused before memory is taken") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "huge", idx_header({1U << 20, 1U << 20, 1U << 20}));  // 2^60
  const auto error = thrown([&] { return read_idx_images(folder / "huge"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::capacity);
  CHECK(error->location().byte_offset == 8);  // the second size brings it over 2^30
  // 2^30 bytes are allowed, but none of them is there.
  write_file_atomically(folder / "hollow", idx_header({1U << 10, 1U << 10, 1U << 10}));
  CHECK(message_of([&] {
          return read_idx_images(folder / "hollow");
        }).find("truncated: 1073741824 values announced, 0 found") != std::string::npos);
}

TEST_CASE("what is no IDX file of the wanted rank is refused") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "labels", idx_header({1}) + "a");
  const auto error = thrown([&] { return read_idx_images(folder / "labels"); });
  REQUIRE(error);
  CHECK(error->location().byte_offset == 0);
  CHECK(error->message() ==
        "expected the magic number 0x00000803 (unsigned bytes, 3 dimensions), got 0x00000801");
  CHECK(thrown([&] { return read_idx_images(folder / "absent"); })->kind() == ErrorKind::io);
  CHECK(thrown([&] { return read_idx_images(folder.path()); })->kind() == ErrorKind::io);
}
