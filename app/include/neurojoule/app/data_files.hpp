#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nj {

/// What ships with the program as YAML files that users name without a path.
enum class DataKind { chip, price_table };

/// The file that a scenario means: a path (relative to `directory`) when it holds a `/` or ends in
/// `.yaml`, else the shipped file of that name.
///
/// Shipped files are looked for in $NEUROJOULE_DATA, beside the installed program
/// (`../share/neurojoule`) and in the source tree, in this order.
/// Throws: Error(config) listing the shipped names when there is none of that name.
std::filesystem::path find_data_file(DataKind kind, std::string_view name,
                                     const std::filesystem::path& directory);

/// The file that a chip is: find_data_file of chips, as `load_chip` asks for bases.
std::filesystem::path find_chip(const std::string& name, const std::filesystem::path& directory);

/// The file that a price table is, as `load_price_table` asks for bases.
std::filesystem::path find_price_table(const std::string& name,
                                       const std::filesystem::path& directory);

/// Names of all shipped files of a kind, sorted.
std::vector<std::string> shipped_names(DataKind kind);

/// The program's version, e.g. `0.1.0`.
std::string_view version();

}  // namespace nj
