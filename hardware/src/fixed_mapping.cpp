#include "neurojoule/hardware/fixed_mapping.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <variant>

#include <fmt/format.h>

#include "neurojoule/core/yaml_text.hpp"
#include "neurojoule/hardware/population_graph.hpp"

#include "index_range.hpp"

namespace nj {
namespace {

/// How many mistakes an error lists.
constexpr std::size_t listed_mistakes = 8;

/// `3` or `0..31`.
IndexRange read_range(const YamlNode& node) {
  const std::string text = node.text();
  const auto range = parse_index_range(text);
  if (!range) {
    throw node.error(
        fmt::format("expected an index or FIRST..LAST, both included, got '{}'", text));
  }
  return {range->first, range->second};
}

std::optional<IndexRange> find_range(const YamlNode& node, std::string_view key) {
  const auto found = node.find(key);
  return found ? std::optional(read_range(*found)) : std::nullopt;
}

std::string text_of(std::string_view key, const std::optional<IndexRange>& range) {
  return range ? fmt::format("{}: {}..{}, ", key, range->first, range->last) : "";
}

struct Mistake {
  std::string message;
  Location location;
};

/// As the error of one mistake alone would be.
std::string line_of(const std::string& message, const Location& location) {
  return Error(ErrorKind::config, message, location).what();
}

[[noreturn]] void refuse_all(const std::vector<Mistake>& mistakes) {
  std::string text = mistakes.front().message;
  for (std::size_t i = 1; i < mistakes.size() && i < listed_mistakes; ++i) {
    text += "\n" + line_of(mistakes[i].message, mistakes[i].location);
  }
  if (mistakes.size() > listed_mistakes) {
    text += "\n" + line_of(fmt::format("and {} more", mistakes.size() - listed_mistakes),
                           mistakes[listed_mistakes].location);
  }
  throw Error(ErrorKind::config, text, mistakes.front().location);
}

/// Turns what is written into slices, and remembers where each was written.
class Resolver {
 public:
  Resolver(const FixedMapping& fixed, const Network& network,
           std::span<const Population> populations)
      : fixed_(fixed), network_(network), populations_(populations) {
    for (std::uint32_t p = 0; p < populations.size(); ++p) {
      const LayerSpec& lead = network.layer(populations[p].lead);
      if (std::holds_alternative<Input>(lead.op)) continue;
      population_of_[lead.name] = p;
      names_.push_back(lead.name);
    }
  }

  Mapping run(std::span<const LayerWidths> widths, const Chip& chip) {
    std::size_t slices = 0;
    for (const FixedLayer& layer : fixed_.layers) slices += layer.slices.size();
    const std::uint64_t room = room_of(chip);
    if (slices > room) {
      refuse_all({{fmt::format("{} slices for {} cores, which hold {} at most", slices,
                               chip.cores().size(), room),
                   fixed_.location}});
    }
    for (const FixedLayer& layer : fixed_.layers) add(layer);
    if (!mistakes_.empty()) refuse_all(mistakes_);
    Mapping mapping = sorted();
    for (const Violation& violation :
         check_mapping(network_, populations_, widths, chip, mapping)) {
      mistakes_.push_back({violation.message, location_of(violation)});
    }
    if (!mistakes_.empty()) refuse_all(mistakes_);
    return mapping;
  }

 private:
  void add(const FixedLayer& layer) {
    const auto found = population_of_.find(layer.name);
    if (found == population_of_.end()) {
      mistakes_.push_back({unknown(layer.name), layer.location});
      return;
    }
    layer_location_[layer.name] = layer.location;
    const FeatureShape& shape = neuron_shape(network_, populations_[found->second]);
    for (const FixedSlice& slice : layer.slices) {
      const IndexRange channels = slice.channels.value_or(IndexRange{0, shape.channels - 1});
      const IndexRange rows = slice.rows.value_or(IndexRange{0, shape.height - 1});
      const IndexRange columns = slice.columns.value_or(IndexRange{0, shape.width - 1});
      if (!within("channels", channels, shape.channels, slice) ||
          !within("rows", rows, shape.height, slice) ||
          !within("columns", columns, shape.width, slice)) {
        continue;
      }
      slices_.push_back({found->second, channels.first, channels.last + 1, rows.first,
                         rows.last + 1, CoreId{slice.core}, columns.first,
                         columns.last + 1 == shape.width && columns.first == 0
                             ? LayerSlice::all_columns
                             : columns.last + 1});
      locations_.push_back(slice.location);
    }
  }

  bool within(std::string_view what, const IndexRange& range, std::uint32_t total,
              const FixedSlice& slice) {
    if (range.last < total) return true;
    mistakes_.push_back({fmt::format("{} {}..{} of a layer that has 0..{}", what, range.first,
                                     range.last, total - 1),
                         slice.location});
    return false;
  }

