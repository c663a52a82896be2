#include "neurojoule/energy/price_table.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "neurojoule/core/base_files.hpp"
#include "neurojoule/core/yaml.hpp"

#include "memory_area.hpp"
#include "price_fit.hpp"
#include "table_reading.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_entries = 10'000;
constexpr double max_coefficient_pj = 1e12;

const std::vector<std::pair<std::string_view, WidthRule>> width_rules{
    {"linear", WidthRule::linear}, {"power_law", WidthRule::power_law}};

Action read_action(const YamlNode& node) {
  try {
    return parse_action(node.text());
  } catch (const Error& failure) {
    if (failure.location().line) throw;
    throw node.error(failure.message());
  }
}

std::string read_component(const YamlNode& node) {
  std::string text = node.text();
  const bool valid = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '*';
  });
  if (!valid) {
    throw node.error(fmt::format(
        "expected a component name of letters, digits, '_', '-', '.' and '*', got '{}'", text));
  }
  return text;
}

using Points = std::vector<std::pair<std::uint32_t, Picojoules>>;

/// Prices by a number of `unit`s, ascending and never falling.
Points read_points(const YamlNode& node, std::string_view unit) {
  Points points;
  for (const auto& [key, value] : node.entries()) {
    points.emplace_back(read_count(key, value, unit), value.quantity<Picojoules>());
  }
  std::sort(points.begin(), points.end());
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i].second < points[i - 1].second) {
      throw node.error(fmt::format("the price falls from {} to {} {}", points[i - 1].first,
                                   points[i].first, unit));
    }
  }
  return points;
}

WidthPrice read_width_price(const YamlNode& entry, const YamlNode& node) {
  WidthPrice price;
  price.points = read_points(node, "bits");
  if (price.points.empty()) throw node.error("expected at least one width");
  if (const auto rule = entry.find("interpolate")) price.interpolate = rule->one_of(width_rules);
  if (const auto rule = entry.find("extrapolate")) price.extrapolate = rule->one_of(width_rules);
  const bool by_power =
      price.interpolate == WidthRule::power_law || price.extrapolate == WidthRule::power_law;
  if (by_power && price.points.front().second <= Picojoules{}) {
    throw node.error("power_law needs prices above zero");
  }
  if ((by_power || price.extrapolate) && price.points.size() < 2) {
    throw node.error("expected at least two widths to draw a line through");
  }
  return price;
}

