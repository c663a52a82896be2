#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "neurojoule/core/yaml.hpp"

namespace nj {

/// What a YAML file of a user is; a lone `model:` block counts as a scenario.
enum class FileKind { scenario, search, layers, chip, price_table };

/// `a scenario`, ...
std::string_view to_string(FileKind kind);

/// Tells it by keys that only its kind has. Throws: Error(config) when there are no keys.
std::optional<FileKind> known_file_kind(const YamlNode& root);

/// The same of a file. Throws: Error(config) when it is of no kind; as YamlDocument::load.
FileKind file_kind(const std::filesystem::path& file);

}  // namespace nj
