#pragma once

#include <filesystem>

namespace nj {

/// Creates the folder and proves that files can be written there, before any work is done.
/// Throws: Error(io).
void require_writable(const std::filesystem::path& directory);

}  // namespace nj