ProductPrice read_product_price(const YamlNode& node) {
  ProductPrice price;
  for (const auto& [key, widths] : node.entries()) {
    price.by_value.emplace_back(read_count(key, widths, "bits"),
                                WidthPrice{read_points(widths, "bits"), WidthRule::linear, {}});
    if (price.by_value.back().second.points.empty()) {
      throw widths.error("expected at least one width");
    }
  }
  if (price.by_value.empty()) throw node.error("expected at least one width of a value");
  std::sort(price.by_value.begin(), price.by_value.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return price;
}

std::pair<Bits, Bits> read_range(const YamlNode& node) {
  const std::vector<YamlNode> ends = node.elements();
  if (ends.size() != 2) throw node.error("expected [smallest, largest]");
  const std::pair range{ends[0].quantity<Bits>(), ends[1].quantity<Bits>()};
  if (range.first == Bits{} || range.second < range.first) {
    throw node.error("expected 0 < smallest <= largest");
  }
  return range;
}

/// Rising with the rows is optional.
void read_sram_rows(const YamlNode& node, SramPrice& price) {
  const auto row = node.find("row_pj");
  if (!row) return;
  price.row_pj = row->real(0, max_coefficient_pj);
  const auto count = [](const YamlNode& value) {
    return static_cast<std::uint64_t>(value.integer(1, max_width));
  };
  price.max_rows = count(node.at("max_rows"));
  price.narrow_word = node.at("narrow_word").quantity<Bits>();
  if (const auto rows = node.find("rows")) {
    price.rows = read_by_memory<std::uint64_t>(*rows, "number of rows", count);
  }
}

SramPrice read_sram_price(const YamlNode& node) {
  SramPrice price;
  const double limit = max_coefficient_pj;
  price.reference = node.at("reference").quantity<Bits>();
  if (price.reference == Bits{}) throw node.at("reference").error("expected more than 0 bits");
  price.base_pj = node.at("base_pj").real(0, limit);
  price.base_exponent = node.at("base_exponent").real(0, 2);
  price.base_offset_pj = node.at("base_offset_pj").real(-limit, limit);
  price.bit_pj = node.at("bit_pj").real(0, limit);
  price.bit_exponent = node.at("bit_exponent").real(0, 2);
  price.bit_offset_pj = node.at("bit_offset_pj").real(-limit, limit);
  std::tie(price.min_capacity, price.max_capacity) = read_range(node.at("capacity"));
  std::tie(price.min_word, price.max_word) = read_range(node.at("word"));
  if (const auto rule = node.find("extrapolate")) price.extrapolate = rule->boolean();
  // All terms grow with capacity, so the smallest memory decides; rows never fall.
  const Picojoules smallest = access_energy(price, price.min_capacity, price.min_word);
  const Picojoules wider =
      access_energy(price, price.min_capacity, Bits{price.min_word.value() + 1});
  if (smallest <= Picojoules{} || wider < smallest) {
    throw node.error("the formula is not positive and rising at the smallest capacity and word");
  }
  read_sram_rows(node, price);
  if (const auto points = node.find("points")) {
    price.points = read_by_memory<Picojoules>(
        *points, "energy", [](const YamlNode& value) { return value.quantity<Picojoules>(); });
  }
  return price;
}

RegisterFilePrice read_register_file_price(const YamlNode& node) {
  RegisterFilePrice price{read_points(node.at("per_bit"), "words")};
  if (price.per_bit.empty()) throw node.at("per_bit").error("expected at least one size");
  return price;
}

LeakagePrice read_leakage_price(const YamlNode& node) {
  LeakagePrice price;
  if (const auto value = node.find("per_kib")) price.per_kib = value->quantity<Microwatts>();
  if (const auto value = node.find("per_unit")) price.per_unit = value->quantity<Microwatts>();
  if (!price.per_kib && !price.per_unit) throw node.error("expected per_kib, per_unit or both");
  return price;
}

LinkPrice read_link_price(const YamlNode& node) {
  LinkPrice price;
  if (const auto router = node.find("per_bit")) price.per_bit = router->quantity<Picojoules>();
  price.per_bit_mm = node.at("per_bit_per_mm").quantity<Picojoules>();
  price.length = node.at("length").quantity<Nanometres>();
  return price;
}

IncludedIn read_included_in(const YamlNode& node) {
  IncludedIn price;
  for (const YamlNode& action : node.one_or_more()) price.actions.push_back(read_action(action));
  return price;
}

Price read_price(const YamlNode& entry) {
  constexpr std::array<std::string_view, 9> names{"price", "by_width",      "by_value_and_width",
                                                  "sram",  "register_file", "per_bit",
                                                  "link",  "leakage",       "included_in"};
  std::vector<std::pair<std::string_view, YamlNode>> kinds;
  for (const std::string_view kind : names) {
    if (const auto node = entry.find(kind)) kinds.emplace_back(kind, *node);
  }
  if (kinds.size() != 1) {
    throw entry.error(fmt::format(
        "expected exactly one of {}, got {}", fmt::join(names, ", "),
        kinds.empty() ? "none" : fmt::format("{} and {}", kinds[0].first, kinds[1].first)));
  }
  const auto& [kind, node] = kinds.front();
  if (kind == "price") return FlatPrice{node.quantity<Picojoules>()};
  if (kind == "by_width") return read_width_price(entry, node);
  if (kind == "by_value_and_width") return read_product_price(node);
  if (kind == "sram") return read_sram_price(node);
  if (kind == "register_file") return read_register_file_price(node);
  if (kind == "per_bit") return BitPrice{node.quantity<Picojoules>()};
  if (kind == "link") return read_link_price(node);
  if (kind == "leakage") return read_leakage_price(node);
  return read_included_in(node);
}

/// One YAML entry; several actions or components make one entry each.
std::vector<PriceEntry> read_entry(const YamlNode& node) {
  PriceEntry common;
  common.location = node.location();
  const std::vector<YamlNode> actions = node.at("action").one_or_more();
  std::vector<std::string> components{""};
  if (const auto list = node.find("component")) {
    components.clear();
    for (const YamlNode& name : list->one_or_more()) components.push_back(read_component(name));
  }
  std::vector<std::pair<std::string_view, Category>> categories;
  categories.reserve(all_categories.size());
  for (const Category category : all_categories) {
    categories.emplace_back(to_string(category), category);
  }
  common.category = node.at("category").one_of(categories);
  common.price = read_price(node);
  common.source = read_source(node);
  if (const auto uncertainty = node.find("uncertainty")) {
    const std::vector<YamlNode> factors = uncertainty->elements();
    if (factors.size() != 2) throw uncertainty->error("expected [low, high] factors");
    common.low = factors[0].real(0, 1);
    common.high = factors[1].real(1, 1000);
  }
  if (actions.size() > max_entries / components.size()) {
    throw node.error(fmt::format("stands for more than {} entries", max_entries),
                     ErrorKind::capacity);
  }
  std::vector<PriceEntry> entries;
  for (const YamlNode& action : actions) {
    common.action = read_action(action);
    check_fit(node, common.action, common.price);
    for (const std::string& component : components) {
      common.component = component;
      entries.push_back(common);
    }
  }
  return entries;
}

void check_unique(const std::vector<PriceEntry>& entries) {
  using Thing = std::pair<Action, std::string_view>;
  std::map<Thing, const PriceEntry*> seen;
  for (const PriceEntry& entry : entries) {
    const auto [first, fresh] = seen.emplace(Thing{entry.action, entry.component}, &entry);
    if (fresh) continue;
    throw Error(ErrorKind::config,
                fmt::format("second price for {} of {}, first at line {}", to_string(entry.action),
                            entry.component.empty() ? "any component" : entry.component,
                            first->second->location.line.value_or(0)),
                entry.location);
  }
}

/// Whether an entry of a table's bases never counts, because one above it is for all that it is
/// for.
class Shadowed {
 public:
  explicit Shadowed(const std::vector<PriceEntry>& entries) {
    for (const PriceEntry& entry : entries) {
      const auto [top, fresh] = top_.try_emplace({entry.action, entry.component}, entry.level);
      if (!fresh) top->second = std::min(top->second, entry.level);
    }
  }
  bool operator()(const PriceEntry& entry) const {
    const auto below = [&](std::string_view component) {
      const auto top = top_.find({entry.action, component});
      return top != top_.end() && top->second < entry.level;
    };
    return below(entry.component) || below("");
  }

 private:
  std::map<std::pair<Action, std::string_view>, std::uint32_t> top_;  ///< levels
};

/// What holds an action's price must have one that is not held itself.
void check_included(const std::vector<PriceEntry>& entries) {
  const Shadowed shadowed(entries);
  for (const PriceEntry& entry : entries) {
    const auto* included = std::get_if<IncludedIn>(&entry.price);
    if (!included) continue;
    for (const Action action : included->actions) {
      const bool priced = std::any_of(entries.begin(), entries.end(), [&](const PriceEntry& e) {
        return e.action == action && !std::holds_alternative<IncludedIn>(e.price) && !shadowed(e);
      });
      if (priced) continue;
      throw Error(ErrorKind::config,
                  fmt::format("{} is included in {}, which this table does not price",
                              to_string(entry.action), to_string(action)),
                  entry.location);
    }
  }
}

Process read_process(const YamlNode& technology) {
  const Process process{technology.at("node").quantity<Nanometres>(),
                        technology.at("voltage").quantity<Volts>()};
  if (process.node <= Nanometres{} || process.voltage <= Volts{}) {
    throw technology.error("expected a node and a voltage above zero");
  }
  return process;
}

/// Puts a table on another: what it has no price for, and areas where it has none, are of that one.
/// Throws at `at` where they are for two processes.
void put_on(const YamlNode& at, PriceTable& table, PriceTable below) {
  if (!same_process(table.process, below.process)) {
    throw at.error(fmt::format("'{}', the base, is for {}: prices of two processes do not mix",
                               below.name, to_string(below.process)));
  }
  const auto tables = static_cast<std::uint32_t>(1 + table.bases.size());
  for (PriceEntry& entry : below.entries) {
    entry.level += tables;
    table.entries.push_back(std::move(entry));
  }
  table.bases.push_back(std::move(below.name));
  std::move(below.bases.begin(), below.bases.end(), std::back_inserter(table.bases));
  if (!table.areas) table.areas = std::move(below.areas);
}

/// `process`: of the tables before it in a list of bases; it need not name its own.
PriceTable read_table(const YamlDocument& document, const fs::path& file, const Process* process,
                      BaseFiles& bases) {
  const YamlNode root = document.root();
  PriceTable table;
  table.file = file.string();
  table.name = root.at("name").name();
  std::optional<PriceTable> below;
  bases.for_each(
      root, file, [&](const YamlNode& base, const YamlDocument& next, const fs::path& path) {
        PriceTable one = read_table(next, path, below ? &below->process : process, bases);
        if (below) put_on(base, one, std::move(*below));
        below = std::move(one);
      });
  if (below) process = &below->process;
  const auto technology = root.find("technology");
  table.process = technology || !process ? read_process(root.at("technology")) : *process;
  const YamlNode list = root.at("entries");
  for (const YamlNode& node : list.elements()) {
    std::vector<PriceEntry> entries = read_entry(node);
    std::move(entries.begin(), entries.end(), std::back_inserter(table.entries));
    if (table.entries.size() > max_entries) {
      throw list.error(fmt::format("more than {} entries", max_entries), ErrorKind::capacity);
    }
  }
  if (const auto areas = root.find("areas")) table.areas = read_sram_areas(areas->at("sram"));
  document.finish();
  check_unique(table.entries);
  if (below) put_on(technology.value_or(root), table, std::move(*below));
  return table;
}

PriceTable read_whole(const YamlDocument& document, const fs::path& file, const BaseFinder& find) {
  BaseFiles bases(find, "price tables");
  PriceTable table = read_table(document, file, nullptr, bases);
  check_included(table.entries);
  return table;
}

}  // namespace

std::string_view to_string(Category category) {
  switch (category) {
    case Category::compute:
      return "compute";
    case Category::weight_memory:
      return "weight_memory";
    case Category::state_memory:
      return "state_memory";
    case Category::spike_buffers:
      return "spike_buffers";
    case Category::interconnect:
      return "interconnect";
    case Category::off_chip:
      return "off_chip";
    case Category::static_power:
      return "static";
    case Category::control:
      return "control";
  }
  return "unknown";
}

std::string full_name(const PriceTable& table) {
  if (table.bases.empty()) return table.name;
  return fmt::format("{}, on {}", table.name, fmt::join(table.bases, ", on "));
}

fs::path table_beside(const std::string& name, const fs::path& directory) {
  return directory / (name.ends_with(".yaml") ? name : name + ".yaml");
}

PriceTable load_price_table(const fs::path& file, const BaseFinder& find) {
  return read_whole(YamlDocument::load(file), file, find);
}

PriceTable parse_price_table(std::string_view text, std::string_view name, const BaseFinder& find) {
  return read_whole(YamlDocument::parse(text, name), fs::path(name), find);
}

}  // namespace nj
