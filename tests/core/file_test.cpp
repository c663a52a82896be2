#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/hdf5_file.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;

namespace {

void write_example(const std::filesystem::path& file) {
  Hdf5Writer writer(file);
  std::vector<std::int32_t> values(3000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i * i);
  writer.write<std::int32_t>("/a/squares", values, {1000, 3});
  writer.create_rows<std::uint8_t>("/rows", {2}, 16);
  writer.append_rows<std::uint8_t>("/rows", std::vector<std::uint8_t>{1, 2, 3, 4});
  writer.append_rows<std::uint8_t>("/rows", std::vector<std::uint8_t>{5, 6});
  writer.attribute("/", "name", "example");
  writer.attribute("/a", "count", std::int64_t{-3});
  writer.attribute("/a", "ratio", 0.25);
  writer.commit();
}

std::string bytes_of(const std::filesystem::path& file) { return read_file(file, 1 << 24); }

}  // namespace

TEST_CASE("what is written to HDF5 is read back, whole or by rows") {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.shape("/a/squares") == std::vector<std::uint64_t>{1000, 3});
  CHECK(reader.read<std::int32_t>("/a/squares", 3000)[2999] == 2999 * 2999);
  CHECK(reader.read_rows<std::int64_t>("/a/squares", 2, 1, 3) ==
        std::vector<std::int64_t>{36, 49, 64});
  CHECK(reader.read<std::uint8_t>("/rows", 100) == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  CHECK(reader.attribute_text("/", "name") == "example");
  CHECK(reader.attribute_integer("/a", "count") == -3);
  CHECK(reader.attribute_real("/a", "ratio") == 0.25);
  CHECK(reader.members("/") == std::vector<std::string>{"a", "rows"});
  CHECK(reader.has("/a/squares"));
  CHECK_FALSE(reader.has("/b/squares"));
}

TEST_CASE("equal content gives equal bytes") {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  write_example(folder / "b.h5");
  CHECK(bytes_of(folder / "a.h5") == bytes_of(folder / "b.h5"));
}

TEST_CASE("an HDF5 file that was not committed leaves nothing behind") {
  const TemporaryFolder folder;
  {
    Hdf5Writer writer(folder / "a.h5");
    writer.write<double>("/x", std::vector<double>{1.0}, {1});
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("what an HDF5 file claims is checked before memory is taken") {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const std::string name = (folder / "a.h5").string();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(message_of([&] { (void)reader.read<std::int32_t>("/a/squares", 2999); }) ==
        name + ": /a/squares: has more than 2999 elements");
  CHECK(message_of([&] { (void)reader.read<std::uint8_t>("/a/squares", 3000); }) ==
        name + ": /a/squares: its element type does not convert without loss");
  CHECK(message_of([&] { (void)reader.read_rows<std::int32_t>("/a/squares", 999, 2, 99); }) ==
        name + ": /a/squares: rows 999..1001 are outside its 1000 rows");
  CHECK(message_of([&] { (void)reader.shape("/c"); }) == name + ": /c: no such dataset");
  CHECK(message_of([&] { (void)reader.attribute_text("/a", "count"); }) ==
        name + ": /a@count: expected text");
}

TEST_CASE("a truncated HDF5 file, another format and a missing file are refused") {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const std::string whole = bytes_of(folder / "a.h5");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{9}, whole.size() / 2, whole.size() - 1}) {
    write_file_atomically(folder / "cut.h5", whole.substr(0, size));
    const auto error = thrown([&] {
      const Hdf5Reader reader(folder / "cut.h5");
      (void)reader.read<std::int32_t>("/a/squares", 3000);
    });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::format);
  }
  CHECK(thrown([&] { const Hdf5Reader reader(folder / "none.h5"); })->kind() == ErrorKind::io);
  CHECK(thrown([&] {
          const Hdf5Writer writer(folder.path() / "no" / "such" / "folder.h5");
        })->kind() == ErrorKind::io);
}

TEST_CASE("text files are replaced whole or not at all") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.txt", "one");
  write_file_atomically(folder / "a.txt", "two");
  CHECK(bytes_of(folder / "a.txt") == "two");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK(thrown([&] { write_file_atomically(folder.path() / "no" / "a.txt", "x"); })->kind() ==
        ErrorKind::io);
  CHECK(message_of([&] { read_file(folder / "a.txt", 2); }) ==
        (folder / "a.txt").string() + ": has 3 bytes, at most 2 are read");
  CHECK(message_of([&] { read_file(folder.path(), 2); }) ==
        folder.path().string() + ": not a regular file");
  std::filesystem::create_directory(folder / "device");
  std::filesystem::create_symlink("/dev/null", folder / "null");
  for (const char* name : {"device", "null"}) {
    const std::string refused =
        (folder / name).string() + ": cannot be replaced: not a regular file";
    CHECK(message_of([&] { write_file_atomically(folder / name, "x"); }) == refused);
    CHECK(message_of([&] { const Hdf5Writer writer(folder / name); }) == refused);
    CHECK_FALSE(std::filesystem::is_regular_file(folder / name));
  }
  if (std::filesystem::exists("/dev/full")) {
    std::filesystem::create_symlink("/dev/full", folder / "full.partial");
    CHECK(message_of([&] { write_file_atomically(folder / "full", "x"); }) ==
          (folder / "full").string() + ": cannot be written: No space left on device");
    CHECK_FALSE(std::filesystem::exists(folder / "full"));
  }
}
