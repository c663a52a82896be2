#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/stored_run.hpp"
#include "neurojoule/energy/uncertainty.hpp"

#include "text_table.hpp"

namespace nj {
namespace {

/// A figure per inference, and what it is of the first run's.
std::string side_by_side(double value, double first, double samples, double first_samples,
                         bool is_first) {
  std::string text = to_string(Picojoules{value / samples});
  if (is_first || first == 0) return text;
  return fmt::format("{} ({:.2f}x)", text, value / samples / (first / first_samples));
}

/// Energies of one ledger, by what a table's rows are.
template <class Key>
using Energies = std::map<Key, Picojoules>;

template <class Key>
double at(const Energies<Key>& energies, const Key& key) {
  const auto entry = energies.find(key);
  return entry == energies.end() ? 0.0 : entry->second.value();
}

/// Columns of a comparison: ledgers of runs over so many samples.
struct Columns {
  std::vector<const Ledger*> ledgers;
  std::vector<double> samples;

  /// A row of the table, from one figure of each column.
  template <class Figure>
  std::vector<std::string> row(std::string name, Figure&& figure) const {
    std::vector<std::string> cells{std::move(name)};
    const double first = figure(0);
    for (std::size_t i = 0; i < ledgers.size(); ++i) {
      cells.push_back(side_by_side(figure(i), first, samples[i], samples.front(), i == 0));
    }
    return cells;
  }
};

/// Rows of all categories that cost something, and of their sum.
void add_categories(TextTable& table, const Columns& columns) {
  std::vector<Energies<Category>> energies;
  for (const Ledger* ledger : columns.ledgers) energies.push_back(energy_by_category(*ledger));
  for (const Category category : all_categories) {
    double most = 0;
    for (const auto& column : energies) most = std::max(most, at(column, category));
    if (most == 0) continue;
    table.add(columns.row(std::string(to_string(category)),
                          [&](std::size_t i) { return at(energies[i], category); }));
  }
  table.add(
      columns.row("energy", [&](std::size_t i) { return columns.ledgers[i]->total().value(); }));
}

/// Energy by the name of the layer; what was done for none is `(chip)`.
Energies<std::string> by_layer(const StoredRun& run) {
  Energies<std::string> energies;
  for (const auto& [layer, energy] : energy_by_layer(run.ledger)) {
    energies[layer == chip_overhead ? "(chip)" : run.layers[layer.index]] = energy;
  }
  return energies;
}

/// The rows of the lowest and highest energy that the prices' uncertainties allow.
void add_ranges(TextTable& table, const Columns& columns) {
  std::vector<EnergyRange> ranges;
  for (const Ledger* ledger : columns.ledgers) ranges.push_back(energy_range(*ledger));
  const auto add = [&](std::string name, Picojoules EnergyRange::*part) {
    table.add(
        columns.row(std::move(name), [&](std::size_t i) { return (ranges[i].*part).value(); }));
  };
  add("  all prices low", &EnergyRange::low);
  add("  5 % are below", &EnergyRange::p5);
  add("  5 % are above", &EnergyRange::p95);
  add("  all prices high", &EnergyRange::high);
}

/// How sure it is that a run costs less, or more, than the first.
std::string order_line(const StoredRun& first, const StoredRun& other, const std::string& name,
                       const std::string& other_name) {
  const EnergyOrder order = compare_energy(first.ledger, static_cast<double>(first.samples),
                                           other.ledger, static_cast<double>(other.samples));
  std::string text =
      fmt::format("{} costs {} than {} in {:.1f} % of draws of the uncertain prices", name,
                  order.first_is_less ? "less" : "more", other_name, 100 * order.confidence);
  if (order.deciding.empty()) return text + "; no price alone turns that\n";
  text += "; it depends on:\n";
  for (const std::string& source : order.deciding) text += fmt::format("  {}\n", source);
  return text;
}

std::string short_name(const StoredRun& run) {
  return run.folder.filename().empty() ? run.folder.string() : run.folder.filename().string();
}

}  // namespace

std::string price_comparison(const StoredRun& run, std::span<const Ledger> ledgers) {
  Columns columns;
  std::vector<std::string> header{"per inference"};
  for (const Ledger& ledger : ledgers) {
    columns.ledgers.push_back(&ledger);
    columns.samples.push_back(static_cast<double>(run.samples));
    header.push_back(ledger.table);
  }
  TextTable table(header, 1);
  add_categories(table, columns);
  add_ranges(table, columns);
  return fmt::format("{} on {}, {} samples: the counts of {}\n\n{}", run.name, run.chip,
                     run.samples, run.folder.string(), table.render());
}

std::string run_comparison(std::span<const StoredRun> runs) {
  Columns columns;
  std::vector<std::string> header{"per inference"};
  std::vector<std::string> chips{"chip"};
  std::vector<std::string> prices{"prices"};
  std::vector<std::string> accuracy{"accuracy"};
  std::vector<std::string> bits{"effective bits"};
  std::vector<std::string> latency{"latency"};
  for (const StoredRun& run : runs) {
    columns.ledgers.push_back(&run.ledger);
    columns.samples.push_back(static_cast<double>(run.samples));
    header.push_back(short_name(run));
    chips.push_back(run.chip);
    prices.push_back(run.ledger.table);
    accuracy.push_back(run.accuracy ? fmt::format("{:.2f} %", 100 * *run.accuracy) : "-");
    bits.push_back(fmt::format("{:.3f}", run.effective_bits));
    const double ratio = static_cast<double>(run.latency.value()) /
                         static_cast<double>(runs.front().latency.value());
    latency.push_back(&run == &runs.front()
                          ? to_string(run.latency)
                          : fmt::format("{} ({:.2f}x)", to_string(run.latency), ratio));
  }
  TextTable table(header, 1);
  for (auto* row : {&chips, &prices, &accuracy, &bits, &latency}) table.add(std::move(*row));
  add_categories(table, columns);
  add_ranges(table, columns);
  std::vector<Energies<std::string>> layers;
  for (const StoredRun& run : runs) layers.push_back(by_layer(run));
  std::vector<std::string> names{"(chip)"};
  for (const StoredRun& run : runs) {
    for (const std::string& name : run.layers) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    const auto energy = [&](std::size_t i) { return at(layers[i], name); };
    double most = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) most = std::max(most, energy(i));
    if (most > 0) table.add(columns.row("  " + name, energy));
  }
  std::string text = table.render() + '\n';
  for (const StoredRun& run : runs.subspan(1)) {
    text += order_line(runs.front(), run, short_name(runs.front()), short_name(run));
  }
  return text;
}

}  // namespace nj