  [[nodiscard]] std::string unknown(const std::string& name) const {
    if (const auto layer = network_.find(name)) {
      for (const Population& population : populations_) {
        const std::string& lead = network_.layer(population.lead).name;
        if (population.lead == *layer) return fmt::format("input '{}' needs no core", name);
        if (population.lif == layer || population.pool == layer) {
          return fmt::format("layer '{}' is placed with '{}'", name, lead);
        }
      }
    }
    const auto nearest = did_you_mean(name, names_);
    return fmt::format("the network has no layer '{}' to place{}", name,
                       nearest ? fmt::format(", did you mean '{}'?", *nearest) : "");
  }

  /// Slices that all cores together may hold.
  static std::uint64_t room_of(const Chip& chip) {
    std::uint64_t room = 0;
    for (std::uint32_t k = 0; k < chip.spec().core_kinds.size(); ++k) {
      room += chip.slices_of_kind(k);
    }
    return room;
  }

  /// By population, then rows, columns, channels; their locations along with them.
  Mapping sorted() {
    std::vector<std::size_t> order(slices_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto key = [&](std::size_t i) {
      const LayerSlice& s = slices_[i];
      return std::tuple(s.population, s.row_begin, s.column_begin, s.channel_begin);
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    Mapping mapping;
    std::vector<Location> locations;
    for (const std::size_t i : order) {
      mapping.slices.push_back(slices_[i]);
      locations.push_back(locations_[i]);
    }
    locations_ = std::move(locations);
    return mapping;
  }

  [[nodiscard]] const Location& location_of(const Violation& violation) const {
    if (violation.slice) return locations_[*violation.slice];
    const auto layer = layer_location_.find(violation.layer);
    return layer == layer_location_.end() ? fixed_.location : layer->second;
  }

  const FixedMapping& fixed_;
  const Network& network_;
  std::span<const Population> populations_;
  std::map<std::string, std::uint32_t> population_of_;
  std::vector<std::string> names_;
  std::map<std::string, Location> layer_location_;
  std::vector<LayerSlice> slices_;
  std::vector<Location> locations_;  ///< of the slices
  std::vector<Mistake> mistakes_;
};

}  // namespace

FixedMapping read_fixed_mapping(const YamlNode& node) {
  FixedMapping mapping;
  mapping.location = node.location();
  for (const auto& [name, slices] : node.entries()) {
    FixedLayer layer{name, {}, slices.location()};
    for (const YamlNode& slice : slices.elements()) {
      layer.slices.push_back(
          {find_range(slice, "channels"), find_range(slice, "rows"), find_range(slice, "columns"),
           static_cast<std::uint32_t>(slice.at("core").integer(0, std::int64_t{max_cores} - 1)),
           slice.location()});
    }
    if (layer.slices.empty()) throw slices.error("expected at least one slice");
    mapping.layers.push_back(std::move(layer));
  }
  return mapping;
}

FixedMapping load_fixed_mapping(const std::filesystem::path& file) {
  const YamlDocument document = YamlDocument::load(file);
  FixedMapping mapping = read_fixed_mapping(document.root().at("fixed"));
  document.finish();
  return mapping;
}

std::string to_yaml(const FixedMapping& mapping, std::size_t indent) {
  std::string text;
  for (const FixedLayer& layer : mapping.layers) {
    text += fmt::format("{:{}}{}:\n", "", indent, yaml_quoted(layer.name));
    for (const FixedSlice& slice : layer.slices) {
      text += fmt::format("{:{}}- {{{}{}{}core: {}}}\n", "", indent,
                          text_of("channels", slice.channels), text_of("rows", slice.rows),
                          text_of("columns", slice.columns), slice.core);
    }
  }
  return text;
}

FixedMapping fixed_mapping(const Network& network, std::span<const Population> populations,
                           const Mapping& mapping) {
  FixedMapping fixed;
  for (std::size_t i = 0; i < mapping.slices.size(); ++i) {
    const LayerSlice& slice = mapping.slices[i];
    if (i == 0 || mapping.slices[i - 1].population != slice.population) {
      fixed.layers.push_back({network.layer(populations[slice.population].lead).name, {}, {}});
    }
    std::optional<IndexRange> columns;
    if (slice.cuts_columns()) columns = {slice.column_begin, slice.column_end - 1};
    fixed.layers.back().slices.push_back({IndexRange{slice.channel_begin, slice.channel_end - 1},
                                          IndexRange{slice.row_begin, slice.row_end - 1},
                                          columns,
                                          slice.core.index,
                                          {}});
  }
  return fixed;
}

Mapping resolve(const FixedMapping& fixed, const Network& network,
                std::span<const Population> populations, std::span<const LayerWidths> widths,
                const Chip& chip) {
  if (chip.spec().array) {
    throw Error(ErrorKind::config,
                "a chip with an array has no cores to place slices on; its tiles are chosen");
  }
  return Resolver(fixed, network, populations).run(widths, chip);
}

}  // namespace nj
