#include <fmt/format.h>

#include "neurojoule/app/data_files.hpp"
#include "neurojoule/app/stored_run.hpp"
#include "neurojoule/core/atomic_file.hpp"

#include "commands.hpp"

namespace nj {

int PriceCommand::execute() const {
  const auto rule = scale ? ProcessMismatch::scale : ProcessMismatch::refuse;
  std::vector<Ledger> ledgers;
  const StoredRun stored = checked_input([&] {
    StoredRun read = load_run(run);
    ledgers.push_back(read.ledger);
    for (const std::string& name : tables) {
      const auto file = find_price_table(name, std::filesystem::current_path());
      ledgers.push_back(reprice(read, load_price_table(file, find_price_table), rule));
    }
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
