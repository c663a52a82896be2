#include "file_kind.hpp"

#include "neurojoule/core/yaml.hpp"

namespace nj {

FileKind file_kind(const std::filesystem::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  const YamlNode root = document.root();
  if (root.has("entries")) return FileKind::price_table;
  if (root.has("topology") || root.has("schedule") || root.has("base")) return FileKind::chip;
  if (root.has("search")) return FileKind::search;
  if (root.has("model") || root.has("scenarios")) return FileKind::scenario;
  if (root.has("layers")) return FileKind::layers;
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
