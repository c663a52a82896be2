#include "neurojoule/app/stored_run.hpp"

#include <charconv>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "neurojoule/app/scenario.hpp"
#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/hardware/chip.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_bytes = std::uint64_t{1} << 30;
constexpr std::string_view ledger_header =
    "component,action,width_bits,value_bits,layer,count,unit_price_pj,energy_pj,category,low,high,"
    "source,note";
constexpr std::size_t ledger_columns = 13;

/// One line of a CSV file at a time; quoted fields may hold commas, quotes and line breaks.
class CsvReader {
 public:
  CsvReader(std::string text, std::string file) : text_(std::move(text)), file_(std::move(file)) {}

  [[nodiscard]] bool at_end() const { return place_ >= text_.size(); }
  [[nodiscard]] Error error(std::string message) const {
    return {ErrorKind::format, std::move(message), {.file = file_, .line = begun_}};
  }

  std::vector<std::string> next() {
    begun_ = line_;
    std::vector<std::string> fields{""};
    bool quoted = false;
    for (; place_ < text_.size(); ++place_) {
      const char c = text_[place_];
      if (c == '\n') ++line_;
      if (quoted && c == '"') {
        quoted = place_ + 1 < text_.size() && text_[place_ + 1] == '"';
        if (quoted) fields.back() += text_[++place_];
      } else if (!quoted && c == '"' && fields.back().empty()) {
        quoted = true;
      } else if (!quoted && c == ',') {
        fields.emplace_back();
      } else if (!quoted && c == '\n') {
        ++place_;
        return fields;
      } else {
        fields.back() += c;
      }
    }
    throw error("the file ends within a line");
  }

  template <class Number>
  [[nodiscard]] Number number(const std::string& field, std::string_view column) const {
    Number value{};
    const char* const end = field.data() + field.size();
    const auto [stopped, code] = std::from_chars(field.data(), end, value);
    if (code != std::errc{} || stopped != end) {
      throw error(fmt::format("{}: '{}' is no number", column, field));
    }
    return value;
  }

 private:
  std::string text_;
  std::string file_;
  std::size_t place_ = 0;
  std::size_t line_ = 1;
  std::size_t begun_ = 1;
};

Category category_of(const CsvReader& reader, const std::string& name) {
  for (const Category category : all_categories) {
    if (to_string(category) == name) return category;
  }
  throw reader.error(fmt::format("there is no category '{}'", name));
}

Action action_of(const CsvReader& reader, const std::string& name) {
  try {
    return parse_action(name);
  } catch (const Error& error) {
    throw reader.error(error.message());
  }
}

/// The network's layers, in its order: activity.csv has a row for each and time step.
std::vector<std::string> read_layers(const fs::path& file) {
  CsvReader reader(read_file(file, max_bytes), file.string());
  if (reader.next().front() != "layer") throw reader.error("expected the column layer first");
  std::vector<std::string> layers;
  while (!reader.at_end()) {
    std::string name = reader.next().front();
    if (layers.empty() || layers.back() != name) layers.push_back(std::move(name));
  }
  return layers;
}

/// Reads ledger.csv into the rows and counts of a run.
void read_ledger(StoredRun& run, const fs::path& file) {
  CsvReader reader(read_file(file, max_bytes), file.string());
  std::string header;
  for (const std::string& name : reader.next()) header += (header.empty() ? "" : ",") + name;
  if (header != ledger_header) {
    throw reader.error(fmt::format("expected the columns {}", ledger_header));
  }
  std::map<std::string, LayerId> ids;
  for (std::uint32_t i = 0; i < run.layers.size(); ++i) ids[run.layers[i]] = {i};
  while (!reader.at_end()) {
    const std::vector<std::string> field = reader.next();
    if (field.size() != ledger_columns) {
      throw reader.error(fmt::format("expected {} columns, got {}", ledger_columns, field.size()));
    }
    LedgerRow row;
    row.component = field[0];
    row.action = action_of(reader, field[1]);
    row.width_bits = reader.number<std::uint32_t>(field[2], "width_bits");
    row.value_bits = reader.number<std::uint32_t>(field[3], "value_bits");
    row.layer = chip_overhead;
    if (!field[4].empty()) {
      const auto id = ids.find(field[4]);
      if (id == ids.end()) {
        throw reader.error(fmt::format("activity.csv has no layer '{}'", field[4]));
      }
      row.layer = id->second;
    }
    row.count = reader.number<std::uint64_t>(field[5], "count");
    row.unit_price_pj = reader.number<double>(field[6], "unit_price_pj");
    row.energy_pj = reader.number<double>(field[7], "energy_pj");
    if (row.energy_pj != static_cast<double>(row.count) * row.unit_price_pj) {
      throw reader.error("energy_pj is not count x unit_price_pj");
    }
    row.category = category_of(reader, field[8]);
    row.low = reader.number<double>(field[9], "low");
    row.high = reader.number<double>(field[10], "high");
    row.source = field[11];
    row.note = field[12];
    const ActionKey key{row.component, row.action, row.width_bits, row.layer, row.value_bits};
    if (run.actions.entries().count(key) > 0) {
      throw reader.error(fmt::format("a second row of {} {} of that width and layer", row.component,
                                     to_string(row.action)));
    }
    run.actions.add(key, row.count);
    run.ledger.rows.push_back(std::move(row));
  }
}

