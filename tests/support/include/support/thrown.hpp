#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <neurojoule/core/error.hpp>

namespace nj::testing {

/// The Error that `action` throws, or nullopt when it throws none.
template <class Action>
std::optional<Error> thrown(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

/// What the Error thrown by `action` prints, or "nothing thrown".
template <class Action>
std::string message_of(Action&& action) {
  const auto error = thrown(action);
  return error ? error->what() : "nothing thrown";
}

/// An empty folder of its own, removed at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "neurojoule-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace nj::testing
