#include "neurojoule/core/base_files.hpp"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// The same for all ways to name a file; the path itself where there is no such file.
fs::path identity(const fs::path& path) {
  std::error_code code;
  fs::path canonical = fs::weakly_canonical(path, code);
  return code ? path : canonical;
}

YamlDocument load(const YamlNode& base, const fs::path& path) {
  try {
    return YamlDocument::load(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    throw base.error(fmt::format("{}: {}", path.string(), error.message()), ErrorKind::io);
  }
}

}  // namespace

void BaseFiles::for_each(const YamlNode& root, const fs::path& file, const See& see) {
  const auto base = root.find("base");
  if (!base) return;
  open_.push_back(identity(file));
  for (const YamlNode& one : base->one_or_more()) {
    const fs::path path = open(one, file.parent_path());
    see(one, load(one, path), path);
  }
  open_.pop_back();
}

/// Where a base is, unless that would not end.
fs::path BaseFiles::open(const YamlNode& base, const fs::path& directory) {
  fs::path path;
  try {
    path = find_(base.text(), directory);
  } catch (const Error& error) {
    if (error.location().line) throw;
    throw base.error(error.message(), error.kind());
  }
  if (++bases_ > most) {
    throw base.error(fmt::format("more than {} {} build on each other", most, files_));
  }
  const fs::path canonical = identity(path);
  const auto first = std::find(open_.begin(), open_.end(), canonical);
  if (first == open_.end()) return path;
  std::string text;
  for (auto file = first; file != open_.end(); ++file) text += file->filename().string() + " -> ";
  throw base.error(fmt::format("{} that build on themselves: {}{}", files_, text,
                               canonical.filename().string()));
}

}  // namespace nj
