#include "neurojoule/hardware/chip_file.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/base_files.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml_text.hpp"

#include "clock.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_core_kinds = 256;

/// What of a base goes into a file: a network only where the file has none of another kind, and its
/// tiles only where the file has none; of `synchronisation` not what excludes what the file has,
/// and of the hops of a grid neither an axis nor its directions where the file has the other.
class KeptOfBase {
 public:
  explicit KeptOfBase(const YamlNode& root) {
    if (const auto synchronisation = root.peek("synchronisation")) {
      barrier_ = !synchronisation->has("handshake");
      handshake_ = !synchronisation->has("barrier") && !synchronisation->has("tick");
    }
    const auto topology = root.peek("topology");
    if (!topology) return;
    tiles_ = !topology->has("tile") && !topology->has("tiles");
    leave_other_network(*topology, "topology");
    for (const char* part : {"chip", "between"}) {
      const auto network = topology->peek(part);
      if (network) leave_other_network(*network, fmt::format("topology.{}", part));
    }
  }

  bool operator()(std::string_view path) const {
    if (path == "topology.tile" || path == "topology.tiles") return tiles_;
    if (path == "synchronisation.handshake") return handshake_;
    if (path == "synchronisation.barrier" || path == "synchronisation.tick") return barrier_;
    return path != "base" && std::find(left_.begin(), left_.end(), path) == left_.end();
  }

 private:
  void leave_other_network(const YamlNode& network, const std::string& path) {
    constexpr std::array<std::array<const char*, 3>, 2> axes{
        {{"hop_east_west", "hop_east", "hop_west"}, {"hop_north_south", "hop_north", "hop_south"}}};
    if (network.has("kind")) left_.push_back(path);
    const auto leave = [&](const char* key) { left_.push_back(fmt::format("{}.{}", path, key)); };
    for (const auto& [axis, there, back] : axes) {
      if (network.has(there) || network.has(back)) leave(axis);
      if (!network.has(axis)) continue;
      leave(there);
      leave(back);
    }
  }

  bool tiles_ = true;
  bool barrier_ = true;
  bool handshake_ = true;
  std::vector<std::string> left_;  ///< out, with all below
};

void put_on(YamlDocument& document, const YamlDocument& below) {
  const YamlNode root = document.root();
  document.inherit(root, below.root(), KeptOfBase(root));
}

void fill_in_bases(YamlDocument& document, const fs::path& file, BaseFiles& bases) {
  std::optional<YamlDocument> below;
  bases.for_each(document.root(), file,
                 [&](const YamlNode&, YamlDocument next, const fs::path& path) {
                   fill_in_bases(next, path, bases);
                   if (below) put_on(next, *below);
                   below = std::move(next);
                 });
  if (below) put_on(document, *below);
}

/// Fills in `like:` of core kinds, the kinds that others are like first.
class KindFiller {
 public:
  KindFiller(YamlDocument& document, const YamlNode& kinds) : document_(document), kinds_(kinds) {}

  void run() {
    const auto entries = kinds_.entries();
    if (entries.size() > max_core_kinds) {
      throw kinds_.error(
          fmt::format("expected at most {} core kinds, got {}", max_core_kinds, entries.size()));
    }
    for (const auto& [name, kind] : entries) fill_in(name, kind);
  }

 private:
  void fill_in(const std::string& name, const YamlNode& kind) {
    if (!kind.is_map() || done_[name]) return;
    if (const auto like = kind.find("like")) {
      open_.push_back(name);
      const std::string other = like->text();
      if (const auto first = std::find(open_.begin(), open_.end(), other); first != open_.end()) {
        throw like->error(fmt::format("core kinds that are like themselves: {} -> {}",
                                      fmt::join(first, open_.end(), " -> "), other));
      }
      const auto base = kinds_.find(other);
      if (!base) throw like->error(unknown(other));
      fill_in(other, *base);
      open_.pop_back();
      document_.inherit(kind, *base);
    }
    done_[name] = true;
  }

  [[nodiscard]] std::string unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& [known, kind] : kinds_.entries()) names.push_back(known);
    const auto nearest = did_you_mean(name, names);
    return fmt::format("there is no core kind '{}'{}", name,
                       nearest ? fmt::format(", did you mean '{}'?", *nearest) : "");
  }

  YamlDocument& document_;
  YamlNode kinds_;
  std::map<std::string, bool> done_;
  std::vector<std::string> open_;  ///< kinds whose `like` is being filled in
};

/// Whether a key is used up in filling in a chip, a core kind or a topology.
bool is_filled_in(std::string_view key) { return key == "base" || key == "like" || key == "clock"; }

/// The keys of a map, one to a line, without those that are used up.
std::string lines(const YamlNode& map, std::size_t indent) {
  std::string text;
  for (const auto& [key, value] : map.entries()) {
    if (is_filled_in(key)) continue;
    text += fmt::format("{:{}}{}: {}\n", "", indent, key, value.flow(YamlNode::Nulls::left_out));
  }
  return text;
}

std::string kind_lines(const YamlNode& kinds) {
  std::string text;
  for (const auto& [name, kind] : kinds.entries()) {
    text += fmt::format("  {}:\n{}", yaml_quoted(name), lines(kind, 4));
  }
  return text;
}

}  // namespace

fs::path beside(const std::string& name, const fs::path& directory) { return directory / name; }

void resolve_chip(YamlDocument& document, const fs::path& file, const BaseFinder& find) {
  BaseFiles bases(find, "chip files");
  fill_in_bases(document, file, bases);
  const YamlNode root = document.root();
  if (!root.is_map()) return;
  const auto kinds = root.find("core_kinds");
  if (kinds && kinds->is_map()) KindFiller(document, *kinds).run();
  resolve_clocks(document);
}

YamlDocument load_chip_document(const fs::path& file, const BaseFinder& find) {
  YamlDocument document = YamlDocument::load(file);
  resolve_chip(document, file, find);
  return document;
}

std::string chip_text(const YamlDocument& document) {
  std::string text;
  for (const auto& [key, value] : document.root().entries()) {
    if (is_filled_in(key)) continue;
    if (!value.is_map()) {
      text += fmt::format("{}: {}\n", key, value.flow(YamlNode::Nulls::left_out));
    } else {
      text +=
          fmt::format("{}:\n{}", key, key == "core_kinds" ? kind_lines(value) : lines(value, 2));
    }
  }
  return text;
}

Chip load_chip(const fs::path& file, const BaseFinder& find) {
  const YamlDocument document = load_chip_document(file, find);
  Chip chip = read_chip(document.root());
  document.finish();
  return chip;
}

}  // namespace nj
