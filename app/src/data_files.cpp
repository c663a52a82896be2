#include "neurojoule/app/data_files.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> data_folders(DataKind kind) {
  const char* const leaf = kind == DataKind::chip ? "chips" : "tables";
  std::vector<fs::path> folders;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here sets the environment
  if (const char* data = std::getenv("NEUROJOULE_DATA"); data != nullptr) {
    folders.push_back(fs::path(data) / leaf);
  }
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  if (!code) {
    folders.push_back(program.parent_path().parent_path() / "share" / "neurojoule" / leaf);
  }
  folders.push_back(fs::path(NJ_SOURCE_DIR) / (kind == DataKind::chip ? "hardware" : "energy") /
                    leaf);
  return folders;
}

}  // namespace

std::string_view version() { return NJ_VERSION; }

std::vector<std::string> shipped_names(DataKind kind) {
  std::vector<std::string> names;
  for (const fs::path& folder : data_folders(kind)) {
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
      if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

fs::path find_chip(const std::string& name, const fs::path& directory) {
  return find_data_file(DataKind::chip, name, directory);
}

fs::path find_price_table(const std::string& name, const fs::path& directory) {
  return find_data_file(DataKind::price_table, name, directory);
}

fs::path find_data_file(DataKind kind, std::string_view name, const fs::path& directory) {
  if (name.find('/') != std::string_view::npos || name.ends_with(".yaml")) {
    return directory / fs::path(name);
  }
  for (const fs::path& folder : data_folders(kind)) {
    fs::path file = folder / fmt::format("{}.yaml", name);
    std::error_code code;
    if (fs::is_regular_file(file, code)) return file;
  }
  const std::vector<std::string> names = shipped_names(kind);
  const auto nearest = did_you_mean(name, names);
  throw Error(ErrorKind::config,
              fmt::format("no shipped {} is named '{}'{}; shipped are {}; a path holds a '/' or "
                          "ends in .yaml",
                          kind == DataKind::chip ? "chip" : "price table", name,
                          nearest ? fmt::format(", did you mean '{}'?", *nearest) : "",
                          fmt::join(names, ", ")));
}

}  // namespace nj
