#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace nj {

/// Writes a whole text or binary file aside, flushes it and renames it into place.
/// Throws: Error(io) with the path; then no partial file is left.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);

/// Reads a whole file. Throws: Error(io) when unreadable, Error(capacity) above `max_bytes`.
std::string read_file(const std::filesystem::path& file, std::uint64_t max_bytes);

}  // namespace nj
