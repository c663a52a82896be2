#pragma once

#include <filesystem>
#include <string>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/core/error.hpp"

namespace nj {

/// The file that a name at `location` means, which is there, and no file of another kind. Throws:
/// Error at the location; as YamlDocument::load.
std::filesystem::path located_data_file(DataKind kind, const std::string& name,
                                        const Location& location,
                                        const std::filesystem::path& directory);

/// The file at a path that was written at `location`. Throws: Error(io) there where there is none.
std::filesystem::path located_file(const std::filesystem::path& file, const Location& location);

}  // namespace nj
