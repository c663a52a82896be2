// Question: does the reader take exactly well-formed files, and say where a hostile one is wrong
// before it takes memory?
#include "neurojoule/models/safetensors.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

namespace {

using namespace nj;

/// A file in the system's temporary folder that goes away with its owner.
class TemporaryFile {
 public:
  TemporaryFile()
      : path_(std::filesystem::temp_directory_path() /
              ("nj_safetensors_" + std::to_string(::getpid()) + ".safetensors")) {}
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  return content + rest;
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return with_length(header.size(), header + std::string(data_bytes, '\0'));
}

/// The error of reading this content; fails the test when there is none.
Error error_of(const std::string& content) {
  const TemporaryFile file;
  write_file_atomically(file.path(), content);
  try {
    read_safetensors(file.path());
  } catch (const Error& error) {
    CHECK(error.location().file == file.path().string());
    CHECK(error.location().byte_offset.has_value());
    return error;
  }
  FAIL("no error");
  return {ErrorKind::io, ""};
}

void check_refused(const std::string& content, ErrorKind kind, const std::string& part,
                   const std::string& tensor = "") {
  const Error error = error_of(content);
  CAPTURE(std::string(error.what()));
  CHECK(error.kind() == kind);
  CHECK(error.location().key == tensor);
  CHECK(error.message().find(part) != std::string::npos);
}

const std::string good_header =
    R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1,1],)"
    R"("data_offsets":[8,12]}})";

TEST_CASE("what was written is read back, equal bytes for equal content") {
  const TemporaryFile file;
  const std::map<std::string, Tensor> tensors{{"b.weight", {{2, 1, 3}, {1, 2, 3, 4, 5, -6.5F}, 0}},
                                              {"a", {{}, {7}, 0}},
                                              {"none", {{0, 4}, {}, 0}}};
  write_safetensors(file.path(), tensors, {{"format", "nj"}});
  const std::string first = read_file(file.path(), 4096);
  const SafetensorsFile back = read_safetensors(file.path());
  REQUIRE(back.tensors.size() == 3);
  for (const auto& [name, tensor] : tensors) {
    CHECK(back.tensors.at(name).shape == tensor.shape);
    CHECK(back.tensors.at(name).values == tensor.values);
  }
  CHECK(back.metadata.at("format") == "nj");
  write_safetensors(file.path(), tensors, {{"format", "nj"}});
  CHECK(read_file(file.path(), 4096) == first);
}

TEST_CASE("writer refuses what it could not read back") {
  const TemporaryFile file;
  CHECK_THROWS_AS(write_safetensors(file.path(), {{"a", {{3}, {1, 2}, 0}}}), Error);
  CHECK_THROWS_AS(write_safetensors(file.path(), {{"a", {{1}, {INFINITY}, 0}}}), Error);
  CHECK(!std::filesystem::exists(file.path()));
}

TEST_CASE("a file cut at any byte is refused") {
  const std::string content = file_of(good_header, 12);
  for (std::size_t length = 0; length < content.size(); ++length) {
    CAPTURE(length);
    CHECK(error_of(content.substr(0, length)).kind() == ErrorKind::format);
  }
  const TemporaryFile file;
  write_file_atomically(file.path(), content);
  CHECK(read_safetensors(file.path()).tensors.size() == 2);
}

TEST_CASE("absurd header lengths") {
  for (const std::uint64_t length :
       {std::uint64_t{1} << 60, ~std::uint64_t{0}, max_safetensors_header_bytes + 1}) {
    check_refused(with_length(length, good_header), ErrorKind::capacity, "over the limit");
  }
  check_refused(with_length(200, good_header), ErrorKind::format, "does not fit the file");
  check_refused(with_length(0, ""), ErrorKind::format, "not JSON");
}

