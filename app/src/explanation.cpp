#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/stored_run.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/hardware/count_definition.hpp"

namespace nj {
namespace {

constexpr std::string_view chip_name = "chip";
constexpr std::size_t line_width = 100;
constexpr std::size_t indent = 12;

/// `text` after a label, broken at spaces.
std::string paragraph(std::string_view label, std::string_view text) {
  std::string lines = fmt::format("    {:<{}}", label, indent - 4);
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (column > indent && column + 1 + word.size() > line_width) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
    at = end + 1;
  }
  return lines + '\n';
}

/// The layers that a name stands for, `chip_overhead` among them where it is `chip`.
std::set<LayerId> selected(const StoredRun& run, const std::string& name) {
  std::set<std::string> names;
  for (const auto& [lead, parts] : run.parts) {
    if (lead == name || lead.starts_with(name + ".")) names.insert(parts.begin(), parts.end());
  }
  std::set<LayerId> layers;
  if (name == chip_name) layers.insert(chip_overhead);
  for (std::uint32_t i = 0; i < run.layers.size(); ++i) {
    const std::string& layer = run.layers[i];
    if (layer == name || layer.starts_with(name + ".") || names.count(layer) > 0) {
      layers.insert({i});
    }
  }
  if (!layers.empty()) return layers;
  std::vector<std::string> known = run.layers;
  known.emplace_back(chip_name);
  const auto nearest = did_you_mean(name, known);
  throw Error(ErrorKind::config,
              fmt::format("the run has no layer '{}'{}", name,
                          nearest ? fmt::format(", did you mean '{}'?", *nearest)
                                  : "; layers.csv lists them, and chip is what no layer did"),
              {.file = run.folder.string()});
}

/// Rows that differ in their layer only, added up.
std::vector<LedgerRow> merged_rows(const StoredRun& run, const std::string& layer) {
  std::set<LayerId> layers;
  if (!layer.empty()) layers = selected(run, layer);
  std::vector<LedgerRow> rows;
  for (const LedgerRow& row : run.ledger.rows) {
    if (!layer.empty() && layers.count(row.layer) == 0) continue;
    if (!rows.empty() && rows.back().component == row.component &&
        rows.back().action == row.action && rows.back().width_bits == row.width_bits &&
        rows.back().value_bits == row.value_bits) {
      rows.back().count += row.count;
      rows.back().energy_pj += row.energy_pj;
    } else {
      rows.push_back(row);
    }
  }
  return rows;
}

std::string what_width(const LedgerRow& row) {
  switch (row.action) {
    case Action::read_word:
    case Action::write_word:
      return fmt::format(", words of {} bits", row.width_bits);
    case Action::leak_cycle:
      return row.width_bits == 0 ? "" : ", " + to_string(Bits{row.width_bits});
    case Action::barrier:
      return "";
    case Action::multiply:
      return fmt::format(", {} x {} bits", row.width_bits, row.value_bits);
    default:
      return fmt::format(", {} bit{}", row.width_bits, row.width_bits == 1 ? "" : "s");
  }
}

std::string explain_row(const StoredRun& run, const PriceTable& table, const LedgerRow& row) {
  const ActionKey key{row.component, row.action, row.width_bits, row.layer, row.value_bits};
  const double now = unit_price(find_entry(table, key), key, run.machine).value() *
                     scale_factor(find_entry(table, key), run.machine, table);
  std::string price = price_formula(table, key, run.machine);
  if (now != row.unit_price_pj) {
    price = fmt::format(
                "as the run recorded it; the table has changed since, and gives {:.7g} pJ: ", now) +
            price;
  }
  std::string text =
      fmt::format("  {} {}{}\n", row.component, to_string(row.action), what_width(row));
  text += paragraph(
      "count",
      fmt::format("{}: {}", row.count, count_definition(run.chip_spec, row.component, row.action)));
  text += paragraph("price", fmt::format("{:.7g} pJ: {}", row.unit_price_pj, price));
  text += paragraph("energy", fmt::format("{} x {:.7g} pJ = {:.7g} pJ", row.count,
                                          row.unit_price_pj, row.energy_pj));
  text += paragraph("source", row.source);
  if (row.low != row.high) {
    text += paragraph(
        "range", fmt::format("{:.7g} .. {:.7g} pJ: {} to {} times this price",
                             row.energy_pj * row.low, row.energy_pj * row.high, row.low, row.high));
  }
  return text;
}

}  // namespace

std::string explanation(const StoredRun& run, const PriceTable& table, const std::string& layer) {
  const std::vector<LedgerRow> rows = merged_rows(run, layer);
  std::map<Category, Picojoules> sums;
  Picojoules sum;
  for (const LedgerRow& row : rows) {
    sums[row.category] += Picojoules{row.energy_pj};
    sum += Picojoules{row.energy_pj};
  }
  const double whole = run.ledger.total().value();
  const auto samples = static_cast<double>(run.samples);
  std::string text =
      fmt::format("run        {} on {}, prices {}\n", run.name, run.chip, run.ledger.table);
  text += fmt::format("samples    {}; counts and energies are of all of them\n", run.samples);
  if (!layer.empty()) text += fmt::format("layer      {}\n", layer);
  text += fmt::format("energy     {:.7g} pJ / {} = {} per inference", sum.value(), run.samples,
                      to_string(Picojoules{sum.value() / samples}));
  text += layer.empty() ? "\n" : fmt::format(", {:.1f} % of the run\n", 100 * sum.value() / whole);
  std::vector<Category> order(all_categories.begin(), all_categories.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](Category a, Category b) { return sums[a] > sums[b]; });
  for (const Category category : order) {
    std::vector<LedgerRow> of_category;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(of_category),
                 [&](const LedgerRow& row) { return row.category == category; });
    if (of_category.empty()) continue;
    std::stable_sort(
        of_category.begin(), of_category.end(),
        [](const LedgerRow& a, const LedgerRow& b) { return a.energy_pj > b.energy_pj; });
    text += fmt::format("\n{}: {:.7g} pJ, {:.1f} %\n", to_string(category), sums[category].value(),
                        sum.value() == 0 ? 0.0 : 100 * sums[category].value() / sum.value());
    for (const LedgerRow& row : of_category) text += explain_row(run, table, row);
  }
  return text;
}

}  // namespace nj