nlohmann::json parse_json(const fs::path& file) {
  try {
    return nlohmann::json::parse(read_file(file, max_bytes));
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorKind::format, "not JSON, or a part of it",
                {.file = file.string(), .byte_offset = error.byte});
  }
}

/// Reads what result.json says of the run; returns the total energy.
double read_result(StoredRun& run, const fs::path& file) {
  const nlohmann::json json = parse_json(file);
  const auto fail = [&](const char* key, const char* message) {
    throw Error(ErrorKind::format, message, {.file = file.string(), .key = key});
  };
  try {
    run.name = json.at("name").get<std::string>();
    run.scenario_hash = json.at("scenario_hash").get<std::string>();
    run.effective_bits = json.at("effective_bits").get<double>();
    if (!json.at("accuracy").is_null()) run.accuracy = json.at("accuracy").get<double>();
    if (!json.contains("chip")) {
      throw Error(ErrorKind::config, "the run had no chip, so that there is nothing to price",
                  {.file = file.string()});
    }
    run.chip = json.at("chip").get<std::string>();
    run.ledger.table = json.at("prices").get<std::string>();
    run.samples = json.at("chip_samples").get<std::uint64_t>();
    run.latency = Picoseconds{json.at("latency_ps").get<std::int64_t>()};
    for (const nlohmann::json& layer : json.at("layers")) {
      run.parts[layer.at("name").get<std::string>()] =
          layer.at("parts").get<std::vector<std::string>>();
    }
    if (run.samples == 0) fail("chip_samples", "expected at least one sample");
    return json.at("energy_pj").at("total").get<double>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::format, fmt::format("not the result of a run: {}", error.what()),
                {.file = file.string()});
  }
}

}  // namespace

StoredRun load_run(const fs::path& folder) {
  StoredRun run;
  run.folder = folder;
  const double total = read_result(run, folder / "result.json");
  run.layers = read_layers(folder / "activity.csv");
  read_ledger(run, folder / "ledger.csv");
  if (run.ledger.total().value() != total) {
    throw Error(ErrorKind::format,
                fmt::format("its rows cost {} pJ, but result.json says {}: a part is missing, or "
                            "they are of different runs",
                            run.ledger.total().value(), total),
                {.file = (folder / "ledger.csv").string()});
  }
  const Chip chip = load_chip(folder / "chip.resolved.yaml");
  run.chip_spec = chip.spec();
  run.machine = machine_description(chip);
  const auto scenario = read_batch(folder / "scenario.resolved.yaml", {}).points.front().scenario;
  if (scenario.chip) run.prices = scenario.chip->prices;
  return run;
}

Ledger reprice(const StoredRun& run, const PriceTable& table, ProcessMismatch mismatch,
               const OtherConditions& other) {
  MachineDescription machine = run.machine;
  if (other.node) machine.process.node = *other.node;
  if (other.voltage) machine.process.voltage = *other.voltage;
  if (other.node || other.voltage) mismatch = ProcessMismatch::scale;
  ActionCounts actions;
  for (const auto& [key, count] : run.actions.entries()) {
    const bool slower = key.action == Action::leak_cycle && other.clock != 1;
    actions.add(key, slower ? static_cast<std::uint64_t>(
                                  std::llround(static_cast<double>(count) / other.clock))
                            : count);
  }
  Ledger ledger = price(actions, machine, table, mismatch);
  if (other.node || other.voltage) ledger.table += ", " + to_string(machine.process);
  if (other.clock != 1) ledger.table += fmt::format(", clock x {}", other.clock);
  return ledger;
}

}  // namespace nj
