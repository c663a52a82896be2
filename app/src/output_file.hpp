#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nj {

// What is asked of the name of a file before it is written. Throws: Error(config).

/// It has the extension of what it will be: `what`, e.g. `a model file`.
void require_extension(const std::filesystem::path& file, std::string_view what,
                       const std::string& extension);

/// It is not a file that is read, nor inside a folder that is.
void require_apart(const std::filesystem::path& file, const std::filesystem::path& input);

}  // namespace nj
