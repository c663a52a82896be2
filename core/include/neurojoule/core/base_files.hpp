#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/yaml.hpp"

namespace nj {

/// The file that a `base:` means, in a file of that folder.
using BaseFinder = std::function<std::filesystem::path(const std::string& name,
                                                       const std::filesystem::path& directory)>;

/// YAML files that build on others: `base: FILE`, or a list of files.
class BaseFiles {
 public:
  static constexpr std::size_t most = 64;
  using See = std::function<void(const YamlNode& base, YamlDocument document,
                                 const std::filesystem::path& path)>;

  /// `files`: what errors call them, e.g. `chip files`. `find` is kept by reference.
  BaseFiles(const BaseFinder& find, std::string_view files) : find_(find), files_(files) {}

  /// Opens the bases of a file, in order, and shows each with the value that names it. To read the
  /// bases of a base, `see` calls this again.
  /// Throws: Error at the value, when a file builds on itself, cannot be found or read, or is one
  /// of more than `most` in all; as YamlDocument::load of what is in it.
  void for_each(const YamlNode& root, const std::filesystem::path& file, const See& see);

 private:
  std::filesystem::path open(const YamlNode& base, const std::filesystem::path& directory);

  const BaseFinder& find_;
  std::string files_;
  std::vector<std::filesystem::path> open_;  ///< those whose bases are being read
  std::size_t bases_ = 0;                    ///< read, or being read
};

}  // namespace nj