TEST_CASE("absurd or wrong shapes and offsets, with the tensor's name") {
  const auto one = [](const std::string& shape, const std::string& offsets,
                      const std::string& dtype = "F32") {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  const auto refused = [&](const std::string& header, ErrorKind kind, const std::string& part) {
    check_refused(file_of(header, 8), kind, part, "w");
  };
  refused(one("[2]", "[0,16]"), ErrorKind::format, "reach past the end");
  refused(one("[3]", "[0,8]"), ErrorKind::format, "shape [3] does not match its 8 bytes");
  // 2^60 * 2^60 * 4 wraps around 64 bits.
  refused(one("[1152921504606846976,1152921504606846976]", "[0,8]"), ErrorKind::format,
          "does not match");
  refused(one("[4611686018427387906]", "[0,8]"), ErrorKind::format, "does not match");
  refused(one("[2]", "[8,0]"), ErrorKind::format, "[begin, end]");
  refused(one("[2]", "[0]"), ErrorKind::format, "[begin, end]");
  refused(one("[-2]", "[0,8]"), ErrorKind::format, "non-negative integers");
  refused(one("[2.0]", "[0,8]"), ErrorKind::format, "non-negative integers");
  refused(one("2", "[0,8]"), ErrorKind::format, "shape must be a list");
  refused(one("[1]", "[4,8]"), ErrorKind::format, "data begin at 4");
  refused(one("[2]", "[0,8]", "I32"), ErrorKind::unsupported,
          "expected dtype F32, F16, BF16, F64 or I64, got I32");
  // The same 8 bytes are four half-precision values, or one of double precision.
  refused(one("[2]", "[0,8]", "F16"), ErrorKind::format, "shape [2] does not match its 8 bytes");
  refused(one("[2]", "[0,8]", "F64"), ErrorKind::format, "shape [2] does not match its 8 bytes");
  refused(one("[2305843009213693953]", "[0,8]", "I64"), ErrorKind::format, "does not match");
  refused(R"({"w":[1]})", ErrorKind::format, "must be an object");
  refused(R"({"w":{"shape":[2],"data_offsets":[0,8]}})", ErrorKind::format, "dtype");
  refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", ErrorKind::format,
          "unknown header field 'x'");
}

TEST_CASE("overlaps, gaps, left-over bytes, duplicates, nesting") {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + a +
           R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + b + "}}";
  };
  check_refused(file_of(two("[0,8]", "[4,12]"), 12), ErrorKind::format, "before ends at 8", "b");
  check_refused(file_of(two("[0,8]", "[0,8]"), 8), ErrorKind::format, "before ends at 8", "b");
  check_refused(file_of(two("[0,8]", "[12,20]"), 20), ErrorKind::format, "before ends at 8", "b");
  check_refused(file_of(two("[0,8]", "[8,16]"), 20), ErrorKind::format, "4 bytes belong to no");
  check_refused(file_of(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
                        R"("a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
                        0),
                ErrorKind::format, "duplicate name", "a");
  check_refused(file_of(std::string(100000, '['), 0), ErrorKind::format, "nested too deep");
  check_refused(file_of("[]", 0), ErrorKind::format, "must be a JSON object");
  check_refused(file_of(R"({"a":1e999})", 0), ErrorKind::format, "out of range");
  check_refused(file_of("{\"\xff\":1}", 0), ErrorKind::format, "not JSON");
  check_refused(file_of(R"({"__metadata__":{"x":1}})", 0), ErrorKind::format, "map of texts",
                "__metadata__");
}

TEST_CASE("values that are not finite: tensor, element and byte") {
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    std::string content = file_of(good_header, 12);
    std::memcpy(content.data() + content.size() - 8, &bad, 4);  // a[1]
    const Error error = error_of(content);
    CHECK(error.kind() == ErrorKind::numeric);
    CHECK(error.location().key == "a");
    CHECK(error.location().byte_offset == 8 + good_header.size() + 4);
    CHECK(error.message().find("element 1 is") != std::string::npos);
  }
}

