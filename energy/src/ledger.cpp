#include "neurojoule/energy/ledger.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nj {
namespace {

void check_process(const MachineDescription& machine, const PriceTable& table,
                   ProcessMismatch mismatch) {
  if (same_process(table.process, machine.process)) return;
  if (mismatch == ProcessMismatch::scale) {
    try {
      (void)energy_scale(table.process, machine.process);  // refuses nodes without a curve
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("cannot carry prices of '{}' for {} over to {}, made in {}: {}",
                              table.name, to_string(table.process), machine.name,
                              to_string(machine.process), error.message()),
                  {.file = table.file, .key = "technology"});
    }
    return;
  }
  throw Error(
      ErrorKind::config,
      fmt::format("price table '{}' is for {}, but {} is made in {}: choose a table of that "
                  "process, or ask for technology scaling",
                  table.name, to_string(table.process), machine.name, to_string(machine.process)),
      {.file = table.file, .key = "technology"});
}

/// What a component's action at one width costs, whatever the layer.
struct Quote {
  double unit_price_pj = 0;
  Category category{};
  double low = 1.0;
  double high = 1.0;
  std::string source;
  std::string note;

  void add_note(const std::string& text) { note += (note.empty() ? "" : "; ") + text; }
};

Quote quote(const ActionKey& key, const MachineDescription& machine, const PriceTable& table) {
  const PriceEntry& entry = find_entry(table, key);
  Quote result{unit_price(entry, key, machine).value(),
               entry.category,
               entry.low,
               entry.high,
               entry.source,
               ""};
  if (const auto* included = std::get_if<IncludedIn>(&entry.price)) {
    std::vector<std::string_view> names;
    for (const Action action : included->actions) names.push_back(to_string(action));
    result.add_note(fmt::format("included in {}", fmt::join(names, ", ")));
    return result;
  }
  if (const auto* sram = std::get_if<SramPrice>(&entry.price)) {
    const MemoryGeometry& memory = machine.memories.at(key.component);
    const bool listed = sram->points.count({memory.capacity, memory.word}) > 0;
    result.add_note(
        fmt::format("{} for {}", listed ? "listed" : "by the formula", to_string(memory.capacity)));
  }
  const double factor = scale_factor(entry, machine, table);
  if (factor != 1.0) {
    result.unit_price_pj *= factor;
    result.add_note(fmt::format("scaled from {} to {} by {:.4g} (Stillmaker and Baas 2017)",
                                to_string(table.process), to_string(machine.process), factor));
  }
  return result;
}

bool same_price(const ActionKey& a, const ActionKey& b) {
  return a.action == b.action && a.width_bits == b.width_bits && a.value_bits == b.value_bits &&
         a.component == b.component;
}

}  // namespace

double scale_factor(const PriceEntry& entry, const MachineDescription& machine,
                    const PriceTable& table) {
  if (entry.category == Category::static_power || entry.category == Category::off_chip) return 1.0;
  if (same_process(table.process, machine.process)) return 1.0;
  return energy_scale(table.process, machine.process);
}

Picojoules Ledger::total() const {
  double sum = 0;
  for (const LedgerRow& row : rows) sum += row.energy_pj;
  return Picojoules{sum};
}

Ledger price(const ActionCounts& counts, const MachineDescription& machine, const PriceTable& table,
             ProcessMismatch mismatch) {
  check_process(machine, table, mismatch);
  Ledger ledger{full_name(table), {}};
  ledger.rows.reserve(counts.entries().size());
  // Keys are ordered by component, action, width, value, layer: all layers of one price are
  // neighbours.
  const ActionKey* quoted = nullptr;
  Quote current;
  for (const auto& [key, count] : counts.entries()) {
    if (count == 0) continue;
    if (!quoted || !same_price(*quoted, key)) {
      current = quote(key, machine, table);
      quoted = &key;
    }
    const double energy_pj = static_cast<double>(count) * current.unit_price_pj;
    if (!std::isfinite(energy_pj)) {
      throw Error(ErrorKind::numeric,
                  fmt::format("the energy of {} {} of {} is not finite", count,
                              to_string(key.action), key.component),
                  find_entry(table, key).location);
    }
    ledger.rows.push_back({key.component, key.action, key.width_bits, key.value_bits, key.layer,
                           count, current.unit_price_pj, energy_pj, current.category, current.low,
                           current.high, current.source, current.note});
  }
  return ledger;
}

std::map<Category, Picojoules> energy_by_category(const Ledger& ledger) {
  std::map<Category, Picojoules> sums;
  for (const Category category : all_categories) sums[category] = Picojoules{};
  for (const LedgerRow& row : ledger.rows) sums[row.category] += Picojoules{row.energy_pj};
  return sums;
}

std::map<LayerId, Picojoules> energy_by_layer(const Ledger& ledger) {
  std::map<LayerId, Picojoules> sums;
  for (const LedgerRow& row : ledger.rows) sums[row.layer] += Picojoules{row.energy_pj};
  return sums;
}

std::map<std::string, Picojoules> energy_by_component(const Ledger& ledger) {
  std::map<std::string, Picojoules> sums;
  for (const LedgerRow& row : ledger.rows) sums[row.component] += Picojoules{row.energy_pj};
  return sums;
}

std::map<LayerId, std::map<Category, Picojoules>> energy_by_layer_and_category(
    const Ledger& ledger) {
  std::map<LayerId, std::map<Category, Picojoules>> sums;
  for (const LedgerRow& row : ledger.rows) {
    auto [layer, fresh] = sums.try_emplace(row.layer);
    if (fresh) {
      for (const Category category : all_categories) layer->second[category] = Picojoules{};
    }
    layer->second[row.category] += Picojoules{row.energy_pj};
  }
  return sums;
}

}  // namespace nj
