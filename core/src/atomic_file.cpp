#include "neurojoule/core/atomic_file.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

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

/// Writes all of `content`; returns 0 or errno.
int write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(descriptor) == 0 ? 0 : errno;
}

}  // namespace

void write_file_atomically(const std::filesystem::path& file, std::string_view content) {
  const std::string aside = file.string() + ".partial";
  const int descriptor = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(file, "cannot be created", errno);
  int code = write_all(descriptor, content);
  if (::close(descriptor) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(aside.c_str(), file.c_str()) != 0) code = errno;
  if (code != 0) {
    ::unlink(aside.c_str());
    fail(file, "cannot be written", code);
  }
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
