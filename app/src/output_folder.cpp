#include "output_folder.hpp"

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

namespace nj {

void require_writable(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  std::error_code code;
  fs::create_directories(directory, code);
  if (code || !fs::is_directory(directory, code)) {
    throw Error(ErrorKind::io, "cannot be created as a folder", {.file = directory.string()});
  }
  const fs::path probe = directory / ".writable";
  write_file_atomically(probe, "");
  fs::remove(probe, code);
}

}  // namespace nj
