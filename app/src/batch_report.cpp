#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "csv_field.hpp"
#include "text_table.hpp"

namespace nj {

namespace {

std::string always_quoted(std::string_view text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + '"';
}

}  // namespace

BatchRow batch_row(const BatchPoint& point, const PreparedRun& prepared, const RunResult& result) {
  BatchRow row{.label = point.label,
               .description = point.description,
               .accuracy = std::nullopt,
               .samples = result.samples,
               .effective_bits = mean_effective_bits(prepared.network),
               .energy = std::nullopt,
               .categories = {},
               .latency = std::nullopt,
               .interval = std::nullopt,
               .layers = {},
               .misfit = {}};
  if (prepared.has_classifier) row.accuracy = result.accuracy();
  if (result.chip) {
    row.energy = energy_per_inference(*result.chip);
    row.latency = mean_latency(*result.chip);
    row.interval = result.chip->interval;
    const auto samples = static_cast<double>(result.chip->samples);
    const auto means = [&](const std::map<Category, Picojoules>& sums) {
      std::map<Category, Picojoules> values;
      for (const auto& [category, sum] : sums) values[category] = Picojoules{sum.value() / samples};
      return values;
    };
    row.categories = means(energy_by_category(result.chip->ledger));
    for (const LayerRow& layer : layer_rows(prepared, result)) {
      row.layers.push_back({layer.name, layer.kind,
                            Picojoules(layer.total_energy().value() / samples), means(layer.energy),
                            layer.busy});
    }
  }
  return row;
}

BatchRow batch_row(const BatchPoint& point, const MisfitError& error) {
  BatchRow row{.label = point.label,
               .description = point.description,
               .accuracy = std::nullopt,
               .samples = 0,
               .effective_bits = 0,
               .energy = std::nullopt,
               .categories = {},
               .latency = std::nullopt,
               .interval = std::nullopt,
               .layers = {},
               .misfit = {}};
  for (const Violation& reason : error.reasons()) {
    row.misfit += (row.misfit.empty() ? "" : "; ") + reason.message;
  }
  return row;
}

std::string batch_csv(const std::vector<BatchRow>& rows) {
  std::string text =
      "point,description,samples,accuracy,effective_bits,energy_pj,latency_ps,interval_ps,misfit\n";
  for (const BatchRow& row : rows) {
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", row.label, always_quoted(row.description),
                        row.samples, row.accuracy ? fmt::format("{}", *row.accuracy) : "",
                        row.misfit.empty() ? fmt::format("{}", row.effective_bits) : "",
                        row.energy ? fmt::format("{}", row.energy->value()) : "",
                        row.latency ? fmt::format("{}", row.latency->value()) : "",
                        row.interval ? fmt::format("{}", row.interval->value()) : "",
                        row.misfit.empty() ? "" : always_quoted(row.misfit));
  }
  return text;
}

std::string batch_layers_csv(const std::vector<BatchRow>& rows) {
  std::string text = "point,layer,kind,energy_pj";
  for (const Category category : all_categories) text += fmt::format(",{}", to_string(category));
  text += ",busy_ps\n";
  for (const BatchRow& row : rows) {
    for (const BatchLayer& layer : row.layers) {
      text += fmt::format("{},{},{},{}", row.label, csv_field(layer.name), layer.kind,
                          layer.energy.value());
      for (const Category category : all_categories) {
        const auto part = layer.categories.find(category);
        text += fmt::format(",{}", part == layer.categories.end() ? 0.0 : part->second.value());
      }
      text += fmt::format(",{}\n", layer.busy ? fmt::format("{}", layer.busy->value()) : "");
    }
  }
  return text;
}

std::string batch_table(const std::vector<BatchRow>& rows) {
  TextTable table({"point", "what", "accuracy", "eff. bits", "energy", "latency"}, 2);
  for (const BatchRow& row : rows) {
    table.add({row.label.substr(0, row.label.find('-')), row.description,
               row.accuracy ? fmt::format("{:.2f} %", 100 * *row.accuracy) : "-",
               row.misfit.empty() ? fmt::format("{:.3f}", row.effective_bits) : "-",
               row.energy ? to_string(*row.energy) : "-",
               row.latency ? to_string(*row.latency) : "-"});
  }
  std::string text = "\n" + table.render();
  for (const BatchRow& row : rows) {
    if (row.misfit.empty()) continue;
    text +=
        fmt::format("{} does not fit: {}\n", row.label.substr(0, row.label.find('-')), row.misfit);
  }
  return text;
}

}  // namespace nj
