#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/stored_run.hpp"
#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"

#include "commands.hpp"
#include "located_file.hpp"
#include "output_file.hpp"

namespace nj {

namespace {

/// A quantity of the command line. Throws: Error(config), with the option's name.
template <class Quantity>
std::optional<Quantity> read_option(const std::string& text, const char* option) {
  if (text.empty()) return std::nullopt;
  try {
    return parse_quantity<Quantity>(text);
  } catch (const Error& error) {
    throw Error(error.kind(), error.message(), {.key = option});
  }
}

}  // namespace

int PriceCommand::execute() const {
  const auto rule = scale ? ProcessMismatch::scale : ProcessMismatch::refuse;
  std::vector<Ledger> ledgers;
  const StoredRun stored = checked_input([&] {
    if (!out.empty()) {
      require_extension(out, "a table", ".csv");
      require_apart(out, run);
    }
    StoredRun read = load_run(run);
    ledgers.push_back(read.ledger);
    const OtherConditions other{read_option<Nanometres>(node, "--node"),
                                read_option<Volts>(voltage, "--voltage"), clock};
    const auto add = [&](const std::string& name, const std::filesystem::path& directory,
                         const char* said) {
      const auto file = located_data_file(DataKind::price_table, name, {.key = said}, directory);
      ledgers.push_back(reprice(read, load_price_table(file, find_price_table), rule, other));
    };
    for (const std::string& name : tables) {
      add(name, std::filesystem::current_path(), "--prices");
    }
    if (tables.empty()) add(read.prices, run, "prices");
    return read;
  });
  fmt::print("{}", price_comparison(stored, ledgers));
  if (!out.empty()) {
    write_file_atomically(out, ledger_csv(ledgers.back(), stored.layers));
    fmt::print("\nledger     {}\n", out.string());
  }
  return exit_done;
}

int CompareCommand::execute() const {
  std::vector<StoredRun> stored;
  checked_input([&] {
    for (const std::filesystem::path& folder : runs) stored.push_back(load_run(folder));
  });
  fmt::print("{}", run_comparison(stored));
  return exit_done;
}

}  // namespace nj
