// Question: is a finished run read back whole or refused, and priced again exactly?
#include <functional>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/app/stored_run.hpp>
#include <neurojoule/core/atomic_file.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;
using nj::testing::message_of;
using nj::testing::TinyScenario;

namespace {

/// A tiny run on mesh45 in a folder of its own.
struct TinyRun {
  TinyScenario tiny;
  std::filesystem::path folder = tiny.file().parent_path() / "run";
  PreparedRun prepared = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  RunResult result = run(prepared, {.threads = 1});

  TinyRun() { write_results(prepared, result, folder); }

  /// What reading says once `change` was made to one of its files.
  std::string refusal(const std::string& name, const std::function<void(std::string&)>& change) {
    const std::string good = read_file(folder / name, 1 << 26);
    std::string text = good;
    change(text);
    write_file_atomically(folder / name, text);
    std::string message = message_of([&] { (void)load_run(folder); });
    write_file_atomically(folder / name, good);
    return message.substr(message.find(name));
  }
};

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

/// A table with one more `factor` on every price: the same entries, as flat prices of rows.
PriceTable times(PriceTable table, double factor) {
  for (PriceEntry& entry : table.entries) {
    if (auto* flat = std::get_if<FlatPrice>(&entry.price)) {
      flat->energy = Picojoules{flat->energy.value() * factor};
    } else if (auto* bits = std::get_if<BitPrice>(&entry.price)) {
      bits->energy = Picojoules{bits->energy.value() * factor};
    }
  }
  return table;
}

}  // namespace

TEST_CASE("a stored run is the run: counts, ledger and machine") {
  const TinyRun tiny;
  const StoredRun stored = load_run(tiny.folder);
  CHECK(stored.name == "tiny");
  CHECK(stored.chip == "mesh45");
  CHECK(stored.samples == 3);
  CHECK(stored.latency == mean_latency(*tiny.result.chip));
  CHECK(stored.actions == tiny.result.chip->actions);
  CHECK(stored.ledger == tiny.result.chip->ledger);
  CHECK(ledger_csv(stored.ledger, stored.layers) == ledger_csv(tiny.prepared, tiny.result));
  Ledger odd = stored.ledger;
  odd.rows.front().component = "a,\"b\"";  // a core kind may be called so
  CHECK(ledger_csv(odd, stored.layers).find("\n\"a,\"\"b\"\"\",") != std::string::npos);
}

TEST_CASE("pricing again: the same table gives the same ledger, twice the price twice the energy") {
  const TinyRun tiny;
  const StoredRun stored = load_run(tiny.folder);
  const PriceTable& table = tiny.prepared.chip->prices;
  CHECK(reprice(stored, table, ProcessMismatch::refuse) == stored.ledger);
  const Ledger twice = reprice(stored, times(table, 2), ProcessMismatch::refuse);
  REQUIRE(twice.rows.size() == stored.ledger.rows.size());
  std::size_t doubled = 0;
  for (std::size_t i = 0; i < twice.rows.size(); ++i) {
    const LedgerRow& row = stored.ledger.rows[i];
    const bool hop = row.component == "network.router";  // priced per bit
    if (hop) CHECK(twice.rows[i].energy_pj == 2 * row.energy_pj);
    if (row.action == Action::read_word) CHECK(twice.rows[i].energy_pj == row.energy_pj);
    doubled += hop ? 1 : 0;
  }
  CHECK(doubled > 5);
  const std::string text = price_comparison(stored, std::vector<Ledger>{stored.ledger, twice});
  CHECK(text.find("(2.00x)") != std::string::npos);
  CHECK(text.find("state_memory") != std::string::npos);
}

TEST_CASE("pricing as if made or clocked otherwise") {
  const TinyRun tiny;
  const StoredRun stored = load_run(tiny.folder);
  const PriceTable& table = tiny.prepared.chip->prices;
  const auto priced = [&](const OtherConditions& other) {
    return reprice(stored, table, ProcessMismatch::refuse, other);
  };
  // Twice the clock: half the leakage, all else as before.
  const Ledger faster = priced({.clock = 2});
  CHECK(faster.table == "horowitz45, clock x 2");
  const auto before = energy_by_category(stored.ledger);
  for (const auto& [category, energy] : energy_by_category(faster)) {
    const double factor = category == Category::static_power ? 0.5 : 1;
    CHECK(energy.value() == doctest::Approx(factor * before.at(category).value()).epsilon(1e-9));
  }
  // 45 nm to 7 nm at 0.9 V: 0.1024 (process_test), but for leakage and off-chip memory.
  const Ledger smaller = priced({.node = Nanometres{7}});
  CHECK(smaller.table == "horowitz45, 7 nm at 0.9 V");
  for (const auto& [category, energy] : energy_by_category(smaller)) {
    const bool stays = category == Category::static_power || category == Category::off_chip;
    const double factor = stays ? 1 : 0.086453 / 0.84433;
    CHECK(energy.value() == doctest::Approx(factor * before.at(category).value()).epsilon(1e-9));
  }
  CHECK_THROWS_AS((void)priced({.node = Nanometres{3}}), Error);
}

