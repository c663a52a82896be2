#include "neurojoule/datasets/idx.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>

#include <fmt/format.h>
#include <zlib.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;

/// A plain or gzip-compressed file as a stream of bytes.
class ByteStream {
 public:
  explicit ByteStream(const std::filesystem::path& file)
      : name_(file.string()), file_(gzopen(name_.c_str(), "rb")) {
    if (!file_ || std::filesystem::is_directory(file)) {
      throw Error(ErrorKind::io, "cannot be opened", {.file = name_});
    }
  }

  /// Reads up to `out.size()` bytes; less only at the end of the data.
  std::size_t read(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto wanted = static_cast<unsigned>(std::min(out.size() - done, block_bytes));
      const int got = gzread(file_.get(), out.data() + done, wanted);
      if (got < 0) fail(ErrorKind::format, "broken gzip data");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
      offset_ += static_cast<std::uint64_t>(got);
    }
    return done;
  }

  [[noreturn]] void fail(ErrorKind kind, const std::string& message) const {
    throw Error(kind, message, {.file = name_, .byte_offset = offset_});
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };
  std::string name_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::uint64_t offset_ = 0;
};

std::uint32_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes.first(4)) value = (value << 8) | byte;
  return value;
}

struct IdxContent {
  std::vector<std::uint32_t> sizes;
  std::vector<std::uint8_t> values;
};

/// Reads header and body of an unsigned-byte IDX file of the given rank.
IdxContent read_idx(const std::filesystem::path& file, std::uint32_t rank) {
  ByteStream stream(file);
  std::vector<std::uint8_t> header(4 + std::size_t{4} * rank);
  if (stream.read(std::span(header).first(4)) < 4) {
    stream.fail(ErrorKind::format, "truncated: no IDX magic number");
  }
  const std::uint32_t magic = big_endian(header);
  if (magic != 0x0800 + rank) {
    throw Error(ErrorKind::format,
                fmt::format("expected the magic number {:#010x} (unsigned bytes, {} dimensions), "
                            "got {:#010x}",
                            0x0800 + rank, rank, magic),
                {.file = file.string(), .byte_offset = 0});
  }
  const std::size_t rest = header.size() - 4;
  if (stream.read(std::span(header).last(rest)) < rest) {
    stream.fail(ErrorKind::format, "truncated in the header");
  }
  IdxContent content;
  std::uint64_t bytes = 1;
  for (std::uint32_t i = 0; i < rank; ++i) {
    const std::uint32_t size = big_endian(std::span(header).subspan(4 + std::size_t{4} * i));
    if (size != 0 && bytes > max_idx_bytes / size) {
      throw Error(ErrorKind::capacity,
                  fmt::format("the header announces more than {} bytes", max_idx_bytes),
                  {.file = file.string(), .byte_offset = 4 + std::uint64_t{4} * i});
    }
    bytes *= size;
    content.sizes.push_back(size);
  }
  // Memory grows with the data that is really there, not with what the header announces.
  while (content.values.size() < bytes) {
    const std::size_t had = content.values.size();
    const std::size_t wanted = std::min<std::uint64_t>(bytes - had, std::max(had, block_bytes));
    content.values.resize(had + wanted);
    const std::size_t got = stream.read(std::span(content.values).subspan(had));
    if (got < wanted) {
      stream.fail(ErrorKind::format,
                  fmt::format("truncated: {} values announced, {} found", bytes, had + got));
    }
  }
  std::array<std::uint8_t, 1> more{};
  if (stream.read(more) != 0) {
    throw Error(ErrorKind::format, "trailing bytes after the last value",
                {.file = file.string(), .byte_offset = header.size() + bytes});
  }
  return content;
}

}  // namespace

IdxImages read_idx_images(const std::filesystem::path& file) {
  IdxContent content = read_idx(file, 3);
  return {content.sizes[0], content.sizes[1], content.sizes[2], std::move(content.values)};
}

std::vector<std::uint8_t> read_idx_labels(const std::filesystem::path& file) {
  return read_idx(file, 1).values;
}

}  // namespace nj
