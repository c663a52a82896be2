#include "output_file.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// The same for all ways to name a file, whether or not it is there.
fs::path real_path(const fs::path& path) {
  std::error_code code;
  const fs::path real = fs::weakly_canonical(fs::absolute(path), code);
  return code ? path : real;
}

}  // namespace

void require_extension(const fs::path& file, std::string_view what, const std::string& extension) {
  if (file.extension() == extension) return;
  throw Error(ErrorKind::config, fmt::format("expected {} ({})", what, extension),
              {.file = file.string()});
}

void require_apart(const fs::path& file, const fs::path& input) {
  const fs::path written = real_path(file);
  const fs::path read = real_path(input);
  if (std::mismatch(read.begin(), read.end(), written.begin(), written.end()).first != read.end()) {
    return;
  }
  throw Error(ErrorKind::config,
              written == read ? "is read, and would be lost"
                              : fmt::format("is in {}, which is read", input.string()),
              {.file = file.string()});
}

}  // namespace nj
