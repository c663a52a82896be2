#include "neurojoule/core/atomic_file.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view what, int code) {
  throw Error(ErrorKind::io, fmt::format("{}: {}", what, std::generic_category().message(code)),
              {.file = file.string()});
}

}  // namespace

void require_replaceable(const std::filesystem::path& file) {
  std::error_code code;
  const auto status = std::filesystem::status(file, code);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(ErrorKind::io, "cannot be replaced: not a regular file", {.file = file.string()});
  }
}

namespace {

int open_aside(const std::filesystem::path& file, const std::filesystem::path& aside) {
  require_replaceable(file);
  const int descriptor = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(file, "cannot be created", errno);
  return descriptor;
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path file)
    : file_(std::move(file)),
      aside_(file_.string() + ".partial"),
      descriptor_(open_aside(file_, aside_)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!whole_) ::unlink(aside_.c_str());
}

void AtomicFile::write(std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor_, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(file_, "cannot be written", errno);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  int code = ::fsync(descriptor_) == 0 ? 0 : errno;
  if (::close(std::exchange(descriptor_, -1)) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(aside_.c_str(), file_.c_str()) != 0) code = errno;
  if (code != 0) fail(file_, "cannot be written", code);
  whole_ = true;
}

void write_file_atomically(const std::filesystem::path& file, std::string_view content) {
  AtomicFile whole(file);
  whole.write(content);
  whole.commit();
}

std::string read_file(const std::filesystem::path& file, std::uint64_t max_bytes) {
  const Location location{.file = file.string()};
  std::error_code code;
  if (!std::filesystem::exists(file, code)) {
    throw Error(ErrorKind::io, "no such file", location);
  }
  if (!std::filesystem::is_regular_file(file, code)) {
    throw Error(ErrorKind::io, "not a regular file", location);
  }
  const std::uint64_t size = std::filesystem::file_size(file, code);
  if (code) throw Error(ErrorKind::io, code.message(), location);
  if (size > max_bytes) {
    throw Error(ErrorKind::capacity,
                fmt::format("has {} bytes, at most {} are read", size, max_bytes), location);
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(ErrorKind::io, "cannot be opened", location);
  std::string content(size, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(stream.gcount()) != size) {
    throw Error(ErrorKind::io, "changed while it was read", location);
  }
  return content;
}

}  // namespace nj
