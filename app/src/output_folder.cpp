#include "output_folder.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& folder, const std::string& why) {
  throw Error(ErrorKind::io, why, {.file = folder.string()});
}

int open_folder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (!code && !fs::is_directory(folder, code)) {
    code = std::make_error_code(std::errc::not_a_directory);
  }
  if (code) refuse(folder, fmt::format("cannot be created as a folder: {}", code.message()));
  return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

OutputFolder::OutputFolder(fs::path path)
    : path_(std::move(path)), descriptor_(open_folder(path_)) {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    refuse(path_, "another neurojoule writes there");
  }
  const fs::path probe = path_ / ".writable";
  write_file_atomically(probe, "");
  std::error_code ignored;
  fs::remove(probe, ignored);
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFolder::~OutputFolder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace nj
