#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/error.hpp>
#include <neurojoule/search/result_store.hpp>

#include "support/thrown.hpp"

using namespace nj;

namespace {

constexpr std::uint64_t megabyte = 1 << 20;

/// A store of three records: {1, 2} given up and then measured, {300, 0} measured.
std::string three_records(const std::filesystem::path& file) {
  ResultStore store(file, "c0ffee", 2, 2);
  store.append(std::vector<Candidate>{{1, 2}},
               std::vector<Evaluation>{{{0.1, 1.0 / 3.0}, 0.0, false}});
  store.append(std::vector<Candidate>{{1, 2}, {300, 0}},
               std::vector<Evaluation>{{{0.3, 1.0 / 3.0}, 0.0, true}, {{-1e-300, 7.0}, 0.7, true}});
  return read_file(file, megabyte);
}

std::string opening(const std::filesystem::path& file, const std::string& fingerprint = "c0ffee",
                    std::size_t variables = 2, std::size_t objectives = 2) {
  return testing::message_of([&] { ResultStore(file, fingerprint, variables, objectives); });
}

}  // namespace

TEST_CASE("what was recorded is found again, to the last bit") {
  const testing::TemporaryFolder folder;
  three_records(folder / "s");
  const ResultStore store(folder / "s", "c0ffee", 2, 2);
  CHECK(store.size() == 3);
  const auto first = store.find({1, 2});
  REQUIRE(first.size() == 2);
  CHECK(first[0] == Evaluation{{0.1, 1.0 / 3.0}, 0.0, false});
  CHECK(first[1] == Evaluation{{0.3, 1.0 / 3.0}, 0.0, true});
  REQUIRE(store.find({300, 0}).size() == 1);
  CHECK(store.find({300, 0})[0] == Evaluation{{-1e-300, 7.0}, 0.7, true});
  CHECK(store.find({0, 0}).empty());
}

TEST_CASE("cut at any byte, a store keeps its whole lines and goes on from there") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "s";
  const std::string whole = three_records(file);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_file_atomically(file, whole.substr(0, length));
    std::size_t lines = 0;
    for (std::size_t i = 0; i < length; ++i) lines += whole[i] == '\n' ? 1 : 0;
    {
      ResultStore store(file, "c0ffee", 2, 2);
      CHECK(store.size() == (lines == 0 ? 0 : lines - 1));
      // What is lost is measured again; the file ends as if nothing had happened.
      if (lines <= 1) {
        store.append(std::vector<Candidate>{{1, 2}},
                     std::vector<Evaluation>{{{0.1, 1.0 / 3.0}, 0.0, false}});
      }
      if (lines <= 2) {
        store.append(std::vector<Candidate>{{1, 2}},
                     std::vector<Evaluation>{{{0.3, 1.0 / 3.0}, 0.0, true}});
      }
      store.append(std::vector<Candidate>{{300, 0}},
                   std::vector<Evaluation>{{{-1e-300, 7.0}, 0.7, true}});
    }
    CHECK(read_file(file, megabyte) == whole);
  }
}

TEST_CASE("a cut line that is longer than the next record leaves nothing behind") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "s";
  const std::string whole = three_records(file);
  const std::size_t last_record = whole.rfind('\n', whole.size() - 2) + 1;
  write_file_atomically(file, whole.substr(0, last_record) + std::string(500, 'x'));
  {
    ResultStore store(file, "c0ffee", 2, 2);
    store.append(std::vector<Candidate>{{300, 0}},
                 std::vector<Evaluation>{{{-1e-300, 7.0}, 0.7, true}});
  }
  CHECK(read_file(file, megabyte) == whole);
}

TEST_CASE("a damaged line is refused with its place, wherever the damage is") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "s";
  const std::string whole = three_records(file);
  const std::size_t first_record = whole.find('\n') + 1;
  std::size_t line = 2;
  for (std::size_t i = first_record; i + 1 < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write_file_atomically(file, damaged);
    const std::string place = file.string() + ":" + std::to_string(line) + ": ";
    if (opening(file) != place + "damaged record") FAIL("byte ", i, ": ", opening(file));
    if (whole[i] == '\n') ++line;
  }
}

TEST_CASE("results of another search are refused") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "s";
  three_records(file);
  const std::string place = file.string() + ":1: these are results of another search ";
  CHECK(opening(file, "bad") == place + "('c0ffee 2 2', here 'bad 2 2')");
  CHECK(opening(file, "c0ffee", 3) == place + "('c0ffee 2 2', here 'c0ffee 3 2')");
  CHECK(opening(file, "c0ffee", 2, 3) == place + "('c0ffee 2 2', here 'c0ffee 2 3')");
  CHECK(opening(file) == "nothing thrown");
}

TEST_CASE("other files are refused and left alone") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "notes.txt";
  for (const char* text : {"my notes", "my notes\nmore\n"}) {
    write_file_atomically(file, text);
    CHECK(opening(file) == file.string() + ":1: this is no file of search results");
    CHECK(read_file(file, megabyte) == text);
  }
  CHECK(testing::thrown([&] { ResultStore(folder.path(), "c0ffee", 2, 2); })->kind() ==
        ErrorKind::io);
  CHECK(opening(folder / "s", "") ==
        (folder / "s").string() + ": the fingerprint '' is not 1..256 hexadecimal digits");
  CHECK_FALSE(std::filesystem::exists(folder / "s"));
}

TEST_CASE("two searches do not share a store") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "s";
  {
    const ResultStore store(file, "c0ffee", 2, 2);
    CHECK(opening(file).starts_with(file.string() + ": is in use by another search"));
  }
  CHECK(opening(file) == "nothing thrown");
}
