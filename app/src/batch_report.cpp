#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "text_table.hpp"

namespace nj {

BatchRow batch_row(const BatchPoint& point, const PreparedRun& prepared, const RunResult& result) {
  BatchRow row{.label = point.label,
               .description = point.description,
               .accuracy = std::nullopt,
               .samples = result.samples,
               .effective_bits = mean_effective_bits(prepared.network),
               .energy = std::nullopt,
               .latency = std::nullopt};
  if (prepared.has_classifier) row.accuracy = result.accuracy();
  if (result.chip) {
    row.energy = energy_per_inference(*result.chip);
    row.latency = mean_latency(*result.chip);
  }
  return row;
}

std::string batch_csv(const std::vector<BatchRow>& rows) {
  std::string text = "point,description,samples,accuracy,effective_bits,energy_pj,latency_ps\n";
  for (const BatchRow& row : rows) {
    std::string description;
    for (const char c : row.description) description += c == '"' ? "\"\"" : std::string(1, c);
    text += fmt::format("{},\"{}\",{},{},{},{},{}\n", row.label, description, row.samples,
                        row.accuracy ? fmt::format("{}", *row.accuracy) : "", row.effective_bits,
                        row.energy ? fmt::format("{}", row.energy->value()) : "",
                        row.latency ? fmt::format("{}", row.latency->value()) : "");
  }
  return text;
}

std::string batch_table(const std::vector<BatchRow>& rows) {
  TextTable table({"point", "what", "accuracy", "eff. bits", "energy", "latency"}, 2);
  for (const BatchRow& row : rows) {
    table.add({row.label.substr(0, row.label.find('-')), row.description,
               row.accuracy ? fmt::format("{:.2f} %", 100 * *row.accuracy) : "-",
               fmt::format("{:.3f}", row.effective_bits), row.energy ? to_string(*row.energy) : "-",
               row.latency ? to_string(*row.latency) : "-"});
  }
  return "\n" + table.render();
}

}  // namespace nj
