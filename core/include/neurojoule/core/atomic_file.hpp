#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace nj {

/// Renaming would replace a device or the like by a file.
/// Throws: Error(io) when `file` exists and is no regular file.
void require_replaceable(const std::filesystem::path& file);

/// A file that is written aside, piece by piece, and appears whole with `commit`; without that,
/// nothing is left of it.
class AtomicFile {
 public:
  /// Throws: Error(io) with the path.
  explicit AtomicFile(std::filesystem::path file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws: Error(io) with the path.
  void write(std::string_view content);
  /// Flushes the file and renames it into place; nothing can be written after it.
  /// Throws: Error(io) with the path.
  void commit();

 private:
  std::filesystem::path file_;
  std::string aside_;
  int descriptor_ = -1;
  bool whole_ = false;
};

/// Writes a whole text or binary file aside, flushes it and renames it into place.
/// Throws: Error(io) with the path; then no partial file is left.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);

/// Reads a whole file. Throws: Error(io) when unreadable, Error(capacity) above `max_bytes`.
std::string read_file(const std::filesystem::path& file, std::uint64_t max_bytes);

}  // namespace nj