/// A file with one tensor of these bytes.
template <class T>
std::string file_with(const std::string& dtype, const std::vector<T>& values) {
  const std::size_t bytes = values.size() * sizeof(T);
  const std::string header = R"({"w":{"dtype":")" + dtype + R"(","shape":[)" +
                             std::to_string(values.size()) + R"(],"data_offsets":[0,)" +
                             std::to_string(bytes) + "]}}";
  std::string content = file_of(header, bytes);
  std::memcpy(content.data() + content.size() - bytes, values.data(), bytes);
  return content;
}

SafetensorsFile read_content(const std::string& content) {
  const TemporaryFile file;
  write_file_atomically(file.path(), content);
  return read_safetensors(file.path());
}

TEST_CASE("half, bfloat and double precision, and integers") {
  // Half: 1.0 = 0x3C00, -2.5 = 0xC100, largest 65504 = 0x7BFF, least 2^-24 = 0x0001, largest
  // without leading one 1023 * 2^-24 = 0x03FF, -0 = 0x8000.
  const auto half = read_content(
      file_with<std::uint16_t>("F16", {0x3C00, 0xC100, 0x7BFF, 0x0001, 0x03FF, 0x8000}));
  CHECK(half.tensors.at("w").values ==
        std::vector<float>{1.0F, -2.5F, 65504.0F, 0x1p-24F, 1023 * 0x1p-24F, 0.0F});
  CHECK(std::signbit(half.tensors.at("w").values[5]));
  // bfloat: the upper halves of 1.0, -2.5 and 2^-133 (0x00010000).
  const auto bfloat = read_content(file_with<std::uint16_t>("BF16", {0x3F80, 0xC020, 0x0001}));
  CHECK(bfloat.tensors.at("w").values == std::vector<float>{1.0F, -2.5F, 0x1p-133F});
  // Double: to the nearest float32, ties to even: 1 + 2^-24 is 1, 1 + 3 * 2^-24 is 1 + 2^-22.
  const auto wide = read_content(file_with<double>("F64", {0.1, 1 + 0x1p-24, 1 + 3 * 0x1p-24}));
  CHECK(wide.tensors.at("w").values == std::vector<float>{0.1F, 1.0F, 1 + 0x1p-22F});
  const auto integers = read_content(file_with<std::int64_t>("I64", {-1, std::int64_t{1} << 60}));
  CHECK(integers.tensors.empty());
  CHECK(integers.integers.at("w").shape == std::vector<std::uint64_t>{2});
  CHECK(integers.integers.at("w").values == std::vector<std::int64_t>{-1, std::int64_t{1} << 60});
}

TEST_CASE("values of other precisions that are not finite as float32") {
  check_refused(file_with<std::uint16_t>("F16", {0, 0x7C00}), ErrorKind::numeric,
                "element 1 is inf", "w");
  check_refused(file_with<std::uint16_t>("F16", {0x7C01}), ErrorKind::numeric, "element 0 is", "w");
  check_refused(file_with<std::uint16_t>("BF16", {0xFF80}), ErrorKind::numeric, "element 0 is -inf",
                "w");
  check_refused(file_with<double>("F64", {0, 1e39}), ErrorKind::numeric,
                "element 1 is beyond float32", "w");
  check_refused(file_with<double>("F64", {0, NAN}), ErrorKind::numeric, "element 1 is nan", "w");
  const Error error = error_of(file_with<double>("F64", {0, INFINITY}));
  const std::string header = R"({"w":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})";
  CHECK(error.location().byte_offset == 8 + header.size() + 8);
}

TEST_CASE("a pickle is called one, a header length that begins like one is not") {
  for (const std::string start : {"PK\x03\x04", "\x80\x02\x8a\x0a\x6c\xfc", "\x80\x04\x95\x10"}) {
    check_refused(start + std::string(64, '\0'), ErrorKind::format, "a Python pickle");
  }
  // 640 = 0x280: the file begins with the bytes 80 02.
  std::string header = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  header.resize(640, ' ');
  CHECK(read_content(file_of(header, 4)).tensors.at("w").values == std::vector<float>{0.0F});
}

TEST_CASE("missing file") { CHECK_THROWS_AS(read_safetensors("no/such/file.safetensors"), Error); }

}  // namespace
