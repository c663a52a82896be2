#pragma once

#include <filesystem>

namespace nj {

/// A folder for results, kept from other processes as long as this lives (where the file system
/// has locks).
class OutputFolder {
 public:
  /// Creates the folder and proves that files can be written there, before any work is done.
  /// Throws: Error(io), also when another process has it.
  explicit OutputFolder(std::filesystem::path path);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace nj