TEST_CASE("an explanation has every row with its count, price and source") {
  const TinyRun tiny;
  const StoredRun stored = load_run(tiny.folder);
  const PriceTable& table = tiny.prepared.chip->prices;
  CHECK(stored.prices == "horowitz45");
  const std::string layer = "block.0.mlp.fc1_conv";
  REQUIRE(stored.parts.at(layer) == std::vector<std::string>{layer, "block.0.mlp.fc1_lif"});
  // The layer and its neurons are explained together, as layers.csv adds them up.
  const std::string text = explanation(stored, table, layer);
  std::size_t rows = 0;
  Picojoules sum;
  for (const LedgerRow& row : stored.ledger.rows) {
    if (row.layer == chip_overhead) continue;
    const std::string& of = stored.layers[row.layer.index];
    if (of != layer && of != "block.0.mlp.fc1_lif") continue;
    ++rows;
    sum += Picojoules{row.energy_pj};
  }
  std::size_t sources = 0;
  for (auto at = text.find("    source  "); at != std::string::npos;
       at = text.find("    source  ", at + 1)) {
    ++sources;
  }
  CHECK(rows > 10);
  // Sums of weights and of neurons are words of the same memory: two rows read, two write.
  CHECK(sources == rows - 2);
  CHECK(text.find(fmt::format("energy     {:.7g} pJ / 3 = ", sum.value())) != std::string::npos);
  CHECK(text.find("P x ceil(n x weight bits / word)") != std::string::npos);
  CHECK(text.find("listed for 128 KiB with words of 128 bits") != std::string::npos);
  CHECK(text.find("the table has changed") == std::string::npos);

  CHECK(explanation(stored, table, "chip").find("chip.synchronisation barrier") !=
        std::string::npos);
  CHECK(explanation(stored, table, "block").size() > text.size());
  CHECK(message_of([&] {
          (void)explanation(stored, table, "block.0.mlp.fc1_con");
        }).find("did you mean 'block.0.mlp.fc1_conv'?") != std::string::npos);
  CHECK(explanation(stored, times(table, 2), "chip").find("the table has changed since") !=
        std::string::npos);
}

TEST_CASE("runs side by side: ratios to the first") {
  const TinyRun tiny;
  const StoredRun stored = load_run(tiny.folder);
  StoredRun half = stored;
  half.samples *= 2;  // so that every figure per inference is half
  const std::string text = run_comparison(std::vector<StoredRun>{stored, half});
  CHECK(text.find("(0.50x)") != std::string::npos);
  CHECK(text.find("block.0.mlp.fc1_conv") != std::string::npos);
  CHECK(text.find("(chip)") != std::string::npos);
  // Half of everything is less at any price.
  CHECK(text.find("run costs more than run in 100.0 % of draws of the uncertain prices; no price "
                  "alone turns that") != std::string::npos);
  // Designs that differ in two rows of different sources: the price of either decides.
  StoredRun other = stored;
  for (LedgerRow& row : other.ledger.rows) {
    row.energy_pj = row.component == "network.router" || row.action == Action::leak_cycle ? 100 : 0;
    row.low = row.component == "network.router" ? 0.5 : 0.9;
    row.high = row.component == "network.router" ? 2.0 : 1.1;
  }
  StoredRun dearer = other;
  for (LedgerRow& row : dearer.ledger.rows) {
    if (row.component == "network.router") row.energy_pj = 101;
    if (row.action == Action::leak_cycle) row.energy_pj = 98;
  }
  CHECK(run_comparison(std::vector<StoredRun>{other, dearer}).find("it depends on:\n") !=
        std::string::npos);
}

TEST_CASE("a folder that is not a whole run on a chip is refused at its place") {
  TinyRun tiny;
  const auto cut = [](std::size_t bytes) {
    return [bytes](std::string& text) { text.resize(text.size() - bytes); };
  };
  CHECK(tiny.refusal("result.json", cut(20)).find("not JSON, or a part of it") !=
        std::string::npos);
  CHECK(tiny.refusal("ledger.csv", cut(5)).find("the file ends within a line") !=
        std::string::npos);
  CHECK(tiny.refusal("ledger.csv",
                     [](std::string& text) {
                       text.resize(text.rfind('\n', text.size() - 2) + 1);  // the last row
                     })
            .find("a part is missing") != std::string::npos);
  CHECK(tiny.refusal("ledger.csv", [](std::string& text) { replace(text, "component", "c"); })
            .starts_with("ledger.csv:1: expected the columns component,action"));
  CHECK(tiny.refusal("ledger.csv", [](std::string& text) { replace(text, "off_chip,", "of,"); })
            .find("there is no category 'of'") != std::string::npos);
  const auto second_row = [](const std::string& from, const std::string& to) {
    return [from, to](std::string& text) {
      const std::size_t row = text.find('\n') + 1;
      const std::size_t end = text.find('\n', row);
      std::string line = text.substr(row, end - row);
      replace(line, from, to);
      text.replace(row, end - row, line);
    };
  };
  CHECK(tiny.refusal("ledger.csv", second_row(",read_word,", ",read_wrd,"))
            .starts_with("ledger.csv:2: "));
  CHECK(tiny.refusal("ledger.csv", second_row(",read_word,", ",read_word,-"))
            .starts_with("ledger.csv:2: width_bits: '-"));
  CHECK(tiny.refusal("result.json",
                     [](std::string& text) {
                       replace(text, "\"chip_samples\": 3", "\"chip_samples\": 0");
                     })
            .find("chip_samples: expected at least one sample") != std::string::npos);
  CHECK(tiny.refusal("result.json", [](std::string& text) { replace(text, "\"chip\"", "\"chp\""); })
            .find("the run had no chip") != std::string::npos);
  CHECK(tiny.refusal("ledger.csv",
                     [](std::string& text) {
                       const std::size_t row = text.find('\n') + 1;
                       text.insert(row, text.substr(row, text.find('\n', row) + 1 - row));
                     })
            .starts_with("ledger.csv:3: a second row of attention.accumulator_memory"));
  std::filesystem::remove(tiny.folder / "result.json");
  CHECK(message_of([&] { (void)load_run(tiny.folder); }).find("result.json") != std::string::npos);
}
