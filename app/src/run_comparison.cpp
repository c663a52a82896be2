#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/app/stored_run.hpp"

#include "text_table.hpp"

namespace nj {
namespace {

/// A figure per inference, and what it is of the first run's.
std::string beside(double value, double first, double samples, double first_samples,
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
      cells.push_back(beside(figure(i), first, samples[i], samples.front(), i == 0));
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
    header.push_back(run.folder.filename().empty() ? run.folder.string()
                                                   : run.folder.filename().string());
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
  return table.render();
}

}  // namespace nj
