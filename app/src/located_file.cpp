#include "located_file.hpp"

#include <system_error>

#include <fmt/format.h>

#include "file_kind.hpp"

namespace nj {
namespace {

/// A file whose kind cannot be told may be a part of one, and is left to its reader.
void require_kind(DataKind kind, const std::filesystem::path& file, const Location& location) {
  const FileKind wanted = kind == DataKind::chip ? FileKind::chip : FileKind::price_table;
  const auto is = known_file_kind(YamlDocument::load(file).root());
  if (!is || *is == wanted) return;
  throw Error(ErrorKind::config,
              fmt::format("{} is {}, not {}", file.string(), to_string(*is), to_string(wanted)),
              location);
}

}  // namespace

std::filesystem::path located_data_file(DataKind kind, const std::string& name,
                                        const Location& location,
                                        const std::filesystem::path& directory) {
  std::filesystem::path file;
  try {
    file = find_data_file(kind, name, directory);
  } catch (const Error& error) {
    throw Error(error.kind(), error.message(), location);
  }
  located_file(file, location);
  require_kind(kind, file, location);
  return file;
}

std::filesystem::path located_file(const std::filesystem::path& file, const Location& location) {
  std::error_code code;
  if (!std::filesystem::exists(file, code)) {
    throw Error(ErrorKind::io, fmt::format("{}: no such file", file.string()), location);
  }
  return file;
}

}  // namespace nj
