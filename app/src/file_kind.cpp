#include "file_kind.hpp"

namespace nj {

std::string_view to_string(FileKind kind) {
  switch (kind) {
    case FileKind::scenario:
      return "a scenario";
    case FileKind::search:
      return "a search";
    case FileKind::layers:
      return "a list of layers";
    case FileKind::chip:
      return "a chip";
    case FileKind::price_table:
      return "a price table";
  }
  return "";
}

std::optional<FileKind> known_file_kind(const YamlNode& root) {
  if (!root.is_map()) {
    const bool holds_something = root.is_sequence() || root.is_scalar();
    throw root.error(holds_something ? "expected a map of keys" : "is empty");
  }
  if (root.has("entries")) return FileKind::price_table;
  if (root.has("topology") || root.has("schedule") || root.has("base")) return FileKind::chip;
  if (root.has("search")) return FileKind::search;
  if (root.has("model") || root.has("scenarios")) return FileKind::scenario;
  if (root.has("layers")) return FileKind::layers;
  return std::nullopt;
}

FileKind file_kind(const std::filesystem::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  const YamlNode root = document.root();
  if (const auto known = known_file_kind(root)) return *known;
  if (root.has("core_kinds")) {
    throw root.error("a part of a chip, which goes into the `base` of one that has a topology");
  }
  if (root.has("architecture") || root.has("mappings")) {
    throw root.error("a file of SANA-FE: `neurojoule sanafe CHIP NETWORK` runs it");
  }
  throw root.error(
      "neither a scenario (model, or scenarios), nor a list of layers (layers), nor a chip "
      "(topology, schedule or base), nor a price table (entries)");
}

}  // namespace nj
