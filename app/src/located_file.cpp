#include "located_file.hpp"

#include <system_error>

#include <fmt/format.h>

namespace nj {

std::filesystem::path located_data_file(DataKind kind, const std::string& name,
                                        const Location& location,
                                        const std::filesystem::path& directory) {
  std::filesystem::path file;
  try {
    file = find_data_file(kind, name, directory);
  } catch (const Error& error) {
    throw Error(error.kind(), error.message(), location);
  }
  return located_file(file, location);
}

std::filesystem::path located_file(const std::filesystem::path& file, const Location& location) {
  std::error_code code;
  if (!std::filesystem::exists(file, code)) {
    throw Error(ErrorKind::io, fmt::format("{}: no such file", file.string()), location);
  }
  return file;
}

}  // namespace nj
