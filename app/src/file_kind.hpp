#pragma once

#include <filesystem>

namespace nj {

/// What a YAML file of a user is; a lone `model:` block counts as a scenario.
enum class FileKind { scenario, search, layers, chip, price_table };

/// Tells it by keys that only its kind has. Throws: Error(config) when there is none of them; as
/// YamlDocument::load.
FileKind file_kind(const std::filesystem::path& file);

}  // namespace nj
